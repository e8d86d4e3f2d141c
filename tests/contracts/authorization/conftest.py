"""An insurer's own manager, its officers and contracts, and the providers that it has contracts with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from ape.contracts import ContractContainer
from careledger.chain.artifacts import artifact
from ethpm_types import ContractType

from ..conftest import Member, further_account
from ..support import DAY, MemberRole, chain_time, prove, selector, send, travel_to
from .claims import CLAIM_RULES, DAILY_CAP, FUNDS, Suite
from .payer import RULES, SCALE, Agreement, PayerRole, digest_of, terms
from .requests import REQUEST_RULES, Office

GAS_OF_A_DEPLOYMENT = 8_000_000


def funded(index: int) -> Any:
    """An account beyond those that the node funds, with coins. 20 to 39 are this folder's."""
    owner = further_account(index)
    ape.networks.provider.set_balance(owner.address, 10**20)
    return owner


# ---------------------------------------------------------------------- the insurer's officers


@pytest.fixture(scope="session")
def payer_admin() -> Any:
    return funded(20)


@pytest.fixture(scope="session")
def payer_policy_administrator() -> Any:
    return funded(21)


@pytest.fixture(scope="session")
def payer_guardian() -> Any:
    return funded(22)


@pytest.fixture(scope="session")
def medical_director() -> Any:
    return funded(23)


@pytest.fixture(scope="session")
def treasurer() -> Any:
    return funded(24)


@pytest.fixture(scope="session")
def payer_manager(
    registry: Any,
    payer_admin: Any,
    payer_policy_administrator: Any,
    payer_guardian: Any,
    medical_director: Any,
    treasurer: Any,
) -> Any:
    """The insurer's own `AccessManager`. Its officers act without a delay here."""
    compiled = artifact("AccessManager")
    kind = ContractType(abi=compiled.abi, deploymentBytecode={"bytecode": "0x" + compiled.bytecode.hex()})
    manager = payer_admin.deploy(ContractContainer(kind), payer_admin, gas=GAS_OF_A_DEPLOYMENT, gas_price=10**10)
    officers = {
        PayerRole.POLICY_ADMINISTRATOR: payer_policy_administrator,
        PayerRole.GUARDIAN: payer_guardian,
        PayerRole.MEDICAL_DIRECTOR: medical_director,
        PayerRole.TREASURER: treasurer,
    }
    for role, officer in officers.items():
        send(manager.grantRole, role, officer, 0, sender=payer_admin)
    return manager


@pytest.fixture(scope="session")
def govern(payer_manager: Any, payer_admin: Any) -> Callable[..., None]:
    """Gives a contract's functions to a role of the insurer's manager."""

    def call(role: PayerRole, *methods: Any) -> None:
        target = methods[0].contract
        send(
            payer_manager.setTargetFunctionRole,
            target,
            [selector(method) for method in methods],
            role,
            sender=payer_admin,
        )

    return call


@pytest.fixture(scope="session")
def deploy_payers(contracts: Any, payer_manager: Any, payer_admin: Any) -> Callable[..., Any]:
    """Deploys a contract of the insurer's by name, under its manager."""

    def call(name: str, *arguments: Any) -> Any:
        return payer_admin.deploy(contracts[name], payer_manager, *arguments, gas=GAS_OF_A_DEPLOYMENT, gas_price=10**10)

    return call


# ---------------------------------------------------------------------- the insurer's contracts


@pytest.fixture(scope="session")
def policy(deploy_payers: Callable[..., Any], govern: Callable[..., None], registry: Any, insurer: Member) -> Any:
    contract = deploy_payers("CoveragePolicy", registry, insurer.id)
    govern(PayerRole.POLICY_ADMINISTRATOR, contract.draftVersion, contract.addRules, contract.sealVersion)
    return contract


@pytest.fixture(scope="session")
def unit_ledger(deploy_payers: Callable[..., Any], govern: Callable[..., None]) -> Any:
    """Without a writer."""
    contract = deploy_payers("UnitLedger")
    govern(PayerRole.POLICY_ADMINISTRATOR, contract.setWriter)
    return contract


