"""Who plays: made-up organizations, and actors, each of them one key.

An actor's key comes from a signature of the funder over a fixed message. The same funder on the same chain therefore
has the same actors in every run, and nothing secret is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from careledger.chain.signers import LocalSigner, Signer
from careledger.errors import SignerError
from careledger.identity import Identifier, MemberRole

__all__ = [
    "DISTRIBUTOR",
    "HOSPITAL",
    "INSURER",
    "MANUFACTURER",
    "MEMBERS",
    "PATIENT",
    "PHARMACY",
    "REGISTRAR",
    "REGULATOR",
    "Actor",
    "Cast",
    "Member",
    "actor_message",
]

REGISTRAR = "registrar"
PATIENT = "patient"

WARNING = (
    "This signature is the private key of a careledger demo actor. Sign it for the demo only, and show it to nobody."
)


@dataclass(frozen=True)
class Member:
    """An organization of the demo. Its GLN has the prefix that GS1 keeps for examples; its name starts with `demo-`."""

    name: str
    role: MemberRole
    gln: str

    @property
    def organization(self) -> str:
        """The registered name."""
        return f"demo-{self.name}"

    @property
    def controller(self) -> str:
        """The actor that adds and retires the organization's keys."""
        return f"{self.name}/controller"

    def key(self, number: int = 1) -> str:
        """The actor that acts for the organization with its n-th key."""
        return f"{self.name}/key-{number}"

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return (Identifier("GLN", self.gln),)


INSURER = Member("insurer", MemberRole.PAYER, "9521000000018")
HOSPITAL = Member("hospital", MemberRole.PROVIDER, "9521000000025")
MANUFACTURER = Member("manufacturer", MemberRole.MANUFACTURER, "9521000000032")
DISTRIBUTOR = Member("distributor", MemberRole.WHOLESALER, "9521000000049")
PHARMACY = Member("pharmacy", MemberRole.DISPENSER, "9521000000056")
REGULATOR = Member("regulator", MemberRole.REGULATOR, "9521000000063")

MEMBERS = (INSURER, HOSPITAL, MANUFACTURER, DISTRIBUTOR, PHARMACY, REGULATOR)


@dataclass(frozen=True)
class Actor:
    """One key of the demo, under the name that steps know it by."""

    name: str
    signer: LocalSigner

    @property
    def address(self) -> str:
        return self.signer.address


class Cast:
    """The actors of one funder on one chain."""

    def __init__(self, funder: Signer, chain_id: int) -> None:
        self.funder = funder
        self._chain_id = chain_id
        self._actors: dict[str, Actor] = {}

    def actor(self, name: str) -> Actor:
        """The actor of a name; any name has one.

        Raises SignerError if the funder's signatures are not deterministic: its actors would be lost with their funds.
        """
        if name not in self._actors:
            key = self.private_key(name)
            if not self._actors and self.private_key(name) != key:
                raise SignerError(self.funder.describe(), "signs differently each time; the demo needs a keystore file")
            self._actors[name] = Actor(name, LocalSigner(Account.from_key(key), f"demo actor {name}"))
        return self._actors[name]

    def private_key(self, name: str) -> bytes:
        """An actor's key, for a gateway that acts for it. 32 bytes."""
        return keccak(self.funder.sign_typed_data(actor_message(name, self._chain_id)))


def actor_message(name: str, chain_id: int) -> dict[str, Any]:
    """The EIP-712 message whose signature, hashed, is an actor's private key."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "DemoActor": [{"name": "warning", "type": "string"}, {"name": "actor", "type": "string"}],
        },
        "primaryType": "DemoActor",
        "domain": {"name": "careledger demo", "version": "1", "chainId": chain_id},
        "message": {"warning": WARNING, "actor": name},
    }
