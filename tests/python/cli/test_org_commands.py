"""`careledger org` and `careledger governance` on an Anvil: answers in JSON, errors in JSON, exit codes."""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Outbox
from careledger.chain.signers import keystore
from careledger.client import CareLedger
from careledger.contract_events import OperationScheduled
from careledger.identity import organization_id
from cli.command_line import CommandLine, Result
from eth_account import Account

RULER = "development:5"
CONTROLLER = "development:4"
SUCCESSOR = "development:3"
CONTROLLER_ADDRESS = development_signer(4).address
SUCCESSOR_ADDRESS = development_signer(3).address
LICENCE = "2040-01-01"
LICENCE_SECONDS = 2_208_988_800
NUMBERS = itertools.count()

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def deployments(anvil_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite whose every role is the ruler's."""
    folder = tmp_path_factory.mktemp("deployments")
    ruler = development_signer(5)
    parameters = Parameters(*(ruler.address,) * 4, *(1, 0, 1))
    Deployer(anvil_node.connect(), ruler, suite_plan(parameters), folder).run()
    return folder


@pytest.fixture
def run(careledger: CommandLine, anvil_node: Node, deployments: Path) -> Run:
    """Runs a command on the suite; as the ruler, if nobody else is named."""

    def run(*arguments: object, signer: str = RULER) -> Result:
        careledger.monkeypatch.setenv("CARELEDGER_SIGNER", signer)
        return careledger(*arguments, "--rpc", anvil_node.url, "--deployments", deployments, "--json")

    return run


def admit(run: Run, **changes: str) -> str:
    name = f"hospital-{next(NUMBERS)}"
    options = {"controller": CONTROLLER_ADDRESS, "role": "provider", "licence-until": LICENCE, **changes}
    flags = [part for option, value in options.items() for part in (f"--{option}", value)]
    result = run("org", "admit", name, *flags)
    assert result.exit_code == 0, result.err
    return name


def events(result: Result) -> list[str]:
    assert result.exit_code == 0, result.err
    assert set(result.body) == {"transaction_hash", "block_number", "gas_used", "cost_wei", "events"}
    return [event["event"] for event in result.body["events"]]


def test_admit_then_show_list_find_active_and_at(run: Run) -> None:
    name = admit(run, identifier=f"LOCAL:{next(NUMBERS)}/{os.getpid()}")
    shown = run("org", "show", name).body
    assert (shown["name"], shown["id"], shown["active"]) == (name, organization_id(name), True)
    assert shown["membership"]["standing"] == "ACTIVE"
    assert shown["membership"]["member_roles"] == ["PROVIDER"]
    assert shown["membership"]["licence_expiry"] == LICENCE_SECONDS
    assert shown["controller"] == CONTROLLER_ADDRESS
    assert shown["keys"] == []
    (identifier,) = shown["identifiers"]

    listed = {entry["name"]: entry for entry in run("org", "list").body}
    assert listed[name]["membership"] == shown["membership"]
    found = run("org", "find", f"{identifier['scheme']}:{identifier['value']}")
    assert found.exit_code == 0
    assert found.body["id"] == shown["id"]
    missing = run("org", "find", "LOCAL:nobody")
    assert (missing.exit_code, missing.body) == (6, {"organization": None})

    assert (run("org", "active", name, "provider").exit_code, run("org", "active", name, "Provider").body) == (
        0,
        {"active": True},
    )
    inactive = run("org", "active", name, "payer")
    assert (inactive.exit_code, inactive.body) == (9, {"active": False})
    since = shown["membership"]["since"]
    assert run("org", "at", name, since).body == shown["membership"]
    assert run("org", "at", name, since - 1).body["standing"] == "UNKNOWN"


def test_admit_from_a_file_admits_all_and_repeating_it_changes_nothing(run: Run, tmp_path: Path) -> None:
    entries = [
        {
            "name": f"pharmacy-{next(NUMBERS)}",
            "controller": CONTROLLER_ADDRESS,
            "roles": ["dispenser"],
            "licence_until": LICENCE,
        }
        for _ in range(5)
    ]
    file = tmp_path / "admissions.json"
    file.write_text(json.dumps(entries))
    result = run("org", "admit", "--file", file)
    assert result.exit_code == 0, result.err
    assert result.body["admitted"] == 5
    assert len(result.body["transactions"]) == 1
    assert result.body["gas_per_organization"] == result.body["gas_used"] // 5
    names = {entry["name"] for entry in run("org", "list").body}
    assert {entry["name"] for entry in entries} <= names
    again = run("org", "admit", "--file", file)
    assert again.exit_code == 0
    assert again.body["gas_used"] < result.body["gas_used"] / 3


def test_admit_through_an_outbox_takes_up_the_same_transactions(run: Run, tmp_path: Path) -> None:
    entries = [
        {
            "name": f"clinic-{next(NUMBERS)}",
            "controller": CONTROLLER_ADDRESS,
            "roles": ["provider"],
            "licence_until": LICENCE,
        }
        for _ in range(3)
    ]
    file = tmp_path / "admissions.json"
    file.write_text(json.dumps(entries))
    told = ("org", "admit", "--file", file, "--outbox", f"sqlite:///{tmp_path / 'outbox.db'}")
    result = run(*told)
    assert result.exit_code == 0, result.err
    assert result.body["admitted"] == 3
    assert result.body["gas_per_organization"] == result.body["gas_used"] // 3
    assert {entry["name"] for entry in entries} <= {entry["name"] for entry in run("org", "list").body}
    assert run(*told).body == result.body
    with Outbox.offline(f"sqlite:///{tmp_path / 'outbox.db'}") as outbox:
        assert [record.transaction_hash for record in outbox.records()] == result.body["transactions"]
    wrong = run(*told[:-1], "mysql://nowhere")
    assert (wrong.exit_code, wrong.error["type"]) == (3, "ConfigurationError")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "file"),
        ("[]", "file"),
        ("{}", "file"),
        ("[1]", "file"),
        (1000 * "[" + 1000 * "]", "file"),
        ('[{"name": "a", "controller": "0x12", "roles": 5, "licence_until": 1}]', "roles"),
        ('[{"name": "a", "controller": "0x12", "roles": "payer", "licence_until": 1}]', "roles"),
        ('[{"name": "a", "controller": "0x12", "roles": [5], "licence_until": 1}]', "roles"),
        (
            '[{"name": "a", "controller": "0x12", "roles": ["payer"], "licence_until": 1, "identifiers": null}]',
            "identifiers",
        ),
        (
            '[{"name": "a", "controller": "0x12", "roles": ["payer"], "licence_until": 1, "identifiers": 5}]',
            "identifiers",
        ),
        ('[{"nom": "a"}]', "admission"),
        ('[{"name": "a"}]', "controller"),
        ('[{"name": "a", "controller": "0x12", "roles": ["payer"], "licence_until": "soon"}]', "time"),
        ('[{"name": "a", "controller": "0x12", "roles": ["queen"], "licence_until": "2040-01-01"}]', "MemberRole"),
        ('[{"name": "a", "controller": "0x12", "roles": ["payer"], "licence_until": "2040-01-01"}]', "controller"),
    ],
)
def test_a_file_that_is_wrong_is_refused(run: Run, tmp_path: Path, text: str, name: str) -> None:
    file = tmp_path / "admissions.json"
    file.write_text(text)
    result = run("org", "admit", "--file", file)
    assert result.exit_code == 2
    assert result.out == ""
    assert result.error["type"] == "InvalidInput"
    assert result.error["fields"]["name"] == name


