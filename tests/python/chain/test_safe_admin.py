"""A Safe as the admin: deployed by a keystore key, set up by two signatures of three, and verified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import keystore
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.logs import DISCARD

SEPOLIA = 11155111
SAFE_ARTIFACTS = (
    Path(__file__).resolve().parents[3] / "node_modules/@safe-global/safe-contracts/build/artifacts/contracts"
)
PASSPHRASE = "for this test only"
ZERO = "0x" + 40 * "0"


def safe_artifact(path: str) -> tuple[list[dict[str, Any]], str]:
    body = json.loads((SAFE_ARTIFACTS / path).read_text())
    return body["abi"], body["bytecode"]


def transact(connection: Connection, account: LocalAccount, call: Any) -> Any:
    """Signs and sends a call that web3 prepared; returns its receipt."""
    web3 = connection.web3
    nonce = web3.eth.get_transaction_count(account.address)
    transaction = call.build_transaction({"from": account.address, "nonce": nonce, "chainId": SEPOLIA})
    sent = web3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    return receipt


@pytest.fixture
def node() -> Iterator[Node]:
    with Node(chain_id=SEPOLIA) as node:
        yield node


@pytest.fixture
def connection(node: Node) -> Connection:
    return node.connect()


def funded(connection: Connection) -> LocalAccount:
    account = Account.create()
    connection.web3.provider.make_request("anvil_setBalance", [account.address, hex(10**20)])  # type: ignore[arg-type]
    return account


@pytest.fixture
def owners() -> list[LocalAccount]:
    """By address, as a Safe wants its signatures."""
    return sorted((Account.create() for _ in range(3)), key=lambda owner: int(owner.address, 16))


@pytest.fixture
def deployer(connection: Connection) -> LocalAccount:
    return funded(connection)


@pytest.fixture
def safe(connection: Connection, deployer: LocalAccount, owners: list[LocalAccount]) -> Any:
    """A Safe of which any two of three owners may act."""
    web3 = connection.web3

    def create(path: str) -> Any:
        abi, code = safe_artifact(path)
        receipt = transact(connection, deployer, web3.eth.contract(abi=abi, bytecode=code).constructor())
        return web3.eth.contract(address=receipt["contractAddress"], abi=abi)

    singleton = create("Safe.sol/Safe.json")
    factory = create("proxies/SafeProxyFactory.sol/SafeProxyFactory.json")
    addresses = [owner.address for owner in owners]
    setup = singleton.encode_abi("setup", args=[addresses, 2, ZERO, b"", ZERO, ZERO, 0, ZERO])
    receipt = transact(connection, deployer, factory.functions.createProxyWithNonce(singleton.address, setup, 0))
    (created,) = factory.events.ProxyCreation().process_receipt(receipt, errors=DISCARD)
    proxy = web3.eth.contract(address=created["args"]["proxy"], abi=singleton.abi)
    assert proxy.functions.getThreshold().call() == 2
    return proxy


@pytest.fixture
def environment(deployer: LocalAccount, tmp_path: Path) -> dict[str, str]:
    """Settings that name the deployer's keystore file and its passphrase's."""
    file = keystore.write(deployer, PASSPHRASE, tmp_path / "keys", scrypt_n=2)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    return {**kept, "CARELEDGER_SIGNER": file.uri, "CARELEDGER_PASSPHRASE_FILE": str(passphrase)}


def careledger(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "careledger", *arguments, "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def execute(
    connection: Connection, sender: LocalAccount, safe: Any, transaction: dict[str, Any], signers: list[Any]
) -> Any:
    """Executes a Transaction Builder's transaction through the Safe, signed by its owners."""
    nonce = safe.functions.nonce().call()
    message = {
        "to": transaction["to"],
        "value": int(transaction["value"]),
        "data": bytes.fromhex(transaction["data"][2:]),
        "operation": 0,
        "safeTxGas": 0,
        "baseGas": 0,
        "gasPrice": 0,
        "gasToken": ZERO,
        "refundReceiver": ZERO,
        "nonce": nonce,
    }
    types = {
        "SafeTx": [
            {"name": "to", "type": "address"},
            {"name": "value", "type": "uint256"},
            {"name": "data", "type": "bytes"},
            {"name": "operation", "type": "uint8"},
            {"name": "safeTxGas", "type": "uint256"},
            {"name": "baseGas", "type": "uint256"},
            {"name": "gasPrice", "type": "uint256"},
            {"name": "gasToken", "type": "address"},
            {"name": "refundReceiver", "type": "address"},
            {"name": "nonce", "type": "uint256"},
        ]
    }
    domain = {"chainId": SEPOLIA, "verifyingContract": safe.address}
    signed = [signer.sign_typed_data(domain, types, message) for signer in signers]
    assert all(bytes(one.message_hash) == safe.functions.getTransactionHash(*message.values()).call() for one in signed)
    signatures = b"".join(bytes(one.signature) for one in signed)
    return transact(connection, sender, safe.functions.execTransaction(*list(message.values())[:-1], signatures))


