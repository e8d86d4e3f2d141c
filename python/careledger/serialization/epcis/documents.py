"""An EPCIS document: its events, each read or refused by itself, and what stands around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from careledger.anchoring.canonical_json import Json
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis.events import Event

__all__ = ["Document", "DocumentType"]


class DocumentType(StrEnum):
    """What a text is."""

    CAPTURE = "EPCISDocument"
    QUERY = "EPCISQueryDocument"
    EVENT = "event"
    """One event by itself."""

    EVENTS = "eventList"
    """A list of events without a document around it."""


@dataclass(frozen=True, slots=True)
class Document:
    """`entries` are in the order of the text: an event, or why it is none. `header` is everything around the list of
    events, as JSON of EPCIS 2.0 with names of extensions as `{namespace}name`; `context` is what its `@context` said
    beside the standard one."""

    type: DocumentType
    entries: tuple[Event | EpcisInvalid, ...]
    header: Mapping[str, Json] = field(default_factory=dict)
    context: tuple[Json, ...] = field(default=(), compare=False, repr=False)

    @property
    def events(self) -> tuple[Event, ...]:
        """The events, if all could be read. Raises the first EpcisInvalid."""
        events = []
        for entry in self.entries:
            if isinstance(entry, EpcisInvalid):
                raise entry
            events.append(entry)
        return tuple(events)
