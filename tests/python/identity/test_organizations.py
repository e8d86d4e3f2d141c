"""What the client does with organizations, on every kind of chain."""

from __future__ import annotations

import hashlib

import pytest
from careledger.chain.connection import TRANSACTION_GAS_CAP, Connection
from careledger.contract_errors import OrganizationRegistryAlreadyAdmitted, OrganizationRegistryIdentifierNotHeld
from careledger.contract_events import (
    ContractPublished,
    ControllerTransferred,
    ControllerTransferStarted,
    IdentifierAssigned,
    LicenceRenewed,
    MemberRolesChanged,
    MetadataCommitted,
    OrganizationAdmitted,
    OrganizationExpelled,
    OrganizationReinstated,
    OrganizationSuspended,
)
from careledger.errors import ConfigurationError, InvalidInput, UnknownOrganization
from careledger.identity import Identifier, MemberRole, Reason, Standing, organization_id
from careledger.identity.identifiers import to_padded
from careledger.identity.types import ZERO_HASH, to_bits
from identity.suite import Suite, deploy_suite, refusal


def padded(text: str) -> str:
    return "0x" + to_padded(text).hex()


def gln(number: int) -> str:
    """A GLN whose first twelve digits are a number."""
    digits = f"{number:012d}"
    weighted = sum(int(digit) * (1 if i % 2 == 0 else 3) for i, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def number_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


@pytest.mark.parametrize("chain", ["anvil"], indirect=True)
def test_a_suite_that_is_deployed_again_is_the_same_and_gives_other_names(chain: Connection, suite: Suite) -> None:
    again = deploy_suite(chain)
    assert again.registry.address == suite.registry.address
    assert again.admit() != suite.admit()


def test_admit_makes_an_active_organization_with_what_was_stated(suite: Suite) -> None:
    name = suite.name()
    identifier = Identifier("GLN", gln(number_of(name)))
    admission = suite.admission(
        name=name,
        member_roles=frozenset({MemberRole.PROVIDER, MemberRole.DISPENSER}),
        identifiers=(identifier,),
        metadata_commitment="0x" + 32 * "ab",
    )
    receipt = suite.organizations(suite.registrar).admit(admission)
    event = receipt.event(OrganizationAdmitted)
    assert (event.name, event.controller, event.reason) == (name, suite.controller.address, Reason.APPLICATION)
    assert event.organization == organization_id(name)
    assert receipt.event(IdentifierAssigned).value == padded(identifier.value)

    found = suite.organizations().get(name, with_keys=True)
    assert found.id == organization_id(name)
    assert found.name == name
    assert found.active
    assert found.membership.standing is Standing.ACTIVE
    assert found.membership.member_roles == admission.member_roles
    assert found.membership.licence_expiry == admission.licence_expiry
    assert not found.membership.frozen
    assert found.membership.since == suite.connection.block_time(receipt.block_number)
    assert found.controller == suite.controller.address
    assert found.pending_controller is None
    assert found.recovery is None
    assert found.metadata_commitment == "0x" + 32 * "ab"
    assert found.identifiers == (identifier,)
    assert found.keys == ()
    assert suite.organizations().names()[name] == found.id
    assert suite.organizations().get(found.id) == suite.organizations().get(name)


def test_the_same_admission_again_changes_nothing(suite: Suite) -> None:
    admission = suite.admission()
    registrar = suite.organizations(suite.registrar)
    registrar.admit(admission)
    before = suite.organizations().get(admission.name, with_keys=True)
    assert registrar.admit(admission).events == ()
    assert suite.organizations().get(admission.name, with_keys=True) == before


def test_another_admission_under_the_same_name_is_refused(suite: Suite) -> None:
    name = suite.admit()
    other = suite.admission(name=name, controller=suite.stranger.address)
    refusal(
        lambda: suite.organizations(suite.registrar).admit(other),
        OrganizationRegistryAlreadyAdmitted(organization_id(name), name),
    )
    assert suite.organizations().get(name).controller == suite.controller.address


def admit_in_one_transaction(suite: Suite, count: int) -> None:
    admissions = [suite.admission() for _ in range(count)]
    progress: list[tuple[int, int]] = []
    receipts = suite.organizations(suite.registrar).admit_many(
        admissions, lambda done, total: progress.append((done, total))
    )
    assert len(receipts) == 1
    assert receipts[0].gas_used < TRANSACTION_GAS_CAP
    assert [event.name for event in receipts[0].events if isinstance(event, OrganizationAdmitted)] == [
        admission.name for admission in admissions
    ]
    assert progress == [(count, count)]
    assert {admission.name for admission in admissions} <= suite.organizations().names().keys()


@pytest.mark.parametrize("chain", ["anvil"], indirect=True)
def test_a_hundred_organizations_are_admitted_in_one_transaction(chain: Connection, suite: Suite) -> None:
    admit_in_one_transaction(suite, 100)


@pytest.mark.parametrize("chain", ["ganache", "embedded"], indirect=True)
@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.full)])
def test_many_organizations_are_admitted_in_one_transaction_on_slower_chains_too(
    chain: Connection, suite: Suite, count: int
) -> None:
    admit_in_one_transaction(suite, count)


