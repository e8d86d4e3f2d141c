"""An element of a FHIR resource in JSON, with the FHIRPath that leads to it.

Reading goes on after a wrong value: the element notes an issue and answers with None, so that one refusal can name all
that is wrong. Whoever reads asks in the end whether there are issues.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from careledger.anchoring.canonical_json import Json, Number
from careledger.authorization.code_systems import Code, CodeSystems
from careledger.authorization.fhir.issues import Issue
from careledger.authorization.request import BusinessIdentifier

__all__ = ["Element"]

CLOSED_CODE = re.compile("[A-Za-z0-9-]{1,32}")
"""What a code of FHIR's or X12's closed lists looks like; only that is shown in an issue."""

DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?", re.DOTALL)
INTEGER = re.compile(r"-?\d{1,10}")


@dataclass(frozen=True)
class Element:
    """`value` is the JSON object, `path` leads to it from the Bundle; all elements of one reading share `issues`."""

    value: Mapping[str, Json]
    path: str
    issues: list[Issue] = field(default_factory=list)

    # ------------------------------------------------------------------ going on

    def element(self, name: str) -> Element | None:
        """The object under a name."""
        found = self.value.get(name)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            self.wrong(name, "must be an object", code="structure")
            return None
        return Element(found, f"{self.path}.{name}", self.issues)

    def elements(self, name: str) -> list[Element]:
        """The objects of the array under a name; none if it is not there."""
        found = self.value.get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
            self.wrong(name, "must be an array of objects", code="structure")
            return []
        return [Element(item, f"{self.path}.{name}[{i}]", self.issues) for i, item in enumerate(found)]

    def extensions(self, url: str, name: str = "extension") -> Iterator[Element]:
        """Extensions of a URL."""
        return (extension for extension in self.elements(name) if extension.value.get("url") == url)

    def extension(self, url: str, name: str = "extension") -> Element | None:
        """The extension of a URL. One that stands twice is an issue."""
        found = list(self.extensions(url, name))
        if len(found) > 1:
            self.wrong(name, "must stand once", value=url, code="structure")
        return found[0] if found else None

    # ------------------------------------------------------------------ values

    def text(self, name: str) -> str | None:
        """A string."""
        found = self.value.get(name)
        if found is None:
            return None
        if not isinstance(found, str) or isinstance(found, Number):
            self.wrong(name, "must be a string", code="structure")
            return None
        return found

    def texts(self, name: str) -> list[str]:
        """Strings of an array."""
        found = self.value.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self.wrong(name, "must be an array of strings", code="structure")
            return []
        return [item for item in found if isinstance(item, str) and not isinstance(item, Number)]

    def boolean(self, name: str) -> bool | None:
        """True or false."""
        found = self.value.get(name)
        if found is None or isinstance(found, bool):
            return found
        self.wrong(name, "must be true or false", code="structure")
        return None

    def number(self, name: str) -> str | None:
        """A number, as the text that it came in."""
        found = self.value.get(name)
        if found is None:
            return None
        if not isinstance(found, Number):
            self.wrong(name, "must be a number, not text", code="structure")
            return None
        return str(found)

    def positive(self, name: str) -> int | None:
        """An integer of 1 or more."""
        found = self.number(name)
        return None if found is None else self._positive(name, found)

    def positives(self, name: str) -> tuple[int, ...]:
        """Integers of 1 or more of an array."""
        found = self.value.get(name)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(item, Number) for item in found):
            self.wrong(name, "must be an array of numbers", code="structure")
            return ()
        numbers = (self._positive(f"{name}[{i}]", str(item)) for i, item in enumerate(found))
        return tuple(number for number in numbers if number is not None)

    def day(self, name: str) -> dt.date | None:
        """A day: a full date, or the day of a time in the zone that it is written in (PAS 2.2.1, FullDateRule)."""
        found = self.text(name)
        if found is None:
            return None
        match = DAY.fullmatch(found)
        try:
            if match:
                return dt.date.fromisoformat(match[1])
        except ValueError:
            pass
        self.wrong(name, "must be a full date")
        return None

    def time(self, name: str) -> dt.datetime | dt.date | None:
        """A time with its zone, or a day; None also for a year or month alone."""
        found = self.text(name)
        if found is None:
            return None
        try:
            if "T" in found:
                time = dt.datetime.fromisoformat(found)
                return time if time.tzinfo else None
            return dt.date.fromisoformat(found)
        except ValueError:
            return None

    # ------------------------------------------------------------------ FHIR's data types

    def reference(self, name: str) -> str | None:
        """The literal reference of the Reference under a name."""
        found = self.element(name)
        return found.text("reference") if found else None

    def coding(self, name: str, systems: CodeSystems) -> Code | None:
        """The code of the CodeableConcept under a name, see `code_of_concept`."""
        concept = self.element(name)
        return concept.code_of_concept(systems) if concept else None

    def code_of_concept(self, systems: CodeSystems) -> Code | None:
        """The code of this element, a CodeableConcept: the first coding, with system and code, of a system that is
        known; else the first."""
        codes = [code for coding in self.elements("coding") if (code := coding.code(systems)) is not None]
        return next((code for code in codes if systems.knows(code.system)), codes[0] if codes else None)

    def code(self, systems: CodeSystems) -> Code | None:
        """The code of this element, a Coding or a Quantity, if it has both system and code."""
        system, code = (self.text("system") or "").strip(), (self.text("code") or "").strip()
        return systems.code(system, code) if system and code else None

    def code_in(self, name: str, system: str, systems: CodeSystems) -> str | None:
        """The code that the CodeableConcept under a name has in one system, in any spelling of it."""
        concept = self.element(name)
        if concept is None:
            return None
        for coding in concept.elements("coding"):
            if systems.canonical(coding.text("system") or "") == systems.canonical(system):
                return coding.text("code")
        return None

    def identifiers(self, name: str = "identifier") -> tuple[BusinessIdentifier, ...]:
        """The identifiers of an array that have both system and value."""
        found = (one.identifier() for one in self.elements(name))
        return tuple(identifier for identifier in found if identifier is not None)

    def identifier(self) -> BusinessIdentifier | None:
        """This element, an Identifier, if it has both system and value."""
        system, value = (self.text("system") or "").strip(), (self.text("value") or "").strip()
        return BusinessIdentifier(system, value) if system and value else None

    # ------------------------------------------------------------------ issues

    def wrong(self, name: str, problem: str, value: str | None = None, code: str = "value") -> None:
        """Notes an issue with the element under a name, or with this one if the name is empty."""
        self.issues.append(Issue(f"{self.path}.{name}" if name else self.path, problem, value, code))

    def wrong_code(self, name: str, code: str | None, problem: str) -> None:
        """Notes an issue with a code of a closed list; it is shown only if it looks like one."""
        self.wrong(name, problem, code if code and CLOSED_CODE.fullmatch(code) else None, "code-invalid")

    def _positive(self, name: str, text: str) -> int | None:
        if INTEGER.fullmatch(text) and int(text) >= 1:
            return int(text)
        self.wrong(name, "must be an integer of 1 or more", text)
        return None
