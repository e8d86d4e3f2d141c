"""What happened to a document, in order, from the index. Open to everyone: a leaf is a salted hash."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring import Receipt
from careledger.anchoring.index import DocumentAct, DocumentIndex
from careledger.anchoring.types import Location
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.indexer.reader import View
from careledger.errors import InvalidInput
from careledger.gateway.deps import OpenServices
from careledger.gateway.etags import IfNoneMatch, MinBlock, tagged
from careledger.gateway.indexed import AsOf
from careledger.gateway.problems import responses
from careledger.gateway.services import Services
from careledger.identity.index import OrganizationIndex

__all__ = ["router"]

router = APIRouter(prefix="/documents", tags=["documents"], responses=responses(412, 422, 429, 503))

Address = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{40}$", description="The key that anchored it.")]
Leaf = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="Of the document, as its receipt has it.")]


class Actor(BaseModel):
    """A key, and whose it was then by the register; nobody's is a subject's, or one that was admitted later."""

    key: str
    organization: str | None
    name: str | None
    key_status: str = Field(description="At the time of the act: ACTIVE says that relying on it was right.")
    compromised: bool = Field(description="Whether a cut-off that was reported since covers that time.")


class Other(BaseModel):
    """Another document of the line of amendments."""

    submitter: str
    leaf: str


class Organization(BaseModel):
    """An organization of the register."""

    id: str
    name: str


class Act(BaseModel):
    """Something that was done to a document. What an act has nothing of is null.

    `other` is the successor of what was amended, or what this document succeeds. `party`: who was named, or disputes.
    `commitment`: the salted hash of a dispute's statement or of the answer. `batch`: it was done to the batch that the
    document is in, or to its leaf there.
    """

    act: str
    by: Actor | None = Field(description="The submitter also where another sent what it signed.")
    reason: str | None
    other: Other | None
    organization: Organization | None
    party: str | None
    commitment: str | None
    stream: str | None
    batch: bool
    block_number: int
    block_time: int = Field(description="Unix seconds.")
    log_index: int
    transaction_hash: str


class History(BaseModel):
    """Every act on a document, in the order of the chain. None: the chain knows no such document."""

    submitter: str
    leaf: str
    acts: list[Act]
    as_of: AsOf


class OfReceipt(BaseModel):
    """A receipt, with which the acts on the document's batch are found too."""

    model_config = ConfigDict(extra="forbid")

    receipt: dict[str, Any] = Field(description="The receipt, as it was given out.")


READ: dict[int | str, dict[str, Any]] = {200: {"model": History}, 304: {"description": "What the client has holds."}}


@router.get("/{submitter}/{leaf}/history", responses=READ)
def history(
    services: OpenServices,
    submitter: Address,
    leaf: Leaf,
    min_block: MinBlock = 0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All that happened to a document that was anchored by itself. Of one in a batch: what was done to it alone."""
    found = _history(services, Location(submitter, leaf), min_block)
    return tagged(found, found.as_of, if_none_match)


@router.post("/history")
def history_of_receipt(services: OpenServices, body: OfReceipt, min_block: MinBlock = 0) -> History:
    """The same by a receipt, with what was done to the batch that it says the document is in."""
    receipt = Receipt.load(orjson.dumps(body.receipt))
    anchors = services.ledger.governance.contract(ANCHOR).address
    if receipt.genesis_hash != services.ledger.deployment.genesis_hash or receipt.contract != anchors:
        raise InvalidInput("receipt", receipt.contract, "is of another chain, or of other contracts, than this gateway")
    return _history(services, receipt.location, min_block)


def _history(services: Services, place: Location, min_block: int) -> History:
    def ask(view: View) -> list[Act]:
        acts = DocumentIndex(view).history(place.submitter, place.leaf, place.root, place.index)
        directory = _Directory(view)
        return [_act(act, directory) for act in acts]

    acts, as_of = services.index.read(ask, min_block)
    return History(submitter=place.submitter, leaf=place.leaf, acts=acts, as_of=as_of)


def _act(act: DocumentAct, directory: _Directory) -> Act:
    return Act(
        act=act.kind.value,
        by=None if act.by is None else directory.actor(act.by, act.origin.time),
        reason=None if act.reason is None else act.reason.name,
        other=None if act.other is None else Other(submitter=act.other[0], leaf=act.other[1]),
        organization=None if act.organization is None else directory.named(act.organization),
        party=act.party,
        commitment=act.commitment,
        stream=act.stream,
        batch=act.batch,
        block_number=act.origin.block_number,
        block_time=act.origin.time,
        log_index=act.origin.log_index,
        transaction_hash=act.origin.transaction_hash,
    )


class _Directory:
    """Whose a key was, and what organizations are called, each looked up once."""

    def __init__(self, view: View) -> None:
        self._organizations = OrganizationIndex(view)
        self._names: dict[str, str] = {}

    def named(self, organization: str) -> Organization:
        if organization not in self._names:
            self._names[organization] = self._organizations.get(organization).value.name
        return Organization(id=organization, name=self._names[organization])

    def actor(self, key: str, time: int) -> Actor:
        then = self._organizations.at(key, time)
        owner = self.named(then.organization) if int(then.organization, 16) else None
        return Actor(
            key=key,
            organization=None if owner is None else owner.id,
            name=None if owner is None else owner.name,
            key_status=then.status.name,
            compromised=then.compromised,
        )
