"""What a deployment keeps in its folder: the outbox of its transactions, the lock, and damaged files."""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import ADMIN, Deployer, Deployment, Parameters, suite_plan, through_outbox, verify
from careledger.chain.deployment.deployer import CREATE2_DEPLOYER
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Outbox, Policy, Record, State
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.errors import (
    CareLedgerError,
    ConfigurationError,
    DatabaseError,
    DeploymentChanged,
    FeeTooHigh,
    NodeUnreachable,
    OutboxOfAnotherChain,
    TransactionUnconfirmed,
)
from eth_account import Account
from eth_utils.address import to_checksum_address
from rpc_proxy import RpcProxy
from web3.utils.address import get_create_address

DEPLOYER = development_signer(0)
PARAMETERS = Parameters(*(DEPLOYER.address,) * 4, rule_delay_seconds=60, admin_delay_seconds=0)
BY_NONCE = "--disable-default-create2-deployer"
GWEI = 10**9


def rpc(connection: Connection, method: str, *parameters: Any) -> Any:
    answer = connection.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer
    return answer["result"]


def deploy(
    connection: Connection,
    folder: Path,
    parameters: Parameters = PARAMETERS,
    timeout_seconds: int = 180,
    signer: Signer = DEPLOYER,
) -> Deployment:
    return Deployer(
        connection, signer, suite_plan(parameters), folder, confirmation_timeout_seconds=timeout_seconds
    ).run()


def cut_before_broadcast(node: Node, folder: Path, parameters: Parameters = PARAMETERS, number: int = 1) -> None:
    """A run whose n-th transaction is signed and never reaches the node."""
    with RpcProxy(node.url) as proxy:
        proxy.lose_requests("eth_sendRawTransaction", times=float("inf"), after=number - 1)
        with pytest.raises(TransactionUnconfirmed):
            deploy(Connection.open(proxy.url), folder, parameters, timeout_seconds=1)


def records(folder: Path) -> list[Record]:
    with Outbox.offline(f"sqlite:///{folder / '31337.outbox.db'}") as outbox:
        return outbox.records()


def raw_of(folder: Path, transaction_hash: str) -> bytes:
    """The signed bytes in the outbox."""
    with sqlite3.connect(folder / "31337.outbox.db") as file:
        query = "SELECT raw FROM outbox_transaction WHERE transaction_hash = ?"
        (raw,) = file.execute(query, (transaction_hash,)).fetchone()
    return bytes(raw)


def calldata(connection: Connection, transaction_hash: str) -> bytes:
    """Of a transaction in the node's pool."""
    return bytes.fromhex(rpc(connection, "eth_getTransactionByHash", transaction_hash)["input"][2:])


def outbid(connection: Connection, call: bytes) -> None:
    """A stranger deploys the same, and pays to be first."""
    stranger = development_signer(5)
    first = connection.prepare(stranger, CREATE2_DEPLOYER, call, gas=4_000_000)
    first["maxPriorityFeePerGas"] *= 10
    first["maxFeePerGas"] *= 10
    connection.broadcast(stranger.sign_transaction(first))


