"""Gives Ape a node when tests of contracts run, and keeps it out of the way of all others; adds `--full`; begins with
what takes longest; lets long counts take their time."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from careledger.chain.development import Node

CONTRACT_TESTS = Path(__file__).parent / "contracts"
PYTHON_TESTS = Path(__file__).parent / "python"
START = 1_800_000_000
"""The time of the node's first block, Unix seconds."""

LONGEST = (
    "demo/test_demo_on_local_chains.py",
    "gateway/test_gateway_kills.py",
    "gateway/test_demo_serving.py",
    "authorization/test_payer_deployment_kills.py",
    "anchoring/test_document_read_model.py",
    "demo/test_demo_on_a_public_chain.py",
    "indexer/test_indexer_regressions.py",
    "indexer/test_kills.py",
    "serialization/test_serialization_read_model.py",
    "authorization/test_payer_deployment.py",
    "test_wheel.py",
    "indexer/test_engine.py",
    "authorization/test_authorization_read_model.py",
    "test_ape_script.py",
    "serialization/test_sealed_bundle.py",
    "serialization/test_cold_chain.py",
    "serialization/test_service_history.py",
    "serialization/test_epcis_capture.py",
    "serialization/test_supply_deployment.py",
    "cli/test_supply_commands.py",
    "anchoring/test_documents.py",
    "anchoring/test_verification.py",
    "chain/test_deployment_kills.py",
    "authorization/test_differential.py",
    "outbox/test_outbox_kills.py",
    "outbox/test_outbox_worker.py",
    "gateway/test_jobs.py",
    "gateway/test_schema.py",
    "gateway/test_gateway_command.py",
    "cli/test_watch_command.py",
    "chain/test_deployment_files.py",
    "indexer/test_source.py",
    "outbox/test_outbox_faults.py",
    "cli/test_anchor_into_vault.py",
    "cli/test_insurer_commands.py",
    "indexer/test_identity_read_model.py",
    "cli/test_index_commands.py",
    "identity/test_organizations.py",
    "chain/test_deployment.py",
    "cli/test_anchor_commands.py",
    "outbox/test_outbox_regressions.py",
    "identity/test_bulk_admission.py",
    "cli/test_node_command.py",
    "authorization/test_policies.py",
)
"""Files of tests/python that take longest, in about that order. They are begun first: at the end of a run no process is
left alone with one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="Also run the tests marked `full`: the long counts.")


def pytest_configure(config: pytest.Config) -> None:
    """Ape would isolate every test of the session, and forget fixtures of tests that have nothing to do with it; the
    tests of contracts isolate themselves."""
    config.option.disable_isolation = True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ape's plugin connects once tests are collected: to a node of ours, or not at all if no test needs it."""
    for item in items:
        daily = item.get_closest_marker("daily")
        if daily and not {*daily.args} & {value for value in _parameters(item).values() if isinstance(value, str)}:
            item.add_marker(pytest.mark.full)
        if item.get_closest_marker("full"):
            item.add_marker(
                pytest.mark.timeout(0)
                if config.getoption("--full")
                else pytest.mark.skip(reason="a long count: --full runs it")
            )
    ranks = {PYTHON_TESTS / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONGEST)))
    if any(CONTRACT_TESTS in item.path.parents for item in items) and not config.option.collectonly:
        node = Node(options=("--timestamp", str(START)))
        config.add_cleanup(node.stop)
        os.environ["APE_FOUNDRY_HOST"] = node.url
        return
    runner = config.pluginmanager.get_plugin("ape-test")
    if runner is not None:
        config.pluginmanager.unregister(runner)


def _parameters(item: pytest.Item) -> dict[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Adds up what tests counted by `record_property("counted: ...", n)`."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith("counted: "):
                totals[name] += int(str(value))
    for name, total in sorted(totals.items()):
        terminalreporter.write_line(f"{name}: {total}")
