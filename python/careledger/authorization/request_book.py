"""What a provider keeps of its requests in the vault: salts, what they belong to, and which line is which on chain.

| kind | name | value |
|---|---|---|
| `request-secret` | the provider's id | 32 random bytes, under which ids of requests and claims are made |
| `request-id` | contract/id | under which id the contract knows a request: an update's is the first version's |
| `request` | contract/id/revision.attempt | a revision: content, salts, and the line number of each item |
| `request-statement` | contract/id/line.decision.attempt | what was said with an appeal or an answer, and its salt |
| `claim` | contract/id/attempt | a claim's content and salt, and which lines it is for |

An entry is there before anything is sent, so that whoever is interrupted and sends again sends the same. What is then
sent with other content, because the first was refused, is the next attempt. Names hold no identifiers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from careledger.anchoring.leaf import new_salt
from careledger.authorization.claim_types import Claim, ClaimLine
from careledger.authorization.code_systems import Code
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.decision import Line
from careledger.authorization.idempotency import claim_id, request_id
from careledger.authorization.request import BusinessIdentifier
from careledger.errors import InvalidInput, RequestConflict
from careledger.vault import EntryConflict, EntryErased, EntryMissing, Vault

__all__ = [
    "CLAIM_KIND",
    "ID_KIND",
    "REQUEST_KIND",
    "SECRET_KIND",
    "STATEMENT_KIND",
    "KeptClaim",
    "KeptClaimLine",
    "KeptLine",
    "RequestBook",
    "Revision",
]

SECRET_KIND = "request-secret"  # noqa: S105  a kind of entry
ID_KIND = "request-id"
REQUEST_KIND = "request"
STATEMENT_KIND = "request-statement"
CLAIM_KIND = "claim"

FORMAT = "careledger-request-revision"
STATEMENT_FORMAT = "careledger-request-statement"
CLAIM_FORMAT = "careledger-claim-content"
VERSION = 1
CLAIMED = ("request_id", "line", "service_day", "milli_units", "charge")
SERVICE = ("benefit_class", "unit_code", "milli_units", "amount", "service_day")
ID_LENGTH = 32
Json = dict[str, Any]


@dataclass(frozen=True)
class KeptLine:
    """A line of a revision. `sequence` is the item's number in the request; `number` the line's on chain, None for one
    that was cancelled before it was ever sent; `service` what the contract was given of it. `content` and `salt` open
    its commitment. `cancelled`: the request asks for it no more."""

    sequence: int
    number: int | None
    service: Line
    content: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    cancelled: bool = False

    @property
    def commitment(self) -> str:
        """What stands on chain for the content."""
        return commitment(Subject.LINE, self.content, self.salt)

    @property
    def code(self) -> Code:
        """The service that was asked for."""
        return _code(json.loads(self.content)["code"])

    @property
    def unit(self) -> Code | None:
        """The unit that it was asked for in, if it named one."""
        found = json.loads(self.content).get("unit")
        return None if found is None else _code(found)


@dataclass(frozen=True)
class Revision:
    """A request as it was sent. `identifier` is that of the version that was sent; `content` and `salt` open its
    commitment. `lines` has every item that was ever in the request, by number."""

    request_id: str
    revision: int
    identifier: BusinessIdentifier = field(repr=False)
    content: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    lines: tuple[KeptLine, ...] = ()

    @property
    def commitment(self) -> str:
        """What stands on chain for the content."""
        return commitment(Subject.REQUEST, self.content, self.salt)

    def line(self, sequence: int) -> KeptLine:
        """The line of an item. Raises InvalidInput if the request has none of that number."""
        for line in self.lines:
            if line.sequence == sequence:
                return line
        numbers = ", ".join(str(line.sequence) for line in self.lines)
        raise InvalidInput("line", str(sequence), f"is not in the request, which has {numbers}")

    def to_json(self) -> Json:
        """For the vault."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "identifier": {"system": self.identifier.system, "value": self.identifier.value},
            "content": self.content.decode(),
            "salt": self.salt.hex(),
            "lines": [
                {
                    "sequence": line.sequence,
                    "number": line.number,
                    "service": [getattr(line.service, name) for name in SERVICE],
                    "content": line.content.decode(),
                    "salt": line.salt.hex(),
                    "cancelled": line.cancelled,
                }
                for line in self.lines
            ],
        }

    @classmethod
    def from_json(cls, request: str, revision: int, kept: Json) -> Revision:
        """What `to_json` made."""
        return cls(
            request,
            revision,
            BusinessIdentifier(**kept["identifier"]),
            kept["content"].encode(),
            bytes.fromhex(kept["salt"]),
            tuple(
                KeptLine(
                    sequence=line["sequence"],
                    number=line["number"],
                    service=Line(*line["service"]),
                    content=line["content"].encode(),
                    salt=bytes.fromhex(line["salt"]),
                    cancelled=line["cancelled"],
                )
                for line in kept["lines"]
            ),
        )