@pytest.mark.parametrize(
    "told", [["hospital"], ["--controller", CONTROLLER_ADDRESS], ["--role", "payer"], ["--reason", "merger"]]
)
def test_a_file_together_with_one_admission_is_refused(run: Run, tmp_path: Path, told: list[str]) -> None:
    name = f"pharmacy-{next(NUMBERS)}"
    entry = {"name": name, "controller": CONTROLLER_ADDRESS, "roles": ["dispenser"], "licence_until": LICENCE}
    file = tmp_path / "admissions.json"
    file.write_text(json.dumps([entry]))
    result = run("org", "admit", *told, "--file", file)
    assert (result.exit_code, result.error["fields"]["name"]) == (2, "--file")
    assert run("org", "show", name).exit_code == 6


def test_the_registrar_s_commands_change_a_membership(run: Run) -> None:
    name = admit(run)
    assert events(run("org", "add-roles", name, "--role", "laboratory", "--role", "device-operator")) == [
        "MemberRolesChanged"
    ]
    assert events(run("org", "remove-roles", name, "--role", "laboratory")) == ["MemberRolesChanged"]
    assert events(run("org", "renew", name, "2041-01-01")) == ["LicenceRenewed"]
    assert events(run("org", "suspend", name, "--reason", "security-incident")) == ["OrganizationSuspended"]
    assert events(run("org", "reinstate", name)) == ["OrganizationReinstated"]
    assert events(run("org", "commit-metadata", name, "0x" + 64 * "7")) == ["MetadataCommitted"]
    assert events(run("org", "identify", name, "--identifier", f"LOCAL:{name}")) == ["IdentifierAssigned"]
    assert events(run("org", "withdraw-identifier", name, f"LOCAL:{name}")) == ["IdentifierWithdrawn"]
    assert "OrganizationExpelled" in events(run("org", "expel", name, "--reason", "fraud"))
    shown = run("org", "show", name).body
    assert shown["membership"]["standing"] == "EXPELLED"
    assert shown["membership"]["member_roles"] == ["PROVIDER", "DEVICE_OPERATOR"]
    assert shown["metadata_commitment"] == "0x" + 64 * "7"
    assert shown["identifiers"] == []


