"""`careledger supply`: deploy, --verify, publish, show, assign-product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from careledger.serialization.deployment import PUBLISHED
from careledger.serialization.lots import Lots
from cli.command_line import CommandLine, Result

OPERATOR, MAKER = "medicines-agency", "sundial-pharma"
PRODUCT = "00300010000015"
LICENCE = 2_524_608_000
SEPOLIA = 11155111
RULER, CONTROLLER, DEPLOYER, OTHER = (development_signer(index) for index in (5, 4, 0, 6))


@dataclass(frozen=True)
class Chain:
    """A suite with an operator and a maker, and the folder of the suite's manifest."""

    careledger: CommandLine
    node: Node
    folder: Path

    @property
    def connection(self) -> Connection:
        return self.node.connect()

    def run(self, *arguments: object, signer: str = "development:0") -> Result:
        self.careledger.monkeypatch.setenv("CARELEDGER_SIGNER", signer)
        common = ("--rpc", self.node.url, "--deployments", self.folder, "--json")
        return self.careledger("supply", *arguments, *common)

    def ok(self, *arguments: object, signer: str = "development:0") -> Any:
        result = self.run(*arguments, signer=signer)
        assert result.exit_code == 0, result.err
        return result.body


@contextmanager
def suite_in(folder: Path) -> Iterator[Node]:
    """A node with a suite, an operator and a maker."""
    with Node() as node:
        connection = node.connect()
        parameters = Parameters(*(RULER.address,) * 4, *(1, 0, 1))
        ledger = CareLedger(connection, Deployer(connection, RULER, suite_plan(parameters), folder).run(), RULER)
        for name, role in ((OPERATOR, MemberRole.REGULATOR), (MAKER, MemberRole.MANUFACTURER)):
            ledger.organizations.admit(Admission(name, CONTROLLER.address, frozenset({role}), LICENCE))
        yield node


@pytest.fixture
def chain(careledger: CommandLine, tmp_path: Path) -> Iterator[Chain]:
    with suite_in(tmp_path) as node:
        yield Chain(careledger, node, tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Path]]:
    """For tests that send nothing."""
    folder = tmp_path_factory.mktemp("deployments")
    with suite_in(folder) as node:
        yield node, folder


def test_a_supply_chain_is_deployed_published_found_and_gets_a_product(chain: Chain) -> None:
    first = chain.ok("deploy", OPERATOR)
    assert first["deployment"]["configured"]
    assert list(first["unpublished"]) == list(PUBLISHED)
    assert first["deployment"] == json.loads((chain.folder / f"31337.{OPERATOR}.supply.json").read_text())
    nonce = chain.connection.nonce(DEPLOYER.address)
    assert chain.ok("deploy", OPERATOR) == first
    assert chain.connection.nonce(DEPLOYER.address) == nonce
    assert all(check["holds"] for check in chain.ok("deploy", OPERATOR, "--verify"))
    for_people = chain.careledger("supply", "deploy", OPERATOR, "--rpc", chain.node.url, "--deployments", chain.folder)
    assert f"the operator's controller {CONTROLLER.address}" in for_people.out
    assert f"careledger supply publish {OPERATOR}" in for_people.out
    missing = chain.run("show", OPERATOR)
    assert (missing.exit_code, missing.error["type"]) == (9, "ContractUnpublished")
    assert chain.run("publish", OPERATOR).exit_code == 3
    published = chain.ok("publish", OPERATOR, signer="development:4")
    addresses = {kind: first["deployment"]["contracts"][kind]["address"] for kind in PUBLISHED}
    assert published == {"published": addresses, "sent": len(PUBLISHED)}
    assert chain.ok("publish", OPERATOR, signer="development:4")["sent"] == 0
    found = chain.ok("show", OPERATOR)
    manager = first["deployment"]["contracts"]["AccessManager"]["address"]
    assert found["contracts"] == {"AccessManager": manager, **addresses}
    assert found["halted"] == []

    lots = Lots(CareLedger.connect(chain.node.url, deployments=chain.folder).supply(OPERATOR))
    chain.ok("assign-product", PRODUCT, MAKER, "--supply", OPERATOR)
    assert lots.is_maker(f"gtin:{PRODUCT}", MAKER)
    stranger = chain.run("assign-product", PRODUCT, MAKER, "--supply", OPERATOR, "--withdraw", signer="development:6")
    assert stranger.exit_code == 5
    assert lots.is_maker(f"gtin:{PRODUCT}", MAKER)
    chain.ok("assign-product", f"gtin:{PRODUCT}", MAKER, "--supply", OPERATOR, "--withdraw")
    assert not lots.is_maker(f"gtin:{PRODUCT}", MAKER)