@dataclass(frozen=True)
class KeptClaimLine:
    """A line of a claim, by its number in it, with what the contract gets of it, and what was done."""

    sequence: int
    claimed: ClaimLine
    code: Code
    unit: Code | None = None


@dataclass(frozen=True)
class KeptClaim:
    """A claim as it was or will be sent. `content` and `salt` open its commitment. `payer` is whose prepayment it
    uses."""

    claim_id: str
    identifier: BusinessIdentifier = field(repr=False)
    content: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    lines: tuple[KeptClaimLine, ...]
    payer: str | None = None

    @property
    def claim(self) -> Claim:
        """As the contract takes it."""
        return Claim(self.claim_id, commitment(Subject.CLAIM, self.content, self.salt), self.payer)

    def to_json(self) -> Json:
        """For the vault."""
        return {
            "format": CLAIM_FORMAT,
            "version": VERSION,
            "identifier": {"system": self.identifier.system, "value": self.identifier.value},
            "content": self.content.decode(),
            "salt": self.salt.hex(),
            "payer": self.payer,
            "lines": [
                {
                    "sequence": line.sequence,
                    "claimed": [getattr(line.claimed, name) for name in CLAIMED],
                    "code": dataclasses.asdict(line.code),
                    "unit": None if line.unit is None else dataclasses.asdict(line.unit),
                }
                for line in self.lines
            ],
        }

    @classmethod
    def from_json(cls, claim: str, kept: Json) -> KeptClaim:
        """What `to_json` made."""
        lines = (
            KeptClaimLine(
                line["sequence"],
                ClaimLine(*line["claimed"]),
                _code(line["code"]),
                None if line["unit"] is None else _code(line["unit"]),
            )
            for line in kept["lines"]
        )
        return cls(
            claim,
            BusinessIdentifier(**kept["identifier"]),
            kept["content"].encode(),
            bytes.fromhex(kept["salt"]),
            tuple(lines),
            kept["payer"],
        )


