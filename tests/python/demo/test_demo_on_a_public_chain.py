"""The command against an Anvil like a public chain: blocks at intervals, Sepolia's id, and no node-only calls."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from careledger import CareLedger
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import keystore
from careledger.contract_events import ContractPublished, KeyAdded, KeyRetired, OrganizationSuspended
from eth_account import Account
from expected_answers import check_answers, check_steps, check_tables, without_times
from rpc_proxy import RpcProxy

SEPOLIA = 11155111
BLOCK_SECONDS = 1
ETHER = 10**18
SENT = "eth_sendRawTransaction"
TRANSACTIONS = 113
ACTORS = 13
RUN_TIMEOUT_SECONDS = 300
PASSPHRASE = "a passphrase for tests only"


@dataclass(frozen=True)
class Chain:
    """A node behind a proxy, and an account on it that can pay."""

    proxy: RpcProxy
    funder: str
    key: str
    keystore: Path
    passphrase_file: Path
    deployments: Path

    def command(self, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", "careledger", "demo", "--rpc", self.proxy.url, "--json"]
        command += ["--keystore", str(self.keystore), "--deployments", str(self.deployments), *arguments]
        return command

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "COLUMNS": "160", "CARELEDGER_PASSPHRASE_FILE": str(self.passphrase_file)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_SECONDS,
            check=False,
        )

    def kill_after(self, count: int, seconds: float, *arguments: str) -> str:
        """Starts a run and kills it with SIGKILL some time after it sent so many transactions. Returns its output."""
        seen = self.proxy.count(SENT)
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert self.proxy.wait_for(SENT, seen + count, RUN_TIMEOUT_SECONDS)
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGKILL)
            printed, _ = process.communicate()
        assert process.returncode == -signal.SIGKILL
        return printed


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    account = Account.create()
    file = keystore.write(account, PASSPHRASE, tmp_path / "keys", scrypt_n=2**12)
    passphrase_file = tmp_path / "passphrase"
    passphrase_file.write_text(PASSPHRASE + "\n")
    with Node(block_time_seconds=BLOCK_SECONDS, chain_id=SEPOLIA) as node:
        # development_signer is refused there, as it should be: the node's own account pays instead.
        connection = node.connect()
        rich = development_signer(0).address
        sent = connection.web3.eth.send_transaction({"from": rich, "to": account.address, "value": ETHER})
        connection.wait("0x" + bytes(sent).hex())
        with RpcProxy(node.url) as proxy:
            key = account.key.hex().removeprefix("0x")
            yield Chain(proxy, account.address, key, file.path, passphrase_file, tmp_path / "deployments")


def error(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(done.stderr[done.stderr.index("{") :])
    return body["error"]


def test_demo_killed_at_random_moments_is_resumed_and_a_second_run_sends_nothing(
    chain: Chain, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("CARELEDGER_TEST_SEED") or random.SystemRandom().randrange(10**9))
    print(f"CARELEDGER_TEST_SEED={seed}")
    choose = random.Random(seed)

    # Once while the suite and the funding go out, once among the steps.
    printed = chain.kill_after(choose.randint(1, 15), choose.uniform(0, BLOCK_SECONDS), "--budget", "0.9")
    printed += chain.kill_after(choose.randint(1, 95), choose.uniform(0, BLOCK_SECONDS), "--budget", "0.9")
    done = chain.run("--budget", "0.9")
    assert done.returncode == 0, done.stderr
    performance = json.loads(done.stdout)
    check_answers(performance["answers"])
    check_tables(performance["tables"])
    assert performance["chain"] == {
        "chain_id": SEPOLIA,
        "where": f"the node at {chain.proxy.url}",
        "local": False,
    }
    assert f"its admin {chain.funder} is an ordinary key" in performance["notice"]
    assert "total, at the most" in done.stderr

    sent = chain.proxy.count(SENT)
    assert sent <= TRANSACTIONS + ACTORS + 2, "a run that goes on may fund each actor once more, and send two again"
    again = chain.run("--budget", "0.9")
    assert again.returncode == 0, again.stderr
    assert chain.proxy.count(SENT) == sent
    second = json.loads(again.stdout)
    check_steps(second["steps"], done_before=True)
    assert second["answers"] == performance["answers"]
    assert without_times(second["tables"]) == without_times(performance["tables"])
    assert second["contracts"] == performance["contracts"]
    assert second["leftovers"] == performance["leftovers"]
    assert second["funding"]["total_wei"] == 0

    with CareLedger.connect(chain.proxy.url, deployments=chain.deployments, expected_chain_id=SEPOLIA) as suite:
        names = list(suite.organizations.names())
        kinds = [KeyAdded, KeyRetired, OrganizationSuspended, ContractPublished]
        logs = suite.connection.logs(suite.organizations.address, kinds)
        seen = [type(entry.event) for entry in logs]
    assert len(names) == 6
    assert all(name.startswith("demo-") for name in names)
    assert [seen.count(kind) for kind in kinds] == [9, 1, 1, 12]

    record_property("counted: demos killed at random moments", 2)

    refunded = chain.run("--budget", "0.9", "--refund")
    assert refunded.returncode == 0, refunded.stderr
    left = json.loads(refunded.stdout)["leftovers"]
    before = {entry["account"]: entry["balance_wei"] for entry in performance["leftovers"]}
    assert left[0]["balance_wei"] > before["funder"]
    assert all(entry["balance_wei"] < before[entry["account"]] // 5 for entry in left[1:])

    assert not chain.proxy.refused, "the demo made calls that only a development node answers"
    texts = [printed, done.stdout, done.stderr, again.stdout, again.stderr, refunded.stdout, refunded.stderr]
    left_behind = [text.encode() for text in texts]
    left_behind += [file.read_bytes() for file in chain.deployments.rglob("*") if file.is_file()]
    for content in left_behind:
        assert chain.key.encode() not in content.lower()
        assert bytes.fromhex(chain.key) not in content
        assert PASSPHRASE.encode() not in content


def test_demo_outside_a_local_chain_sends_nothing_until_it_may(chain: Chain) -> None:
    too_small = chain.run("--budget", "0.0001")
    assert too_small.returncode == 2
    refusal = error(too_small)
    assert refusal["type"] == "BudgetTooSmall"
    assert refusal["fields"]["needed_wei"] > 10**14
    assert "total, at the most" in too_small.stderr

    no_budget = chain.run()
    assert (no_budget.returncode, error(no_budget)["fields"]["setting"]) == (3, "--budget")

    no_keystore = [argument for argument in chain.command("--budget", "1") if argument != str(chain.keystore)]
    no_keystore.remove("--keystore")
    done = subprocess.run(no_keystore, capture_output=True, text=True, timeout=RUN_TIMEOUT_SECONDS, check=False)
    assert (done.returncode, error(done)["fields"]["setting"]) == (3, "--keystore")

    chain.passphrase_file.write_text("another passphrase\n")
    locked = chain.run("--budget", "1")
    assert (locked.returncode, error(locked)["type"]) == (7, "SignerError")

    assert chain.proxy.count(SENT) == 0
    assert Connection.open(chain.proxy.url).nonce(chain.funder) == 0
    assert not chain.deployments.exists()
