"""The pages of scenarios name commands, routes and tests that there are, the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from careledger.gateway.routes import ROUTERS
from cli.test_command_tree import COMMANDS, GROUPS
from fastapi import FastAPI

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ROOT / "docs" / "scenarios.md", ROOT / "docs" / "zh" / "scenarios.md"
ATTACKS = ROOT / "docs" / "gateway-security.md"
QUOTED = re.compile("`([^`]+)`")
METHODS = ("GET ", "POST ")


def routes() -> set[str]:
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}


def quoted(page: Path) -> list[str]:
    return QUOTED.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_what_the_pages_name_is_there(page: Path) -> None:
    named = quoted(page)
    known, known_routes = COMMANDS.keys() | GROUPS.keys(), routes()
    for text in named:
        if text.startswith("careledger "):
            words = text.partition(" --")[0].removeprefix("careledger ")
            assert words in known, text
        elif text.startswith("tests/"):
            assert (ROOT / text).is_file(), text
        elif text.startswith(METHODS):
            assert text in known_routes, text
    assert sum(text.startswith("careledger ") for text in named) > 40
    assert sum(text.startswith("tests/") for text in named) > 40


def test_every_attack_names_a_test_that_there_is() -> None:
    named = [text.partition("::") for text in quoted(ATTACKS) if text.startswith("tests/")]
    assert len(named) > 25
    for path, _, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_both_languages_tell_the_same() -> None:
    def told(page: Path) -> list[str]:
        return [text for text in quoted(page) if text.startswith(("careledger ", "tests/", *METHODS))]

    assert told(ENGLISH) == told(CHINESE)