def test_a_key_proves_itself_and_is_added_shown_retired_and_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = admit(run)
    account = Account.create()
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "the key's own passphrase")
    file = keystore.write(account, "the key's own passphrase", tmp_path / "keys", scrypt_n=2)
    proved = run("org", "key", "prove", name, signer=file.uri)
    assert proved.exit_code == 0, proved.err
    assert proved.body["key"] == account.address
    assert proved.body["organization"] == organization_id(name)
    proof = tmp_path / "proof.json"
    proof.write_text(proved.out)
    assert events(run("org", "key", "add", proof, signer=CONTROLLER)) == ["KeyAdded"]
    shown = run("org", "key", "show", account.address).body
    assert (shown["status"], shown["organization"]) == ("ACTIVE", organization_id(name))
    assert run("org", "show", name).body["keys"] == [shown]
    at = run("org", "key", "show", account.address, "--at", shown["added_at"]).body
    assert (at["status"], at["compromised"]) == ("ACTIVE", False)
    assert events(run("org", "key", "retire", account.address, signer=CONTROLLER)) == ["KeyRetired"]
    since = shown["added_at"]
    assert events(run("org", "key", "report", account.address, "--since", since, signer=CONTROLLER)) == [
        "KeyCompromised"
    ]
    assert run("org", "key", "show", account.address).body["status"] == "COMPROMISED"


@pytest.mark.parametrize("text", ["", "{}", '{"organization": "a"}', "[]"])
def test_a_proof_that_is_none_is_refused(run: Run, tmp_path: Path, text: str) -> None:
    proof = tmp_path / "proof.json"
    proof.write_text(text)
    result = run("org", "key", "add", proof, signer=CONTROLLER)
    assert result.exit_code == 2
    assert result.error["fields"]["name"] == "proof"
    assert run("org", "key", "add", tmp_path / "none.json", signer=CONTROLLER).exit_code == 2


def test_an_expired_proof_is_refused_with_its_values(run: Run, tmp_path: Path) -> None:
    name = admit(run)
    proved = run("org", "key", "prove", name, "--valid-for", "1", signer="development:6")
    time.sleep(3)
    proof = tmp_path / "proof.json"
    proof.write_text(proved.out)
    result = run("org", "key", "add", proof, signer=CONTROLLER)
    assert result.exit_code == 5
    assert result.error["type"] == "OrganizationRegistrySignatureExpired"
    assert result.error["fields"]["deadline"] == proved.body["deadline"]


def test_a_controller_is_transferred_and_a_contract_published(run: Run, deployments: Path) -> None:
    name = admit(run)
    manager = json.loads((deployments / "31337.json").read_text())["contracts"]["AccessManager"]["address"]
    assert events(run("org", "publish-contract", name, "Escrow", manager, signer=CONTROLLER)) == ["ContractPublished"]
    assert run("org", "contract", name, "Escrow").body == {"address": manager}
    missing = run("org", "contract", name, "Formulary")
    assert (missing.exit_code, missing.body) == (6, {"address": None})
    transfer = run("org", "transfer-controller", name, SUCCESSOR_ADDRESS, signer=CONTROLLER)
    assert events(transfer) == ["ControllerTransferStarted"]
    assert run("org", "show", name).body["pending_controller"] == SUCCESSOR_ADDRESS
    assert events(run("org", "accept-controller", name, signer=SUCCESSOR)) == ["ControllerTransferred"]


