"""What a token may be used for. Those of FHIR are SMART's; the others are the gateway's own."""

from __future__ import annotations

from careledger.gateway.problems import Refused

__all__ = ["SCOPES", "asked_scopes"]

SCOPES = {
    "system/Claim.c": "Submit requests for prior authorization (Claim/$submit).",
    "system/Claim.r": "Ask how requests stand (Claim/$inquire).",
    "system/Subscription.cruds": "Be told of decisions on requests that waited.",
    "system/DocumentReference.c": "Anchor documents that FHIR resources refer to.",
    "system/Bundle.c": "Anchor FHIR bundles.",
    "documents.write": "Anchor documents.",
    "documents.read": "Find and download receipts.",
    "units.read": "Ask what holds of a pack, and where it is.",
    "epcis.capture": "Capture EPCIS events.",
    "epcis.query": "Query captured EPCIS events.",
    "recalls.write": "Recall lots.",
    "recalls.read": "Ask who holds what of a lot.",
    "reviews.read": "See the reviewers' queue.",
    "reviews.write": "Decide what waits for a person.",
    "claims.read": "See requests for authorization, what was decided of them, and claims.",
    "reports.read": "Read the pilot's figures, and the alerts.",
}


def asked_scopes(asked: str, allowed: frozenset[str]) -> frozenset[str]:
    """The scopes of a request for a token, separated by spaces. Raises Refused, status 400, for none, or more than the
    client may have: RFC 6749's `invalid_scope`."""
    wanted = frozenset(asked.split())
    if not wanted or wanted - allowed:
        wrong = " ".join(sorted(wanted - allowed)) or "none was asked for"
        raise Refused(400, "invalid_scope", f"not this client's: {wrong}", error="invalid_scope")
    return wanted
