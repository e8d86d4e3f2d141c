"""A PAS inquiry Bundle (`Claim/$inquire`): which requests does the sender ask about?"""

from __future__ import annotations

from dataclasses import dataclass, field

from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.fhir.claim import ClaimReader
from careledger.authorization.fhir.issues import refuse
from careledger.authorization.fhir.resources import Bundle, check_references, parse_bundle
from careledger.authorization.request import BusinessIdentifier, Party

__all__ = ["Inquiry", "parse_inquiry_bundle"]

NO_AMOUNTS = Settlement("XXX", 0)
"""ISO 4217's code for no currency: an inquiry's amounts are not read."""


@dataclass(frozen=True)
class Inquiry:
    """A query by example. `identifier` is the request's, None to ask about all of the patient's; `codes` are services
    to ask about, empty for any. The bundle's resources are echoed in the answer."""

    identifier: BusinessIdentifier | None = field(repr=False)
    provider: Party = field(repr=False)
    insurer: Party = field(repr=False)
    patient: Party = field(repr=False)
    coverage: Party = field(repr=False)
    codes: tuple[Code, ...] = ()
    bundle: Bundle | None = field(default=None, repr=False, compare=False)


def parse_inquiry_bundle(content: bytes, systems: CodeSystems | None = None) -> Inquiry:
    """The inquiry in a bundle's JSON. Raises BundleRefused with everything that is wrong."""
    bundle = parse_bundle(content, "Claim")
    claim = bundle.entries[0]
    check_references(bundle, claim)
    reader = ClaimReader(bundle, claim, NO_AMOUNTS, systems or CodeSystems())
    reader.check_use()
    identifiers = claim.resource.identifiers()
    inquiry = Inquiry(
        identifier=identifiers[0] if identifiers else None,
        provider=reader.party("provider"),
        insurer=reader.party("insurer"),
        patient=reader.party("patient"),
        coverage=reader.coverage(),
        codes=reader.codes(),
        bundle=bundle,
    )
    if bundle.envelope.issues:
        refuse(list(dict.fromkeys(bundle.envelope.issues)))
    return inquiry