def test_a_recovery_is_cancelled_contested_settled_and_completed(run: Run) -> None:
    name = admit(run)
    start = functools.partial(run, "org", "recovery", "start", name, SUCCESSOR_ADDRESS)
    assert events(start()) == ["RecoveryStarted"]
    assert events(run("org", "recovery", "cancel", name, "--reason", "clerical_error")) == ["RecoveryCancelled"]
    assert events(start()) == ["RecoveryStarted"]
    contest = run("org", "recovery", "contest", name, SUCCESSOR_ADDRESS, signer=CONTROLLER)
    assert events(contest) == ["RecoveryContested"]
    assert run("org", "show", name).body["recovery"]["contested"]
    settle = run(
        "org", "recovery", "settle", name, SUCCESSOR_ADDRESS, "--reason", "cleared", "--uphold", SUCCESSOR_ADDRESS
    )
    assert events(settle) == ["RecoverySettled"]
    complete = run("org", "recovery", "complete", name, signer=SUCCESSOR)
    assert events(complete) == ["RecoveryCompleted", "ControllerTransferred"]
    assert events(run("org", "recovery", "start", name, CONTROLLER_ADDRESS)) == ["RecoveryStarted"]
    guarded = run("org", "recovery", "contest", name, CONTROLLER_ADDRESS, "--as-guardian")
    assert events(guarded) == ["RecoveryContested"]
    ended = run("org", "recovery", "settle", name, CONTROLLER_ADDRESS, "--reason", "fraud")
    assert events(ended) == ["RecoverySettled"]
    assert run("org", "show", name).body["controller"] == SUCCESSOR_ADDRESS


def test_governance_lists_schedules_cancels_and_executes(run: Run) -> None:
    name = admit(run)
    arguments = json.dumps([organization_id(name), 8])
    scheduled = run("governance", "schedule", "OrganizationRegistry", "expel", arguments)
    assert events(scheduled) == ["OperationScheduled"]
    operation = scheduled.body["events"][0]["operation_id"]
    listed = run("governance", "list").body
    assert {member["label"] for member in listed["members"]} == {
        "admin",
        "registrar",
        "policy administrator",
        "guardian",
    }
    newest = listed["operations"][-1]
    assert newest["id"] == operation
    assert newest["description"] == f"OrganizationRegistry.expel({organization_id(name)}, 8)"
    assert events(run("governance", "cancel", operation)) == ["OperationCanceled"]
    assert run("governance", "list").body["operations"][-1]["state"] == "CANCELLED"

    run("governance", "schedule", "OrganizationRegistry", "expel", arguments)
    time.sleep(2)
    assert "OrganizationExpelled" in events(run("governance", "execute", operation))
    assert run("governance", "list").body["operations"][-1]["state"] == "EXECUTED"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["OrganizationRegistry", "expel", "1"], "arguments"),
        (["OrganizationRegistry", "expel", "[1"], "arguments"),
        (["OrganizationRegistry", "expel", "[]"], "arguments"),
        (["OrganizationRegistry", "mint", "[]"], "function"),
        (["OrganizationRegistry", "recoveryDelay", "[]"], "function"),
        (["OrganizationRegistry", "expel", '["0x000000000000000000000001", 200]'], "reason"),
        (["OrganizationRegistry", "expel", 2000 * "["], "arguments"),
        (["OrganizationRegistry", "expel", '["hospital", 8]'], "organization"),
        (["Escrow", "expel", "[]"], "contract"),
    ],
)
def test_an_operation_that_is_none_is_refused(run: Run, anvil_node: Node, arguments: list[str], name: str) -> None:
    nonce = anvil_node.connect().nonce(development_signer(5).address)
    for command in (["schedule"], ["call"], ["propose", CONTROLLER_ADDRESS]):
        result = run("governance", *command, *arguments)
        assert result.exit_code == 2, result.err
        assert result.error["fields"]["name"] == name
    assert anvil_node.connect().nonce(development_signer(5).address) == nonce