def test_a_safe_rules_a_suite_that_a_keystore_key_deployed(
    node: Node,
    connection: Connection,
    deployer: LocalAccount,
    owners: list[LocalAccount],
    safe: Any,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "deployments"
    roles = [development_signer(index).address for index in (1, 2, 3)]
    deploy = ["deploy", "--rpc", node.url, "--deployments", str(folder), "--admin", safe.address]
    deploy += ["--registrar", roles[0], "--policy-administrator", roles[1], "--guardian", roles[2]]

    nonce = connection.nonce(deployer.address)
    first = careledger(environment, *deploy)
    assert first.returncode == 0, first.stderr
    body = json.loads(first.stdout)
    assert not body["deployment"]["configured"]
    assert connection.nonce(deployer.address) == nonce + 3
    file = folder / f"{SEPOLIA}.admin.json"
    assert body["admin_transaction"] == str(file)
    batch = json.loads(file.read_text())
    assert batch["chainId"] == str(SEPOLIA)
    assert batch["meta"]["createdFromSafeAddress"] == safe.address
    (transaction,) = batch["transactions"]
    assert transaction["to"] == body["deployment"]["contracts"]["AccessManager"]["address"]

    unfinished = careledger(environment, "deploy", "--verify", "--rpc", node.url, "--deployments", str(folder))
    assert unfinished.returncode == 9
    for signers in (owners[:1], [owners[0], owners[0]], [owners[0], Account.create()]):
        with pytest.raises(Exception, match="GS0"):  # a Safe's own refusals
            execute(connection, deployer, safe, transaction, signers)
    execute(connection, deployer, safe, transaction, owners[1:])

    nonce = connection.nonce(deployer.address)
    second = careledger(environment, *deploy)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["deployment"]["configured"]
    assert json.loads(second.stdout)["admin_transaction"] is None
    assert connection.nonce(deployer.address) == nonce
    verified = careledger(environment, "deploy", "--verify", "--rpc", node.url, "--deployments", str(folder))
    assert verified.returncode == 0, verified.stdout
    assert all(check["holds"] for check in json.loads(verified.stdout))
    assert PASSPHRASE not in first.stdout + first.stderr


def test_the_deployer_itself_is_refused_as_the_admin(
    node: Node, connection: Connection, deployer: LocalAccount, environment: dict[str, str], tmp_path: Path
) -> None:
    one = deployer.address
    arguments = ["deploy", "--rpc", node.url, "--deployments", str(tmp_path / "deployments"), "--admin", one]
    arguments += ["--registrar", one, "--policy-administrator", one, "--guardian", one]
    refused = careledger(environment, *arguments)
    assert refused.returncode == 9
    error = json.loads(refused.stderr[refused.stderr.index('{\n  "error"') :])["error"]
    assert error["type"] == "PlainKeyAdmin"
    assert error["fields"] == {"admin": one, "chain_id": SEPOLIA}
    assert connection.nonce(one) == 0
