"""Requests for authorization that come as FHIR: submitted as jobs, and what stands of them as FHIR again.

The gateway submits as the organization whose key signs: the provider. What it answers with is read from the chain anew
each time; of what was sent, the vault keeps the bundle.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from careledger.anchoring import Receipt
from careledger.anchoring.canonical_json import Json, parse
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.authorization.eligibility_file import dump_eligibility, parse_eligibility
from careledger.authorization.fhir.answer import answer_bundle
from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.inquiry_bundle import Inquiry, parse_inquiry_bundle
from careledger.authorization.fhir.issues import refuse
from careledger.authorization.fhir.request_bundle import RequestBundle, parse_request_bundle
from careledger.authorization.fhir.resources import dump, parse_resource
from careledger.authorization.idempotency import Arrival
from careledger.authorization.outcomes import RequestReport
from careledger.authorization.request import BusinessIdentifier
from careledger.authorization.request_book import Revision
from careledger.authorization.submission import Plan, Submissions
from careledger.authorization.types import NO_ELIGIBILITY, Eligibility
from careledger.errors import ContractError, InvalidInput
from careledger.gateway.fhir_bundles import SentBundles, names_of
from careledger.gateway.jobs import Handler
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services
from careledger.vault import EntryErased, EntryMissing

__all__ = ["SUBMIT", "Claims", "Sent", "read_sent", "submission_payload", "submitting"]

SUBMIT = "fhir.claim.submit"
"""The kind of the jobs that submit a request."""

MOST_DOCUMENTS = 64
_STRIPES = tuple(threading.Lock() for _ in range(64))
"""One request is sent by one thread at a time, so that the second finds what the first sent."""


@dataclass(frozen=True)
class Sent:
    """What came with `$submit`: the bundle, the insurer's word that the member is covered, and the leaves of anchored
    documents whose receipts are in the gateway's vault."""

    bundle: bytes
    eligibility: Eligibility = NO_ELIGIBILITY
    leaves: tuple[str, ...] = ()


def read_sent(content: bytes) -> Sent:
    """A bundle, or Parameters with `resource` (the bundle), `eligibility` (an attachment, the file of
    `careledger payer eligibility`) and any number of `document` (a leaf). Raises BundleRefused, and InvalidInput for
    another eligibility."""
    if not _is_parameters(content):
        return Sent(content)
    parameters = parse_resource(content, "Parameters")
    bundle, eligibility = None, NO_ELIGIBILITY
    leaves: list[str] = []
    for part in parameters.elements("parameter"):
        match part.text("name"):
            case "resource" if bundle is None:
                found = part.element("resource")
                bundle = None if found is None else dump(found.value)
            case "eligibility" if eligibility is NO_ELIGIBILITY:
                eligibility = parse_eligibility(_attached(part))
            case "document" if len(leaves) < MOST_DOCUMENTS:
                leaves.append(part.text("valueString") or "")
            case _:
                part.wrong("name", "must be resource or eligibility, each once, or document", code="not-supported")
    if bundle is None:
        parameters.wrong("parameter", "resource is needed: the bundle", code="required")
    if parameters.issues or bundle is None:
        refuse(parameters.issues)
    return Sent(bundle, eligibility, tuple(leaves))


