"""A PAS request Bundle (`Claim/$submit`): a new request, an update of one, a cancellation or an appeal."""

from __future__ import annotations

from dataclasses import dataclass, field

from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import CodeSystems
from careledger.authorization.fhir.claim import ClaimReader
from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.issues import refuse
from careledger.authorization.fhir.resources import Bundle, check_references, parse_bundle
from careledger.authorization.request import AuthorizationRequest
from careledger.errors import InvalidInput

__all__ = ["RequestBundle", "parse_request_bundle"]


@dataclass(frozen=True)
class RequestBundle:
    """A request, and the bundle that it came in, whose resources the answer echoes."""

    request: AuthorizationRequest
    bundle: Bundle = field(repr=False)

    @property
    def claim(self) -> Element:
        """The Claim."""
        return self.bundle.entries[0].resource


def parse_request_bundle(content: bytes, settlement: Settlement, systems: CodeSystems | None = None) -> RequestBundle:
    """The request in a bundle's JSON. Amounts become minor units of the settlement's token.

    Raises BundleRefused with everything that is wrong: not JSON, not R4, not a collection that begins with a Claim, a
    reference that leads out of the bundle, numbers that stand twice, and what `docs/authorization-fhir.md` lists.
    """
    bundle = parse_bundle(content, "Claim")
    claim = bundle.entries[0]
    check_references(bundle, claim)
    reader = ClaimReader(bundle, claim, settlement, systems or CodeSystems())
    reader.check_use()
    information, diagnoses, care_team = reader.information(), reader.diagnoses(), reader.care_team()
    lines = reader.lines({one.sequence for one in information}, diagnoses, care_team)
    certification_type = reader.certification_type(lines)
    reader.check_appeal(certification_type)
    provider, insurer, patient = reader.party("provider"), reader.party("insurer"), reader.party("patient")
    coverage, prior, expedited = reader.coverage(), reader.prior(), reader.expedited()
    _refuse_if_wrong(bundle)
    try:
        request = AuthorizationRequest(
            identifier=reader.identifier(),
            provider=provider,
            insurer=insurer,
            patient=patient,
            coverage=coverage,
            lines=lines,
            certification_type=certification_type,
            expedited=expedited,
            prior=prior,
            created=reader.claim.time("created"),
            diagnoses=diagnoses,
            care_team=care_team,
            information=information,
        )
    except InvalidInput as problem:
        reader.claim.wrong("", f"{problem.name} {problem.problem}", None, "business-rule")
    _refuse_if_wrong(bundle)
    return RequestBundle(request, bundle)


def _refuse_if_wrong(bundle: Bundle) -> None:
    if bundle.envelope.issues:
        refuse(list(dict.fromkeys(bundle.envelope.issues)))
