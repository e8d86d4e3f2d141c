"""Gives Ape a node when tests of contracts run, and keeps it out of the way of all others; adds `--full`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from careledger.chain.development import Node

CONTRACT_TESTS = Path(__file__).parent / "contracts"
START = 1_800_000_000
"""The time of the node's first block, Unix seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="Also run the tests marked `full`: the long counts.")


def pytest_configure(config: pytest.Config) -> None:
    """Ape would isolate every test of the session, and forget fixtures of tests that have nothing to do with it; the
    tests of contracts isolate themselves."""
    config.option.disable_isolation = True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ape's plugin connects once tests are collected: to a node of ours, or not at all if no test needs it."""
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="a long count: --full runs it"))
    if any(CONTRACT_TESTS in item.path.parents for item in items) and not config.option.collectonly:
        node = Node(options=("--timestamp", str(START)))
        config.add_cleanup(node.stop)
        os.environ["APE_FOUNDRY_HOST"] = node.url
        return
    runner = config.pluginmanager.get_plugin("ape-test")
    if runner is not None:
        config.pluginmanager.unregister(runner)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Adds up what tests counted by `record_property("counted: ...", n)`."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith("counted: "):
                totals[name] += int(str(value))
    for name, total in sorted(totals.items()):
        terminalreporter.write_line(f"{name}: {total}")
