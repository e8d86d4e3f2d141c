"""The plain form: the same request in YAML or JSON, where no text becomes a number by itself."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
from importlib import resources
from typing import Any

import jsonschema
import pytest
from careledger.authorization import plain
from careledger.authorization.amounts import Settlement
from careledger.authorization.code_systems import CPT, Code, CodeSystems
from careledger.authorization.plain import PlainRequest, parse_plain_request, plain_request
from careledger.authorization.request import CertificationType
from careledger.errors import InvalidInput
from pas_bundles import DOLLARS, VECTORS, parsed, vector

SCHEMA = resources.files("careledger.authorization").joinpath("plain-request-v1.schema.json")
HEAD = """
format: careledger-authorization-request
version: 1
identifier: {system: https://hospital.example, value: 0123}
provider: {reference: p}
insurer: {reference: i}
patient: {reference: m}
coverage: {reference: c}
"""
LINE = "lines: [{sequence: 1, code: {system: CPT, code: 99213}%s}]"


def read(text: str, **values: Any) -> Any:
    return parse_plain_request(text.encode(), DOLLARS, **values)


def test_the_plain_request_is_the_fhir_request() -> None:
    request = parse_plain_request((VECTORS / "request.yaml").read_bytes(), DOLLARS)
    assert request == parsed(vector("request.json")).request
    assert request.content_bytes() == parsed(vector("request.json")).request.content_bytes()


@pytest.mark.parametrize("name", ["request.json", "update.json"])
def test_a_request_is_written_and_read_back(name: str) -> None:
    request = parsed(vector(name)).request
    values = plain_request(request, DOLLARS)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(values)
    assert parse_plain_request(json.dumps(values).encode(), DOLLARS) == request


def test_the_published_schema_is_the_models() -> None:
    made = json.dumps(PlainRequest.model_json_schema(), indent=2) + "\n"
    way = "json.dumps(PlainRequest.model_json_schema(), indent=2)"
    where = "python/careledger/authorization/plain-request-v1.schema.json"
    assert SCHEMA.read_text() == made, f"stale: write {way} to {where}"
    jsonschema.Draft202012Validator.check_schema(json.loads(made))


def test_the_example_in_the_documentation_is_read() -> None:
    documentation = inspect.getdoc(plain) or ""
    start = documentation.index("    format:")
    request = read(textwrap.dedent(documentation[start : documentation.index("\n\n", start)]))
    assert request.lines[0].priced == 850_000_000


def test_text_stays_text() -> None:
    request = read(HEAD + LINE % ", units: 1.50, modifiers: [{system: HCPCS, code: NO}]")
    (line,) = request.lines
    assert request.identifier.value == "0123"
    assert (line.code, line.milli_units) == (Code(CPT, "99213"), 1500)
    assert line.modifiers[0].code == "NO"
    assert not request.expedited
    assert line.priced is None


def test_numbers_in_json_are_the_text_that_stands_there() -> None:
    values = plain_request(read(HEAD + LINE % ""), DOLLARS)
    values["currency"] = "USD"
    text = json.dumps(values).replace(
        '"sequence": 1', '"sequence": 1, "units": 1.10, "unit_price": 85.10, "amount": null'
    )
    (line,) = read(text).lines
    assert (line.milli_units, line.unit_price, line.amount) == (1100, 85_100_000, None)


def test_a_request_that_is_cancelled_cancels_its_lines() -> None:
    request = read(HEAD + "certification: cancel\n" + LINE % "")
    assert request.is_cancelled
    assert request.certification_type is CertificationType.CANCEL


def test_code_systems_are_configured() -> None:
    text = (HEAD + LINE % "").replace("system: CPT, code: 99213", "system: CHS-DRG, code: BR11")
    with pytest.raises(InvalidInput, match="'CHS-DRG': is neither known nor a URI"):
        read(text)
    drg = "https://nhsa.example.org/chs-drg"
    assert read(text, systems=CodeSystems({drg: ("CHS-DRG",)})).lines[0].code == Code(drg, "BR11")
    assert read(text.replace("CHS-DRG", drg)).lines[0].code == Code("http://nhsa.example.org/chs-drg", "BR11")


REFUSALS = [
    ("", "'line 1'"),
    ("{", "is not JSON"),
    ("[]", "'it': is wrong"),
    (HEAD, "'lines': is needed"),
    (HEAD + "lines: []", "'lines'"),
    (HEAD + LINE % ", unit_price: 1", "needs the currency"),
    (HEAD + "currency: EUR\n" + LINE % "", "currency 'EUR': must be USD"),
    (HEAD + LINE % ", units: 0.0001", "line 1 units '0.0001': has more than 3 decimals"),
    (HEAD + LINE % ", units: 0", "milli-units '0'"),
    (HEAD + LINE % ", units: one", "'one': must be a decimal number"),
    (HEAD + LINE % ", first_day: 20261201", "'lines[0].first_day': is wrong"),
    (HEAD + LINE % ", first_day: 1764547200", "'lines[0].first_day': is wrong"),
    (HEAD + LINE % ", cancelled: yes", "must be true or false"),
    (HEAD + LINE % ", certification: cancel", "is not marked as cancelled"),
    (HEAD + LINE % ", information: [1]", "is the number of no supporting information"),
    (HEAD + LINE % ", color: red", "'lines[0].color'"),
    (HEAD + "created: 2026-11-22T10:00:00\n" + LINE % "", "'created"),
    (HEAD + "diagnoses: [{sequence: 1, system: X, code: A}]\n" + LINE % "", "neither known nor a URI"),
    (HEAD.replace("version: 1", "version: 2") + LINE % "", "'version'"),
    (HEAD.replace("{reference: m}", "{}") + LINE % "", "patient"),
    (HEAD + "expedited: true\nexpedited: false\n" + LINE % "", "request 'line"),
    (HEAD + "prior: &a {system: x, value: y}\n" + LINE % "", "request 'line"),
]


@pytest.mark.parametrize(("text", "problem"), REFUSALS)
def test_a_wrong_request_is_refused_by_place(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert problem in str(refused.value)


@pytest.mark.parametrize("name", ["diagnoses", "care_team"])
def test_a_number_that_stands_twice_is_refused(name: str) -> None:
    one = "{sequence: 1, system: ICD-10-CM, code: A}" if name == "diagnoses" else "{sequence: 1, reference: d}"
    with pytest.raises(InvalidInput, match="stands twice"):
        read(HEAD + f"{name}: [{one}, {one}]\n" + LINE % "")


def test_what_is_wrong_is_not_repeated() -> None:
    text = (HEAD + LINE % ", first_day: Madeup").replace("{reference: m}", "{reference: [M-0001]}")
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert "M-0001" not in str(refused.value)
    assert "Madeup" not in str(refused.value)


def test_another_currency_is_another_settlement() -> None:
    text = HEAD + "currency: JPY\n" + LINE % ", unit_price: 85"
    assert parse_plain_request(text.encode(), Settlement("JPY", 0)).lines[0].unit_price == 85


def test_the_plain_form_does_not_load_fhir() -> None:
    """`fhir.resources` is slow to load; only what reads or writes FHIR waits for it."""
    modules = "amounts, code_systems, idempotency, outcome, payment, plain, request, tariff, text_files"
    code = f"from careledger.authorization import {modules}; import sys; print('fhir' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
