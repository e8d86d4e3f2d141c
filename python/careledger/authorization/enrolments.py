"""Enrolments: insurer and provider sign the same version of the policy, and either may send both signatures.

offer = insurer.offer("general-hospital", version=1, start=tomorrow, coefficient=10_000)
offer = insurer.sign(offer)          # a file goes to the hospital
offer = hospital.sign(offer)         # and back, or is sent from there
insurer.enrol(offer)
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from careledger.authorization.messages import enrolment_message
from careledger.authorization.payer import Payer
from careledger.authorization.policies import Policies
from careledger.authorization.text_files import Part, parse_text_file, read_file
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import Message, shortest_signature
from careledger.chain.values import account_address
from careledger.contract_enums import VersionStatus
from careledger.errors import InvalidInput, WrongChain

__all__ = [
    "COEFFICIENT_OF_ONE",
    "FORMAT",
    "VERSION",
    "Enrolment",
    "EnrolmentOffer",
    "Enrolments",
    "SideSignature",
    "dump_offer",
    "parse_offer",
]

FORMAT = "careledger-enrolment"
VERSION = 1
COEFFICIENT_OF_ONE = 10_000
"""A hospital's coefficient is counted in ten-thousandths."""

SIGNATURE_DAYS = 30
DAY = 86_400
HOUR = 3600


@dataclass(frozen=True)
class SideSignature:
    """One side's signature, and the key that made it."""

    key: str
    signature: bytes


@dataclass(frozen=True)
class EnrolmentOffer:
    """What both sides sign, and who has. `policy` is the contract's address, `provider` an id, `digest` of the version
    32 bytes as 0x-prefixed text, `start` and `deadline` Unix seconds, `coefficient` ten-thousandths, `endings` how
    often the provider's enrolment in the plan was ended before."""

    chain_id: int
    policy: str
    provider: str
    plan: int
    version: int
    digest: str
    start: int
    coefficient: int
    endings: int
    deadline: int
    by_provider: SideSignature | None = None
    by_insurer: SideSignature | None = None

    @property
    def message(self) -> Message:
        """What the two sides sign, for wallets that sign elsewhere."""
        return enrolment_message(
            self.chain_id,
            self.policy,
            self.provider,
            self.digest,
            self.version,
            self.start,
            self.coefficient,
            self.endings,
            self.deadline,
        )


@dataclass(frozen=True)
class Enrolment:
    """That a version is in force from a time on; `version` 0: none is. `coefficient` in ten-thousandths."""

    version: int
    start: int
    coefficient: int