@pytest.fixture(scope="session")
def review_panel(deploy_payers: Callable[..., Any], govern: Callable[..., None], registry: Any, insurer: Member) -> Any:
    contract = deploy_payers("ReviewPanel", registry, insurer.id)
    govern(PayerRole.MEDICAL_DIRECTOR, contract.appoint, contract.dismiss)
    return contract


# ---------------------------------------------------------------------- keys of the insurer and of others


@pytest.fixture(scope="session")
def insurer_other_key(insurer: Member, add_key: Callable[..., Any]) -> Any:
    """Another key that the insurer has."""
    return _added(add_key, insurer, 25)


@pytest.fixture(scope="session")
def reviewer_key(insurer: Member, add_key: Callable[..., Any]) -> Any:
    """A key of the insurer's, for a reviewer; it is appointed by `appointed`."""
    return _added(add_key, insurer, 26)


@pytest.fixture(scope="session")
def other_reviewer_key(insurer: Member, add_key: Callable[..., Any]) -> Any:
    """Another, for another reviewer."""
    return _added(add_key, insurer, 27)


@pytest.fixture(scope="session")
def pharmacy(admit: Callable[..., Member]) -> Member:
    """A dispenser; its key is `pharmacy_key`."""
    return admit("corner-pharmacy", funded(28), MemberRole.DISPENSER)


@pytest.fixture(scope="session")
def pharmacy_key(pharmacy: Member, add_key: Callable[..., Any]) -> Any:
    return _added(add_key, pharmacy, 29)


@pytest.fixture(scope="session")
def other_insurer(admit: Callable[..., Member]) -> Member:
    """A payer without a contract; its key is `other_insurer_key`."""
    return admit("southwind-insurance", funded(30), MemberRole.PAYER)


@pytest.fixture(scope="session")
def other_insurer_key(other_insurer: Member, add_key: Callable[..., Any]) -> Any:
    return _added(add_key, other_insurer, 31)


def _added(add_key: Callable[..., Any], member: Member, index: int) -> Any:
    key = funded(index)
    add_key(member, key)
    return key


REVIEWER, OTHER_REVIEWER = b"reviewer one", b"reviewer two"
"""The ids that the insurer gave to its reviewers."""

THIRD_REVIEWER = b"the third ab"


@pytest.fixture
def appointed(review_panel: Any, medical_director: Any, reviewer_key: Any, other_reviewer_key: Any) -> None:
    """Both reviewers are appointed."""
    send(review_panel.appoint, reviewer_key, REVIEWER, sender=medical_director)
    send(review_panel.appoint, other_reviewer_key, OTHER_REVIEWER, sender=medical_director)


# ---------------------------------------------------------------------- versions and enrolments


@pytest.fixture(scope="session")
def draft(policy: Any, payer_policy_administrator: Any) -> Callable[..., int]:
    """Drafts a version with terms, and adds rules. Returns its number."""

    def call(stated: Any = None, rules: Any = ()) -> int:
        send(policy.draftVersion, stated or terms(), sender=payer_policy_administrator)
        version = int(policy.lastVersion())
        if rules:
            send(policy.addRules, version, 0, list(rules), sender=payer_policy_administrator, gas=20_000_000)
        return version

    return call


@pytest.fixture(scope="session")
def seal(policy: Any, draft: Callable[..., int], payer_policy_administrator: Any) -> Callable[..., int]:
    """Drafts and seals a version with terms and rules: `RULES` by default. Returns its number."""

    def call(stated: Any = None, rules: Any = RULES) -> int:
        version = draft(stated, rules)
        digest = digest_of(stated or terms(), rules)
        send(policy.sealVersion, version, digest, sender=payer_policy_administrator)
        return version

    return call


@pytest.fixture(scope="session")
def agree(policy: Any, hospital: Member, hospital_key: Any, insurer_key: Any) -> Callable[..., Agreement]:
    """An enrolment to be signed: of the hospital unless another is named, from a minute ahead on."""

    def call(
        version: int,
        start: int | None = None,
        coefficient: int = SCALE,
        provider: Member = hospital,
        provider_key: Any = hospital_key,
        insurer_key: Any = insurer_key,
    ) -> Agreement:
        now = chain_time()
        plan = int(policy.versionOf(version).terms.plan)
        return Agreement(
            policy=policy,
            provider=provider.id,
            provider_key=provider_key,
            insurer_key=insurer_key,
            version=version,
            start=now + 60 if start is None else start,
            coefficient=coefficient,
            deadline=now + DAY,
            endings=int(policy.endingsOf(provider.id, plan)),
        )

    return call


