"""Answers from the index, each as of one block of one chain, or none.

While the index is being built or lags, when the node cannot be asked how far the chain is, or if a reorganization took
blocks back in the middle of an answer: 503 with `Retry-After`, never what may be wrong.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from careledger.chain.connection import Connection
from careledger.chain.database import Database
from careledger.chain.indexer.reader import Index, IndexStatus, View
from careledger.errors import IndexMissing, IndexOutdated, IndexWentBack
from careledger.gateway.problems import Refused

__all__ = ["AsOf", "Indexed", "Standing", "fields_for"]

MOST_BLOCKS_BEHIND, MOST_SECONDS_BEHIND = 10, 60
"""More than both of these behind the head, by number and by the blocks' times, nothing is answered."""

HEAD_SECONDS = 0.5
"""So long a node's word about its head is taken for fresh."""

POLL_SECONDS = 0.1

T = TypeVar("T")


class AsOf(BaseModel):
    """The block for which an answer holds."""

    block_number: int
    block_hash: str
    block_time: int = Field(description="Unix seconds.")


@dataclass(frozen=True)
class Standing:
    """How far the index is, and how far the chain. `near` says that it answers."""

    block_number: int
    blocks_behind: int
    near: bool


class Indexed:
    """The index in a gateway's database, whichever process writes it. Every method raises DatabaseError, ChainError,
    and Refused, status 503, while there is nothing to read; `read` also with 412 for a block that is not there."""

    def __init__(self, database: Database, connection: Connection, wait_seconds: float) -> None:
        self._database = database
        self._connection = connection
        self._wait_seconds = wait_seconds
        self._opened: Index | None = None
        self._head: tuple[float, int] = (-HEAD_SECONDS, 0)

    def standing(self) -> Standing:
        """How far it is."""
        try:
            return self._standing(self._index().status())
        except IndexMissing:
            raise _being_built("there is no block in it yet") from None

    def read(self, ask: Callable[[View], T], min_block: int = 0, contract: str | None = None) -> tuple[T, AsOf]:
        """What `ask` finds in the index's last block, and which that is.

        `min_block` is waited for, if the chain has it: what a caller saw in a block is in the answer. With `contract`
        the index must follow that one. `ask` may be called again.
        """
        until = time.monotonic() + self._wait_seconds
        while True:
            try:
                status = self._index().status()
                standing = self._standing(status)
                self._require(status, standing, min_block, contract)
                if standing.block_number >= min_block:
                    view = self._index().at("latest")
                    as_of = AsOf(
                        block_number=view.block_number, block_hash=view.block_hash or "", block_time=view.block_time
                    )
                    found = ask(view)
                    if view.block_hash == as_of.block_hash:
                        return found, as_of
            except IndexWentBack:
                pass
            except IndexMissing:
                raise _being_built("there is no block in it yet") from None
            if time.monotonic() > until:
                raise _being_built(f"block {min_block} is not in it yet, or blocks were taken back")
            time.sleep(POLL_SECONDS)

    # ------------------------------------------------------------------ inner

    def _index(self) -> Index:
        if self._opened is None:
            try:
                self._opened = Index(self._database)
            except IndexOutdated:
                raise _being_built("another version built what is there") from None
        return self._opened

    def _standing(self, status: IndexStatus) -> Standing:
        behind = max(0, self._head_number(status.block_number) - status.block_number)
        near = behind <= MOST_BLOCKS_BEHIND or self._connection.block_time() <= status.block_time + MOST_SECONDS_BEHIND
        return Standing(status.block_number, behind, near)

    def _head_number(self, least: int) -> int:
        """The chain's head. An answer of a moment ago will do, unless the index is past it."""
        now = time.monotonic()
        asked_at, number = self._head
        if now - asked_at > HEAD_SECONDS or number < least:
            number = self._connection.block_number()
            self._head = now, number
        return number

    def _require(self, status: IndexStatus, standing: Standing, min_block: int, contract: str | None) -> None:
        if not standing.near:
            raise _being_built(f"it is {standing.blocks_behind} blocks behind the chain")
        if min_block > standing.block_number + standing.blocks_behind and min_block > self._connection.block_number():
            raise Refused(412, "Block not there", f"the chain has no block {min_block} yet")
        if contract is not None and contract not in status.contracts:
            raise _being_built(f"it does not follow {contract} yet")


def _being_built(detail: str) -> Refused:
    return Refused(503, "Index being built", f"{detail}: come again", {"Retry-After": "2"})


def fields_for(model: type[BaseModel], entry: Any) -> dict[str, Any]:
    """What a model has of an entry of the index, by the same names."""
    names = (field.name for field in dataclasses.fields(entry))
    return {name: getattr(entry, name) for name in names if name in model.model_fields}
