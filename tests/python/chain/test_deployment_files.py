"""What a deployment keeps in its folder: the journal of a transaction under way, the lock, and damaged files."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import ADMIN, Deployer, Deployment, Parameters, suite_plan, verify
from careledger.chain.deployment.deployer import CREATE2_DEPLOYER
from careledger.chain.development import Node, development_signer
from careledger.client import CareLedger
from careledger.errors import (
    CareLedgerError,
    ConfigurationError,
    DeploymentChanged,
    NodeUnreachable,
    TransactionUnconfirmed,
)
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
    connection: Connection, folder: Path, parameters: Parameters = PARAMETERS, timeout_seconds: int = 180
) -> Deployment:
    return Deployer(
        connection, DEPLOYER, suite_plan(parameters), folder, confirmation_timeout_seconds=timeout_seconds
    ).run()


def cut_before_broadcast(node: Node, folder: Path, parameters: Parameters = PARAMETERS, number: int = 1) -> None:
    """A run whose n-th transaction is signed and never reaches the node."""
    with RpcProxy(node.url) as proxy:
        proxy.lose_requests("eth_sendRawTransaction", after=number - 1)
        with pytest.raises(NodeUnreachable):
            deploy(Connection.open(proxy.url), folder, parameters)


def journal(folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((folder / "31337.pending.json").read_text())
    return body


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


# ---------------------------------------------------------------------- the journal


@pytest.mark.parametrize("options", [(), (BY_NONCE,)], ids=["create2", "by nonce"])
def test_a_run_with_another_admin_than_the_interrupted_one_is_refused(options: tuple[str, ...], tmp_path: Path) -> None:
    mistaken = dataclasses.replace(PARAMETERS, admin=development_signer(4).address)
    with Node(options=options) as node:
        cut_before_broadcast(node, tmp_path, mistaken)
        connection = node.connect()
        with pytest.raises(DeploymentChanged) as raised:
            deploy(connection, tmp_path)
        file = tmp_path / "31337.pending.json"
        assert raised.value.subject == f"{file}: admin"
        assert raised.value.expected == mistaken.admin
        assert raised.value.actual.startswith(PARAMETERS.admin)
        assert f"remove {file}" in str(raised.value)
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
    assert connection.nonce(DEPLOYER.address) == 3


def test_a_transaction_that_failed_in_its_block_does_not_block_the_next_run(tmp_path: Path) -> None:
    with Node(options=("--no-mining",)) as node:
        connection = node.connect()
        with pytest.raises(TransactionUnconfirmed):
            deploy(connection, tmp_path, timeout_seconds=0)
        call = bytes.fromhex(journal(tmp_path)["data"][2:])
        stranger = development_signer(5)  # deploys the same, and pays to be first
        first = connection.prepare(stranger, CREATE2_DEPLOYER, call, gas=4_000_000)
        first["maxPriorityFeePerGas"] *= 10
        first["maxFeePerGas"] *= 10
        connection.broadcast(stranger.sign_transaction(first))
        rpc(connection, "evm_mine")
        rpc(connection, "evm_setAutomine", True)
        assert connection.nonce(DEPLOYER.address) == 1
        deployment = deploy(connection, tmp_path)
        assert deployment.configured
        assert deployment.contracts["AccessManager"].transaction_hash is None
        assert [check for check in verify(connection, deployment) if not check.holds] == []


def test_a_fee_that_became_too_low_is_raised_under_the_same_nonce(node: Node, tmp_path: Path) -> None:
    cut_before_broadcast(node, tmp_path)
    before = journal(tmp_path)
    connection = node.connect()
    rpc(connection, "anvil_setNextBlockBaseFeePerGas", hex(500 * GWEI))
    rpc(connection, "evm_mine")
    assert before["fees"]["maxFeePerGas"] < 400 * GWEI
    assert deploy(connection, tmp_path).configured
    assert connection.nonce(DEPLOYER.address) == 3
    assert not (tmp_path / "31337.pending.json").exists()


def test_an_unconfirmed_transaction_is_replaced_and_whichever_is_included_counts(idle: Node, tmp_path: Path) -> None:
    connection = idle.connect()
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=0)
    before = journal(tmp_path)
    with pytest.raises(TransactionUnconfirmed):
        deploy(connection, tmp_path, timeout_seconds=0)
    after = journal(tmp_path)
    assert after["nonce"] == before["nonce"]
    assert (after["to"], after["data"]) == (before["to"], before["data"])
    assert after["signed"][0] == before["signed"][0]
    assert len(after["signed"]) == 2
    assert all(8 * after["fees"][name] >= 9 * before["fees"][name] for name in before["fees"])
    rpc(connection, "anvil_dropAllTransactions")
    older = connection.broadcast(bytes.fromhex(before["signed"][0][2:]))
    rpc(connection, "evm_mine")
    rpc(connection, "evm_setAutomine", True)
    deployment = deploy(connection, tmp_path)
    assert deployment.contracts["AccessManager"].transaction_hash == older
    assert managers(connection) == 1


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


@pytest.mark.parametrize("name", ["31337.json", "31337.pending.json"])
@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"parameters": {}, "contracts": null}', None])
def test_a_damaged_file_is_named_and_nothing_is_sent(node: Node, tmp_path: Path, name: str, text: str | None) -> None:
    path = tmp_path / name
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


@pytest.mark.parametrize(
    "change",
    [{"signed": []}, {"signed": ["0xzz"]}, {"nonce": "x"}, {"sender": "0x12"}, {"to": "0x12"}, {"fees": []}],
    ids=str,
)
def test_a_damaged_part_of_a_journal_is_refused(node: Node, tmp_path: Path, change: dict[str, Any]) -> None:
    cut_before_broadcast(node, tmp_path)
    path = tmp_path / "31337.pending.json"
    path.write_text(json.dumps({**journal(tmp_path), **change}))
    connection = node.connect()
    with pytest.raises(DeploymentChanged) as raised:
        deploy(connection, tmp_path)
    assert raised.value.subject == str(path)
    assert connection.nonce(DEPLOYER.address) == 0


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_sent(node: Node, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    connection = node.connect()
    with pytest.raises(ConfigurationError) as raised:
        deploy(connection, tmp_path / "file")
    assert raised.value.setting.startswith(str(tmp_path / "file"))
    assert connection.nonce(DEPLOYER.address) == 0


def test_a_manifest_that_cannot_be_replaced_is_named(node: Node, tmp_path: Path) -> None:
    (tmp_path / ".31337.pending.json.draft").mkdir()
    connection = node.connect()
    with pytest.raises(CareLedgerError) as raised:
        deploy(connection, tmp_path)
    assert raised.value.fields()["setting"] == str(tmp_path / "31337.pending.json")
    assert connection.nonce(DEPLOYER.address) == 0