@pytest.fixture(scope="session")
def enrol(policy: Any, agree: Callable[..., Agreement], stranger: Any) -> Callable[..., Any]:
    """Enrols a provider under a version, see `agree`; a stranger sends it. Returns the receipt."""

    def call(version: int, **stated: Any) -> Any:
        return send(policy.enrol, *agree(version, **stated).call(), sender=stranger)

    return call


@pytest.fixture
def version(seal: Callable[..., int]) -> int:
    """A sealed version with `RULES`."""
    return seal()


# ---------------------------------------------------------------------- claims and the vault


@pytest.fixture(scope="session")
def deploy_suite(
    deploy_payers: Callable[..., Any],
    govern: Callable[..., None],
    registry: Any,
    anchors: Any,
    insurer: Member,
    payer_policy_administrator: Any,
) -> Callable[[Any], tuple[Any, ...]]:
    """Deploys an insurer's whole suite over a token; settlement and authorizations write, and are open."""

    def call(token: Any) -> tuple[Any, ...]:
        policy = deploy_payers("CoveragePolicy", registry, insurer.id)
        units = deploy_payers("UnitLedger")
        panel = deploy_payers("ReviewPanel", registry, insurer.id)
        foundations = (registry, anchors, policy, units, panel)
        halves = [deploy_payers(name, foundations) for name in ("AuthorizationIntake", "AuthorizationDesk")]
        authorizations = deploy_payers("PriorAuthorization", foundations, *halves)
        vault = deploy_payers("InsurerVault", registry, insurer.id, token)
        settlement = deploy_payers("ClaimSettlement", anchors, policy, authorizations, vault, panel)
        govern(PayerRole.POLICY_ADMINISTRATOR, policy.draftVersion, policy.addRules, policy.sealVersion)
        govern(PayerRole.MEDICAL_DIRECTOR, panel.appoint, panel.dismiss)
        govern(PayerRole.TREASURER, vault.setLimits, vault.requestWithdrawal, vault.withdraw)
        govern(PayerRole.POLICY_ADMINISTRATOR, authorizations.setSettlement)
        for ledger, writer in ((units, authorizations), (vault, settlement)):
            govern(PayerRole.POLICY_ADMINISTRATOR, ledger.setWriter)
            govern(PayerRole.POLICY_ADMINISTRATOR, writer.resume, writer.openToNewWork, writer.closeToNewWork)
            govern(PayerRole.GUARDIAN, writer.halt)
            send(ledger.setWriter, writer, sender=payer_policy_administrator)
            send(writer.openToNewWork, sender=payer_policy_administrator)
        send(authorizations.setSettlement, settlement, sender=payer_policy_administrator)
        return policy, authorizations, vault, settlement, panel, units

    return call


@pytest.fixture(scope="session")
def token(contracts: Any, payer_admin: Any) -> Any:
    """A stable token with six decimals."""
    return payer_admin.deploy(contracts["StableToken"])


@pytest.fixture(scope="session")
def deposit(insurer_controller: Any) -> Callable[..., Any]:
    """Has the insurer's controller deposit tokens that it is given. Returns the receipt."""

    def call(token: Any, vault: Any, amount: int) -> Any:
        send(token.mint, insurer_controller, amount, sender=insurer_controller)
        send(token.approve, vault, amount, sender=insurer_controller)
        return send(vault.deposit, amount, sender=insurer_controller)

    return call


