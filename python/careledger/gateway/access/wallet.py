"""Sign-in with a wallet (EIP-4361): a message of this gateway's, signed within minutes, and taken once.

The gateway keeps nothing of a message that it gave out: the nonce authenticates it. What comes back must be the same
message, byte for byte.
"""

from __future__ import annotations

import datetime
import hmac
import re
import secrets
import time
from urllib.parse import urlsplit

from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from careledger.chain.connection import Connection
from careledger.chain.signers.proofs import is_signed_by
from careledger.chain.values import account_address
from careledger.errors import InvalidInput
from careledger.gateway.access.once import Once
from careledger.gateway.access.sessions import pseudonym
from careledger.gateway.access.tokens import derived_key
from careledger.gateway.problems import Refused

__all__ = ["Wallets"]

MESSAGE_SECONDS = 300
RANDOM_BYTES = 16
STATEMENT = "Sign in to careledger. This sends no transaction."
PARTS = re.compile(
    "[^\n]+\n(?P<address>0x[0-9a-fA-F]{40})\n\n[^\n]+\n\nURI: [^\n]+\nVersion: 1\nChain ID: [0-9]+\n"
    "Nonce: (?P<random>[0-9a-f]{32})(?P<tag>[0-9a-f]{32})\n"
    "Issued At: (?P<issued_at>[0-9-]{10}T[0-9:]{8}Z)\nExpiration Time: [^\n]+"
)
"""What of a message is not the same in all of this gateway's."""


class Wallets:
    """Gives messages to sign, and says who signed one."""

    def __init__(self, connection: Connection, once: Once, secret: str, public_url: str) -> None:
        self._connection = connection
        self._once = once
        self._secret = secret
        self._key = derived_key(secret, "wallet")
        self._url = public_url
        parts = urlsplit(public_url)
        scheme = "" if parts.scheme == "https" else f"{parts.scheme}://"
        self._site = f"{scheme}{parts.netloc}"

    def message(self, address: str) -> str:
        """What an account is to sign, good for five minutes. Raises InvalidInput for what is no address."""
        return self._message(account_address("address", address), secrets.token_hex(RANDOM_BYTES), int(time.time()))

    def pseudonym(self, address: str) -> str:
        """What the owner of an account is called here."""
        return pseudonym(self._secret, f"eip155:{self._connection.chain_id}", account_address("address", address))

    def signer_of(self, message: str, signature: str) -> str:
        """The address whose owner signed a message of this gateway's, as a key or a contract account (ERC-1271).

        Raises Refused, status 401, for any other message or signature, and ChainError.
        """
        found = PARTS.fullmatch(message)
        if found is None:
            raise _refused("the message is not one of this gateway's")
        try:
            address = account_address("address", found["address"])
            issued_at = int(datetime.datetime.fromisoformat(found["issued_at"]).timestamp())
        except (InvalidInput, ValueError, OverflowError):
            raise _refused("the message is not one of this gateway's") from None
        expected = self._message(address, found["random"], issued_at)
        if not hmac.compare_digest(expected.encode(), message.encode()):
            raise _refused("the message is not one of this gateway's")
        until = issued_at + MESSAGE_SECONDS
        if time.time() >= until:
            raise _refused("the message has expired: ask for another")
        signed = encode_defunct(text=message)
        digest = keccak(b"\x19" + signed.version + signed.header + signed.body)
        try:
            given = bytes.fromhex(signature.removeprefix("0x"))
        except ValueError:
            raise _refused("the signature is not hexadecimal") from None
        if not is_signed_by(self._connection, address, digest, given):
            raise _refused("the signature is not this account's")
        if not self._once.is_first(f"wallet\0{found['random']}", until):
            raise _refused("the message was used before: ask for another")
        return address

    def _message(self, address: str, random: str, issued_at: int) -> str:
        tag = hmac.digest(self._key, f"{random}\0{address}\0{issued_at}".encode(), "sha256")[:RANDOM_BYTES].hex()
        return "\n".join(
            (
                f"{self._site} wants you to sign in with your Ethereum account:",
                address,
                "",
                STATEMENT,
                "",
                f"URI: {self._url}",
                "Version: 1",
                f"Chain ID: {self._connection.chain_id}",
                f"Nonce: {random}{tag}",
                f"Issued At: {_iso(issued_at)}",
                f"Expiration Time: {_iso(issued_at + MESSAGE_SECONDS)}",
            )
        )


def _iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refused(detail: str) -> Refused:
    return Refused(401, "Not signed in", detail)
