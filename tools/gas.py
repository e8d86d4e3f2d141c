"""Measures the gas of every operation and the size of every contract on a fresh Anvil at its default hardfork.

    python tools/gas.py            print the table: measured, committed, ceiling or peer
    python tools/gas.py --write    write tests/gas/snapshot.json
    python tools/gas.py --check    exit 1 if anything differs from the snapshot or is over its ceiling

`tests/gas/<domain>.py` lists a domain's operations in `OPERATIONS`: pairs of a name and a function that gets a `Scene`,
prepares what the operation needs and returns its gas. Each starts from the freshly deployed suite, so that none
depends on another. What all operations of a domain need, and takes long, may be in its `prepare`, a function that gets
the `Scene` before them. Keys, names and block times are fixed, so the numbers are the same in every run.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from careledger.authorization.deployment import PayerParameters, publications
from careledger.authorization.payer import Payer, find_payer
from careledger.chain.artifacts import artifact, artifact_names
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.deployment.deployer import Progress
from careledger.chain.deployment.plan import MANAGER
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.chain.values import encode_call
from careledger.identity import Admission, MemberRole, Organizations, Reason
from eth_account import Account
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table
from web3.types import RPCEndpoint

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import build  # noqa: E402, I001  (found from the project's root; says where the compiler is, before solcx)
import solcx  # noqa: E402

FOLDER = ROOT / "tests" / "gas"
SNAPSHOT = FOLDER / "snapshot.json"
CEILINGS = FOLDER / "ceilings.json"
START = 1_800_000_000
"""The time of the first block, Unix seconds."""

DEPLOYMENT_SECONDS = 3600
BLOCK_SECONDS = 12
SCHEDULE_SECONDS = 2 * 24 * 3600
GAS = 16_000_000
GAS_PRICE_WEI = 100 * 10**9
ADMITTED_UNTIL = 2_000_000_000
"""Unix seconds."""

INSURER = "northstar-insurance"
TOKENS = 10**15
"""Minor units that the insurer's controller has: a thousand million of a token with six decimals."""


Operation = tuple[str, Callable[["Scene"], int]]


@dataclass(frozen=True)
class Domain:
    """A domain's operations, and what they all start from."""

    operations: list[Operation]
    prepare: Callable[[Scene], None]


@dataclass(frozen=True)
class PayerScene:
    """An insurer's freshly deployed contracts, open and published, with the plan's own delays.

    `contracts` are as `CareLedger.payer` finds them. The admin, policy administrator, guardian and controller are the
    scene's. `key`, `reviewer` and `second_reviewer` are keys of the insurer; nobody is appointed yet. The controller
    holds `TOKENS` of the `token`, and lets the vault take them.
    """

    contracts: Payer
    token: str
    medical_director: Signer
    treasurer: Signer
    key: Signer
    reviewer: Signer
    second_reviewer: Signer
    deployment_gas: dict[str, int]