@pytest.fixture(scope="session")
def open_suite(
    deploy_suite: Callable[[Any], tuple[Any, ...]],
    deposit: Callable[..., Any],
    anchors: Any,
    hospital: Member,
    hospital_key: Any,
    insurer_key: Any,
    reviewer_key: Any,
    other_reviewer_key: Any,
    medical_director: Any,
    payer_policy_administrator: Any,
    treasurer: Any,
    stranger: Any,
) -> Callable[..., Suite]:
    """A suite over a token, with `CLAIM_RULES` in force for the hospital, both reviewers, and money in the vault."""

    def call(token: Any, funds: int = FUNDS) -> Suite:
        policy, authorizations, vault, settlement, panel, units = deploy_suite(token)
        send(panel.appoint, reviewer_key, REVIEWER, sender=medical_director)
        send(panel.appoint, other_reviewer_key, OTHER_REVIEWER, sender=medical_director)
        send(policy.draftVersion, terms(), sender=payer_policy_administrator)
        send(policy.addRules, 1, 0, list(CLAIM_RULES), sender=payer_policy_administrator, gas=20_000_000)
        send(policy.sealVersion, 1, digest_of(terms(), CLAIM_RULES), sender=payer_policy_administrator)
        enrol_under(policy, 1, hospital, hospital_key, insurer_key, stranger)
        send(vault.setLimits, 0, DAILY_CAP, sender=treasurer)
        deposit(token, vault, funds)
        return Suite(
            policy=policy,
            authorizations=authorizations,
            vault=vault,
            settlement=settlement,
            panel=panel,
            units=units,
            token=token,
            anchors=anchors,
            version=1,
            provider=hospital.id,
            key=hospital_key,
            insurer_key=insurer_key,
            reviewer_key=reviewer_key,
            sender=stranger,
        )

    return call


def enrol_under(policy: Any, version: int, provider: Member, key: Any, insurer_key: Any, sender: Any) -> None:
    """Enrols a provider under a version, and waits until it is in force."""
    plan = int(policy.versionOf(version).terms.plan)
    start = chain_time() + 60
    agreement = Agreement(
        policy=policy,
        provider=provider.id,
        provider_key=key,
        insurer_key=insurer_key,
        version=version,
        start=start,
        coefficient=SCALE,
        deadline=start + DAY,
        endings=int(policy.endingsOf(provider.id, plan)),
    )
    send(policy.enrol, *agreement.call(), sender=sender)
    travel_to(start)


@pytest.fixture(scope="session")
def suite(open_suite: Callable[..., Suite], token: Any) -> Suite:
    return open_suite(token)


@pytest.fixture
def open_version(
    suite: Suite, hospital: Member, hospital_key: Any, insurer_key: Any, stranger: Any, payer_policy_administrator: Any
) -> Callable[..., int]:
    """Another version of the suite's policy, with `CLAIM_RULES` and other terms, in force for the hospital."""

    def call(**changes: Any) -> int:
        stated = terms(**changes)
        send(suite.policy.draftVersion, stated, sender=payer_policy_administrator)
        version = int(suite.policy.lastVersion())
        send(suite.policy.addRules, version, 0, list(CLAIM_RULES), sender=payer_policy_administrator, gas=20_000_000)
        send(suite.policy.sealVersion, version, digest_of(stated, CLAIM_RULES), sender=payer_policy_administrator)
        enrol_under(suite.policy, version, hospital, hospital_key, insurer_key, stranger)
        return version

    return call


# ---------------------------------------------------------------------- requests


@pytest.fixture(scope="session")
def third_reviewer_key(insurer: Member, add_key: Callable[..., Any]) -> Any:
    """A key of a third reviewer's."""
    return _added(add_key, insurer, 36)


@pytest.fixture(scope="session")
def second_key_of_reviewer(insurer: Member, add_key: Callable[..., Any]) -> Any:
    """Another key of the first reviewer's."""
    return _added(add_key, insurer, 37)


@pytest.fixture(scope="session")
def settlement_account() -> Any:
    """Stands for the settlement, and draws as a test likes."""
    return funded(38)


