"""The answer to a PAS bundle from what the chain says of its request."""

from __future__ import annotations

import dataclasses

from careledger.anchoring.canonical_json import Json
from careledger.authorization.amounts import Settlement
from careledger.authorization.fhir.request_bundle import RequestBundle
from careledger.authorization.fhir.response_bundle import inquiry_response_bundle, response_bundle
from careledger.authorization.outcomes import RequestReport
from careledger.errors import InvalidInput

__all__ = ["answer_bundle"]


def answer_bundle(
    asked: RequestBundle, report: RequestReport, settlement: Settlement, inquired: bool = False
) -> dict[str, Json]:
    """The ClaimResponse bundle: the answer to `$submit`, or one result of `$inquire`. Raises InvalidInput if the bundle
    asked with is not the version that stands."""
    if asked.request.content_bytes() != report.revision.content:
        raise InvalidInput(
            "request",
            report.revision.request_id,
            "stands in another version than this bundle's: take the last one sent",
        )
    gone = {line.sequence for line in report.lines if line.action is None}
    lines = tuple(
        dataclasses.replace(line, cancelled=True) if line.sequence in gone else line for line in asked.request.lines
    )
    asked = dataclasses.replace(asked, request=dataclasses.replace(asked.request, lines=lines))
    write = inquiry_response_bundle if inquired else response_bundle
    return write(asked, report.outcome, settlement)
