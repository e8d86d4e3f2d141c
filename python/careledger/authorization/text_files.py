"""Files in YAML or JSON that people write: every scalar is the text that stands there, and a model says what it means.

YAML would make a float of a price, a number of the code `0123` and `false` of the code `NO`. Here nothing is guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from careledger.anchoring.canonical_json import Number, parse
from careledger.authorization import located_yaml
from careledger.errors import InvalidInput

__all__ = ["Day", "Flag", "Part", "Text", "Time", "parse_text_file", "read_file"]

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> Any:
    """A number would be taken for seconds since 1970."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise ValueError("must be a day such as 2026-12-01")
    return value


def _time(value: Any) -> Any:
    if isinstance(value, str) and DAY.fullmatch(value):
        return dt.date.fromisoformat(value)
    if isinstance(value, str):
        time = dt.datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError("must be a day, or a time with its zone")
        return time
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("must be true or false")
        return value == "true"
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=1024, strip_whitespace=True)]
Day = Annotated[dt.date, BeforeValidator(_day)]
Time = Annotated[dt.datetime | dt.date, BeforeValidator(_time)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Model = TypeVar("Model", bound=BaseModel)


class Part(BaseModel):
    """A mapping of such a file: it has no other names than these, and no error shows a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def read_file(model: type[Model], value: Any, name: str) -> Model:
    """The file's content as a model. Raises InvalidInput under `name`, naming the place of the first thing wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as refusal:
        error = refusal.errors(include_input=False, include_url=False, include_context=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
        problem = "is needed" if error["type"] == "missing" else f"is wrong: {error['msg']}"
        raise InvalidInput(name, place or "it", problem) from None


def parse_text_file(content: bytes, name: str) -> Any:
    """Mappings, lists and text of a YAML file (see `located_yaml`), or of a JSON file if it begins with a brace. In
    JSON, numbers are text too, and true, false and null are what they are.

    Raises InvalidInput under `name`, with the line, for what is neither.
    """
    if content.lstrip()[:1] == b"{":
        return _as_text(parse(content))
    try:
        return located_yaml.read(content).value
    except located_yaml.NotReadable as problem:
        raise InvalidInput(name, f"line {problem.line}", problem.problem) from None


def _as_text(value: Any) -> Any:
    """A copy with numbers as text."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return {name: _as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return value
