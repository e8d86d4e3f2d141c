"""A discharge summary of which an insurer sees what a claim needs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from careledger.anchoring.canonical_json import Json, parse, write
from careledger.anchoring.disclosure import Disclosure, Field, FieldTree
from careledger.anchoring.field_paths import flatten, join, matches, selector, split
from careledger.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "anchoring"

SUMMARY = b"""{
  "resourceType": "Bundle", "type": "document", "timestamp": "2026-05-04T10:00:00Z",
  "entry": [
    {"resource": {"resourceType": "Patient", "name": [{"family": "Example", "given": ["Ada", "B."]}],
      "birthDate": "1980-02-29"}},
    {"resource": {"resourceType": "Encounter", "status": "finished", "class": {"code": "IMP"},
      "period": {"start": "2026-05-01", "end": "2026-05-04"}}},
    {"resource": {"resourceType": "Condition", "code": {"coding": [{"code": "E10.9"}], "text": "Type 1 diabetes"}}},
    {"resource": {"resourceType": "Condition", "code": {"coding": [{"code": "F32.1"}], "text": "Hidden illness"}}},
    {"resource": {"resourceType": "MedicationRequest", "status": "active",
      "medicationCodeableConcept": {"text": "Insulin glargine"}, "dose": 10.00, "empty": [], "none": {}}}
  ]
}"""
CLAIM = ("entry[1].resource.period", "entry[4].**.text", "entry[*].resource.resourceType", "entry[4].resource.dose")


@pytest.fixture(scope="module")
def record() -> FieldTree:
    return FieldTree.of(SUMMARY)


def test_the_insurer_sees_what_the_claim_needs(record: FieldTree) -> None:
    text = record.disclose(*CLAIM).to_json()
    shown = Disclosure.from_json(text).verify(record.digest)
    assert shown == (
        Field("entry[0].resource.resourceType", '"Patient"'),
        Field("entry[1].resource.period.end", '"2026-05-04"'),
        Field("entry[1].resource.period.start", '"2026-05-01"'),
        Field("entry[1].resource.resourceType", '"Encounter"'),
        Field("entry[2].resource.resourceType", '"Condition"'),
        Field("entry[3].resource.resourceType", '"Condition"'),
        Field("entry[4].resource.dose", "10.00"),
        Field("entry[4].resource.medicationCodeableConcept.text", '"Insulin glargine"'),
        Field("entry[4].resource.resourceType", '"MedicationRequest"'),
    )


def test_nothing_hidden_is_in_the_file(record: FieldTree) -> None:
    text = record.disclose(*CLAIM).to_json()
    kept = record.to_dict()["fields"]
    hidden = [field for field in kept if field["path"] not in {one.path for one in record.disclose(*CLAIM).fields}]
    assert len(hidden) == len(kept) - 9
    for field in hidden:
        assert field["salt"] not in text
        assert field["salt"][2:] not in text
    for value in ("Ada", "Example", "1980-02-29", "F32.1", "Hidden illness", "E10.9", "diabetes", "IMP"):
        assert value not in text


def test_the_same_record_twice_shares_no_hash(record: FieldTree) -> None:
    """So that two disclosures of like records tell nothing of each other."""
    other = FieldTree.of(SUMMARY)
    assert other.digest != record.digest
    hashes = [
        {node for field in tree.disclose("**").fields for node in (*field.proof, field.salt)}
        for tree in (record, other)
    ]
    assert not hashes[0] & hashes[1]


def test_decimals_empty_things_and_types_are_kept(record: FieldTree) -> None:
    found = {field.path: field.value for field in record.fields}
    assert found["entry[4].resource.dose"] == "10.00"
    assert found["entry[4].resource.empty"] == "[]"
    assert found["entry[4].resource.none"] == "{}"
    values = FieldTree.of(b'{"a": true, "b": "true", "c": null, "d": 1.0}').fields
    assert [field.value for field in values] == ["true", '"true"', "null", "1.0"]


def test_the_kept_tree_comes_back(record: FieldTree) -> None:
    kept = json.loads(json.dumps(record.to_dict()))
    back = FieldTree.from_dict(kept)
    assert back.digest == record.digest
    assert back.disclose("type") == record.disclose("type")


def test_published_fields() -> None:
    vector = json.loads((VECTORS / "json-fields.json").read_text())
    tree = FieldTree.from_dict(vector["kept"])
    assert "0x" + tree.digest.hex() == vector["digest"]
    assert json.loads(tree.disclose("result[0]", "status").to_json()) == vector["disclosure"]
    assert Disclosure.from_json(json.dumps(vector["disclosure"])).digest() == tree.digest


def test_the_schema_describes_the_file(record: FieldTree) -> None:
    schema = Disclosure.model_json_schema()
    jsonschema.validate(json.loads(record.disclose("**").to_json()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "count": 1, "fields": []}, schema)


# ------------------------------------------------------------------- tampering


TAMPERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "value": lambda file: file["fields"][5].update(value="100.00"),
    "value of another type": lambda file: file["fields"][0].update(value="true"),
    "value written in another way": lambda file: file["fields"][0].update(value='"\\u0050atient"'),
    "value with fields inside": lambda file: file["fields"][0].update(value='{"a":1}'),
    "path": lambda file: file["fields"][0].update(path="entry[0].resource.type"),
    "path spelled in another way": lambda file: file["fields"][0].update(path='["entry"][0].resource.resourceType'),
    "path that is none": lambda file: file["fields"][0].update(path="entry[-1]"),
    "salt": lambda file: file["fields"][1].update(salt="0x" + 64 * "0"),
    "index": lambda file: file["fields"][0].update(index=file["fields"][0]["index"] + 1),
    "index beyond the count": lambda file: file["fields"][-1].update(index=file["count"]),
    "index below zero": lambda file: file["fields"][0].update(index=-1),
    "count": lambda file: file.update(count=file["count"] + 1),
    "count far off": lambda file: file.update(count=file["count"] * 2),
    "proof": lambda file: file["fields"][0]["proof"].reverse(),
    "short proof": lambda file: file["fields"][0]["proof"].pop(),
    "long proof": lambda file: file["fields"][0]["proof"].append("0x" + 64 * "0"),
    "field shown twice": lambda file: file["fields"].insert(0, file["fields"][0]),
    "fields in another order": lambda file: file["fields"].reverse(),
    "no fields": lambda file: file["fields"].clear(),
    "version": lambda file: file.update(version=2),
    "canonicalization": lambda file: file.update(canonicalization="jcs"),
    "more keys": lambda file: file.update(root="0x"),
    "salt in capitals": lambda file: file["fields"][0].update(salt="0x" + 64 * "A"),
    "number as text": lambda file: file.update(count=str(file["count"])),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_disclosures_fail(record: FieldTree, name: str) -> None:
    file = json.loads(record.disclose(*CLAIM).to_json())
    TAMPERED[name](file)
    with pytest.raises(InvalidInput):
        Disclosure.from_json(json.dumps(file)).verify(record.digest)


def test_a_single_field_cannot_lie_about_the_count(record: FieldTree) -> None:
    for change in (-1, 1):
        one = record.disclose("type")
        with pytest.raises(InvalidInput):
            one.model_copy(update={"count": one.count + change}).verify(record.digest)


def test_fields_of_two_records_do_not_mix(record: FieldTree) -> None:
    other = FieldTree.of(SUMMARY)
    mixed = Disclosure(
        count=record.disclose("type").count,
        fields=(*record.disclose("timestamp").fields, *other.disclose("type").fields),
    )
    with pytest.raises(InvalidInput, match="not of the same document"):
        mixed.digest()
    with pytest.raises(InvalidInput, match="is not the document's"):
        other.disclose("type").verify(record.digest)


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (("a", "a"), "stands twice"),
        (("a", "a.b"), "inside"),
        (("b", "a"), "must stand before"),
        (("a[0]", "a.b"), "has an object where"),
        (("a.", "b"), "not one from character 1"),
        (('["a"]', "b"), "one spelling"),
        (("a[01]", "b"), "not one from"),
    ],
)
def test_an_author_cannot_show_contradictions(paths: tuple[str, str], problem: str) -> None:
    fields = [Field(path, '"x"') for path in paths]
    with pytest.raises(InvalidInput, match=problem):
        FieldTree(fields, [bytes(32), bytes(32)])
    kept = {"version": 1, "canonicalization": "json-fields"}
    kept_fields = [{"path": path, "value": '"x"', "salt": "0x" + 64 * "0"} for path in paths]
    with pytest.raises(InvalidInput, match=problem):
        FieldTree.from_dict({**kept, "fields": kept_fields})


def test_salts_are_one_to_a_field_and_32_bytes() -> None:
    for salts in ([], [bytes(31)], [bytes(32), bytes(32)]):
        with pytest.raises(InvalidInput, match="salts"):
            FieldTree([Field("a", "1")], salts)


def test_a_duplicated_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="stands twice"):
        FieldTree.of(b'{"a": 1, "a": 2}')


def test_refusals_name_the_field_and_not_its_value() -> None:
    text = json.dumps({"version": 1, "count": 1, "fields": [{"index": 0, "path": "a", "value": "Ada", "salt": "0x"}]})
    with pytest.raises(InvalidInput) as refusal:
        Disclosure.from_json(text)
    assert refusal.value.value.startswith("fields.0")
    assert "Ada" not in str(refusal.value)


# ---------------------------------------------------------- paths and selectors


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("**", 25),
        ("entry", 22),
        ("entry[0]", 5),
        ("entry[0].resource.name[0].given", 2),
        ("entry[*].resource.name[*].given[1]", 1),
        ("entry[*].resource.code.text", 2),
        ("**.text", 3),
        ("**.code", 5),
        ("time*", 1),
        ("*ype*", 2),
        ("t*", 2),
        ("*.resource", 0),
        ('["type"]', 1),
        ('["t*"]', 0),
    ],
)
def test_selectors(record: FieldTree, text: str, count: int) -> None:
    if count:
        assert len(record.disclose(text).fields) == count
        return
    with pytest.raises(InvalidInput, match="selects no field"):
        record.disclose(text)


def test_selectors_never_cross_a_name() -> None:
    tree = FieldTree.of(b'{"a": {"b.c": 1, "b": {"c": 2}}, "a.b": {"c": 3}, "ab": 4}')
    assert [field.value for field in tree.disclose("a.b.c").fields] == ["2"]
    assert [field.value for field in tree.disclose("**.c").fields] == ["2", "3"]
    assert [field.value for field in tree.disclose("a").fields] == ["2", "1"]
    assert [field.value for field in tree.disclose('["a.b"]').fields] == ["3"]


@pytest.mark.parametrize("text", ["entry[", "entry[x]", "a..b", "a b", '["a', '["\\q"]'])
def test_selectors_that_are_none(record: FieldTree, text: str) -> None:
    with pytest.raises(InvalidInput, match="selector"):
        record.disclose(text)


def test_a_disclosure_shows_something(record: FieldTree) -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        record.disclose()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_paths_have_one_spelling(value: Any) -> None:
    parsed = parse(json.dumps(value).encode())
    paths = [path for path, _ in flatten(parsed)]
    spelled = [join(path) for path in paths]
    assert len(set(spelled)) == len(paths)
    assert [split(text) for text in spelled] == paths
    for path, text in zip(paths, spelled, strict=True):
        if "*" not in text:
            assert [other for other in paths if matches(selector(text), other)] == [path]


@given(json_values, st.data())
def test_any_choice_of_fields_verifies(value: Any, data: st.DataObject) -> None:
    tree = FieldTree.of(json.dumps(value).encode())
    disclosed = tree.disclose("**")
    chosen = data.draw(st.lists(st.sampled_from(range(len(tree.fields))), min_size=1, unique=True).map(sorted))
    some = disclosed.model_copy(update={"fields": tuple(disclosed.fields[i] for i in chosen)})
    assert Disclosure.from_json(some.to_json()).verify(tree.digest) == tuple(tree.fields[i] for i in chosen)
    assert rebuilt(tree.fields) == write(parse(json.dumps(value).encode()))


def rebuilt(fields: tuple[Field, ...]) -> str:
    """The JSON text of all fields."""

    def place(found: list[tuple[tuple[str | int, ...], Json]]) -> Json:
        if not found[0][0]:
            return found[0][1]
        groups: dict[str | int, list[tuple[tuple[str | int, ...], Json]]] = {}
        for path, value in found:
            groups.setdefault(path[0], []).append((path[1:], value))
        if isinstance(next(iter(groups)), int):
            return [place(group) for group in groups.values()]
        return {str(name): place(group) for name, group in groups.items()}

    return write(place([(split(field.path), parse(field.value.encode())) for field in fields]))
