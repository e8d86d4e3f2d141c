"""`careledger auth` and `careledger claim` on an Anvil: a hospital's requests and claims, from files."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.provider_world import HOSPITAL, INSURER, RULES, ProviderWorld
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.authorization.fhir.response_bundle import parse_response_bundle
from careledger.chain.development import Node
from careledger.contract_enums import Action
from careledger.vault import ScryptCost, Vault
from cli.command_line import CommandLine, Result
from fhir.resources.R4B.explanationofbenefit import ExplanationOfBenefit

BUNDLE = Path(__file__).resolve().parents[2] / "vectors" / "authorization" / "request.json"
DOLLAR = 10**6
SYSTEM = "https://hospital.example/requests"
_numbers = itertools.count(1)


@dataclass
class Hospital:
    """Runs commands with the hospital's settings, and writes its files."""

    careledger: CommandLine
    world: ProviderWorld
    settings: dict[str, str]
    folder: Path
    member: str

    def __call__(self, *arguments: object, **settings: str) -> Result:
        for name, value in {**self.settings, **settings}.items():
            self.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
        return self.careledger(*arguments, "--json")

    def ok(self, *arguments: object) -> Any:
        result = self(*arguments)
        assert result.exit_code == 0, result.err + result.out
        return result.body

    @property
    def eligibility(self) -> Path:
        path = self.folder / "eligibility.json"
        path.write_bytes(dump_eligibility(self.world.eligibility(self.member)))
        return path

    def request(self, *lines: str, name: str = "", prior: str = "") -> tuple[Path, str]:
        """A plain request's file and its identifier."""
        name = name or f"r-{next(_numbers)}"
        path = self.folder / f"{name}.yaml"
        stated = [f"  - {{sequence: {number}, {line}}}" for number, line in enumerate(lines, start=1)]
        party = "{reference: one}"
        head = [
            "format: careledger-authorization-request",
            "version: 1",
            f"identifier: {{system: {SYSTEM}, value: {name}}}",
            *([f"prior: {{system: {SYSTEM}, value: {prior}}}"] if prior else []),
            *(f"{role}: {party}" for role in ("provider", "insurer", "patient", "coverage")),
            "currency: USD",
            "lines:",
        ]
        path.write_text("\n".join([*head, *stated]) + "\n")
        return path, f"{SYSTEM}|{name}"


def equipment(units: object = 3, price: object = "80.00") -> str:
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(1)
    unit = "unit: {system: UCUM, code: mo}"
    return f"code: {{system: HCPCS, code: E0601}}, units: {units}, {unit}, unit_price: {price}, first_day: {day}"


NUTRITION = "code: {system: HCPCS, code: B4184}, units: 1, unit_price: 10.00"
COSMETIC = "code: {system: CPT, code: 15780}, units: 1"
UNKNOWN = "code: {system: HCPCS, code: E9999}, units: 1"


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ProviderWorld, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("provider")
    with Node() as node:
        world = ProviderWorld(node.connect(), folder / "deployments")
        Vault.create(folder / "vault.db", "passphrase", cost=ScryptCost(n=2)).close()
        yield (
            world,
            {
                "RPC": node.url,
                "DEPLOYMENTS": str(folder / "deployments"),
                "SIGNER": "development:8",
                "VAULT": str(folder / "vault.db"),
                "VAULT_PASSPHRASE": "passphrase",
                "PAYER": INSURER,
                "RULES": str(RULES),
            },
        )


@pytest.fixture
def hospital(
    careledger: CommandLine, settled: tuple[ProviderWorld, dict[str, str]], tmp_path: Path
) -> Iterator[Hospital]:
    yield Hospital(careledger, *settled, tmp_path, "0x" + f"{next(_numbers):032x}")
    for name in settled[1]:
        careledger.monkeypatch.delenv(f"CARELEDGER_{name}", raising=False)


def actions(body: Any) -> list[str | None]:
    return [line["action"] for line in body["lines"]]


# ---------------------------------------------------------------------- submit