class Scene:
    """The freshly deployed suite on a fixed chain, with the plan's own delays and one account for each role.

    Attributes: `connection`, `manager`, `registry`, `anchors`, `deployment_gas` (step -> gas), and the signers; and
    `payer`, once `deploy_payer` was called.
    """

    payer: PayerScene

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        (
            self.admin,
            self.registrar,
            self.policy_administrator,
            self.guardian,
            self.controller,
            self.other_controller,
            self.key,
            self.other_key,
        ) = (development_signer(index) for index in range(8))
        self.deployment_gas: dict[str, int] = {}
        parameters = Parameters(
            admin=self.admin.address,
            registrar=self.registrar.address,
            policy_administrator=self.policy_administrator.address,
            guardian=self.guardian.address,
        )
        deployment = Deployer(connection, self.admin, suite_plan(parameters), report=keep(self.deployment_gas)).run()
        self.manager = Contract(connection, MANAGER, deployment.addresses[MANAGER])
        self.registry = Contract(connection, REGISTRY, deployment.addresses[REGISTRY])
        self.anchors = Contract(connection, ANCHOR, deployment.addresses[ANCHOR])
        # However long the deployment took: signatures over a time are of the same bytes in every run.
        self.wait(START + DEPLOYMENT_SECONDS - self.now())

    def send(self, contract: Contract, signer: Signer, function: str, *arguments: Any) -> int:
        """The gas of a call's whole transaction."""
        return self.transact(signer, contract.address, contract.encode(function, *arguments)).gas_used

    def schedule(self, contract: Contract, signer: Signer, function: str, *arguments: Any) -> int:
        """The gas of scheduling a call of a contract that a manager rules; waits until it may be made."""
        manager = Contract(self.connection, MANAGER, contract.read("authority"))
        used = self.send(manager, signer, "schedule", contract.address, contract.encode(function, *arguments), 0)
        self.wait(SCHEDULE_SECONDS)
        return used

    def transact(self, signer: Signer, to: str | None, data: bytes) -> TransactionReceipt:
        """Sends a transaction in a block of its own, 12 s after the one before."""
        self.wait(BLOCK_SECONDS, mine=False)
        transaction = {
            "chainId": self.connection.chain_id,
            "nonce": self.connection.nonce(signer.address),
            "gas": GAS,
            "gasPrice": GAS_PRICE_WEI,
            "value": 0,
            "data": data,
            **({} if to is None else {"to": to}),
        }
        return self.connection.wait(self.connection.broadcast(signer.sign_transaction(transaction)))

    def wait(self, seconds: int, mine: bool = True) -> int:
        """Sets the next block's time, so many seconds after the latest, and mines it unless a transaction will."""
        time = self.now() + seconds
        self.request("evm_setNextBlockTimestamp", [time])
        if mine:
            self.request("evm_mine", [])
        return time

    def now(self) -> int:
        """The latest block's time, Unix seconds."""
        return self.connection.block_time()

    def deploy(self, name: str, *arguments: Any) -> str:
        """Deploys one of the contracts in contracts/testing; returns its address."""
        compiled = testing_contract(name)
        constructor: dict[str, Any] = next(
            (entry for entry in compiled["abi"] if entry["type"] == "constructor"), {"inputs": []}
        )
        encoded = encode_call({"name": "", **constructor}, arguments)[4:]
        creation = bytes.fromhex(compiled["evm"]["bytecode"]["object"]) + encoded
        return str(self.transact(self.admin, None, creation).contract_address)

    def encode(self, name: str, function: str, *arguments: Any) -> bytes:
        """The calldata of a call of one of the contracts in contracts/testing."""
        abi = testing_contract(name)["abi"]
        return encode_call(next(entry for entry in abi if entry.get("name") == function), arguments)

    def read_gas(self, contract: Contract, function: str, *arguments: Any) -> int:
        """What another contract pays for a read, with account and storage cold: `ReadProbe` takes `gasleft()` before
        and after its STATICCALL, in an eth_call of its own."""
        probe = self.deploy("ReadProbe")
        data = self.encode("ReadProbe", "gasOf", contract.address, contract.encode(function, *arguments))
        return int.from_bytes(self.connection.call(probe, data), "big")

    def deploy_payer(self) -> None:
        """Admits an insurer and deploys its contracts, as `payer`; for a domain's `prepare`."""
        director, treasurer, key, reviewer, second_reviewer = map(
            self.further_signer, ("medical director", "treasurer", "insurer key", "reviewer", "second reviewer")
        )
        self.admit(INSURER, key, reviewer, second_reviewer, roles=(MemberRole.PAYER,))
        token = self.deploy("StableToken")
        self.transact(self.admin, token, self.encode("StableToken", "mint", self.controller.address, TOKENS))
        parameters = PayerParameters(
            insurer=INSURER,
            token=token,
            registry=self.registry.address,
            anchors=self.anchors.address,
            admin=self.admin.address,
            policy_administrator=self.policy_administrator.address,
            guardian=self.guardian.address,
            medical_director=director.address,
            treasurer=treasurer.address,
        )
        gas: dict[str, int] = {}
        deployer = Deployer(self.connection, self.admin, parameters.plan(), report=keep(gas))
        deployment = deployer.run()
        deployer.carry_out(publications(self.connection, deployment).values(), self.controller)
        contracts = find_payer(self.connection, Organizations(self.registry, 0, None), INSURER, 0)
        approval = self.encode("StableToken", "approve", contracts.vault.address, TOKENS)
        self.transact(self.controller, token, approval)
        self.payer = PayerScene(contracts, token, director, treasurer, key, reviewer, second_reviewer, gas)
        self.wait(START + 2 * DEPLOYMENT_SECONDS - self.now())

    def further_signer(self, name: str) -> Signer:
        """A signer beyond those that the node funds, with ether; the same for the same name."""
        signer = LocalSigner(Account.from_key(keccak(text=f"a signer for measurements: {name}")))
        self.request("anvil_setBalance", [signer.address, hex(10**20)])
        return signer

    def admit(self, name: str, *keys: Signer, roles: Iterable[MemberRole] = (MemberRole.PROVIDER,)) -> None:
        """Admits an organization with some keys."""
        as_registrar = Organizations(self.registry, 0, self.registrar)
        as_registrar.admit(
            Admission(
                name,
                self.controller.address,
                frozenset(roles),
                ADMITTED_UNTIL,
                reason=Reason.APPLICATION,
            )
        )
        as_controller = Organizations(self.registry, 0, self.controller)
        for key in keys:
            as_controller.add_key(as_controller.prove_possession(name, key, ADMITTED_UNTIL))

    def request(self, method: str, parameters: list[Any]) -> Any:
        """One of Anvil's own calls."""
        return self.connection.web3.manager.request_blocking(RPCEndpoint(method), parameters)


