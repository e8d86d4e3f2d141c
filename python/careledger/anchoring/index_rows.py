"""Rows of the documents' read model, read whole, and what they say of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from careledger.anchoring.read_model import MARKS
from careledger.chain.indexer.model import Entity, Key
from careledger.chain.indexer.reader import View
from careledger.chain.values import account_address
from careledger.errors import InvalidInput
from careledger.identity.index import Fields, Origin, recorded

__all__ = [
    "PAGE_ROWS",
    "Document",
    "Rows",
    "document_key",
    "end_of",
    "first_with",
    "hash_text",
    "origin_of",
    "successor_of",
]

PAGE_ROWS = 1_000
HASH = re.compile(r"0x[0-9a-fA-F]{64}")

Document = tuple[str, str]
"""Submitter and leaf."""


class Rows:
    """The rows of a view, page by page."""

    def __init__(self, view: View) -> None:
        self._view = view

    def one(self, entity: Entity, *key: Any) -> Fields | None:
        found = self._view.get(entity, key)
        return None if found is None else Fields(found)

    def versions(self, entity: Entity, *key: Any) -> list[Fields]:
        """All versions of an entity, oldest first."""
        found: list[Fields] = []
        after: Key | None = None
        while True:
            page = self._view.history(entity, key, after=after, limit=PAGE_ROWS)
            found += map(Fields, page.rows)
            after = page.next
            if after is None:
                return found

    def all(
        self, entity: Entity, equal: Mapping[str, Any], after: Key | None = None, limit: int = PAGE_ROWS
    ) -> Iterator[Fields]:
        """The entities that have these values, `limit` of them at a time."""
        while True:
            page = self._view.rows(entity, equal, after=after, limit=min(limit, PAGE_ROWS))
            yield from map(Fields, page.rows)
            after = page.next
            if after is None:
                return

    def of(self, entity: Entity, document: Document) -> list[Fields]:
        """The entities of a document."""
        return list(self.all(entity, {"submitter": document[0], "leaf": document[1]}))

    def amendment(self, document: Document) -> Fields | None:
        """The version of a document's marks that its amendment opened."""
        return first_with(self.versions(MARKS, *document), "amended_at")


def first_with(versions: Sequence[Fields], column: str) -> Fields | None:
    """The version that first has a value in a column."""
    return next((row for row in versions if row[column] is not None), None)


def end_of(marks: Fields, which: str) -> Document | None:
    """The document at the other end of an amendment: `successor` or `predecessor`."""
    submitter, leaf = marks[f"{which}_submitter"], marks[f"{which}_leaf"]
    return None if leaf is None else (submitter, leaf)


def successor_of(amended: Fields) -> Document:
    """What a document was amended by, of marks that say so."""
    return amended["successor_submitter"], amended["successor_leaf"]


def origin_of(row: Fields) -> Origin:
    """The log that opened a version."""
    return recorded(row, None).since


def document_key(submitter: str, leaf: str) -> Document:
    """Raises InvalidInput."""
    return account_address("submitter", submitter), hash_text("leaf", leaf)


def hash_text(name: str, value: str) -> str:
    """32 bytes as the tables have them. Raises InvalidInput."""
    if not HASH.fullmatch(value):
        raise InvalidInput(name, value, "must be 0x and 64 hex digits")
    return value.lower()
