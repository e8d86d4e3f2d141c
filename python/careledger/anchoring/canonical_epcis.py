"""`epcis-event`: one EPCIS event, told by its two hashes, in whatever form it comes.

The canonical bytes are JSON (RFC 8785) of an object of two fields: `eventHash`, the event hash of CBV 2.0, and
`strictHash`, 0x and the hex digits of `careledger.serialization.epcis.strict_hash`. A text in EPCIS 1.2 or 2.0 XML or
EPCIS 2.0 JSON must hold exactly one event.

Those bytes themselves are taken too: whoever is shown them in place of the event verifies both hashes against the
receipt. They hide no event that can be guessed.
"""

from __future__ import annotations

import re

from careledger.errors import InvalidInput
from careledger.serialization.epcis.event_hash import event_record
from careledger.serialization.epcis.forms import read_document

__all__ = ["record_bytes"]

RECORD = re.compile(
    rb'\{"eventHash":"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0","strictHash":"0x[0-9a-f]{64}"\}', re.ASCII
)


def record_bytes(content: bytes) -> bytes:
    """The canonical bytes. Raises InvalidInput: as `read_document`, and for another number of events than one."""
    if RECORD.fullmatch(content):
        return content
    events = read_document(content).events
    if len(events) != 1:
        raise InvalidInput("events", str(len(events)), "must be one: anchor each event by itself")
    return event_record(events[0])