class Claims:
    """The requests that this gateway's organization sends to an insurer. Methods raise ContractError, ChainError and
    VaultError besides what they say."""

    def __init__(self, services: Services) -> None:
        """Raises Refused, status 404, if this gateway has no insurer or no rules."""
        if services.settings.payer is None or services.settings.rules is None:
            raise Refused(404, "Not served", "this gateway handles no prior authorization")
        self._services = services
        self._rule_set = services.rule_set
        self._submissions = Submissions(services.payer, self._rule_set, services.vault, services.tariff)
        self._bundles = SentBundles(services.vault, self._rule_set)

    def parse(self, content: bytes) -> RequestBundle:
        """Raises BundleRefused."""
        return parse_request_bundle(content, self._rule_set.settlement, self._rule_set.code_systems)

    def plan(self, sent: Sent, asked: RequestBundle, received_at: int | None = None) -> Plan:
        """What sending it would do. Raises RequestConflict and InvalidInput as `Submissions.plan` does, and
        EntryMissing for a document whose receipt is not here."""
        receipts = [self._receipt(leaf) for leaf in sent.leaves]
        return self._submissions.plan(asked.request, sent.eligibility, receipts, received_at)

    def send(self, sent: Sent, received_at: int, name: str) -> dict[str, Any]:
        """Sends a request; one that stands already changes nothing. Returns what may be told of it anywhere. The bundle
        of an appeal is kept under the name."""
        asked = self.parse(sent.bundle)
        with _STRIPES[int(self.plan(sent, asked, received_at).request_id, 16) % len(_STRIPES)]:
            plan = self.plan(sent, asked, received_at)
            try:
                standing = self._submissions.send(plan)
            except ContractError:  # another process may have sent the same meanwhile
                plan = self.plan(sent, asked, received_at)
                if plan.arrival is not Arrival.REPEATED:
                    raise
                standing = plan.revision
        if plan.arrival is Arrival.APPEAL:
            kept = f"appeal/{name}"
            self._bundles.keep(kept, sent.bundle)
        else:
            kept = self.keep(standing, asked, sent.bundle)
        return {
            "arrival": plan.arrival.value,
            "request_id": standing.request_id,
            "revision": standing.revision,
            "kept": kept,
        }

    def keep(self, standing: Revision, asked: RequestBundle, content: bytes) -> str:
        """Keeps the bundle of a revision, for inquiries; one that is kept stays. Returns its name."""
        return self._bundles.keep_request(standing.commitment, asked, content)

    def kept(self, name: str) -> RequestBundle:
        """A bundle that was kept. Raises EntryMissing, or EntryErased."""
        return self._bundles.get(name)

    def answer(self, asked: RequestBundle, inquired: bool = False) -> dict[str, Json]:
        """The ClaimResponse bundle, by what stands now. Raises InvalidInput if the request was not sent, and Refused,
        status 409, if a later version stands."""
        request = asked.request
        of_request = request.prior or request.identifier if request.is_appeal else request.identifier
        standing = self._submissions.find(of_request)
        report = self._submissions.report(standing, self._rule_set)
        if request.is_appeal:
            report = _of_appeal(report, asked)
        elif standing.content != request.content_bytes():
            raise Refused(409, "Superseded", "a later version of the request stands: ask with Claim/$inquire")
        return answer_bundle(asked, report, self._rule_set.settlement, inquired)

    def inquire(self, content: bytes) -> Iterator[dict[str, Json]]:
        """What stands of each request that an inquiry asks about, and whose bundle is here. Raises BundleRefused."""
        inquiry = parse_inquiry_bundle(content, self._rule_set.code_systems)
        for commitment in self._asked_about(inquiry):
            asked = self._bundles.of_revision(commitment)
            if asked is None or not names_of(asked.request.patient) & names_of(inquiry.patient):
                continue
            if inquiry.codes and not {line.code for line in asked.request.lines} & set(inquiry.codes):
                continue
            standing = self._standing(asked.request.identifier)
            if standing is not None and standing.commitment == commitment:
                yield self.answer(asked, inquired=True)

    def _asked_about(self, inquiry: Inquiry) -> Iterator[str]:
        """The commitments of the revisions that may be meant."""
        if inquiry.identifier is None:
            yield from self._bundles.of_patient(inquiry.patient)
            return
        standing = self._standing(inquiry.identifier)
        if standing is not None:
            yield standing.commitment

    def _standing(self, identifier: BusinessIdentifier) -> Revision | None:
        """The revision that stands of a request; None if none was sent from here."""
        submissions = self._submissions
        bound = submissions.book.bound_id(identifier)
        if bound is None or submissions.authorizations.known(submissions.provider, bound)[0] == 0:
            return None
        return submissions.find(identifier)

    def _receipt(self, leaf: str) -> Receipt:
        try:
            return ReceiptVault(self._services.vault).get(leaf)
        except (EntryErased, EntryMissing):
            problem = "has no receipt in this gateway's vault: anchor the document here, and wait until it is final"
            raise InvalidInput("document", leaf, problem) from None


def submission_payload(sent: Sent, received_at: int) -> bytes:
    """What a job of SUBMIT is given."""
    payload = {
        "name": uuid.uuid4().hex,
        "received_at": received_at,
        "bundle": sent.bundle.decode(),
        "eligibility": None if sent.eligibility is NO_ELIGIBILITY else dump_eligibility(sent.eligibility).decode(),
        "documents": sent.leaves,
    }
    return orjson.dumps(payload)


def submitting(services: Services) -> Handler:
    """What performs the jobs of SUBMIT. Raises what is wrong with the files of rules and prices."""
    if services.settings.payer is not None and services.settings.rules is not None:
        _ = services.rule_set, services.tariff

    def perform(payload: bytes) -> dict[str, Any]:
        kept = orjson.loads(payload)
        eligibility = NO_ELIGIBILITY if kept["eligibility"] is None else parse_eligibility(kept["eligibility"].encode())
        sent = Sent(kept["bundle"].encode(), eligibility, tuple(kept["documents"]))
        return Claims(services).send(sent, kept["received_at"], kept["name"])

    return Handler(perform)


def _of_appeal(report: RequestReport, asked: RequestBundle) -> RequestReport:
    """What stands of the lines that an appeal names."""
    named = {line.sequence for line in asked.request.lines}
    revision = dataclasses.replace(report.revision, content=asked.request.content_bytes())
    return dataclasses.replace(
        report, revision=revision, lines=tuple(line for line in report.lines if line.sequence in named)
    )


def _is_parameters(content: bytes) -> bool:
    """Whether it means to be Parameters; whatever is wrong with it is told by who reads it."""
    try:
        value = parse(content)
    except InvalidInput:
        return False
    return isinstance(value, Mapping) and value.get("resourceType") == "Parameters"


def _attached(part: Element) -> bytes:
    """Raises InvalidInput if no file is attached."""
    attachment = part.element("valueAttachment")
    data = None if attachment is None else attachment.text("data")
    try:
        return base64.b64decode(data or "", validate=True)
    except binascii.Error:
        raise InvalidInput("eligibility", "of the parameters", "must be an attachment with its data") from None