def test_deploy_publishes_with_the_controller_s_signer_once_the_admin_has_acted(chain: Chain) -> None:
    left = chain.ok("deploy", OPERATOR, "--admin", OTHER.address, "--controller-signer", "development:4")
    path = chain.folder / f"31337.{OPERATOR}.supply.admin.json"
    assert left["admin_transaction"] == str(path)
    assert list(left["unpublished"]) == list(PUBLISHED)
    (call,) = json.loads(path.read_text())["transactions"]
    chain.connection.send(OTHER, call["to"], bytes.fromhex(call["data"][2:]))
    assert chain.ok("deploy", OPERATOR, "--controller-signer", "development:4")["unpublished"] == {}
    assert chain.run("show", OPERATOR).exit_code == 0


def test_a_supply_chain_is_stopped_and_goes_on_by_its_own_manager(chain: Chain) -> None:
    chain.ok("deploy", OPERATOR, "--rule-delay", "0", "--controller-signer", "development:4")
    manifest = chain.folder / f"31337.{OPERATOR}.supply.json"
    common = ("--rpc", chain.node.url, "--deployments", chain.folder, "--json")

    def governance(*arguments: object) -> Result:
        chain.careledger.monkeypatch.setenv("CARELEDGER_SIGNER", "development:0")
        return chain.careledger("governance", *arguments, *common)

    by_name, by_manifest = (governance("list", "--supply", one) for one in (OPERATOR, manifest))
    assert by_name.body["members"] == by_manifest.body["members"]
    assert {one["account"] for one in by_name.body["members"]} == {DEPLOYER.address}
    assert governance("pause", "LotRegistry", "--supply", OPERATOR).exit_code == 0
    assert chain.ok("show", OPERATOR)["halted"] == ["LotRegistry"]
    assert governance("resume", "LotRegistry", "--supply", manifest).exit_code == 0
    assert chain.ok("show", OPERATOR)["halted"] == []
    both = governance("list", "--supply", OPERATOR, "--payer", OPERATOR)
    assert (both.exit_code, both.error["fields"]["name"]) == (2, "--supply")
    other = governance("list", "--supply", chain.folder / "31337.json")
    assert (other.exit_code, "a supply chain's" in other.error["message"]) == (2, True)


def test_roles_are_recorded_and_a_failing_check_ends_with_code_9(chain: Chain) -> None:
    deployed = chain.ok("deploy", OPERATOR)["deployment"]
    assert chain.ok("deploy", OPERATOR, "--record-roles")["parameters"] == deployed["parameters"]
    address = deployed["contracts"]["ColdChain"]["address"]
    chain.connection.web3.provider.make_request("anvil_setCode", [address, "0x6001"])  # type: ignore[arg-type]
    result = chain.run("deploy", OPERATOR, "--verify")
    assert result.exit_code == 9
    assert [check["subject"] for check in result.body if not check["holds"]] == [f"ColdChain at {address}"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "kind"),
    [
        (["deploy", "Agency"], 2, "InvalidInput"),
        (["deploy", "nobody"], 9, "DeploymentChanged"),
        (["deploy", OPERATOR, "--guardian", "0x12"], 2, "InvalidInput"),
        (["deploy", OPERATOR, "--verify"], 9, "DeploymentMissing"),
        (["publish", OPERATOR], 9, "DeploymentMissing"),
        (["show", "nobody"], 6, "UnknownOrganization"),
        (["assign-product", PRODUCT, MAKER], 3, "ConfigurationError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_told_and_sends_nothing(
    careledger: CommandLine, untouched: tuple[Node, Path], arguments: list[str], exit_code: int, kind: str
) -> None:
    chain = Chain(careledger, *untouched)
    result = chain.run(*arguments)
    assert (result.exit_code, result.error["type"]) == (exit_code, kind)
    assert chain.connection.nonce(DEPLOYER.address) == 0


def test_a_chain_that_is_not_local_must_be_named(chain: Chain) -> None:
    chain.connection.web3.provider.make_request("anvil_setChainId", [SEPOLIA])  # type: ignore[arg-type]
    for option in ([], ["--public-chain-id", "1"]):
        result = chain.run("deploy", OPERATOR, *option)
        assert (result.exit_code, result.error["type"]) == (9, "PublicChainUnnamed")
        assert "who ships to whom" in result.error["message"]
