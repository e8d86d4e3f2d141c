"""Random acts on a suite, and everything that its contracts answer about organizations, keys and governance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.chain.deployment import GUARDIAN, POLICY_ADMINISTRATOR, REGISTRAR
from careledger.chain.deployment.plan import function_role
from careledger.chain.development import Node, development_signer
from careledger.chain.signers.local import LocalSigner
from careledger.contract_enums import MemberRole, Reason
from careledger.identity.identifiers import organization_id, to_padded
from careledger.identity.types import ZERO_ADDRESS
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from identity.suite import DAY, deploy_suite
from indexer.stand import Act, Asked, Question, Stand

RULE_DELAY = DAY // 2
RECOVERY_DELAY = DAY
ROLES = (0, REGISTRAR, POLICY_ADMINISTRATOR, GUARDIAN, 10, 11, 2**63 + 5, 2**64 - 2)
PLAYED_ROLES = ROLES[4:]
KEY_COUNT = 24
KINDS = ("PriorAuthorization", "Custody")
NAMES = ("hospital-1", "hospital-2", "insurer", "maker", "carrier")
IDENTIFIERS = (("GLN", "0614141000005"), ("NPI", "1234567893"), ("LEI", "5493001KJTIIGC8Y1R12"), ("DUNS", "150483782"))
TARGETS = ("0x" + "11" * 20, "0x" + "22" * 20)
SELECTORS = ("0x12345678", "0xdeadbeef")


class Stage(Stand):
    """Organizations, their keys and controllers, and the roles of governance. Attributes that tests read: `keys`,
    `controllers`, `accounts`, and `operations`, those of governance that acts named."""

    ACTS_OF_A_BLOCK = (1, 1, 2, 3, 6)
    PAUSES = (1, 1, 60, 3600, DAY // 4, DAY // 2, DAY, 3 * DAY)

    def __init__(self, node: Node, random: Random) -> None:
        super().__init__(node, random)
        self.operations: list[tuple[str, str, bytes]] = []
        self._owned: dict[str, str] | None = None
        self.suite = deploy_suite(self.connection, RULE_DELAY, RECOVERY_DELAY)
        self.keys = self.new_keys(KEY_COUNT)
        self.controllers = [development_signer(index).address for index in range(4, 8)]
        manager = self.suite.manager
        self.ledger = self._deployed("RehearsalLedger", manager.address)
        self.work = self._deployed("RehearsalWork", manager.address, self.suite.registry.address, self.ledger.address)
        settings = [
            function_role("RehearsalLedger", self.ledger.address, ("setWriter",), POLICY_ADMINISTRATOR),
            function_role("RehearsalWork", self.work.address, ("openToNewWork", "closeToNewWork"), REGISTRAR),
            function_role("RehearsalWork", self.work.address, ("resume",), POLICY_ADMINISTRATOR),
            function_role("RehearsalWork", self.work.address, ("halt",), GUARDIAN),
        ]
        for setting in settings:
            manager.send(self.suite.admin, setting.function, *setting.arguments)
        self.accounts = [development_signer(index).address for index in range(8)]
        self.open()

    @property
    def contracts(self) -> list[str]:
        return [self.suite.manager.address, self.suite.registry.address, self.work.address, self.ledger.address]

    # ------------------------------------------------------------------ acts

    def opening(self) -> Iterator[tuple[int | None, Act]]:
        for name, (scheme, value) in zip(NAMES, IDENTIFIERS, strict=False):
            content = self._admission()
            identifiers = [(to_padded(scheme), to_padded(value))]
            admission = (name, *content[1:3], self.suite.now + 300 * DAY, content[4], identifiers, content[6])
            yield None, self._registry_act(self.suite.registrar.address, "admit", admission)
        suite, registry = self.suite, self.suite.registry
        admin, role, account = suite.admin.address, PLAYED_ROLES[0], self.controllers[0]
        member = organization_id(NAMES[0])
        controller, heir, other = self._now("controllerOf", member), *self.controllers[:2]
        if controller == heir:
            heir = self.controllers[2]
        for delay in (3600, 9 * DAY, 60):  # the second while the first is pending, the third while the second is
            yield DAY, self._manager_act(admin, "setGrantDelay", role, delay)
            yield DAY, self._manager_act(admin, "setTargetAdminDelay", TARGETS[0], delay)
        yield 0, self._manager_act(admin, "setGrantDelay", PLAYED_ROLES[1], 2 * DAY)
        yield 6 * DAY, self._manager_act(admin, "grantRole", PLAYED_ROLES[1], account, 9 * DAY)
        yield DAY, self._manager_act(admin, "grantRole", PLAYED_ROLES[1], account, 60)  # takes effect later
        yield DAY, self._manager_act(admin, "grantRole", PLAYED_ROLES[1], account, 3600)  # later too
        yield DAY, self._manager_act(admin, "grantRole", PLAYED_ROLES[1], account, 10 * DAY)  # at once
        yield DAY, self._manager_act(admin, "revokeRole", PLAYED_ROLES[1], account)
        for published in (self.work.address, registry.address, ZERO_ADDRESS, ZERO_ADDRESS):
            yield 1, self._registry_act(controller, "publishContract", member, to_padded(KINDS[0]), published)
        for writer in (self.work.address, ZERO_ADDRESS):
            rule = suite.policy_administrator.address, self.ledger.address, self.ledger.encode("setWriter", writer)
            yield 1, self._manager_act(rule[0], "schedule", *rule[1:], 0)
            yield RULE_DELAY, self._manager_act(rule[0], "execute", *rule[1:])
        yield 1, self._manager_act(rule[0], "schedule", *rule[1:], 0)
        yield 1, self._manager_act(suite.guardian.address, "cancel", *rule)
        reason = int(Reason.CONTROLLER_LOST)
        start = self._registry_act(suite.registrar.address, "startRecovery", member, heir, reason)
        contest = self._registry_act(suite.guardian.address, "contestRecoveryAsGuardian", member, heir)
        yield 1, self._registry_act(controller, "transferController", member, heir)
        for settled in ((ZERO_ADDRESS,), (heir, other, heir)):
            yield 1, start
            yield 60, contest
            proposed = heir
            for chosen in settled:
                yield 60, self._registry_act(admin, "settleRecovery", member, proposed, chosen, int(Reason.CLEARED))
                proposed = chosen
        yield 1, self._registry_act(heir, "completeRecovery", member)
        expelled = (
            suite.policy_administrator.address,
            registry.address,
            registry.encode("expel", organization_id(NAMES[1]), int(Reason.FRAUD)),
        )
        yield 1, self._manager_act(expelled[0], "schedule", *expelled[1:], 0)
        yield RULE_DELAY, self._manager_act(expelled[0], "execute", *expelled[1:])

    def mine(self, acts: list[Act], seconds: int | None = None) -> None:
        self._owned = None
        super().mine(acts, seconds)

    def chance(self) -> Act:
        choice = self.random.random()
        if choice < 0.3:
            return self._registrars()
        if choice < 0.6:
            return self._members()
        if choice < 0.7:
            return self._many_in_one()
        return self._governance()

    def _registrars(self) -> Act:
        return self._registry_act(self.suite.registrar.address, *self._registrar_call())

    def _many_in_one(self) -> Act:
        """Several acts of the registrar in one transaction, so in one second."""
        registry, manager = self.suite.registry, self.suite.manager
        organization, reason = self._organization(), self._reason()
        calls = self.random.choice(
            (
                [("suspend", organization, reason), ("reinstate", organization, reason)],
                [("renew", organization, self._future(), reason), ("suspend", organization, reason)],
                [
                    ("addMemberRoles", organization, self._role_bits(), reason),
                    ("renew", organization, self._future(), reason),
                ],
                [("startRecovery", organization, self._controller(), reason), ("cancelRecovery", organization, reason)],
                [
                    ("withdrawIdentifier", *(held := self._held_identifier()), reason),
                    ("assignIdentifiers", organization, [held[1]]),
                ],
                [self._registrar_call(), self._registrar_call()],
            )
        )
        inner = [manager.encode("execute", registry.address, registry.encode(*call)) for call in calls]
        data = manager.encode("multicall", inner)
        return Act(self.suite.registrar.address, manager.address, data, "multicall of the registrar")

    def _registrar_call(self) -> tuple[Any, ...]:
        organization, reason = self._organization(), self._reason()
        calls: list[Callable[[], tuple[Any, ...]]] = [
            lambda: ("admit", self._admission()),
            lambda: ("admit", self._admission()),
            lambda: ("admitMany", [self._admission() for _ in range(2)]),
            lambda: ("renew", organization, self._future(), reason),
            lambda: ("addMemberRoles", organization, self._role_bits(), reason),
            lambda: ("removeMemberRoles", organization, self._role_bits(), reason),
            lambda: ("assignIdentifiers", organization, [self._identifier() for _ in range(2)]),
            lambda: ("withdrawIdentifier", *self._held_identifier(), reason),
            lambda: ("commitMetadata", organization, self.random.randbytes(32), reason),
            lambda: ("suspend", organization, reason),
            lambda: ("reinstate", organization, reason),
            lambda: ("reportCompromiseAsRegistrar", self._key().address, self._past()),
            lambda: ("startRecovery", organization, self._controller(), reason),
            lambda: ("cancelRecovery", organization, reason),
        ]
        return self.random.choice(calls)()

    def _members(self) -> Act:
        """An act of a controller, a key, or who judges a recovery; mostly by one who may."""
        organization = self._organization()
        controller, pending, recovery = (
            self._now("controllerOf", organization),
            self._now("pendingControllerOf", organization),
            self._now("recoveryOf", organization),
        )
        sender = controller if controller != ZERO_ADDRESS and self.random.random() < 0.9 else self._controller()
        proposed = recovery["new_controller"]
        kind = to_padded(self.random.choice(KINDS))
        if proposed != ZERO_ADDRESS and self.random.random() < 0.7:
            settled = self.random.choice((ZERO_ADDRESS, proposed, self._controller()))
            return self.random.choice(
                (
                    self._registry_act(proposed, "completeRecovery", organization),
                    self._registry_act(
                        self.suite.guardian.address, "contestRecoveryAsGuardian", organization, proposed
                    ),
                    self._registry_act(self._key().address, "contestRecovery", organization, proposed),
                    self._registry_act(sender, "contestRecovery", organization, proposed),
                    self._registry_act(
                        self.suite.admin.address, "settleRecovery", organization, proposed, settled, self._reason()
                    ),
                    self._registry_act(
                        self.suite.admin.address, "settleRecovery", organization, proposed, settled, self._reason()
                    ),
                    self._registry_act(proposed, "reportCompromise", self._key().address, self._past()),
                )
            )
        if pending != ZERO_ADDRESS and self.random.random() < 0.5:
            return self._registry_act(pending, "acceptController", organization)
        key = next((key for key in self.keys if not int(self._owners()[key.address], 16)), self._key())
        proof = self.suite.organizations().prove_possession(organization, key, 2**60)
        own = self._key_of(organization) or key
        return self.random.choice((
            self._registry_act(sender, "addKey", organization, key.address, proof.deadline, proof.signature),
            self._registry_act(sender, "addKey", organization, key.address, proof.deadline, proof.signature),
            self._registry_act(sender, "retireKey", own.address),
            self._registry_act(sender, "reportCompromise", own.address, self._past()),
            self._registry_act(sender, "reportCompromise", own.address, self._past()),
            self._registry_act(sender, "transferController", organization, self.random.choice(
                (self._controller(), self._controller(), ZERO_ADDRESS)
            )),
            self._registry_act(sender, "publishContract", organization, kind, self.random.choice(
                (self.work.address, self.suite.registry.address, ZERO_ADDRESS)
            )),
        ))  # fmt: skip

    def _governance(self) -> Act:
        suite = self.suite
        role, account = self.random.choice(PLAYED_ROLES), self.random.choice(self.controllers)
        target = self.random.choice((*TARGETS, self.work.address))
        delay = self.random.choice((0, 1, 3600, DAY, 9 * DAY))
        by_admin: list[tuple[Any, ...]] = [
            ("grantRole", role, account, delay),
            ("grantRole", role, account, delay),
            ("grantRole", POLICY_ADMINISTRATOR, suite.policy_administrator.address, RULE_DELAY + min(delay, DAY)),
            ("revokeRole", *self._granted()),
            ("labelRole", role, self.random.choice(("auditors", "Prüfer 審査 🔎", ""))),
            ("setRoleAdmin", role, self.random.choice((0, 0, 0, *ROLES))),
            ("setRoleGuardian", role, self.random.choice(ROLES)),
            ("setGrantDelay", role, delay),
            ("setTargetClosed", target, self.random.random() < 0.3),
            ("setTargetAdminDelay", self.random.choice(TARGETS), delay),
            ("setTargetFunctionRole", self.random.choice(TARGETS), list(SELECTORS), role),
        ]
        if self.random.random() < 0.4:
            function, *arguments = self.random.choice(by_admin)
            return self._manager_act(suite.admin.address, function, *arguments)
        if self.operations and self.random.random() < 0.5:
            caller, called, data = self.random.choice(self.operations[-4:])
            return self.random.choice(
                (
                    self._manager_act(caller, "execute", called, data),
                    self._manager_act(caller, "execute", called, data),
                    self._manager_act(caller, "execute", called, data),
                    self._manager_act(
                        self.random.choice((caller, suite.guardian.address)), "cancel", caller, called, data
                    ),
                )
            )
        writer = self.random.choice((self.work.address, ZERO_ADDRESS))
        scheduled: list[tuple[str, bytes]] = [
            (suite.registry.address, suite.registry.encode("expel", self._organization(), self._reason())),
            (self.work.address, self.work.encode("resume")),
            (self.work.address, self.work.encode("resume")),
            (self.ledger.address, self.ledger.encode("setWriter", writer)),
        ]
        if self.random.random() < 0.6:
            called, data = self.random.choice(scheduled)
            caller = suite.policy_administrator.address
            self.operations.append((caller, called, data))
            return self._manager_act(caller, "schedule", called, data, 0)
        return self.random.choice(
            (
                Act(suite.guardian.address, self.work.address, self.work.encode("halt"), "halt"),
                Act(suite.registrar.address, self.work.address, self.work.encode("openToNewWork"), "openToNewWork"),
                Act(suite.registrar.address, self.work.address, self.work.encode("closeToNewWork"), "closeToNewWork"),
                self._manager_act((held := self._granted())[1], "renounceRole", *held),
            )
        )

    def _granted(self) -> tuple[int, str]:
        """A role and an account that holds it, or any."""
        pairs = [(self.random.choice(PLAYED_ROLES), self.random.choice(self.controllers)) for _ in range(5)]
        return next((pair for pair in pairs if self.suite.manager.read("getAccess", *pair)[0]), pairs[0])

    def _registry_act(self, sender: str, function: str, *arguments: Any) -> Act:
        registry = self.suite.registry
        return Act(sender, registry.address, registry.encode(function, *arguments), function)

    def _manager_act(self, sender: str, function: str, *arguments: Any) -> Act:
        manager = self.suite.manager
        return Act(sender, manager.address, manager.encode(function, *arguments), function)

    def _deployed(self, name: str, *arguments: Any) -> Contract:
        connection = self.suite.connection
        receipt = connection.send(self.suite.admin, None, artifact(name).creation_code(list(arguments)))
        return Contract(connection, name, str(receipt.contract_address))

    def _now(self, function: str, *arguments: Any) -> Any:
        return self.suite.registry.read(function, *arguments)

    def _owners(self) -> dict[str, str]:
        """Whose each key is, after the last block."""
        if self._owned is None:
            registry = self.suite.registry
            calls = [
                {"to": registry.address, "data": "0x" + registry.encode("organizationOf", key.address).hex()}
                for key in self.keys
            ]
            answers = self.rpc.batch([("eth_call", [call, "latest"]) for call in calls])
            self._owned = {key.address: answer[:26] for key, answer in zip(self.keys, answers, strict=True)}
        return self._owned

    def _organization(self) -> str:
        return organization_id(self.random.choice(NAMES))

    def _admission(self) -> tuple[Any, ...]:
        identifiers = [self._identifier()] if self.random.random() < 0.3 else []
        name, controller = self.random.choice(NAMES), self._controller()
        return name, controller, self._role_bits(), self._future(), bytes(32), identifiers, self._reason()

    def _identifier(self) -> tuple[bytes, bytes]:
        scheme, value = self.random.choice(IDENTIFIERS)
        return to_padded(scheme), to_padded(value)

    def _held_identifier(self) -> tuple[str, tuple[bytes, bytes]]:
        """One that some organization holds, or any."""
        identifiers = [self._identifier() for _ in range(4)]
        held = [(self._now("organizationByIdentifier", *identifier), identifier) for identifier in identifiers]
        return next((pair for pair in held if int(pair[0], 16)), held[0])

    def _controller(self) -> str:
        return self.random.choice(self.controllers)

    def _key(self) -> LocalSigner:
        return self.random.choice(self.keys)

    def _key_of(self, organization: str) -> LocalSigner | None:
        own = [key for key in self.keys if self._owners()[key.address] == organization]
        return self.random.choice(own) if own else None

    def _role_bits(self) -> int:
        return sum(1 << role for role in self.random.sample(list(MemberRole), self.random.randint(1, 4)))

    def _reason(self) -> int:
        return int(self.random.choice(list(Reason)[1:]))

    def _future(self) -> int:
        return self.suite.now + self.random.choice((DAY, 60 * DAY, 300 * DAY))

    def _past(self) -> int:
        return self.suite.now - self.random.choice((0, 10, 3600, DAY, 9 * DAY, 25 * DAY))

    # ------------------------------------------------------------------ what the contracts answer

    def answers_about(self, times: list[int]) -> dict[Question, Any]:
        """What the registry says now about past times."""
        return self.ask(self._questions_about(times), "latest")

    def _questions_about(self, times: list[int]) -> Iterator[Asked]:
        registry = self.suite.registry
        for time in times:
            for name in NAMES:
                yield ("membershipAt", name, time), registry, "membershipAt", (organization_id(name), time)
            for key in self.keys:
                yield ("organizationAt", key.address, time), registry, "organizationAt", (key.address, time)

    def questions(self) -> Iterator[Asked]:
        registry, manager = self.suite.registry, self.suite.manager
        for name in NAMES:
            organization = organization_id(name)
            for function in (
                "membershipOf",
                "controllerOf",
                "pendingControllerOf",
                "recoveryOf",
                "metadataCommitmentOf",
            ):
                yield (function, name), registry, function, (organization,)
            for role in MemberRole:
                yield ("isActive", name, role), registry, "isActive", (organization, role)
            for kind in KINDS:
                yield ("contractOf", name, kind), registry, "contractOf", (organization, to_padded(kind))
        for scheme, value in IDENTIFIERS:
            padded = to_padded(scheme), to_padded(value)
            yield ("organizationByIdentifier", scheme, value), registry, "organizationByIdentifier", padded
        for key in self.keys:
            yield ("keyOf", key.address), registry, "keyOf", (key.address,)
            yield ("organizationOf", key.address), registry, "organizationOf", (key.address,)
        for number in ROLES:
            for function in ("getRoleAdmin", "getRoleGuardian", "getRoleGrantDelay"):
                yield (function, number), manager, function, (number,)
            for account in self.accounts:
                yield ("getAccess", number, account), manager, "getAccess", (number, account)
                yield ("hasRole", number, account), manager, "hasRole", (number, account)
        for target in (*TARGETS, *self.contracts):
            yield ("isTargetClosed", target), manager, "isTargetClosed", (target,)
            yield ("getTargetAdminDelay", target), manager, "getTargetAdminDelay", (target,)
        functions = [(target, selector) for target in TARGETS for selector in SELECTORS]
        for contract in (registry, self.work, self.ledger):
            entries = contract.artifact.abi
            names = [entry["name"] for entry in entries if entry["type"] == "function"]
            functions += [(contract.address, "0x" + contract.artifact.selector(name).hex()) for name in names]
        for target, selector in functions:
            question = ("getTargetFunctionRole", target, selector)
            yield question, manager, "getTargetFunctionRole", (target, selector)
        for caller, target, data in self.operations:
            operation_id = "0x" + keccak(encode(["address", "address", "bytes"], [caller, target, data])).hex()
            yield ("getSchedule", operation_id), manager, "getSchedule", (operation_id,)
            yield ("getNonce", operation_id), manager, "getNonce", (operation_id,)
        for contract in (registry, self.work, self.ledger):
            yield ("authority", contract.address), contract, "authority", ()
        yield ("halted", self.work.address), self.work, "halted", ()
        yield ("isOpenToNewWork", self.work.address), self.work, "isOpenToNewWork", ()
        yield ("writer", self.ledger.address), self.ledger, "writer", ()
