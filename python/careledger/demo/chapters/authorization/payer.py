"""The insurer's side is set up: contracts under the manager that it has, rules, reviewers, money, an enrolment."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from careledger.authorization.authorizations import Authorizations
from careledger.authorization.claims import Claims
from careledger.authorization.deployment import (
    DESK,
    INTAKE,
    PANEL,
    POLICY,
    PRIOR_AUTHORIZATION,
    PUBLISHED,
    SETTLEMENT,
    UNITS,
    VAULT,
    PayerParameters,
)
from careledger.authorization.enrolments import Enrolments
from careledger.authorization.payer import Payer
from careledger.authorization.rule_file import load_rule_file
from careledger.chain.artifacts import artifact
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.deployer import require_chain_named
from careledger.chain.deployment.plan import MANAGER, Plan, Setting, resolved
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.chain.values import encode_call
from careledger.contract_enums import VersionStatus
from careledger.demo.cast import HOSPITAL, INSURER
from careledger.demo.stage import Stage, creation_gas
from careledger.errors import ContractError
from careledger.identity import organization_id
from careledger.identity.types import KeyStatus

__all__ = ["DESK_KEY", "HOSPITAL_KEY", "REVIEWERS", "RULES", "VERSION", "Insurer"]

DESK_KEY = INSURER.key(1)
REVIEWERS = (INSURER.key(2), INSURER.key(3))
"""They only sign, and need no funds."""

HOSPITAL_KEY = HOSPITAL.key(2)
CONTROLLER = INSURER.controller
TOKEN = "StableToken"  # noqa: S105  a contract
CONTRACTS = (POLICY, UNITS, PANEL, INTAKE, DESK, PRIOR_AUTHORIZATION, VAULT, SETTLEMENT)
"""Those of the plan in their order, without the manager, which stands already."""

RULES = Path(__file__).with_name("rules.yaml")
VERSION = 1
FUNDS = 1_000 * 10**6
DAILY_CAP = 10**12
PROOF_SECONDS = 3600
BLOCKS_UNTIL_START = 5
LOCAL_SECONDS = 2
SLOWER = 10

ADD_KEY_GAS = 130_000
SETTINGS_GAS = 1_300_000
PUBLISH_GAS = 100_000
POLICY_GAS = 800_000
DESK_GAS = 250_000
MINT_GAS = 90_000
APPROVE_GAS = 60_000
DEPOSIT_GAS = 90_000
ENROL_GAS = 120_000


class Insurer:
    """The insurer's contracts on a stage. What reads the chain is only for functions that the stage calls."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.provider = organization_id(HOSPITAL.organization)
        self.rule_set = load_rule_file(RULES)
        self._found: dict[str, str] = {}

    # ------------------------------------------------------------------ what stands

    def find(self, name: str) -> str | None:
        """The address of a contract that the insurer's key created, or None."""
        if name not in self._found:
            address = self.stage.contract_created_by(DESK_KEY, name)
            if address is None:
                return None
            self._found[name] = address
        return self._found[name]

    def _addresses(self) -> dict[str, str]:
        """Of what stands, by name."""
        found = {name: self.find(name) for name in (MANAGER, *CONTRACTS)}
        return {name: address for name, address in found.items() if address is not None}

    @cached_property
    def plan(self) -> Plan:
        """Of the insurer's contracts, once the token stands. One account has all roles, and acts at once."""
        deployed = self.stage.suite.deployment.addresses
        controller = self.stage.actor(CONTROLLER).address
        return PayerParameters(
            insurer=INSURER.organization,
            token=str(self.find(TOKEN)),
            registry=deployed[REGISTRY],
            anchors=deployed[ANCHOR],
            admin=controller,
            policy_administrator=controller,
            guardian=controller,
            medical_director=controller,
            treasurer=controller,
            rule_delay_seconds=0,
            admin_delay_seconds=0,
        ).plan()

    @cached_property
    def _payer(self) -> Payer:
        return self.stage.suite.payer(INSURER.organization)

    def acting_as(self, actor: str) -> Payer:
        """As an actor, once all is published."""
        return dataclasses.replace(self._payer, signer=self.stage.actor(actor).signer)

    def authorizations(self, actor: str) -> Authorizations:
        """Requests, as an actor."""
        payer = self.acting_as(actor)
        return Authorizations(payer.authorizations, payer.organizations, payer.first_block, payer.signer)

    def claims(self, actor: str = HOSPITAL_KEY) -> Claims:
        """Claims, as an actor."""
        return Claims(self.acting_as(actor))

    def token(self, function: str, *arguments: Any) -> int:
        """What the token answers."""
        return int(Contract(self.stage.connection, TOKEN, str(self.find(TOKEN))).read(function, *arguments))

    # ------------------------------------------------------------------ setting up

    def set_up(self) -> None:
        """All steps until the hospital can ask."""
        self._deploy()
        self._publish()
        for number, actor in enumerate(REVIEWERS, 1):
            self._add_reviewer(number, actor)
        self._agree_on_rules()
        self._fund()

    def _deploy(self) -> None:
        self._create(TOKEN, "deploy a made-up dollar")
        for name in CONTRACTS:
            self._create(name, f"deploy the insurer's {name}")

        def settings(first_block: int = 0) -> list[Setting]:
            return self.plan.settings(self._addresses(), first_block)

        manager = self._manager
        self.stage.step(
            "set who may do what in the insurer's contracts",
            actor=CONTROLLER,
            gas=SETTINGS_GAS,
            done=lambda: settings()[-1].holds(manager()),  # one transaction makes all hold
            act=lambda: self._multicall(
                manager().encode(setting.function, *setting.arguments)
                for setting in settings(self.stage.suite.deployment.first_block)
            ),
        )

    def _create(self, name: str, title: str) -> None:
        def act() -> TransactionReceipt:
            arguments: list[Any] = []
            if name != TOKEN:
                # Named, because all that this chain's readers learn from it is made up.
                require_chain_named(self.stage.connection, self.plan.shows, self.stage.connection.chain_id)
                (step,) = (one for one in self.plan.contracts if one.name == name)
                arguments = resolved(step.arguments, self._addresses())
            signer = self.stage.actor(DESK_KEY).signer
            return self.stage.connection.send(signer, None, artifact(name).creation_code(arguments))

        self.stage.step(
            title, actor=DESK_KEY, gas=creation_gas(name), done=lambda: self.find(name) is not None, act=act
        )

    def _publish(self) -> None:
        for kind in PUBLISHED:

            def done(kind: str = kind) -> bool:
                return self.stage.suite.organizations.contract_of(INSURER.organization, kind) is not None

            def act(kind: str = kind) -> TransactionReceipt:
                organizations = self.stage.acting_as(CONTROLLER).organizations
                return organizations.publish_contract(INSURER.organization, kind, str(self.find(kind)))

            title = f"publish the insurer's {kind} in the registry"
            self.stage.step(title, actor=CONTROLLER, gas=PUBLISH_GAS, done=done, act=act)

    def _add_reviewer(self, number: int, actor: str) -> None:
        def act() -> TransactionReceipt:
            organizations = self.stage.acting_as(CONTROLLER).organizations
            deadline = self.stage.connection.block_time() + PROOF_SECONDS
            key = self.stage.actor(actor).signer
            return organizations.add_key(organizations.prove_possession(INSURER.organization, key, deadline))

        def done() -> bool:
            return self.stage.suite.organizations.of_key(self.stage.actor(actor).address)[1] is not KeyStatus.UNKNOWN

        self.stage.step(f"add the key of reviewer {number}", actor=CONTROLLER, gas=ADD_KEY_GAS, done=done, act=act)

    def _agree_on_rules(self) -> None:
        def seal() -> TransactionReceipt:
            policy, rule_set = self.acting_as(CONTROLLER).policy, self.rule_set
            return self._execute(
                (policy, "draftVersion", rule_set.terms.to_abi()),
                (policy, "addRules", VERSION, 0, [rule.to_abi() for rule in rule_set.rules]),
                (policy, "sealVersion", VERSION, rule_set.digest),
            )

        self.stage.step(
            "draft, load and seal the rules as version 1 of the policy",
            actor=CONTROLLER,
            gas=POLICY_GAS,
            done=lambda: self._payer.policy.read("versionOf", VERSION)["status"] == VersionStatus.SEALED,
            act=seal,
        )
        self.stage.step(
            "enrol the hospital, with both sides' signatures",
            actor=DESK_KEY,
            gas=ENROL_GAS,
            done=lambda: self._start() != 0,
            act=self._enrol,
        )

    def _enrol(self) -> TransactionReceipt:
        connection = self.stage.connection
        now, ahead = connection.block_time("pending" if connection.is_local else "latest"), LOCAL_SECONDS
        if not connection.is_local:
            # As long as some blocks took lately: the transaction has to come before it.
            earlier = max(0, connection.block_number() - BLOCKS_UNTIL_START)
            ahead = max(now - connection.block_time(earlier), BLOCKS_UNTIL_START)
        try:
            return self._enrol_from(now + ahead)
        except ContractError:
            # Its block came when the start was past: one further ahead.
            if connection.block_time() < now + ahead:
                raise
            return self._enrol_from(connection.block_time() + SLOWER * ahead)

    def _enrol_from(self, start: int) -> TransactionReceipt:
        insurer, hospital = (Enrolments(self.acting_as(actor)) for actor in (DESK_KEY, HOSPITAL_KEY))
        offer = insurer.offer(HOSPITAL.organization, VERSION, start)
        return insurer.enrol(hospital.sign(insurer.sign(offer)))

    def _start(self) -> int:
        """From when the hospital is enrolled; 0 if it is not."""
        found = Enrolments(self._payer).of(HOSPITAL.organization, self.rule_set.terms.plan)
        return found[0].start if found else 0

    def wait_for_enrolment(self) -> None:
        """Until the rules are in force for the hospital."""
        start, connection = self._start(), self.stage.connection
        connection.wait_until(start)
        while not connection.is_local and connection.block_time() < start:
            time.sleep(1)

    def _fund(self) -> None:
        def prepare_desk() -> TransactionReceipt:
            payer = self.acting_as(CONTROLLER)
            ids = [keccak(text=f"careledger demo {actor}")[:12] for actor in REVIEWERS]
            return self._execute(
                *(
                    (payer.panel, "appoint", self.stage.actor(actor).address, id_)
                    for actor, id_ in zip(REVIEWERS, ids, strict=True)
                ),
                (payer.vault, "setLimits", 0, DAILY_CAP),
            )

        def vault() -> str:
            return self._payer.vault.address

        def account() -> str:
            return self.stage.actor(DESK_KEY).address

        self.stage.step(
            "appoint two reviewers, and say what the vault may pay in a day",
            actor=CONTROLLER,
            gas=DESK_GAS,
            done=lambda: self._payer.vault.read("limits")[1] == DAILY_CAP,
            act=prepare_desk,
        )
        self.stage.step(
            "make 1,000 made-up dollars for the insurer",
            actor=DESK_KEY,
            gas=MINT_GAS,
            done=lambda: self.token("totalSupply") > 0,
            act=lambda: self._send_token("mint", account(), FUNDS),
        )
        self.stage.step(
            "let the vault have them",
            actor=DESK_KEY,
            gas=APPROVE_GAS,
            done=lambda: self.token("allowance", account(), vault()) > 0 or self.token("balanceOf", account()) == 0,
            act=lambda: self._send_token("approve", vault(), FUNDS),
        )
        self.stage.step(
            "deposit them in the vault",
            actor=DESK_KEY,
            gas=DEPOSIT_GAS,
            done=lambda: self.token("balanceOf", account()) == 0,
            act=lambda: self._payer.vault.send(self.stage.actor(DESK_KEY).signer, "deposit", FUNDS),
        )

    # ------------------------------------------------------------------ sending

    def _manager(self) -> Contract:
        return Contract(self.stage.connection, MANAGER, str(self.find(MANAGER)))

    def _execute(self, *calls: tuple[Any, ...]) -> TransactionReceipt:
        """Some restricted calls, in one transaction of the controller's."""
        manager = self._manager()
        return self._multicall(
            manager.encode("execute", target.address, target.encode(function, *arguments))
            for target, function, *arguments in calls
        )

    def _multicall(self, calls: Iterable[bytes]) -> TransactionReceipt:
        return self._manager().send(self.stage.actor(CONTROLLER).signer, "multicall", list(calls))

    def _send_token(self, function: str, *arguments: Any) -> TransactionReceipt:
        data = encode_call(artifact(TOKEN).function(function), arguments)
        return self.stage.connection.send(self.stage.actor(DESK_KEY).signer, str(self.find(TOKEN)), data)
