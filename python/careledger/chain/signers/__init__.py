"""Keys that sign: an encrypted keystore file, AWS KMS, a web3signer service, or (development only) the environment.

A signer is named by a URI, so that no setting and no command line ever holds a key:

    keystore:PATH            an encrypted Web3 keystore (version 3) file
    kms:KEY_ID_OR_ALIAS      an AWS KMS key (ECC_SECG_P256K1)
    web3signer:URL#ADDRESS   a service that speaks web3signer's JSON-RPC over HTTP
    env:VARIABLE             a private key in an environment variable; development only
"""

from __future__ import annotations

from careledger.chain.signers.kms import KmsSigner
from careledger.chain.signers.local import EnvironmentSigner, KeystoreSigner, LocalSigner
from careledger.chain.signers.signer import Signer
from careledger.chain.signers.uri import signer_from_uri
from careledger.chain.signers.web3signer import Web3SignerSigner

__all__ = [
    "EnvironmentSigner",
    "KeystoreSigner",
    "KmsSigner",
    "LocalSigner",
    "Signer",
    "Web3SignerSigner",
    "signer_from_uri",
]
