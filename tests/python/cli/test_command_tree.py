"""What holds for every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from careledger import cli
from careledger.cli import app
from careledger.errors import CareLedgerError
from cli.command_line import CommandLine

WITHOUT_JSON = {"version", "outbox run", "index follow"}
"""Prints one word and nothing else, or runs until told to end and logs JSON lines."""

SECRET = re.compile(r"private|passphrase|password|secret|mnemonic|seed", re.IGNORECASE)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        if command.invoke_without_command:
            yield " ".join(path), command
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield " ".join(path), command


def groups(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        yield " ".join(path), command
        for name, child in command.commands.items():
            yield from groups(child, (*path, name))


ROOT = typer.main.get_command(app)
COMMANDS = dict(commands(ROOT))
GROUPS = dict(groups(ROOT))


def subclasses(kind: type[CareLedgerError]) -> Iterator[type[CareLedgerError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_the_groups_are_those_documented() -> None:
    expected = {"deploy", "org", "org key", "org recovery", "governance", "outbox", "index", "keys", "vault"}
    assert expected <= GROUPS.keys()
    assert {
        "node",
        "deploy",
        "deploy drill",
        "org admit",
        "org key prove",
        "governance list",
        "governance schedule",
        "governance execute",
        "governance cancel",
        "governance pause",
        "keys new",
        "keys import",
        "keys list",
        "vault backup",
        "vault restore",
        "vault rotate",
        "vault forget",
    } <= COMMANDS.keys()


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_a_command_has_a_help_text(name: str) -> None:
    command = COMMANDS.get(name) or GROUPS[name]
    assert command.help
    assert len(command.help.split()) >= 3


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_JSON))
def test_a_command_has_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_has_a_help_text(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_no_argument_is_a_secret(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert not any(SECRET.search(option) for option in parameter.opts), parameter.opts


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown(careledger: CommandLine, name: str) -> None:
    result = careledger(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: careledger" in result.out


def test_every_error_ends_with_a_documented_exit_code() -> None:
    assert cli.__doc__ is not None
    documented = {int(number) for number in re.findall(r"(?<![\w.])(\d+)(?= )", cli.__doc__)}
    used = {kind.exit_code for kind in subclasses(CareLedgerError)}
    assert used <= documented


@pytest.mark.parametrize("arguments", [["no-such-command"], ["org", "list", "--no-such-option"], ["org", "show"]])
def test_wrong_use_ends_with_code_2(careledger: CommandLine, arguments: list[str]) -> None:
    assert careledger(*arguments).exit_code == 2


def test_the_version_is_printed(careledger: CommandLine) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", careledger("version").out)