class Enrolments:
    """Signing and sending need a signer: a key of either side's; sending anyone's. Every method raises ContractError
    with the contract's reason if it refuses, ChainError if the chain could not be asked, and InvalidInput for what
    cannot be right."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._policy = payer.policy
        self._policies = Policies(payer)

    def offer(
        self,
        provider: str,
        version: int,
        start: int,
        coefficient: int = COEFFICIENT_OF_ONE,
        deadline: int | None = None,
    ) -> EnrolmentOffer:
        """An enrolment under a sealed version, for both to sign. `deadline` is 30 days ahead if not given. Sends
        nothing."""
        organization = self._payer.organizations.known(provider)
        held = self._policies.version(version)
        if held is None:
            raise InvalidInput("version", str(version), f"the last is {self._policies.last_version()}")
        if held.status is not VersionStatus.SEALED:
            raise InvalidInput("version", str(version), "is a draft: seal it first, by `careledger payer policy seal`")
        now = self._policy.connection.block_time()
        if start <= now:
            raise InvalidInput("start", str(start), f"must be in the future; the chain's time is {now}")
        return EnrolmentOffer(
            chain_id=self._policy.connection.chain_id,
            policy=self._policy.address,
            provider=organization,
            plan=held.terms.plan,
            version=version,
            digest="0x" + held.digest.hex(),
            start=start,
            coefficient=coefficient,
            endings=self.endings(organization, held.terms.plan),
            deadline=min(now + SIGNATURE_DAYS * DAY, 2**40 - 1) if deadline is None else deadline,
        )

    def sign(self, offer: EnrolmentOffer) -> EnrolmentOffer:
        """With the signature of the signer's organization: the insurer's or the provider's key. Signing again replaces
        it. Sends nothing.

        Raises InvalidInput for a key of neither side, and for an offer that is not of this policy or that the chain
        contradicts; WrongChain.
        """
        self.check(offer)
        signer = required(self._payer.signer)
        side = self._side(signer.address, offer)
        signed = SideSignature(signer.address, shortest_signature(signer, offer.message))
        if side == "insurer":
            return dataclasses.replace(offer, by_insurer=signed)
        return dataclasses.replace(offer, by_provider=signed)

    def enrol(self, offer: EnrolmentOffer) -> TransactionReceipt:
        """Sends both signatures, whoever the signer is. What is agreed already is not changed.

        Raises InvalidInput if one is missing, and what `sign` raises.
        """
        self.check(offer)
        by_provider, by_insurer = offer.by_provider, offer.by_insurer
        if by_provider is None or by_insurer is None:
            missing = "the provider" if by_provider is None else "the insurer"
            raise InvalidInput("enrolment", missing, "has not signed it: `careledger payer policy sign`")
        return self._policy.send(
            required(self._payer.signer),
            "enrol",
            *(offer.provider, offer.version, offer.start, offer.coefficient, offer.deadline),
            *(by_provider.key, by_provider.signature, by_insurer.key, by_insurer.signature),
        )

    def end(self, provider: str, plan: int, end: int | None = None) -> TransactionReceipt:
        """Ends a provider's enrolment in a plan, by a key of either side; without `end`, as soon as the notice
        allows, an hour added for the transaction's own time."""
        notice = int(self._policy.read("noticeSeconds")) + HOUR
        soonest = self._policy.connection.block_time("pending") + notice
        organization = self._payer.organizations.known(provider)
        return self._policy.send(
            required(self._payer.signer), "endEnrolment", organization, plan, soonest if end is None else end
        )

    # ------------------------------------------------------------------ reads

    def check(self, offer: EnrolmentOffer) -> None:
        """Whether an offer is of this policy, and what the chain says of it still holds. Raises InvalidInput,
        WrongChain."""
        connection = self._policy.connection
        if offer.chain_id != connection.chain_id:
            raise WrongChain(offer.chain_id, connection.chain_id)
        if offer.policy != self._policy.address:
            raise InvalidInput("enrolment", offer.policy, f"is another policy than {self._payer.name}'s")
        held = self._policies.version(offer.version)
        if held is None or held.status is not VersionStatus.SEALED:
            raise InvalidInput("version", str(offer.version), "is not sealed on this chain")
        if "0x" + held.digest.hex() != offer.digest:
            raise InvalidInput(
                "digest", offer.digest, f"is not what version {offer.version} holds: 0x{held.digest.hex()}"
            )
        if held.terms.plan != offer.plan:
            raise InvalidInput("plan", str(offer.plan), f"version {offer.version} is of plan {held.terms.plan}")
        endings = self.endings(offer.provider, offer.plan)
        if endings != offer.endings:
            raise InvalidInput("enrolment", str(offer.endings), "was ended since: make another offer")

    def of(self, provider: str, plan: int) -> tuple[Enrolment, ...]:
        """All enrolments of a provider in a plan, by the time they begin; version 0 is an ending."""
        organization = self._payer.organizations.known(provider)
        return tuple(Enrolment(**one) for one in self._policy.read("enrolmentsOf", organization, plan))

    def at(self, provider: str, plan: int, time: int) -> Enrolment | None:
        """What is in force at a time (Unix seconds); None if nothing is."""
        organization = self._payer.organizations.known(provider)
        found = Enrolment(**self._policy.read("enrolmentAt", organization, plan, time))
        return found if found.version else None

    def endings(self, provider: str, plan: int) -> int:
        """How often a provider's enrolment in a plan was ended."""
        return int(self._policy.read("endingsOf", self._payer.organizations.known(provider), plan))

    def _side(self, key: str, offer: EnrolmentOffer) -> Literal["insurer", "provider"]:
        organization, _ = self._payer.organizations.of_key(key)
        if organization == self._payer.insurer:
            return "insurer"
        if organization == offer.provider:
            return "provider"
        raise InvalidInput("signer", key, f"is a key neither of {self._payer.name} nor of {offer.provider}")


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 80 else value


Address = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{40}$")]
Time = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**40)]
Small = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**32)]


class _Signature(Part):
    key: Address
    signature: Annotated[str, StringConstraints(pattern="^0x([0-9a-fA-F]{2})+$")]

    def read(self) -> SideSignature:
        return SideSignature(account_address("key", self.key), bytes.fromhex(self.signature[2:]))


class _File(Part):
    format: Literal["careledger-enrolment"]
    version: Annotated[Literal[1], BeforeValidator(_integer)]
    chain_id: Annotated[int, BeforeValidator(_integer), Field(ge=0)]
    policy: Address
    provider: Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{24}$")]
    plan: Small
    policy_version: Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**16)]
    digest: Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{64}$")]
    start: Time
    coefficient: Small
    endings: Small
    deadline: Time
    by_provider: _Signature | None = None
    by_insurer: _Signature | None = None


def dump_offer(offer: EnrolmentOffer) -> bytes:
    """The file that goes between the two sides, in JSON."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "chain_id": offer.chain_id,
        "policy": offer.policy,
        "provider": offer.provider,
        "plan": offer.plan,
        "policy_version": offer.version,
        "digest": offer.digest,
        "start": offer.start,
        "coefficient": offer.coefficient,
        "endings": offer.endings,
        "deadline": offer.deadline,
    }
    for name, side in (("by_provider", offer.by_provider), ("by_insurer", offer.by_insurer)):
        if side is not None:
            body[name] = {"key": side.key, "signature": "0x" + side.signature.hex()}
    return json.dumps(body, indent=2).encode() + b"\n"


def parse_offer(content: bytes) -> EnrolmentOffer:
    """The offer in a YAML or JSON file. Raises InvalidInput that names the place of what is wrong."""
    file = read_file(_File, parse_text_file(content, "enrolment"), "enrolment")
    return EnrolmentOffer(
        chain_id=file.chain_id,
        policy=account_address("policy", file.policy),
        provider=file.provider.lower(),
        plan=file.plan,
        version=file.policy_version,
        digest=file.digest.lower(),
        start=file.start,
        coefficient=file.coefficient,
        endings=file.endings,
        deadline=file.deadline,
        by_provider=None if file.by_provider is None else file.by_provider.read(),
        by_insurer=None if file.by_insurer is None else file.by_insurer.read(),
    )