def test_a_dry_run_says_what_submitting_does(hospital: Hospital) -> None:
    path, identifier = hospital.request(equipment(), NUTRITION, COSMETIC, UNKNOWN)
    arguments = ["auth", "submit", path, "--eligibility", hospital.eligibility]
    before = hospital.world.connection.block_number()
    foretold = hospital.ok(*arguments, "--dry-run")
    assert (foretold["dry_run"], foretold["arrival"], foretold["version"]) == (True, "new", 1)
    assert actions(foretold) == ["A1", "A4", "A3", "A4"]
    assert [line["basis"] for line in foretold["lines"]] == [
        "WITHIN_RULES",
        "REVIEW_REQUIRED",
        "CONTRACT_EXCLUSION",
        "NO_RULE",
    ]
    assert foretold["lines"][3]["notes"][0] == "its code is in no class of the rules, so it goes without a class"
    unsent = hospital("auth", "status", identifier)
    assert (unsent.exit_code, unsent.error["type"]) == (2, "InvalidInput")
    assert "was not sent with this vault" in unsent.error["message"]
    assert hospital.world.connection.block_number() == before
    done = hospital.ok(*arguments)
    assert (done["arrival"], done["sent"], done["request_id"]) == ("new", True, foretold["request_id"])
    assert [line["why"] for line in done["lines"]] == [line["why"] for line in foretold["lines"]]
    assert (done["lines"][0]["granted_units"], done["lines"][0]["granted_amount"]) == ("3", "240.00")
    assert done["human_reviewed"] is False
    again = hospital.ok(*arguments)
    assert (again["arrival"], again["sent"], again["lines"]) == ("repeated", False, done["lines"])
    assert hospital.ok(*arguments, "--dry-run")["lines"] == []
    for named in (path, identifier):
        assert hospital.ok("auth", "status", named)["lines"] == done["lines"]
    events = hospital.ok("auth", "history", identifier)["events"]
    assert [event["event"] for event in events] == ["RequestSubmitted", *["LineDecided"] * 4]
    assert [event["item"] for event in events] == [None, 1, 2, 3, 4]
    assert {event["time"] for event in events} == {hospital.world.connection.block_time(events[0]["block_number"])}


def test_a_bundle_gets_a_claim_response(hospital: Hospital) -> None:
    response = hospital.folder / "response.json"
    body = hospital.ok("auth", "submit", BUNDLE, "--eligibility", hospital.eligibility, "--response", response)
    assert actions(body) == ["A1", "A4", "A4"]
    outcome = parse_response_bundle(response.read_bytes(), hospital.world.rule_set.settlement)
    assert [line.action and line.action.value for line in outcome.lines] == ["A1", "A4", "A4"]
    assert outcome.lines[0].authorization_number == body["lines"][0]["authorization_number"]
    assert outcome.lines[1].pend_number == body["lines"][1]["pend_number"]
    response.unlink()
    hospital.ok("auth", "status", BUNDLE, "--response", response)
    assert parse_response_bundle(response.read_bytes(), hospital.world.rule_set.settlement) == outcome
    path, _ = hospital.request(equipment())
    refused = hospital("auth", "submit", path, "--response", response)
    assert (refused.exit_code, "answers a FHIR bundle" in refused.error["message"]) == (2, True)


def test_an_anchored_document_and_a_tariff_count(hospital: Hospital) -> None:
    plan_of_care = hospital.folder / "plan.txt"
    plan_of_care.write_text(f"a plan of care of {hospital.folder}")
    hospital.ok("anchor", plan_of_care, "--kind", "32")
    tariff = hospital.folder / "tariff.csv"
    tariff.write_text(
        "system,code,unit_system,unit,unit_price,currency\n"
        "HCPCS,G0299,https://codesystem.x12.org/005010/355,VS,165.50,USD\n"
    )
    unit = "unit: {system: https://codesystem.x12.org/005010/355, code: VS}"
    path, _ = hospital.request(f"code: {{system: HCPCS, code: G0299}}, units: 4, {unit}")
    arguments = ["auth", "submit", path, "--eligibility", hospital.eligibility, "--dry-run"]
    without = hospital.ok(*arguments)
    assert without["lines"][0]["why"] == "Waits for a person: documents are missing: plan-of-care."
    arguments += ["--document", f"{plan_of_care}.receipt.json"]
    assert hospital.ok(*arguments)["lines"][0]["basis"] == "AMOUNT_UNKNOWN"
    arguments += ["--tariff", tariff]
    assert actions(hospital.ok(*arguments)) == ["A1"]
    done = hospital.ok(*[argument for argument in arguments if argument != "--dry-run"])
    assert (done["lines"][0]["granted_amount"], done["lines"][0]["action"]) == ("662.00", "A1")