class RequestBook:
    """The entries of one provider's requests to one insurer's contract. Methods raise VaultError besides what they
    say."""

    def __init__(self, vault: Vault, contract: str, provider: str) -> None:
        self._vault = vault
        self._contract = contract.lower()
        self._provider = provider

    # ------------------------------------------------------------------ ids

    def own_id(self, identifier: BusinessIdentifier) -> str:
        """The id that an identifier makes under the provider's secret, which is made if there is none yet."""
        return "0x" + request_id(self._secret(), identifier).hex()

    def bound_id(self, identifier: BusinessIdentifier) -> str | None:
        """Under which id the contract knows the request of that identifier, be it the first version's or an update's;
        None if nothing was ever prepared under it. Puts nothing into the vault."""
        try:
            secret = self._vault.get(SECRET_KIND, self._provider)
            own = "0x" + request_id(secret, identifier).hex()
            return self._vault.get(ID_KIND, self._name(own)).decode()
        except EntryMissing:
            return None

    def bind(self, identifier: BusinessIdentifier, request: str) -> None:
        """Keeps under which id the contract knows the request of an identifier. Raises RequestConflict if it is
        another one's."""
        name = self._name(self.own_id(identifier))
        try:
            self._vault.put(ID_KIND, name, request.encode())
        except EntryConflict:
            raise RequestConflict(self._vault.get(ID_KIND, name).decode()) from None

    # ------------------------------------------------------------------ revisions

    def keep(self, draft: Revision) -> Revision:
        """Keeps a revision before it is sent. One that was kept before and differs in nothing but its salts is
        returned in its place."""
        base = f"{self._name(draft.request_id)}/{draft.revision}"
        return Revision.from_json(draft.request_id, draft.revision, self._keep(REQUEST_KIND, base, draft.to_json()))

    def standing(self, request: str, revision: int, content: str) -> Revision:
        """The revision that the contract has: `content` is what it keeps of its commitment, the first bytes. Raises
        InvalidInput if it was not sent with this vault."""
        for found in self.attempts(request, revision):
            if found.commitment.startswith(content):
                return found
        raise InvalidInput(
            "request",
            request,
            f"was sent, and this vault has no salts of its revision {revision}: open the vault that it was sent with, "
            "or restore its backup",
        )

    def attempts(self, request: str, revision: int) -> Iterator[Revision]:
        """What was kept as a revision, the oldest first. More than one only if the first were not sent."""
        for kept in self._kept(REQUEST_KIND, f"{self._name(request)}/{revision}."):
            yield Revision.from_json(request, revision, kept)

    # ------------------------------------------------------------------ statements and claims

    def keep_statement(self, request: str, line: int, decision: int, content: bytes) -> str:
        """Keeps what is said about a decision of a line before it is sent; returns the commitment to it."""
        body = {"format": STATEMENT_FORMAT, "version": VERSION, "content": content.hex(), "salt": new_salt().hex()}
        kept = self._keep(STATEMENT_KIND, f"{self._name(request)}/{line}.{decision}", body)
        return commitment(Subject.STATEMENT, content, bytes.fromhex(kept["salt"]))

    def claim_id(self, identifier: BusinessIdentifier) -> str:
        """The id of a claim, by its identifier under the provider's secret."""
        return "0x" + claim_id(self._secret(), identifier).hex()

    def claims(self, claim: str) -> Iterator[KeptClaim]:
        """What was kept under a claim's id, the oldest first. More than one only if the first were not sent."""
        for kept in self._kept(CLAIM_KIND, f"{self._name(claim)}/"):
            yield KeptClaim.from_json(claim, kept)

    def keep_claim(self, draft: KeptClaim) -> KeptClaim:
        """Keeps a claim before it is sent. One that was kept before with the same content is returned in its place:
        its lines name what stood then."""
        for attempt in itertools.count():
            name = f"{self._name(draft.claim_id)}/{attempt}"
            try:
                self._vault.put(CLAIM_KIND, name, json.dumps(draft.to_json()).encode())
            except EntryErased:
                continue
            except EntryConflict:
                held = KeptClaim.from_json(draft.claim_id, json.loads(self._vault.get(CLAIM_KIND, name)))
                if held.content == draft.content:
                    return held
                continue
            return draft
        raise AssertionError("attempts end")

    # ------------------------------------------------------------------ helpers

    def _secret(self) -> bytes:
        try:
            return self._vault.get(SECRET_KIND, self._provider)
        except EntryMissing:
            pass
        with contextlib.suppress(EntryConflict):  # another process was first
            self._vault.put(SECRET_KIND, self._provider, new_salt())
        return self._vault.get(SECRET_KIND, self._provider)

    def _kept(self, kind: str, base: str) -> Iterator[Json]:
        """All attempts, the oldest first."""
        for attempt in itertools.count():
            try:
                yield json.loads(self._vault.get(kind, f"{base}{attempt}"))
            except EntryErased:
                continue
            except EntryMissing:
                return

    def _keep(self, kind: str, base: str, body: Json) -> Json:
        """The kept entry that differs in nothing but salts, or this one, kept now."""
        for attempt in itertools.count():
            name = f"{base}.{attempt}"
            try:
                self._vault.put(kind, name, json.dumps(body).encode())
            except EntryErased:
                continue
            except EntryConflict:
                held: Json = json.loads(self._vault.get(kind, name))
                if _without_salts(held) == _without_salts(body):
                    return held
                continue
            return body
        raise AssertionError("attempts end")

    def _name(self, known_id: str) -> str:
        return f"{self._contract}/{known_id}"


def _without_salts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_salts(item) for name, item in value.items() if name != "salt"}
    if isinstance(value, list):
        return [_without_salts(item) for item in value]
    return value


def _code(value: Mapping[str, str]) -> Code:
    return Code(value["system"], value["code"])