def test_an_operation_with_malformed_arguments_is_listed_and_cancelled_and_hides_no_other(
    run: Run, anvil_node: Node, deployments: Path
) -> None:
    ruler = development_signer(5)
    governance = CareLedger.connect(anvil_node.url, ruler, deployments).governance
    manager, registry = governance.contract("AccessManager"), governance.contract("OrganizationRegistry")
    data = registry.artifact.selector("expel") + b"\1"
    receipt = manager.send(ruler, "schedule", registry.address, data, 0)
    malformed = receipt.event(OperationScheduled).operation_id
    arguments = json.dumps([organization_id(admit(run)), 8])
    good = run("governance", "schedule", "OrganizationRegistry", "expel", arguments).body["events"][0]["operation_id"]

    def program(*command: str) -> Any:
        # In a process of its own: the Ape plugin, which pytest loads, makes eth_abi lenient for the whole process.
        node = ["--rpc", anvil_node.url, "--deployments", str(deployments), "--json"]
        environment = {**os.environ, "CARELEDGER_SIGNER": RULER}
        full = [sys.executable, "-m", "careledger", "governance", *command, *node]
        done = subprocess.run(full, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    described = {entry["id"]: entry["description"] for entry in program("list")["operations"]}
    assert described[malformed] == "OrganizationRegistry.expel, with malformed arguments"
    assert described[good].startswith("OrganizationRegistry.expel(0x")
    program("cancel", good)
    program("cancel", malformed)
    states = {entry["id"]: entry["state"] for entry in program("list")["operations"]}
    assert (states[good], states[malformed]) == ("CANCELLED", "CANCELLED")


def test_the_registry_cannot_be_paused(run: Run) -> None:
    for command in ("pause", "resume"):
        result = run("governance", command, "OrganizationRegistry")
        assert result.exit_code == 2
        assert result.error["fields"]["value"] == "OrganizationRegistry"


def test_a_contract_s_refusal_ends_with_code_5_and_its_fields(run: Run) -> None:
    name = admit(run)
    result = run("org", "reinstate", name)
    assert result.exit_code == 5
    assert result.out == ""
    assert result.error["type"] == "OrganizationRegistryForbiddenTransition"
    assert result.error["fields"] == {"organization": organization_id(name), "current": "ACTIVE", "requested": "ACTIVE"}
    assert organization_id(name) in result.error["message"]


def test_an_unknown_organization_ends_with_code_6(run: Run) -> None:
    for arguments in (["show", "nobody"], ["at", "nobody", "now"], ["suspend", "nobody", "--reason", "fraud"]):
        result = run("org", *arguments)
        assert result.exit_code == 6
        assert result.error["type"] == "UnknownOrganization"
        assert result.error["fields"]["value"] == "nobody"


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["org", "suspend", "NAME", "--reason", "whim"], "whim"),
        (["org", "add-roles", "NAME", "--role", "queen"], "queen"),
        (["org", "renew", "NAME", "soon"], "soon"),
        (["org", "renew", "NAME", "²"], "²"),
        pytest.param(["org", "renew", "NAME", 5000 * "1"], 5000 * "1", id="5000 digits"),
        (["org", "commit-metadata", "NAME", "0x12"], "0x12"),
        (["org", "transfer-controller", "NAME", "0x12"], "0x12"),
        (["org", "recovery", "settle", "NAME", "0x12", "--reason", "fraud"], "0x12"),
        (["org", "recovery", "settle", "NAME", CONTROLLER_ADDRESS, "--reason", "fraud", "--uphold", "0x12"], "0x12"),
        (["org", "find", "GLN:0614141000006"], "0614141000006"),
        (["org", "show", "Hospital"], "Hospital"),
    ],
)
def test_a_wrong_value_ends_with_code_2_and_is_named(run: Run, arguments: list[str], value: str) -> None:
    name = admit(run)
    result = run(*(name if argument == "NAME" else argument for argument in arguments))
    assert result.exit_code == 2, (result.exit_code, result.err)
    assert result.error["fields"]["value"] == value