def test_what_is_wrong_says_what_to_do(hospital: Hospital) -> None:
    path, identifier = hospital.request(equipment())
    eligibility = hospital.eligibility
    for settings, code, words in (
        ({"PAYER": ""}, 3, "name the insurer"),
        ({"PAYER": HOSPITAL}, 9, "payer publish"),
        ({"VAULT_PASSPHRASE": "wrong"}, 8, "passphrase"),
        ({"SIGNER": "development:9"}, 2, "is a key of no organization"),
    ):
        refused = hospital("auth", "submit", path, "--eligibility", eligibility, **settings)
        assert refused.exit_code == code, refused.err
        assert words in refused.error["message"]
    hospital.careledger.monkeypatch.delenv("CARELEDGER_RULES")
    kept = hospital.settings.pop("RULES")
    refused = hospital("auth", "submit", path)
    assert (refused.exit_code, "name the rule file" in refused.error["message"]) == (3, True)
    hospital.settings["RULES"] = kept
    bundle = hospital.folder / "bundle.json"
    bundle.write_text('{"resourceType": "Bundle", "type": "collection"}')
    refused = hospital("auth", "submit", bundle)
    assert (refused.exit_code, refused.error["type"]) == (14, "BundleRefused")
    assert refused.error["fields"]["operation_outcome"]["resourceType"] == "OperationOutcome"
    hospital.ok("auth", "submit", path, "--eligibility", eligibility)
    other, _ = hospital.request(equipment(5), name=identifier.partition("|")[2])
    refused = hospital("auth", "submit", other, "--eligibility", eligibility)
    assert (refused.exit_code, refused.error["type"]) == (14, "RequestConflict")
    refused = hospital("auth", "status", "nowhere")
    assert (refused.exit_code, "is no file" in refused.error["message"]) == (2, True)


# ---------------------------------------------------------------------- update, cancel, appeal


def test_a_request_is_updated_and_cancelled_by_item(hospital: Hospital) -> None:
    path, identifier = hospital.request(equipment(), NUTRITION, equipment(1))
    eligibility = ["--eligibility", hospital.eligibility]
    first = hospital.ok("auth", "submit", path, *eligibility)
    name = identifier.partition("|")[2]
    gone = f"{NUTRITION}, certification: cancel, cancelled: true"
    later, other = hospital.request(equipment(), gone, equipment(2), equipment(4), name=f"{name}-1", prior=name)
    wrong = hospital("auth", "submit", later, *eligibility)
    assert (wrong.exit_code, "careledger auth update" in wrong.error["message"]) == (2, True)
    wrong = hospital("auth", "update", hospital.request(equipment())[0], *eligibility)
    assert (wrong.exit_code, "careledger auth submit" in wrong.error["message"]) == (2, True)
    foretold = hospital.ok("auth", "update", later, *eligibility, "--dry-run")
    assert (foretold["unchanged"], foretold["cancelled"]) == ([1], [2])
    assert [line["sequence"] for line in foretold["lines"]] == [3, 4]
    done = hospital.ok("auth", "update", later, *eligibility)
    assert (done["request_id"], done["revision"], actions(done)) == (first["request_id"], 1, ["A1", None, "A1", "A1"])
    assert [line["number"] for line in done["lines"]] == [0, 1, 3, 4]
    assert hospital.ok("auth", "update", later, *eligibility)["sent"] is False
    body = hospital.ok("auth", "cancel", identifier, "--line", "4")
    assert (body["cancelled"], actions(body)) == ([4], ["A1", None, "A1", None])
    assert hospital.ok("auth", "cancel", other)["cancelled"] == [1, 3]
    assert hospital.ok("auth", "cancel", other)["cancelled"] == []
    events = [(event["event"], event["item"]) for event in hospital.ok("auth", "history", other)["events"]]
    assert [item for event, item in events if event == "LineCancelled"] == [2, 4, 1, 3]
    assert [item for event, item in events if event == "LineSuperseded"] == [3]


