"""`careledger index` on an Anvil: build, look up, check, and follow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from careledger.chain.database import Database
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.chain.indexer.tables import Schema
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole, Reason, organization_id
from cli.command_line import CommandLine, Result
from sqlalchemy import update

RULER = development_signer(5)
LICENCE_EXPIRY = 2_208_988_800
FOLLOW_SECONDS = 30

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture(scope="module")
def deployments(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployments")
    Deployer(node.connect(), RULER, suite_plan(Parameters(*(RULER.address,) * 4, *(1, 0, 1))), folder).run()
    return folder


@pytest.fixture(scope="module")
def suite(node: Node, deployments: Path) -> CareLedger:
    suite = CareLedger.connect(node.url, RULER, deployments)
    for name in ("acme.example", "beta.example", "gamma.example"):
        admission = Admission(name, RULER.address, frozenset({MemberRole.PAYER}), LICENCE_EXPIRY)
        suite.organizations.admit(admission)
    suite.organizations.suspend("beta.example", Reason.REGULATOR_ORDER)
    return suite


@pytest.fixture
def index(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'index.db'}"


@pytest.fixture
def run(careledger: CommandLine, suite: CareLedger, node: Node, deployments: Path, index: str) -> Run:
    careledger.monkeypatch.setenv("CARELEDGER_RPC", node.url)
    careledger.monkeypatch.setenv("CARELEDGER_DEPLOYMENTS", str(deployments))
    careledger.monkeypatch.setenv("CARELEDGER_INDEX", index)
    return lambda *arguments, as_json=True: careledger("index", *arguments, *(["--json"] if as_json else []))


@pytest.fixture
def built(run: Run) -> Run:
    assert run("sync").exit_code == 0
    return run


def test_sync_then_status(run: Run, suite: CareLedger) -> None:
    done = run("sync")
    assert done.exit_code == 0, done.err
    head = suite.connection.block_number()
    assert (done.body["block_number"], done.body["reorganizations"]) == (head, 0)
    assert done.body["events"] > 20
    assert run("sync").body["events"] == 0
    status = run("status").body
    assert (status["chain_id"], status["block_number"]) == (31337, head)
    assert set(status["contracts"]) == set(suite.deployment.addresses.values())
    assert run("rebuild").body["events"] == done.body["events"]


def test_a_list_is_filtered_paged_and_borne_out_by_the_chain(built: Run) -> None:
    tables = {entry["entity"] for entry in built("list").body}
    assert {"organization", "organization_key", "role_member", "governance_operation"} <= tables
    suspended = built("list", "organization", "--where", "standing=2", "--verify")
    assert suspended.exit_code == 0, suspended.err
    assert [row["name"] for row in suspended.body["rows"]] == ["beta.example"]
    assert suspended.body["mismatches"] == []
    names, after = [], []
    for _ in range(3):
        page = built("list", "organization", "--limit", 1, *after).body
        names += [row["name"] for row in page["rows"]]
        after = ["--after", json.dumps(page["next"])]
    assert sorted(names) == ["acme.example", "beta.example", "gamma.example"]
    assert page["next"] is None
    text = built("list", "organization", "--limit", 1, "--verify", as_json=False).out
    assert "1 rows: the chain bears them out" in text
    assert "more: --after" in text


def test_a_past_block_and_a_history_are_shown(built: Run, suite: CareLedger) -> None:
    versions = built("history", "organization", organization_id("beta.example"), "--verify").body["rows"]
    assert [version["standing"] for version in versions] == [1, 2]
    assert versions[0]["until_block"] == versions[1]["since_block"]
    before = versions[1]["since_block"] - 1
    listed = built("list", "organization", "--at", before, "--where", "standing=1").body["rows"]
    assert len(listed) == 3
    assert built("list", "organization", "--at", suite.connection.block_number() + 5).error["type"] == "InvalidInput"


def test_events_are_listed_in_order_and_by_time(built: Run, suite: CareLedger) -> None:
    rows = built("events", "OrganizationAdmitted", "--verify").body["rows"]
    assert [row["name"] for row in rows] == ["acme.example", "beta.example", "gamma.example"]
    last = rows[-1]["block_time"]
    assert built("events", "OrganizationAdmitted", "--from", last + 1).body["rows"] == []
    assert len(built("events", "OrganizationAdmitted", "--to", last).body["rows"]) == 3
    assert built("verify", "--sample", 50).body == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "kind"),
    [
        (("list", "nothing"), 2, "InvalidInput"),
        (("list", "organization", "--where", "standing"), 2, "InvalidInput"),
        (("list", "organization", "--where", "colour=red"), 2, "InvalidInput"),
        (("list", "organization", "--after", "x"), 2, "InvalidInput"),
        (("list", "organization", "--at", "tomorrow"), 2, "InvalidInput"),
        (("list", "organization", "--where", "standing=active"), 2, "InvalidInput"),
        (("list", "role", "--where", "role=registrar"), 2, "InvalidInput"),
        (("list", "organization", "--where", f"standing={2**64}"), 2, "InvalidInput"),
        (("list", "role", "--after", '["x"]'), 2, "InvalidInput"),
        (("events", "KeyAdded", "--after", "[1]"), 2, "InvalidInput"),
        (("events", "KeyAdded", "--from", "9" * 40), 2, "InvalidInput"),
        (("history", "organization"), 2, None),
        (("events", "Nothing"), 2, "InvalidInput"),
        (("events", "ContractEvent"), 2, "InvalidInput"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_use_is_named(built: Run, arguments: tuple[str, ...], exit_code: int, kind: str | None) -> None:
    result = built(*arguments)
    assert result.exit_code == exit_code
    if kind is not None:
        assert result.error["type"] == kind


def test_without_an_index_the_setting_or_the_way_to_build_one_is_named(careledger: CommandLine, tmp_path: Path) -> None:
    unset = careledger("index", "status", "--json")
    assert (unset.exit_code, unset.error["fields"]["setting"]) == (3, "--index or CARELEDGER_INDEX")
    missing = careledger("index", "status", "--json", "--index", f"sqlite:///{tmp_path / 'none.db'}")
    assert (missing.exit_code, missing.error["type"]) == (12, "IndexMissing")
    assert "careledger index sync" in missing.error["message"]


def test_an_index_of_another_version_contracts_or_chain_names_the_way_out(
    built: Run, node: Node, deployments: Path, index: str, tmp_path: Path
) -> None:
    def change(**values: object) -> None:
        database = Database(index)
        with database.write() as connection:
            connection.execute(update(Schema().state).values(**values))
        database.close()

    def is_refused(*arguments: str) -> tuple[int, str]:
        found = built(*arguments)
        assert "careledger index rebuild" in found.error["message"]
        return found.exit_code, found.error["type"]

    change(contracts="[]")
    assert is_refused("sync") == (12, "IndexOutdated")
    change(fingerprint="of another version")
    for command in (("status",), ("list", "organization"), ("events", "KeyAdded"), ("sync",), ("verify",)):
        assert is_refused(*command) == (12, "IndexOutdated")
    assert built("rebuild").exit_code == 0
    change(genesis_hash="0x" + "99" * 32)
    assert is_refused("sync") == (12, "IndexOfAnotherChain")
    assert built("rebuild").exit_code == 0
    assert built("verify").body == []
    fresh = built("rebuild", "--deployments", tmp_path)
    assert (fresh.exit_code, fresh.error["type"]) == (9, "DeploymentMissing")
    manifest = json.loads((deployments / "31337.json").read_text())
    (tmp_path / "31337.json").write_text(json.dumps({**manifest, "genesis_hash": "0x" + "99" * 32}))
    other = built("rebuild", "--deployments", tmp_path)
    assert (other.exit_code, other.error["type"]) == (9, "DeploymentChanged")
    assert built("status").exit_code == 0


def test_a_first_node_that_is_gone_is_stood_in_for(built: Run, node: Node) -> None:
    gone = ("--rpc", "http://127.0.0.1:9", "--rpc", node.url)
    assert built("verify", *gone).body == []
    assert built("list", "organization", "--verify", *gone).body["mismatches"] == []
    failed = built("sync", "--rpc", "http://127.0.0.1:9")
    assert (failed.exit_code, failed.error["type"]) == (4, "NodeUnreachable")


def test_a_port_for_metrics_that_is_taken_is_named(built: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = built("follow", "--metrics-port", taken.getsockname()[1], as_json=False)
    assert failed.exit_code == 3
    assert "--metrics-port" in failed.err


def test_follow_keeps_up_and_ends_when_told(
    node: Node, suite: CareLedger, deployments: Path, index: str, run: Run
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "careledger", "index", "follow", "--index", index, "--rpc", node.url]
    command += ["--deployments", str(deployments), "--metrics-port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    follower = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        suite.organizations.renew("gamma.example", LICENCE_EXPIRY + 1)
        deadline = time.monotonic() + FOLLOW_SECONDS
        while True:
            status = run("status")
            if status.exit_code == 0 and status.body["block_number"] >= suite.connection.block_number():
                break
            assert time.monotonic() < deadline, follower.poll()
            time.sleep(0.2)
        metrics = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        assert f"careledger_index_block_number {float(suite.connection.block_number())}" in metrics
        assert 'careledger_index_events_total{event="OrganizationAdmitted"} 3.0' in metrics
    finally:
        follower.send_signal(signal.SIGTERM)
        printed, logged = follower.communicate(timeout=FOLLOW_SECONDS)
    assert follower.returncode == 0, logged
    assert printed == ""
    assert all(json.loads(line)["event"] for line in logged.splitlines())
