"""Sensors of the cold chain: keys on both curves, windows, and their signatures. Typed data is hashed by eth-account,
P-256 is signed by `cryptography`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import ape
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from ..support import send
from .lots import Organization

HOUR = 3600
LIMITS = (200, 800, 500)
"""From 2 to 8 degrees Celsius, at most 5 in the mean; in hundredths of a degree."""

NO_LIMITS = (0, 0, 0)
ROOT = keccak(text="root of readings")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points P-256 has."""

WINDOW_FIELDS = {
    "device": "bytes32",
    "container": "bytes12",
    "sequence": "uint32",
    "start": "uint40",
    "end": "uint40",
    "lowest": "int16",
    "highest": "int16",
    "mean": "int16",
    "root": "bytes32",
}


class Curve(enum.IntEnum):
    NONE, P256, SECP256K1 = range(3)


def digest_of(contract: Any, window: dict[str, Any]) -> bytes:
    """What a device signs."""
    message = encode_typed_data(
        domain_data={
            "name": "careledger ColdChain",
            "version": "1",
            "chainId": ape.networks.provider.chain_id,
            "verifyingContract": contract.address,
        },
        message_types={"Window": [{"name": name, "type": kind} for name, kind in WINDOW_FIELDS.items()]},
        message_data=window,
    )
    return keccak(b"\x19" + message.version + message.header + message.body)


@dataclass(frozen=True)
class Sensor:
    """A data logger with a key of its own: a number that both curves take."""

    curve: Curve
    secret: int

    @property
    def coordinates(self) -> tuple[bytes, bytes]:
        if self.curve == Curve.SECP256K1:
            account = Account.from_key(self.secret.to_bytes(32))
            return bytes.fromhex(account.address[2:]).rjust(32, b"\0"), bytes(32)
        point = self.private.public_key().public_numbers()
        return point.x.to_bytes(32), point.y.to_bytes(32)

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.secret, ec.SECP256R1())

    def sign(self, digest: bytes, high: bool = False) -> bytes:
        """64 bytes on P-256, with the lower `s` of two or the higher one; 65 on secp256k1."""
        if self.curve == Curve.SECP256K1:
            return bytes(Account.unsafe_sign_hash(digest, self.secret.to_bytes(32)).signature)
        signed = self.private.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
        r, s = decode_dss_signature(signed)
        low = min(s, ORDER - s)
        return r.to_bytes(32) + (ORDER - low if high else low).to_bytes(32)

    def id(self, contract: Any, operator: Organization) -> bytes:
        """Registers it, if it is not yet."""
        call = (Curve(self.curve), *self.coordinates)
        device = bytes(contract.registerDevice.call(*call, sender=operator.key))
        send(contract.registerDevice, *call, sender=operator.key)
        return device