def test_a_denial_is_appealed(hospital: Hospital) -> None:
    path, identifier = hospital.request(NUTRITION, equipment())
    body = hospital.ok("auth", "submit", path, "--eligibility", hospital.eligibility)
    assert body["lines"][0]["due"].endswith("UTC")
    statement = hospital.folder / "statement.txt"
    statement.write_text("what was overlooked")
    arguments = ["auth", "appeal", identifier, "--line", "1", "--statement", statement]
    early = hospital(*arguments)
    assert (early.exit_code, "is pended" in early.error["message"]) == (2, True)
    hospital.world.review(body["request_id"], 0, Action.DENIED, reason=7)
    denied = hospital.ok("auth", "status", identifier)
    assert denied["lines"][0]["why"] == "Denied by a person, for reason 7 of the insurer's list."
    open_appeal = hospital.ok(*arguments, "--expedited")
    assert (open_appeal["appealed"], open_appeal["lines"][0]["appeal"]) == ([1], "OPEN")
    assert hospital.ok(*arguments)["lines"] == open_appeal["lines"]
    hospital.world.review(
        body["request_id"], 0, Action.APPROVED_IN_FULL, reviewer=1, milli_units=1000, amount=10 * DOLLAR
    )
    overturned = hospital.ok("auth", "status", identifier)
    assert (actions(overturned), overturned["human_reviewed"]) == (["A1", "A1"], True)


def test_a_question_of_the_insurers_is_answered(hospital: Hospital) -> None:
    path, identifier = hospital.request(NUTRITION)
    request_id = hospital.ok("auth", "submit", path, "--eligibility", hospital.eligibility)["request_id"]
    statement = hospital.folder / "answer.txt"
    statement.write_text("it was measured twice")
    arguments = ["auth", "answer", identifier, "--line", "1", "--statement", statement]
    unasked = hospital(*arguments)
    assert (unasked.exit_code, "has no open question" in unasked.error["message"]) == (2, True)
    insurer = hospital.world.authorizations(hospital.world.insurer)
    insurer.request_information(hospital.world.provider, request_id, 0, "0x" + 64 * "1")
    asked = hospital.ok("auth", "status", identifier)["lines"][0]
    assert (asked["status"], asked["action"]) == ("INFORMATION_REQUESTED", "A4")
    assert asked["notes"][0] == "The insurer asks for more, and waits for the provider's answer."
    assert hospital.ok(*arguments)["lines"][0]["status"] == "PENDED"
    events = [event["event"] for event in hospital.ok("auth", "history", identifier)["events"]]
    assert events[-2:] == ["InformationRequested", "InformationSupplied"]


# ---------------------------------------------------------------------- claims


def test_a_claim_is_estimated_submitted_and_explained(hospital: Hospital) -> None:
    day = dt.datetime.now(dt.UTC).date()
    today = f"first_day: {day}"
    path, identifier = hospital.request(equipment().partition(", first_day")[0] + f", {today}")
    hospital.ok("auth", "submit", path, "--eligibility", hospital.eligibility)
    name = identifier.partition("|")[2]
    claim = hospital.folder / "claim.yaml"
    claim.write_text(
        "format: careledger-claim\nversion: 1\n"
        f"identifier: {{system: https://hospital.example/claims, value: c-{name}}}\n"
        f"request: {{system: {SYSTEM}, value: {name}}}\ncurrency: USD\nlines:\n"
        f"  - {{sequence: 1, item: 1, service_day: {day}, units: 2, charge: 170.00}}\n"
        f"  - {{sequence: 2, code: {{system: HCPCS, code: E9999}}, service_day: {day}, units: 1, charge: 9.00}}\n"
    )
    known, unknown = hospital.ok("claim", "estimate", claim)["lines"]
    assert (known["known"], known["paid"], known["patient"], known["contractual"]) == (True, "160.00", "0.00", "10.00")
    assert (unknown["known"], unknown["unknown"]) == (False, "its code is in no class of the rules")
    assert "paid" not in unknown
    early = hospital("claim", "status", claim)
    assert (early.exit_code, "submit it" in early.error["message"]) == (2, True)
    invoice = hospital.folder / "invoice.txt"
    invoice.write_text(f"an invoice of {hospital.folder}")
    hospital.ok("anchor", invoice, "--kind", "clinical-document")
    arguments = ["claim", "submit", claim, "--document", f"{invoice}.receipt.json"]
    done = hospital.ok(*arguments)
    assert [(line["status"], line["why"]) for line in done["lines"]] == [
        ("PAID", "Paid: 160.00 of 170.00 USD."),
        ("DENIED", "Denied: it names no authorization (CARC 197)."),
    ]
    assert done["payee"] is None
    assert float(done["credit"]) >= 160
    before = hospital.world.connection.block_number()
    assert hospital.ok(*arguments)["lines"] == done["lines"]
    assert hospital.world.connection.block_number() == before
    account = hospital.world.patient.address
    refused = hospital("claim", "payee", HOSPITAL, account)
    assert refused.error["type"] == "InsurerVaultNotController"
    assert hospital("claim", "payee", HOSPITAL, account, SIGNER="development:4").exit_code == 0
    holding = hospital.world.balance(account)
    hospital.ok("claim", "pay-out", HOSPITAL)
    assert hospital.world.balance(account) - holding >= 160 * DOLLAR
    assert hospital("claim", "payee", HOSPITAL, "none", SIGNER="development:4").exit_code == 0
    explanation = hospital.folder / "eob.json"
    refused = hospital("claim", "status", claim, "--explanation", explanation)
    assert (refused.exit_code, refused.error["fields"]["name"]) == (2, "--request")
    body = hospital.ok("claim", "status", claim, "--request", path, "--explanation", explanation)
    assert body["lines"] == done["lines"]
    explained = json.loads(explanation.read_bytes())
    ExplanationOfBenefit.model_validate(explained)
    assert explained["payment"]["amount"] == {"value": 160, "currency": "USD"}
    assert explained["preAuthRef"] == [body["authorization_number"]]