def managers(connection: Connection) -> int:
    """How many managers the deployer's transactions created."""
    nonces = range(connection.nonce(DEPLOYER.address))
    created = [to_checksum_address(get_create_address(DEPLOYER.address, nonce)) for nonce in nonces]  # type: ignore[arg-type]
    return sum(artifact("AccessManager").matches(connection.code(address)) for address in created)


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def idle() -> Iterator[Node]:
    """A node that makes no block until it is told to, without a CREATE2 deployer."""
    with Node(options=("--no-mining", BY_NONCE)) as node:
        yield node


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises the fees of what is in no block after a second."""
    quick = functools.partial(Policy, bump_after_seconds=1, rebroadcast_after_seconds=0.2)
    monkeypatch.setattr(through_outbox, "Policy", quick)


# ---------------------------------------------------------------------- the outbox


@pytest.mark.parametrize("options", [(), (BY_NONCE,)], ids=["create2", "by nonce"])
def test_a_run_with_another_admin_than_the_interrupted_one_is_refused(options: tuple[str, ...], tmp_path: Path) -> None:
    mistaken = dataclasses.replace(PARAMETERS, admin=development_signer(4).address)
    with Node(options=options) as node:
        cut_before_broadcast(node, tmp_path, mistaken)
        connection = node.connect()
        with pytest.raises(DeploymentChanged) as raised:
            deploy(connection, tmp_path)
        file = tmp_path / "31337.json"
        assert raised.value.subject == f"{file}: admin"
        assert raised.value.expected == mistaken.admin
        assert raised.value.actual.startswith(PARAMETERS.admin)
        assert f"run again with {mistaken.admin}, or remove {file}" in str(raised.value)
        assert connection.nonce(DEPLOYER.address) == 0
        file.unlink()
        deployment = deploy(connection, tmp_path)
        manager = Contract(connection, "AccessManager", deployment.addresses["AccessManager"])
        assert manager.read("hasRole", ADMIN, PARAMETERS.admin) == (True, 0)
        assert manager.read("hasRole", ADMIN, mistaken.admin) == (False, 0)


def test_a_block_between_two_questions_of_a_resumed_run_leads_to_no_second_contract(idle: Node, tmp_path: Path) -> None:
    connection = idle.connect()
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=0)
    with RpcProxy(idle.url) as proxy:
        proxy.delay("eth_getTransactionCount", 0.5)

        def mine() -> None:
            assert proxy.wait_for("eth_getTransactionCount", 1, 30)
            rpc(connection, "evm_mine")
            proxy.delay("eth_getTransactionCount", 0)
            rpc(connection, "evm_setAutomine", True)

        miner = threading.Thread(target=mine)
        miner.start()
        deployment = deploy(Connection.open(proxy.url), tmp_path)
        miner.join()
    assert deployment.configured
    assert managers(connection) == 1
    assert connection.nonce(DEPLOYER.address) == 4


def test_a_transaction_that_failed_in_its_block_does_not_block_the_next_run(tmp_path: Path) -> None:
    with Node(options=("--no-mining",)) as node:
        connection = node.connect()
        with pytest.raises(TransactionUnconfirmed) as raised:
            deploy(connection, tmp_path, timeout_seconds=0)
        outbid(connection, calldata(connection, raised.value.transaction_hash))
        rpc(connection, "evm_mine")
        rpc(connection, "evm_setAutomine", True)
        assert connection.nonce(DEPLOYER.address) == 1
        deployment = deploy(connection, tmp_path)
        assert deployment.configured
        assert deployment.contracts["AccessManager"].transaction_hash is None
        assert [check for check in verify(connection, deployment) if not check.holds] == []
        assert records(tmp_path)[0].state is State.REVERTED
        assert connection.nonce(DEPLOYER.address) == 4


def test_a_stranger_who_is_faster_while_a_run_waits_does_not_end_it(tmp_path: Path) -> None:
    with Node(options=("--no-mining",)) as node, RpcProxy(node.url) as proxy:
        connection = node.connect()

        def be_faster() -> None:
            assert proxy.wait_for("eth_sendRawTransaction", 1, 30)
            while not rpc(connection, "txpool_content")["pending"]:
                time.sleep(0.01)
            (ours,) = rpc(connection, "eth_getBlockByNumber", "pending", False)["transactions"]
            outbid(connection, calldata(connection, ours))
            rpc(connection, "evm_mine")
            rpc(connection, "evm_setAutomine", True)

        stranger = threading.Thread(target=be_faster)
        stranger.start()
        deployment = deploy(Connection.open(proxy.url), tmp_path)
        stranger.join()
        assert deployment.configured
        assert deployment.contracts["AccessManager"].transaction_hash is None
        assert [check for check in verify(connection, deployment) if not check.holds] == []
        assert connection.nonce(DEPLOYER.address) == 4


def test_a_fee_that_became_too_low_is_raised_under_the_same_nonce(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path)
    (before,) = records(tmp_path)
    (signed,) = before.attempts
    connection = node.connect()
    rpc(connection, "anvil_setNextBlockBaseFeePerGas", hex(500 * GWEI))
    rpc(connection, "evm_mine")
    assert signed.max_fee_wei < 400 * GWEI
    assert deploy(connection, tmp_path).configured
    assert connection.nonce(DEPLOYER.address) == 4
    after = records(tmp_path)[0]
    assert (after.state, after.nonce, len(after.attempts)) == (State.CONFIRMED, before.nonce, 2)
    assert after.transaction_hash == after.attempts[1].transaction_hash != signed.transaction_hash


def test_a_fee_is_not_raised_above_the_cap(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path)
    connection = node.connect()
    rpc(connection, "anvil_setNextBlockBaseFeePerGas", hex(500 * GWEI))
    rpc(connection, "evm_mine")
    connection.fee_cap_wei = 100 * GWEI
    with pytest.raises(FeeTooHigh) as raised:
        deploy(connection, tmp_path, timeout_seconds=1)
    assert raised.value.cap_wei == 100 * GWEI
    assert [len(record.attempts) for record in records(tmp_path)] == [1]
    connection.fee_cap_wei = None
    assert deploy(connection, tmp_path).configured
    assert connection.nonce(DEPLOYER.address) == 4


def test_nothing_is_stored_if_the_first_transaction_costs_too_much(node: Node, tmp_path: Path) -> None:
    connection = node.connect()
    connection.fee_cap_wei = 1
    with pytest.raises(FeeTooHigh):
        deploy(connection, tmp_path)
    assert records(tmp_path) == []
    assert not (tmp_path / "31337.json").exists()


@pytest.mark.usefixtures("impatient")
def test_an_unconfirmed_transaction_is_replaced_and_whichever_is_included_counts(idle: Node, tmp_path: Path) -> None:
    connection = idle.connect()
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=0)
    (before,) = records(tmp_path)
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=3)
    (after,) = records(tmp_path)
    assert (after.key, after.nonce) == (before.key, before.nonce)
    assert after.attempts[0].transaction_hash == before.attempts[0].transaction_hash
    assert len(after.attempts) >= 2
    for older, newer in zip(after.attempts, after.attempts[1:], strict=False):
        assert older.tip_wei is not None
        assert newer.tip_wei is not None
        assert 8 * newer.max_fee_wei >= 9 * older.max_fee_wei
        assert 8 * newer.tip_wei >= 9 * older.tip_wei
    rpc(connection, "anvil_dropAllTransactions")
    first = connection.broadcast(raw_of(tmp_path, before.attempts[0].transaction_hash))
    rpc(connection, "evm_mine")
    rpc(connection, "evm_setAutomine", True)
    deployment = deploy(connection, tmp_path)
    assert deployment.contracts["AccessManager"].transaction_hash == first
    assert managers(connection) == 1
    assert connection.nonce(DEPLOYER.address) == 4


def test_another_key_makes_no_second_contract_at_an_address_by_nonce(idle: Node, tmp_path: Path) -> None:
    connection = idle.connect()
    other = development_signer(6)
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=0)
    with pytest.raises(DeploymentChanged) as raised:
        deploy(connection, tmp_path, signer=other)
    assert raised.value.subject == f"{tmp_path / '31337.outbox.db'}: the sender of AccessManager"
    assert raised.value.expected == DEPLOYER.address
    assert raised.value.actual.startswith(other.address)
    assert connection.nonce(other.address) == 0
    rpc(connection, "evm_mine")
    rpc(connection, "evm_setAutomine", True)
    deployment = deploy(connection, tmp_path, signer=other)
    assert deployment.contracts["AccessManager"].transaction_hash == records(tmp_path)[0].attempts[0].transaction_hash
    assert not deployment.configured  # the admin has yet to act
    assert (connection.nonce(DEPLOYER.address), connection.nonce(other.address)) == (1, 2)
    assert deploy(connection, tmp_path).configured
    assert managers(connection) == 1


def test_another_key_goes_on_where_addresses_follow_from_the_code(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path)
    connection = node.connect()
    other = development_signer(6)
    deployment = deploy(connection, tmp_path, signer=other)
    assert (connection.nonce(DEPLOYER.address), connection.nonce(other.address)) == (0, 3)
    assert deploy(connection, tmp_path).addresses == deployment.addresses


def test_a_lost_manifest_makes_no_second_contract_at_an_address_by_nonce(tmp_path: Path) -> None:
    with Node(options=(BY_NONCE,)) as node:
        connection = node.connect()
        deployment = deploy(connection, tmp_path)
        (tmp_path / "31337.json").unlink()
        assert deploy(connection, tmp_path) == deployment
        assert connection.nonce(DEPLOYER.address) == 4
        (tmp_path / "31337.json").unlink()
        other = dataclasses.replace(PARAMETERS, registrar=development_signer(4).address)
        assert set(deploy(connection, tmp_path, other).addresses.values()).isdisjoint(deployment.addresses.values())


def test_a_lost_manifest_does_not_hide_another_admin(node: Node, tmp_path: Path) -> None:
    connection = node.connect()
    manager = Contract(connection, "AccessManager", deploy(connection, tmp_path).addresses["AccessManager"])
    manager.send(DEPLOYER, "grantRole", ADMIN, development_signer(6).address, 0)
    (tmp_path / "31337.json").unlink()
    with pytest.raises(DeploymentChanged) as raised:
        deploy(connection, tmp_path)
    assert raised.value.subject.endswith(": admins")


def test_a_request_that_is_lost_once_does_not_end_a_run(node: Node, tmp_path: Path) -> None:
    with RpcProxy(node.url) as proxy:
        proxy.lose_requests("eth_sendRawTransaction")
        proxy.lose_answers("eth_sendRawTransaction", after=1)
        assert deploy(Connection.open(proxy.url), tmp_path).configured
        assert proxy.faults() == {"lost request": 1, "lost answer": 1}
    assert node.connect().nonce(DEPLOYER.address) == 4


def test_a_node_that_goes_away_is_named_when_time_is_up(idle: Node, tmp_path: Path) -> None:
    connection = idle.connect()
    with RpcProxy(idle.url) as proxy:

        def go_away() -> None:
            assert proxy.wait_for("eth_sendRawTransaction", 1, 30)
            proxy.lose_requests(times=float("inf"))

        leaving = threading.Thread(target=go_away)
        leaving.start()
        through = Connection.open(proxy.url)
        started = time.monotonic()
        with pytest.raises(NodeUnreachable) as raised:
            deploy(through, tmp_path, timeout_seconds=2)
        assert 2 < time.monotonic() - started < 10
        leaving.join()
        assert raised.value.url == proxy.url
        proxy.heal()
        rpc(connection, "evm_setAutomine", True)
        rpc(connection, "evm_mine")
        assert deploy(through, tmp_path).configured
    assert managers(connection) == 1
    assert connection.nonce(DEPLOYER.address) == 4


@pytest.mark.parametrize("chain_id", [31337, 11155111], ids=["local", "not local"])
def test_an_outbox_of_another_chain_is_begun_anew_on_a_local_chain_only(chain_id: int, tmp_path: Path) -> None:
    admin = development_signer(4)
    parameters = dataclasses.replace(PARAMETERS, admin=admin.address)
    signer = LocalSigner(Account.create())
    path = tmp_path / f"{chain_id}.outbox.db"
    for number, timestamp in enumerate(("1795000000", "1796000000")):
        with Node(chain_id=chain_id, options=("--timestamp", timestamp)) as node:
            connection = node.connect()
            rpc(connection, "anvil_setBalance", signer.address, hex(10**20))
            deployer = Deployer(connection, signer, suite_plan(parameters), tmp_path, allow_plain_key_admin=True)
            if number == 1 and chain_id == 11155111:
                with pytest.raises(OutboxOfAnotherChain):
                    deployer.run()
                assert connection.nonce(signer.address) == 0
                return
            deployer.run()
            with Outbox.offline(f"sqlite:///{path}") as outbox:
                assert [record.state for record in outbox.records()] == [State.CONFIRMED] * 3
                assert outbox.status().genesis_hash == connection.genesis_hash()
        (tmp_path / f"{chain_id}.json").unlink()


# ---------------------------------------------------------------------- the lock


def test_a_second_deployer_at_the_same_time_is_refused(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "31337.lock"
    connection = node.connect()
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError) as raised:
            deploy(connection, tmp_path)
    assert raised.value.setting == str(path)
    assert connection.nonce(DEPLOYER.address) == 0
    assert deploy(connection, tmp_path).configured


# ---------------------------------------------------------------------- the manifest


def test_a_half_finished_deployment_is_named_as_such_until_it_is_finished(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path, number=2)
    connection = node.connect()
    for use in (
        lambda: CareLedger.connect(node.url, None, tmp_path),
        lambda: verify(connection, Deployment.load(tmp_path, 31337)),
    ):
        with pytest.raises(DeploymentChanged) as raised:
            use()
        assert "no OrganizationRegistry" in raised.value.actual
        assert "careledger deploy" in raised.value.actual
    deploy(connection, tmp_path)
    CareLedger.connect(node.url, None, tmp_path)


@pytest.mark.parametrize("options", [(), (BY_NONCE,)], ids=["create2", "by nonce"])
def test_a_deployment_of_an_earlier_version_is_finished_by_the_next_run(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """One whose suite had no DocumentAnchor, and which has been in use since."""
    plan = suite_plan(PARAMETERS)
    earlier = dataclasses.replace(plan, contracts=plan.contracts[:2])
    with Node(options=options) as node:
        connection = node.connect()
        before = Deployer(connection, DEPLOYER, earlier, tmp_path).run()
        assert before.configured
        assert list(before.contracts) == ["AccessManager", "OrganizationRegistry"]
        with pytest.raises(DeploymentChanged) as raised:
            CareLedger.connect(node.url, None, tmp_path)
        assert raised.value.actual == "no DocumentAnchor; run `careledger deploy` to finish it"
        nonce = connection.nonce(DEPLOYER.address)
        after = deploy(connection, tmp_path)
        assert connection.nonce(DEPLOYER.address) == nonce + 1
        anchor = after.contracts.pop("DocumentAnchor")
        assert after == before
        assert anchor.arguments == [before.addresses["OrganizationRegistry"]]
        CareLedger.connect(node.url, None, tmp_path)


def test_a_manifest_of_an_empty_chain_with_the_same_genesis_is_to_be_removed(tmp_path: Path) -> None:
    options = ("--timestamp", "1795000000")
    with Node(options=options) as node:
        deploy(node.connect(), tmp_path)
    with Node(options=options) as node:
        connection = node.connect()
        with pytest.raises(DeploymentChanged) as raised:
            deploy(connection, tmp_path)
        assert raised.value.actual.startswith("no code")
        assert f"remove {tmp_path / '31337.json'}" in raised.value.actual
        (tmp_path / "31337.json").unlink()
        assert deploy(connection, tmp_path).configured


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"parameters": {}, "contracts": null}', None])
def test_a_damaged_manifest_is_named_and_nothing_is_sent(node: Node, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "31337.json"
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    connection = node.connect()
    with pytest.raises(DeploymentChanged) as raised:
        deploy(connection, tmp_path)
    assert raised.value.subject == str(path)
    assert connection.nonce(DEPLOYER.address) == 0


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("contracts", "AccessManager", "address"), "0x12"),
        (("contracts", "AccessManager", "address"), None),
        (("contracts", "AccessManager", "artifact"), "Nope"),
        (("contracts", "AccessManager", "block"), "x"),
        (("contracts", "OrganizationRegistry", "block"), -5),
        (("contracts",), []),
        (("contracts",), {}),
        (("parameters", "admin"), "x"),
        (("parameters", "rule_delay_seconds"), None),
        (("chain_id",), 1),
        (("genesis_hash",), None),
    ],
    ids=str,
)
def test_a_damaged_part_of_a_manifest_is_refused(node: Node, tmp_path: Path, keys: tuple[str, ...], value: Any) -> None:
    deploy(node.connect(), tmp_path)
    path = tmp_path / "31337.json"
    body = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(body))
    with pytest.raises(DeploymentChanged):
        CareLedger.connect(node.url, None, tmp_path)


@pytest.mark.parametrize("text", ["{}", "null", 1000 * "no database ", None])
def test_a_damaged_outbox_is_named_and_nothing_is_sent(node: Node, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "31337.outbox.db"
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    refuses_the_outbox(node, tmp_path)


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE outbox_transaction", "DROP TABLE outbox_record", "UPDATE outbox_revision SET version_num = 'later'"],
)
def test_an_outbox_with_a_part_missing_is_refused(node: Node, tmp_path: Path, statement: str) -> None:
    cut_before_broadcast(node, tmp_path)
    with sqlite3.connect(tmp_path / "31337.outbox.db") as file:
        file.execute(statement)
    refuses_the_outbox(node, tmp_path)


def test_an_outbox_with_a_broken_page_is_refused(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path)
    path = tmp_path / "31337.outbox.db"
    content = bytearray(path.read_bytes())
    content[4096:] = len(content[4096:]) * b"\xa5"
    path.write_bytes(content)
    refuses_the_outbox(node, tmp_path)


def refuses_the_outbox(node: Node, folder: Path) -> None:
    connection = node.connect()
    with pytest.raises(DatabaseError) as raised:
        deploy(connection, folder)
    assert raised.value.database == f"sqlite:///{folder / '31337.outbox.db'}"
    assert connection.nonce(DEPLOYER.address) == 0


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_sent(node: Node, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    connection = node.connect()
    with pytest.raises(ConfigurationError) as raised:
        deploy(connection, tmp_path / "file")
    assert raised.value.setting.startswith(str(tmp_path / "file"))
    assert connection.nonce(DEPLOYER.address) == 0


def test_a_manifest_that_cannot_be_replaced_is_named(node: Node, tmp_path: Path) -> None:
    (tmp_path / ".31337.json.draft").mkdir()
    connection = node.connect()
    with pytest.raises(CareLedgerError) as raised:
        deploy(connection, tmp_path)
    assert raised.value.fields()["setting"] == str(tmp_path / "31337.json")
    assert connection.nonce(DEPLOYER.address) == 0