@pytest.mark.parametrize("index", ["²", 5000 * "1", "ten", "-1"])
def test_a_development_key_that_is_none_ends_with_code_2(run: Run, index: str) -> None:
    result = run("org", "reinstate", "hospital", signer=f"development:{index}")
    assert (result.exit_code, result.error["fields"]["value"]) == (2, index)


@pytest.mark.parametrize("seconds", ["-1", "0", str(10**9), 5000 * "1"])
def test_a_proof_s_validity_out_of_bounds_ends_with_code_2(run: Run, seconds: str) -> None:
    assert run("org", "key", "prove", "hospital", "--valid-for", seconds).exit_code == 2


@pytest.mark.parametrize("text", ["[/x]", "[bold]x", "[/b]", ":x:", ":hospital:"])
def test_what_a_person_wrote_is_shown_as_it_is(
    careledger: CommandLine, run: Run, anvil_node: Node, deployments: Path, text: str
) -> None:
    node = ["--rpc", anvil_node.url, "--deployments", deployments]
    suspended = careledger("org", "suspend", text, "--reason", "fraud", *node, "--signer", RULER)
    assert suspended.exit_code in (2, 6), suspended.err
    assert text in suspended.err
    signed = careledger(
        "org", "suspend", "hospital", "--reason", "fraud", *node, "--signer", f"keystore:/nowhere/{text}"
    )
    assert signed.exit_code != 0
    assert f"/nowhere/{text}" in signed.err
    value = f"{text}{os.getpid()}"
    name = admit(run, identifier=f"OTHER:{value}")
    assert f"OTHER:{value}" in careledger("org", "show", name, *node).out


def test_missing_settings_end_with_code_3(careledger: CommandLine, anvil_node: Node, deployments: Path) -> None:
    name = "hospital"
    for arguments in (["org", "list"], ["org", "key", "prove", name], ["org", "suspend", name, "--reason", "fraud"]):
        result = careledger(*arguments, "--json")
        assert result.exit_code == 3
        assert result.error["fields"]["setting"] == "--rpc or CARELEDGER_RPC"
    node = ["--rpc", anvil_node.url, "--deployments", deployments]
    result = careledger("org", "suspend", name, "--reason", "fraud", *node, "--json")
    assert result.exit_code == 3
    assert result.error["fields"]["setting"] == "--signer or CARELEDGER_SIGNER"


def test_a_node_that_is_not_there_ends_with_code_4(careledger: CommandLine, deployments: Path) -> None:
    result = careledger("org", "list", "--rpc", "http://127.0.0.1:1", "--deployments", deployments, "--json")
    assert result.exit_code == 4
    assert result.error["type"] == "NodeUnreachable"
    assert result.error["fields"]["url"] == "http://127.0.0.1:1"


def test_another_chain_ends_with_code_4(run: Run) -> None:
    result = run("org", "list", "--chain-id", 1)
    assert result.exit_code == 4
    assert result.error["fields"] == {"expected": 1, "actual": 31337}


def test_without_json_a_person_reads_tables_and_one_line_errors(
    careledger: CommandLine, run: Run, anvil_node: Node, deployments: Path
) -> None:
    name = admit(run)
    node = ["--rpc", anvil_node.url, "--deployments", deployments]
    assert name in careledger("org", "list", *node).out
    shown = careledger("org", "show", name, *node).out
    assert "2040-01-01 00:00:00 UTC" in shown
    assert organization_id(name) in shown
    assert "policy administrator" in careledger("governance", "list", *node).out
    refused = careledger("org", "show", "nobody", *node)
    assert refused.out == ""
    assert refused.err.startswith("error: organization 'nobody'")


def test_settings_may_come_from_the_environment(
    careledger: CommandLine, monkeypatch: pytest.MonkeyPatch, anvil_node: Node, deployments: Path
) -> None:
    monkeypatch.setenv("CARELEDGER_RPC", anvil_node.url)
    monkeypatch.setenv("CARELEDGER_DEPLOYMENTS", str(deployments))
    assert isinstance(careledger("org", "list", "--json").body, list)


def test_what_a_command_prints_in_json_is_plain(run: Run) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        return (
            all(map(plain, value)) if isinstance(value, list) else value is None or isinstance(value, str | int | bool)
        )

    name = admit(run)
    for arguments in (["org", "list"], ["org", "show", name], ["governance", "list"]):
        assert plain(run(*arguments).body)