def test_a_patient_s_prepayment_is_held_shown_and_refunded(hospital: Hospital) -> None:
    world, patient = hospital.world, hospital.world.patient
    path, _ = hospital.request(equipment())
    request = hospital.ok("auth", "submit", path, "--eligibility", hospital.eligibility)["request_id"]
    line = (HOSPITAL, request, 0)
    world.pay(patient, 100 * DOLLAR, world.payer.policy.address)
    before = world.balance(patient.address)
    hospital.settings = {**hospital.settings, "SIGNER": "development:9"}
    held = hospital.ok("claim", "prepay", *line, "25.50")["events"][-1]
    assert (held["event"], held["amount"], held["payer"]) == ("PrepaymentHeld", 25_500_000, patient.address)
    hospital.ok("claim", "prepay", *line, "10")
    shown = hospital.ok("claim", "prepaid", *line, patient.address.lower())
    assert shown == {"account": patient.address, "held": 35_500_000, "amount": "35.50"}
    assert before - world.balance(patient.address) == 35_500_000
    assert hospital.ok("claim", "refund", *line)["events"][-1]["event"] == "PrepaymentRefunded"
    assert hospital.ok("claim", "prepaid", *line, patient.address)["held"] == 0
    assert world.balance(patient.address) == before
    hospital.ok("claim", "prepay", *line, "1")
    assert hospital.careledger("claim", "refund", *line).out.startswith(f"refund {HOSPITAL}: done\n")
    again = hospital("claim", "refund", *line)
    assert (again.exit_code, again.error["type"]) == (5, "InsurerVaultNoPrepayment")
    for arguments, field in (
        ((HOSPITAL, request, 9, "1"), "line"),
        ((*line, "0"), "amount"),
        ((*line, "1.2345678"), "amount"),
        ((*line, "900000000"), "amount"),
        ((HOSPITAL, "0x12", 0, "1"), "request"),
        ((HOSPITAL, "r-1", 0, "1"), "request"),
    ):
        refused = hospital("claim", "prepay", *arguments)
        assert (refused.exit_code, refused.error["fields"]["name"]) == (2, field)
    assert hospital("claim", "prepay", "nobody.example", request, 0, "1").exit_code == 6
    assert hospital("claim", "prepaid", *line, "nobody").exit_code == 2


def test_answers_for_people_are_tables(hospital: Hospital) -> None:
    path, identifier = hospital.request(equipment(), NUTRITION)
    for name, value in hospital.settings.items():
        hospital.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    eligibility = ["--eligibility", hospital.eligibility]
    foretold = hospital.careledger("auth", "submit", path, *eligibility, "--dry-run")
    assert "nothing was sent" in foretold.out
    done = hospital.careledger("auth", "submit", path, *eligibility)
    assert "Approved in full: 3 month of equipment are within the rules." in done.out
    assert "Due " in done.out
    assert "nothing was sent" in hospital.careledger("auth", "submit", path, *eligibility).out
    assert "RequestSubmitted" in hospital.careledger("auth", "history", identifier).out