def admit_more_than_fit(suite: Suite) -> None:
    admissions = []
    for _ in range(18):
        name = suite.name()
        held = tuple(Identifier("LOCAL", f"{name}/{i}") for i in range(40))
        admissions.append(suite.admission(name=name, identifiers=held))
    progress: list[tuple[int, int]] = []
    receipts = suite.organizations(suite.registrar).admit_many(
        admissions, lambda done, total: progress.append((done, total))
    )
    assert sum(receipt.gas_used for receipt in receipts) > TRANSACTION_GAS_CAP
    assert len(receipts) == 2
    assert all(receipt.gas_used < TRANSACTION_GAS_CAP for receipt in receipts)
    names = [
        [event.name for event in receipt.events if isinstance(event, OrganizationAdmitted)] for receipt in receipts
    ]
    assert [*names[0], *names[1]] == [admission.name for admission in admissions]
    assert progress == [(len(names[0]), 18), (18, 18)]


@pytest.mark.parametrize("chain", ["anvil"], indirect=True)
def test_more_organizations_than_fit_are_admitted_in_several_transactions(chain: Connection, suite: Suite) -> None:
    admit_more_than_fit(suite)


@pytest.mark.full
@pytest.mark.parametrize("chain", ["ganache", "embedded"], indirect=True)
def test_more_organizations_than_fit_are_admitted_on_slower_chains_too(chain: Connection, suite: Suite) -> None:
    admit_more_than_fit(suite)


def test_a_bulk_admission_with_one_wrong_entry_sends_nothing(suite: Suite) -> None:
    first, second = suite.admission(), suite.admission(name="not a name")
    nonce = suite.connection.nonce(suite.registrar.address)
    with pytest.raises(InvalidInput) as raised:
        suite.organizations(suite.registrar).admit_many([first, second])
    assert (raised.value.name, raised.value.value) == ("name", "not a name")
    taken = suite.admit()
    changed = suite.admission(name=taken, controller=suite.stranger.address)
    with pytest.raises(OrganizationRegistryAlreadyAdmitted):
        suite.organizations(suite.registrar).admit_many([first, changed])
    assert suite.connection.nonce(suite.registrar.address) == nonce + 1  # the one that made `taken`
    assert suite.organizations().membership(first.name).standing is Standing.UNKNOWN


def test_renew_sets_another_licence_expiry(suite: Suite) -> None:
    name = suite.admit()
    expiry = suite.soon + 1000
    receipt = suite.organizations(suite.registrar).renew(name, expiry)
    assert receipt.event(LicenceRenewed).licence_expiry == expiry
    assert receipt.event(LicenceRenewed).reason == Reason.LICENCE_RENEWED
    assert suite.organizations().membership(name).licence_expiry == expiry


