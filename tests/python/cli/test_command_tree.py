"""What holds for every command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from careledger import cli
from careledger.cli.program import COMMANDS as NAMED
from careledger.cli.program import Command, program
from careledger.errors import CareLedgerError
from cli.command_line import CommandLine

WITHOUT_JSON = {"version", "outbox run", "index follow"}
"""Prints one word and nothing else, or runs until told to end and logs JSON lines."""

IMPORTED = """
import sys
from careledger.cli import main
try:
    main()
finally:
    print("\\n", *sys.modules, file=sys.stderr)
"""
"""Runs the program, and ends by telling all modules."""

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


ROOT: Any = typer.main.get_command(program([command.name for command in NAMED]))
COMMANDS = dict(commands(ROOT))
GROUPS = dict(groups(ROOT))


def subclasses(kind: type[CareLedgerError]) -> Iterator[type[CareLedgerError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_the_groups_are_those_documented() -> None:
    expected = {"deploy", "org", "org key", "org recovery", "governance", "outbox", "index", "keys", "vault", "payer"}
    expected |= {"supply", "lot", "unit", "container", "recall", "device", "device service", "bundle", "order"}
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
        "payer deploy",
        "payer publish",
        "payer show",
        "vault backup",
        "vault restore",
        "vault rotate",
        "vault forget",
        "unit verify",
        "ship",
        "receive",
        "dispense",
        "recall lot",
        "recall report",
        "trace",
    } <= COMMANDS.keys()


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_a_command_is_listed_with_the_beginning_of_its_help(named: Command) -> None:
    command = ROOT.commands[named.name]
    assert " ".join(command.help.split("\n\n")[0].split()) == named.summary
    listed = typer.main.get_command(program([])).commands[named.name]  # type: ignore[attr-defined]
    assert listed.help == named.summary
    assert listed.rich_help_panel == command.rich_help_panel or named.panel is None


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ([], ["web3", "sqlalchemy", "cryptography"]),
        (["--help"], ["web3", "sqlalchemy", "cryptography"]),
        (["no-such-command"], ["web3", "sqlalchemy", "cryptography"]),
        (["version"], ["web3", "sqlalchemy", "cryptography"]),
        (["vault", "list", "--help"], ["web3", "sqlalchemy"]),
        (["verify", "--help"], ["sqlalchemy", "prometheus_client"]),
        (["anchor", "--help"], ["sqlalchemy", "prometheus_client"]),
        (["org", "list", "--help"], ["sqlalchemy", "prometheus_client"]),
        (["payer", "show", "--help"], ["sqlalchemy", "prometheus_client"]),
        (["unit", "verify", "--help"], ["sqlalchemy", "prometheus_client"]),
        (["recall", "report", "--help"], ["sqlalchemy", "prometheus_client"]),
    ],
    ids=" ".join,
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], absent: list[str]) -> None:
    """Each of these takes a good part of a second."""
    ended = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True)
    assert set(absent).isdisjoint(ended.stderr.splitlines()[-1].split()), arguments


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