def keep(gas: dict[str, int]) -> Callable[[Progress], None]:
    """Notes the gas of each step of a deployment."""

    def report(progress: Progress) -> None:
        if progress.receipt is not None:
            gas[progress.subject] = progress.receipt.gas_used

    return report


@cache
def testing_contract(name: str) -> dict[str, Any]:
    """A contract of contracts/testing, compiled like the others; of them the wheel carries `StableToken` alone."""
    return _testing_contracts()[name]


@cache
def _testing_contracts() -> dict[str, dict[str, Any]]:
    sources = build.sources()
    wanted = [path for path in sources if path.startswith("contracts/testing/")]
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": sources,
            "settings": {
                "optimizer": {"enabled": True, "runs": 10000},
                "evmVersion": "shanghai",
                "remappings": [f"@openzeppelin/contracts={build.LIBRARY}"],
                "outputSelection": {path: {"*": ["abi", "evm.bytecode.object"]} for path in wanted},
            },
        },
        solc_version=build.SOLC_VERSION,
    )
    return {name: contract for path in wanted for name, contract in output["contracts"][path].items()}


def domains() -> dict[str, Domain]:
    """The domains by the names of their files in tests/gas."""
    found: dict[str, Domain] = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.name.startswith(("test_", "__")):
            continue
        spec = importlib.util.spec_from_file_location(f"gas_of_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise SystemExit(f"gas: cannot load {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[path.stem] = Domain(module.OPERATIONS, getattr(module, "prepare", lambda _: None))
    return found


def measure() -> dict[str, int]:
    """Every operation's gas and every contract's size, by name."""
    measured = {f"size.{name}": len(artifact(name).runtime) for name in artifact_names() if artifact(name).runtime}
    with Node(options=("--timestamp", str(START), "--block-base-fee-per-gas", "1000000000")) as node:
        scene = Scene(node.connect())
        for name, domain in domains().items():
            fresh = scene.request("evm_snapshot", [])
            domain.prepare(scene)
            for operation, measured_gas in domain.operations:
                prepared = scene.request("evm_snapshot", [])
                measured[f"{name}.{operation}"] = measured_gas(scene)
                scene.request("evm_revert", [prepared])
            scene.request("evm_revert", [fresh])
    return dict(sorted(measured.items()))


def problems(measured: dict[str, int], committed: dict[str, int], limits: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is wrong: a difference from the snapshot, a value over its ceiling, a limit of nothing."""
    for name in sorted(measured.keys() | committed.keys()):
        if measured.get(name) != committed.get(name):
            yield f"{name}: measured {measured.get(name, 'nothing')}, committed {committed.get(name, 'nothing')}"
    for name, limit in limits.items():
        if name not in measured:
            yield f"{name}: has a ceiling or a peer and is not measured"
        elif "ceiling" in limit and measured[name] > limit["ceiling"]:
            yield f"{name}: {measured[name]} is over its ceiling {limit['ceiling']}"


def beside(name: str, measured: dict[str, int], limits: dict[str, dict[str, Any]]) -> str:
    """What stands beside a row: its ceiling, and its peer's gas with the ratio to it."""
    limit = limits.get(name, {})
    parts = [f"at most {limit['ceiling']:,}"] if "ceiling" in limit else []
    if "peer" in limit:
        gas = limit["gas"] if "gas" in limit else measured[limit["measured"]]
        parts.append(f"{limit['peer']} {gas:,} (x{measured[name] / gas:.2f})")
    return "; ".join(parts)


def show(measured: dict[str, int], committed: dict[str, int], limits: dict[str, dict[str, Any]]) -> None:
    """Prints the table."""
    table = Table("operation", "measured", "committed", "ceiling or peer")
    table.columns[1].justify = table.columns[2].justify = "right"
    for name, value in measured.items():
        known = committed.get(name)
        style = None if known == value else "bold"
        table.add_row(
            name, f"{value:,}", "-" if known is None else f"{known:,}", beside(name, measured, limits), style=style
        )
    Console(width=140).print(table)


def load(path: Path) -> dict[str, Any]:
    """A JSON file's content; empty if there is none."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def main() -> int:
    measured, committed, limits = measure(), load(SNAPSHOT), load(CEILINGS)
    if "--write" in sys.argv[1:]:
        SNAPSHOT.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
        committed = measured
    show(measured, committed, limits)
    if "--check" not in sys.argv[1:]:
        return 0
    found = list(problems(measured, committed, limits))
    for problem in found:
        print(f"gas: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