def test_member_roles_are_added_and_removed(suite: Suite) -> None:
    name = suite.admit()
    registrar = suite.organizations(suite.registrar)
    receipt = registrar.add_member_roles(name, {MemberRole.CARRIER, MemberRole.WHOLESALER})
    assert receipt.event(MemberRolesChanged).member_roles == to_bits(
        {MemberRole.PAYER, MemberRole.CARRIER, MemberRole.WHOLESALER}
    )
    assert suite.organizations().is_active(name, MemberRole.CARRIER)
    registrar.remove_member_roles(name, {MemberRole.PAYER, MemberRole.CARRIER})
    assert suite.organizations().membership(name).member_roles == {MemberRole.WHOLESALER}
    assert not suite.organizations().is_active(name, MemberRole.CARRIER)


def test_suspend_ends_activity_and_reinstate_brings_it_back(suite: Suite) -> None:
    name = suite.admit()
    registrar = suite.organizations(suite.registrar)
    receipt = registrar.suspend(name, Reason.SECURITY_INCIDENT)
    assert receipt.event(OrganizationSuspended).reason == Reason.SECURITY_INCIDENT
    assert suite.organizations().membership(name).standing is Standing.SUSPENDED
    assert not suite.organizations().is_active(name, MemberRole.PAYER)
    assert not suite.organizations().get(name).active
    assert registrar.reinstate(name).event(OrganizationReinstated).reason == Reason.CLEARED
    assert suite.organizations().is_active(name, MemberRole.PAYER)


def test_expel_waits_out_the_delay_and_is_final(suite: Suite) -> None:
    name = suite.admit()
    said: list[str] = []
    governance = suite.governance(suite.policy_administrator)
    receipt = governance.perform(suite.registry, "expel", organization_id(name), int(Reason.FRAUD), report=said.append)
    assert receipt.event(OrganizationExpelled).reason == Reason.FRAUD
    assert suite.organizations().membership(name).standing is Standing.EXPELLED
    assert len(said) == 1
    assert said[0].startswith("expel is scheduled")


def test_membership_at_tells_what_held_then(suite: Suite) -> None:
    name = suite.admit()
    admitted = suite.organizations().membership(name)
    suite.connection.wait_until(suite.now + 1)
    suite.organizations(suite.registrar).suspend(name, Reason.REGULATOR_ORDER)
    suspended = suite.organizations().membership(name)
    assert suspended.since > admitted.since
    assert suite.organizations().membership_at(name, admitted.since) == admitted
    assert suite.organizations().membership_at(name, suspended.since - 1) == admitted
    assert suite.organizations().membership_at(name, suspended.since) == suspended
    assert suite.organizations().membership_at(name, admitted.since - 1).standing is Standing.UNKNOWN


def test_identifiers_are_assigned_found_and_withdrawn(suite: Suite) -> None:
    holder, other = suite.admit(), suite.admit()
    identifier = Identifier("GLN", gln(number_of(holder)))
    kept = Identifier("LOCAL", holder)
    registrar = suite.organizations(suite.registrar)
    registrar.assign_identifiers(holder, [identifier, kept])
    assert suite.organizations().by_identifier(identifier) == organization_id(holder)
    assert registrar.assign_identifiers(holder, [identifier]).events == ()

    registrar.withdraw_identifier(holder, identifier, Reason.CLERICAL_ERROR)
    assert suite.organizations().by_identifier(identifier) is None
    assert suite.organizations().get(holder).identifiers == (kept,)
    refusal(
        lambda: registrar.withdraw_identifier(holder, identifier, Reason.CLERICAL_ERROR),
        OrganizationRegistryIdentifierNotHeld(padded("GLN"), padded(identifier.value), "0x" + 24 * "0"),
    )
    registrar.assign_identifiers(other, [identifier])
    assert suite.organizations().by_identifier(identifier) == organization_id(other)
    assert suite.organizations().get(other).identifiers == (identifier,)


def test_metadata_is_committed_anew(suite: Suite) -> None:
    name = suite.admit()
    assert suite.organizations().get(name).metadata_commitment == ZERO_HASH
    receipt = suite.organizations(suite.registrar).commit_metadata(name, "0x" + 32 * "cd")
    assert receipt.event(MetadataCommitted).reason == Reason.OWN_REQUEST
    assert suite.organizations().get(name).metadata_commitment == "0x" + 32 * "cd"