@pytest.fixture(scope="session")
def office(
    deploy_payers: Callable[..., Any],
    govern: Callable[..., None],
    registry: Any,
    anchors: Any,
    insurer: Member,
    hospital: Member,
    hospital_key: Any,
    laboratory: Member,
    laboratory_key: Any,
    insurer_key: Any,
    reviewer_key: Any,
    second_key_of_reviewer: Any,
    other_reviewer_key: Any,
    third_reviewer_key: Any,
    hospital_other_key: Any,
    insurer_other_key: Any,
    other_insurer_key: Any,
    pharmacy_key: Any,
    settlement_account: Any,
    medical_director: Any,
    payer_policy_administrator: Any,
    stranger: Any,
) -> Office:
    """Authorizations under `REQUEST_RULES`, in force for hospital and laboratory, with three reviewers. It asks for
    every key that a test may name, so that none is first added within a test."""
    policy = deploy_payers("CoveragePolicy", registry, insurer.id)
    units = deploy_payers("UnitLedger")
    panel = deploy_payers("ReviewPanel", registry, insurer.id)
    foundations = (registry, anchors, policy, units, panel)
    parts = [deploy_payers(name, foundations) for name in ("AuthorizationIntake", "AuthorizationDesk")]
    authorizations = deploy_payers("PriorAuthorization", foundations, *parts)
    ruled = (policy.draftVersion, policy.addRules, policy.sealVersion), (units.setWriter,)
    versioned = authorizations.setSettlement, authorizations.resume
    opened = authorizations.openToNewWork, authorizations.closeToNewWork
    for methods in (*ruled, versioned, opened):
        govern(PayerRole.POLICY_ADMINISTRATOR, *methods)
    govern(PayerRole.MEDICAL_DIRECTOR, panel.appoint, panel.dismiss)
    govern(PayerRole.GUARDIAN, authorizations.halt)
    send(units.setWriter, authorizations, sender=payer_policy_administrator)
    send(authorizations.openToNewWork, sender=payer_policy_administrator)
    send(authorizations.setSettlement, settlement_account, sender=payer_policy_administrator)
    reviewers = {
        reviewer_key: REVIEWER,
        second_key_of_reviewer: REVIEWER,
        other_reviewer_key: OTHER_REVIEWER,
        third_reviewer_key: THIRD_REVIEWER,
    }
    for key, reviewer in reviewers.items():
        send(panel.appoint, key, reviewer, sender=medical_director)
    version = seal_under(policy, terms(), REQUEST_RULES, payer_policy_administrator)
    enrol_under(policy, version, hospital, hospital_key, insurer_key, stranger)
    enrol_under(policy, version, laboratory, laboratory_key, insurer_key, stranger)
    return Office(
        authorizations=authorizations,
        intake=parts[0],
        desk=parts[1],
        policy=policy,
        units=units,
        panel=panel,
        anchors=anchors,
        version=version,
        provider=hospital,
        key=hospital_key,
        insurer_key=insurer_key,
        reviewer_key=reviewer_key,
        settlement=settlement_account,
        sender=stranger,
    )


@pytest.fixture(scope="session")
def laboratory_office(office: Office, laboratory: Member, laboratory_key: Any) -> Office:
    """The office as the laboratory sees it."""
    return office.acting_for(laboratory, laboratory_key)


@pytest.fixture
def contract_key(contracts: Any, registry: Any, stranger: Any, spare_key: Any) -> Callable[[Member], tuple[Any, Any]]:
    """Gives an organization a contract wallet as a key. Returns it, and its owner."""

    def call(member: Member) -> tuple[Any, Any]:
        wallet = stranger.deploy(contracts["ContractWallet"], spare_key, gas=10**6, gas_price=10**10)
        deadline = chain_time() + DAY
        signature = prove(registry, member.id, wallet.address, deadline, spare_key)
        send(registry.addKey, member.id, wallet, deadline, signature, sender=member.controller)
        return wallet, spare_key

    return call


@pytest.fixture
def put_in_force(
    office: Office, hospital: Member, hospital_key: Any, insurer_key: Any, payer_policy_administrator: Any
) -> Callable[..., Office]:
    """Seals a version with terms and rules, enrols the hospital under it, and waits until it is in force."""

    def call(stated: Any = None, rules: Any = REQUEST_RULES) -> Office:
        version = seal_under(office.policy, stated or terms(), rules, payer_policy_administrator)
        enrol_under(office.policy, version, hospital, hospital_key, insurer_key, office.sender)
        return office.under(version)

    return call


def seal_under(policy: Any, stated: Any, rules: Any, sender: Any) -> int:
    """Drafts and seals a version. Returns its number."""
    send(policy.draftVersion, stated, sender=sender)
    version = int(policy.lastVersion())
    send(policy.addRules, version, 0, list(rules), sender=sender, gas=20_000_000)
    send(policy.sealVersion, version, digest_of(stated, rules), sender=sender)
    return version
