"""What the console says, in English and Chinese, out of the files in `texts`: one for the site, one for each page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

__all__ = ["COOKIE", "LANGUAGES", "Words", "language_of", "words"]

LANGUAGES = ("en", "zh")
COOKIE = "lang"


class Words:
    """The texts of one language, by dotted names such as `verify.title`."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, name: str, **values: object) -> str:
        """A text, with what stands in braces filled in. Raises KeyError for a name or a value that is not there."""
        return self._texts[name].format(**values) if values else self._texts[name]

    def of(self, *groups: str) -> dict[str, str]:
        """All texts of some groups, as a page's script gets them."""
        return {name: text for name, text in self._texts.items() if name.partition(".")[0] in groups}


@cache
def words(language: str) -> Words:
    """The texts of a language. Raises KeyError for one that there is not."""
    catalogue: dict[str, Any] = {}
    for file in resources.files(__package__).joinpath("texts").iterdir():
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert not groups.keys() & catalogue.keys(), f"{file.name} has a group of another file's"
        catalogue |= groups
    return Words(language, {name: texts[language] for name, texts in _flat(catalogue)})


def language_of(cookie: str | None, accept: str) -> str:
    """The language to begin in: what was chosen before, or what a browser asks for first (`Accept-Language`)."""
    if cookie in LANGUAGES:
        return cookie
    ranges: list[tuple[float, str]] = []
    for part in accept.split(","):
        name, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0
        ranges.append((weight, name.strip().lower().partition("-")[0]))
    known = [one for one in ranges if one[0] > 0 and one[1] in LANGUAGES]
    return max(known, key=lambda one: one[0])[1] if known else LANGUAGES[0]


def _flat(node: Mapping[str, Any], prefix: str = "") -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    for name, value in node.items():
        if set(value) == set(LANGUAGES):
            found.append((prefix + name, value))
        else:
            found += _flat(value, f"{prefix}{name}.")
    return found