def test_a_controller_hands_over_in_two_steps(suite: Suite) -> None:
    name = suite.admit()
    receipt = suite.organizations(suite.controller).transfer_controller(name, suite.successor.address)
    assert receipt.event(ControllerTransferStarted).pending_controller == suite.successor.address
    assert suite.organizations().get(name).pending_controller == suite.successor.address
    assert suite.organizations().get(name).controller == suite.controller.address
    receipt = suite.organizations(suite.successor).accept_controller(name)
    assert receipt.event(ControllerTransferred).previous_controller == suite.controller.address
    assert suite.organizations().get(name).controller == suite.successor.address
    assert suite.organizations().get(name).pending_controller is None


def test_a_published_contract_is_found_until_it_is_withdrawn(suite: Suite) -> None:
    name = suite.admit()
    controller = suite.organizations(suite.controller)
    assert suite.organizations().contract_of(name, "PriorAuthorization") is None
    receipt = controller.publish_contract(name, "PriorAuthorization", suite.registry.address)
    assert receipt.event(ContractPublished).kind == padded("PriorAuthorization")
    assert suite.organizations().contract_of(name, "PriorAuthorization") == suite.registry.address
    assert suite.organizations().contract_of(name, "Escrow") is None
    controller.publish_contract(name, "PriorAuthorization", "0x" + 40 * "0")
    assert suite.organizations().contract_of(name, "PriorAuthorization") is None


@pytest.mark.parametrize("unknown", ["no-such-organization", "0x" + 24 * "f"])
def test_a_name_that_is_not_an_organization_is_refused_before_anything_is_sent(suite: Suite, unknown: str) -> None:
    registrar = suite.organizations(suite.registrar)
    controller = suite.organizations(suite.controller)
    successor = suite.successor.address
    acts = [
        lambda: registrar.renew(unknown, suite.soon),
        lambda: registrar.add_member_roles(unknown, {MemberRole.PAYER}),
        lambda: registrar.remove_member_roles(unknown, {MemberRole.PAYER}),
        lambda: registrar.assign_identifiers(unknown, [Identifier("LOCAL", "1")]),
        lambda: registrar.withdraw_identifier(unknown, Identifier("LOCAL", "1"), Reason.CLERICAL_ERROR),
        lambda: registrar.commit_metadata(unknown, ZERO_HASH),
        lambda: registrar.suspend(unknown, Reason.FRAUD),
        lambda: registrar.reinstate(unknown),
        lambda: registrar.expel(unknown, Reason.FRAUD),
        lambda: registrar.start_recovery(unknown, successor),
        lambda: registrar.cancel_recovery(unknown, Reason.OWN_REQUEST),
        lambda: registrar.settle_recovery(unknown, successor, None, Reason.CLEARED),
        lambda: registrar.contest_recovery_as_guardian(unknown, successor),
        lambda: controller.transfer_controller(unknown, successor),
        lambda: controller.accept_controller(unknown),
        lambda: controller.contest_recovery(unknown, successor),
        lambda: controller.complete_recovery(unknown),
        lambda: controller.publish_contract(unknown, "Escrow", successor),
        lambda: controller.contract_of(unknown, "Escrow"),
        lambda: controller.get(unknown),
    ]
    nonces = [suite.connection.nonce(signer.address) for signer in (suite.registrar, suite.controller)]
    for act in acts:
        with pytest.raises(UnknownOrganization) as raised:
            act()
        assert raised.value.fields() == {
            "name": "organization",
            "value": unknown,
            "problem": f"is not in the registry at {suite.registry.address}",
        }
    assert [suite.connection.nonce(signer.address) for signer in (suite.registrar, suite.controller)] == nonces
    assert not suite.organizations().is_active(unknown, MemberRole.PAYER)


def test_writing_without_a_signer_is_refused(suite: Suite) -> None:
    name = suite.admit()
    for act in (
        lambda: suite.organizations().suspend(name, Reason.FRAUD),
        lambda: suite.organizations().admit_many([suite.admission()]),
        lambda: suite.governance().schedule(suite.registry, "expel", organization_id(name), 1),
    ):
        with pytest.raises(ConfigurationError) as raised:
            act()
        assert raised.value.setting == "signer"
