"""The shape of a rule file: its members, what each means, and what a value may look like.

Values are text here; what they come to, `rule_file` reads. What `json_schema` makes of the shape is, for editors,
`rule-file-v1.schema.json` beside this module.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, WithJsonSchema

from careledger.authorization.located_yaml import Place

__all__ = [
    "DATE",
    "FORMAT",
    "VERSION",
    "ClaimShape",
    "Flags",
    "GoldCardShape",
    "RuleFileShape",
    "RuleShape",
    "SettlementShape",
    "TermsShape",
    "UnitShape",
    "json_schema",
    "problems_of",
]

FORMAT = "careledger-rule-file"
VERSION = "1"
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

Coverages = Literal["covered", "not-covered", "conditional"]
Flags = Literal[
    "authorization-needed",
    "no-auto",
    "allow-partial",
    "deny-not-covered",
    "expedited-only",
    "second-opinion",
    "gold-card-ok",
    "approve-overdue",
    "deductible",
    "includes-others",
]
Pricings = Literal["fee-for-service", "episode"]

Whole = Annotated[str, WithJsonSchema({"type": ["integer", "string"], "pattern": "^(0|[1-9][0-9]*)$"})]
Amount = Annotated[str, WithJsonSchema({"type": ["number", "string"], "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"})]
Day = Annotated[str, StringConstraints(pattern=DATE.pattern), WithJsonSchema({"type": "string", "format": "date"})]
Percent = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})? ?%$"})]
Truth = Annotated[Literal["true", "false"], WithJsonSchema({"enum": [True, False, "true", "false"]})]
CodeText = Annotated[str, WithJsonSchema({"type": ["string", "integer"]})]


class Shape(BaseModel):
    """What a mapping of the file may hold. Values are text; what they mean is read afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SettlementShape(Shape):
    """What money is counted in."""

    currency: str = Field(description="ISO 4217, three letters.")
    decimals: Whole = Field(description="Of the token that stands for the currency, 0 to 18.")


class TermsShape(Shape):
    """What holds for the whole version."""

    plan: Whole = Field(description="The insurance product, by the insurer's own number.")
    receipt_window: str = Field(description="How long before its submission a request may have come, such as 3 d.")
    appeal_days: Whole = Field(description="After a decision, within which it may be appealed.")
    shadow: Truth = Field(description="true: decisions are recorded, bind nobody and pay nothing.")
    deductible: Amount = Field(description="Per member and benefit period.")
    out_of_pocket_maximum: Amount = Field(description="Per member and benefit period; 0: the patient pays nothing.")
    base_rate: Amount | None = Field(None, description="Of an episode of weight 1.")
    document: str = Field(description="The policy document: a file beside this one, or 0x and its SHA-256.")


class UnitShape(Shape):
    """A unit of service."""

    number: Whole
    codes: dict[str, tuple[CodeText, ...]] = Field(
        default_factory=dict, description="Codes of the unit, by code system."
    )
    unstated: Truth = Field("false", description="true: a line that names no unit counts in this one.")


class GoldCardShape(Shape):
    """The record with which a provider skips review."""

    requests: Whole = Field(description="Lines that a person reviewed in one window, at least.")
    approval_rate: Percent = Field(description="Of them approved in full, at least.")
    window_days: Whole


class ClaimShape(Shape):
    """What decides a claim."""

    filing_days: Whole = Field(description="From the day of service.")
    fast_track_maximum: Amount = Field(description="What the rules alone pay at most.")
    pricing: Pricings = "fee-for-service"
    unit_price: Amount | None = Field(None, description="Of one unit; leave it out if none was agreed.")
    episode_weight: Amount | None = None
    copay: Amount | None = Field(None, description="The patient's first share; leave it out for none.")
    coinsurance: Percent | None = Field(None, description="Of the rest, the patient's; leave it out for none.")
    max_units_per_day: Amount | None = Field(None, description="More is implausible; leave it out for no limit.")
    part_of: str | None = Field(None, description="The class that includes this service.")


class RuleShape(Shape):
    """What holds for a class."""

    coverage: Coverages
    flags: tuple[Flags, ...] = ()
    first_day: Day
    last_day: Day
    unit: str | None = Field(None, description="A name of `units`.")
    validity_days: Whole = Field(description="For which an authorization holds, from the first day of service.")
    documents: tuple[CodeText, ...] = Field((), description="Kinds that must be there, by name or number.")
    max_units_per_request: Amount | None = None
    max_units_per_period: Amount | None = None
    max_unit_price: Amount | None = Field(None, description="For approval by the rules alone.")
    max_amount: Amount | None = Field(None, description="For approval by the rules alone.")
    gold_card: GoldCardShape | None = None
    claim: ClaimShape


class RuleFileShape(Shape):
    """A rule file."""

    format: Literal["careledger-rule-file"]
    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})]
    settlement: SettlementShape
    terms: TermsShape
    units: dict[str, UnitShape] = Field(default_factory=dict)
    document_kinds: dict[str, Whole] = Field(default_factory=dict, description="The insurer's own kinds, below 64.")
    classes: dict[str, Whole] = Field(description="Benefit classes: name and number, 1 to 65535.")
    code_systems: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Code systems that careledger does not know: URI and other spellings."
    )
    codes: dict[str, dict[str, tuple[CodeText, ...]]] = Field(
        default_factory=dict, description="Codes, by code system and class."
    )
    code_file: str | None = Field(None, description="A CSV file beside this one: system, code, class.")
    rules: dict[str, RuleShape] = Field(description="By the class's name.")


MEMBERS = sorted(
    {
        name
        for shape in (RuleFileShape, SettlementShape, TermsShape, UnitShape, GoldCardShape, ClaimShape, RuleShape)
        for name in shape.model_fields
    }
)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a rule file. What it cannot say is told when a file is loaded."""
    schema = _untitled(RuleFileShape.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FORMAT, **schema}


def problems_of(refusal: ValidationError) -> Iterator[tuple[Place, str]]:
    """What is wrong with a file's shape: where, and in words."""
    for error in refusal.errors(include_url=False, include_input=False):
        yield _place(error["loc"]), _sentence(error)


def _place(loc: tuple[str | int, ...]) -> Place:
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _sentence(error: Any) -> str:
    kind, name = error["type"], str(error["loc"][-1]) if error["loc"] else ""
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(name, MEMBERS, n=1)
        return "is not known here" + (f"; did you mean {close[0]}?" if close else "")
    if kind == "literal_error":
        return f"must be {error['ctx']['expected']}".replace("'", "")
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping of names and values"
    if kind == "tuple_type":
        return "must be a list"
    if kind == "string_type":
        return "must be a single value"
    if kind == "string_pattern_mismatch":
        return "must be a date such as 2027-01-31"
    return str(error["msg"])


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of the names, the end of the models', and null: a name without a value is
    refused."""
    if isinstance(schema, dict):
        if "anyOf" in schema:
            schema = {**schema["anyOf"][0], **schema}
            del schema["anyOf"], schema["default"]
        return {
            name.removesuffix("Shape"): _untitled(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    return schema.removesuffix("Shape") if isinstance(schema, str) and schema.startswith("#/$defs/") else schema
