"""A signer from the text that names it in a setting or on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable

from careledger.chain.signers.kms import KmsSigner
from careledger.chain.signers.local import EnvironmentSigner, KeystoreSigner
from careledger.chain.signers.passphrase import read_passphrase
from careledger.chain.signers.signer import Signer
from careledger.chain.signers.web3signer import Web3SignerSigner
from careledger.errors import InvalidInput

__all__ = ["signer_from_uri"]

_FORMS = "keystore:PATH, kms:KEY_ID_OR_ALIAS, web3signer:URL#ADDRESS, or env:VARIABLE (development only)"
_HIDDEN = "(not shown)"
_LOOKS_LIKE_A_KEY = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def signer_from_uri(text: str, passphrase: Callable[[], str] = read_passphrase) -> Signer:
    """Opens the signer that `text` names. `passphrase` is called if it is a keystore.

    Raises InvalidInput for text of another form - which is not repeated, for it may be a key - and what the signer
    itself raises: SignerError, ConfigurationError, MissingPrerequisite.
    """
    if _LOOKS_LIKE_A_KEY.search(text):
        raise InvalidInput(
            "signer",
            _HIDDEN,
            f"holds a private key, which is never given as text: treat it as exposed. Use {_FORMS}",
        )
    scheme, _, rest = text.partition(":")
    match scheme:
        case "keystore" if rest:
            return KeystoreSigner.open(rest, passphrase)
        case "env" if _VARIABLE.fullmatch(rest):
            return EnvironmentSigner.read(rest)
        case "kms" if rest:
            return KmsSigner(rest)
        case "web3signer" if "#" in rest:
            url, _, address = rest.rpartition("#")
            return Web3SignerSigner(url, address)
        case _:
            raise InvalidInput("signer", _HIDDEN, f"is none of {_FORMS}")
