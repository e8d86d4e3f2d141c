"""What only days bring about - recoveries, cut-offs, licences - on every kind of chain, whose clock the tests move."""

from __future__ import annotations

import pytest
from careledger.contract_errors import (
    OrganizationRegistryCutOffOutOfRange,
    OrganizationRegistryFrozen,
    OrganizationRegistryLicenceExpired,
    OrganizationRegistryMayNotContest,
    OrganizationRegistryNoRecovery,
    OrganizationRegistryNotPendingController,
    OrganizationRegistryRecoveryNotReady,
    OrganizationRegistryRecoveryPending,
)
from careledger.contract_events import (
    KeyCompromised,
    RecoveryCancelled,
    RecoveryCompleted,
    RecoveryContested,
    RecoverySettled,
    RecoveryStarted,
)
from careledger.identity import KeyAtTime, KeyStatus, MemberRole, Reason, Recovery, organization_id
from identity.suite import DAY, Near, Suite, new_key, refusal, travel

pytestmark = pytest.mark.daily("anvil")

END_OF_TIME = 2**40 - 1
RECOVERY_DELAY = 7 * DAY


@pytest.fixture
def suite(travelling_suite: Suite) -> Suite:
    return travelling_suite


@pytest.fixture
def recovering(suite: Suite) -> str:
    """An organization whose recovery to the successor has started."""
    name = suite.admit()
    receipt = suite.organizations(suite.registrar).start_recovery(name, suite.successor.address)
    event = receipt.event(RecoveryStarted)
    ready_at = suite.connection.block_time(receipt.block_number) + RECOVERY_DELAY
    assert event == RecoveryStarted(organization_id(name), suite.successor.address, ready_at, Reason.CONTROLLER_LOST)
    assert suite.organizations().get(name).recovery == Recovery(suite.successor.address, ready_at, False)
    return name


def test_a_recovery_completes_after_its_delay_and_not_before(suite: Suite, recovering: str) -> None:
    recovery = suite.organizations().get(recovering).recovery
    assert recovery is not None
    successor = suite.organizations(suite.successor)
    expected = OrganizationRegistryRecoveryNotReady(organization_id(recovering), recovery.ready_at)
    refusal(lambda: successor.complete_recovery(recovering), expected)
    refusal(
        lambda: suite.organizations(suite.stranger).complete_recovery(recovering),
        OrganizationRegistryNotPendingController(organization_id(recovering), suite.stranger.address),
    )
    travel(suite.connection, RECOVERY_DELAY - 30)
    refusal(lambda: successor.complete_recovery(recovering), expected)
    travel(suite.connection, 60)
    receipt = successor.complete_recovery(recovering)
    assert receipt.event(RecoveryCompleted).new_controller == suite.successor.address
    found = suite.organizations().get(recovering)
    assert found.controller == suite.successor.address
    assert found.recovery is None


def test_keys_and_payments_stand_still_while_a_recovery_is_pending(suite: Suite, recovering: str) -> None:
    controller = suite.organizations(suite.controller)
    expected = OrganizationRegistryRecoveryPending(organization_id(recovering), suite.successor.address)
    refusal(lambda: suite.add_key(recovering), expected)
    refusal(lambda: controller.transfer_controller(recovering, suite.stranger.address), expected)
    refusal(lambda: controller.publish_contract(recovering, "Escrow", suite.registry.address), expected)
    refusal(lambda: suite.organizations(suite.registrar).start_recovery(recovering, suite.stranger.address), expected)


def test_the_registrar_calls_off_a_recovery(suite: Suite, recovering: str) -> None:
    receipt = suite.organizations(suite.registrar).cancel_recovery(recovering, Reason.CLERICAL_ERROR)
    assert receipt.event(RecoveryCancelled).reason == Reason.CLERICAL_ERROR
    travel(suite.connection, RECOVERY_DELAY + 1)
    refusal(
        lambda: suite.organizations(suite.successor).complete_recovery(recovering),
        OrganizationRegistryNoRecovery(organization_id(recovering)),
    )
    assert suite.organizations().get(recovering).controller == suite.controller.address


def test_a_contested_recovery_freezes_and_the_admin_upholds_it(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name).address
    added_at = suite.now
    suite.organizations(suite.registrar).start_recovery(name, suite.successor.address)
    receipt = suite.organizations(suite.controller).contest_recovery(name, suite.successor.address)
    assert receipt.event(RecoveryContested).contestant == suite.controller.address
    found = suite.organizations().get(name)
    assert found.membership.frozen
    assert not found.active
    assert found.recovery is not None
    assert found.recovery.contested

    frozen = OrganizationRegistryFrozen(organization_id(name))
    refusal(lambda: suite.organizations().require_key(key), frozen)
    refusal(lambda: suite.organizations().require_active(key, MemberRole.PAYER), frozen)
    refusal(lambda: suite.organizations(suite.registrar).cancel_recovery(name, Reason.CLEARED), frozen)
    refusal(lambda: suite.organizations(suite.controller).contest_recovery(name, suite.successor.address), frozen)
    travel(suite.connection, RECOVERY_DELAY + 1)
    successor = suite.organizations(suite.successor)
    refusal(
        lambda: successor.complete_recovery(name),
        OrganizationRegistryRecoveryNotReady(organization_id(name), END_OF_TIME),
    )

    admin = suite.organizations(suite.admin)
    receipt = admin.settle_recovery(name, suite.successor.address, suite.successor.address, Reason.CONTROLLER_LOST)
    assert receipt.event(RecoverySettled).upheld
    assert suite.organizations().get(name).membership.frozen
    assert successor.report_compromise(key, added_at).event(KeyCompromised).reporter == suite.successor.address
    successor.complete_recovery(name)
    found = suite.organizations().get(name)
    assert found.controller == suite.successor.address
    assert found.active
    assert found.recovery is None


def test_the_admin_rejects_a_contested_recovery(suite: Suite, recovering: str) -> None:
    suite.organizations(suite.controller).contest_recovery(recovering, suite.successor.address)
    receipt = suite.organizations(suite.admin).settle_recovery(recovering, suite.successor.address, None, Reason.FRAUD)
    event = receipt.event(RecoverySettled)
    assert (event.new_controller, event.upheld, event.reason) == (suite.successor.address, False, Reason.FRAUD)
    found = suite.organizations().get(recovering)
    assert found.active
    assert found.controller == suite.controller.address
    assert found.recovery is None


def test_the_admin_ends_a_recovery_that_nobody_contests_and_cannot_speed_it_up(suite: Suite, recovering: str) -> None:
    admin = suite.organizations(suite.admin)
    refusal(
        lambda: admin.settle_recovery(
            recovering, suite.successor.address, suite.successor.address, Reason.CONTROLLER_LOST
        ),
        OrganizationRegistryNoRecovery(organization_id(recovering)),
    )
    admin.settle_recovery(recovering, suite.successor.address, None, Reason.OWN_REQUEST)
    assert suite.organizations().get(recovering).recovery is None


def test_the_guardian_contests_and_the_admin_names_another_controller(suite: Suite, recovering: str) -> None:
    guardian = suite.organizations(suite.guardian)
    receipt = guardian.contest_recovery_as_guardian(recovering, suite.successor.address)
    assert receipt.event(RecoveryContested).contestant == suite.guardian.address
    suite.organizations(suite.admin).settle_recovery(
        recovering, suite.successor.address, suite.stranger.address, Reason.CONTROLLER_LOST
    )
    refusal(
        lambda: suite.organizations(suite.successor).complete_recovery(recovering),
        OrganizationRegistryNotPendingController(organization_id(recovering), suite.successor.address),
    )
    suite.organizations(suite.stranger).complete_recovery(recovering)
    assert suite.organizations().get(recovering).controller == suite.stranger.address


def test_an_active_key_contests_and_a_stranger_may_not(suite: Suite) -> None:
    name = suite.admit()
    key = suite.fund(suite.add_key(name, new_key()))
    suite.organizations(suite.registrar).start_recovery(name, suite.successor.address)
    refusal(
        lambda: suite.organizations(suite.stranger).contest_recovery(name, suite.successor.address),
        OrganizationRegistryMayNotContest(organization_id(name), suite.stranger.address),
    )
    refusal(
        lambda: suite.organizations(key).contest_recovery(name, suite.stranger.address),
        OrganizationRegistryNoRecovery(organization_id(name)),
    )
    receipt = suite.organizations(key).contest_recovery(name, suite.successor.address)
    assert receipt.event(RecoveryContested).contestant == key.address


def test_a_controller_reports_thirty_days_back_and_the_registrar_further(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name).address
    added_at = suite.now
    travel(suite.connection, 40 * DAY)
    controller, registrar = suite.organizations(suite.controller), suite.organizations(suite.registrar)
    too_early = suite.now - 31 * DAY
    with pytest.raises(OrganizationRegistryCutOffOutOfRange) as raised:
        controller.report_compromise(key, too_early)
    assert raised.value.fields() == {
        "key": key,
        "since": too_early,
        "earliest": Near(suite.now - 30 * DAY),
        "latest": Near(suite.now),
    }
    first_cut_off = suite.now - 29 * DAY
    first_report = suite.connection.block_time(controller.report_compromise(key, first_cut_off).block_number)
    travel(suite.connection, DAY)
    receipt = registrar.report_compromise_as_registrar(key, added_at)
    assert receipt.event(KeyCompromised).reporter == suite.registrar.address
    second_report = suite.connection.block_time(receipt.block_number)

    organization = organization_id(name)
    at = suite.organizations().at
    assert at(key, added_at) == KeyAtTime(organization, KeyStatus.ACTIVE, True, second_report)
    assert at(key, first_cut_off - 1) == KeyAtTime(organization, KeyStatus.ACTIVE, True, second_report)
    assert at(key, first_cut_off) == KeyAtTime(organization, KeyStatus.ACTIVE, True, first_report)
    assert at(key, first_report) == KeyAtTime(organization, KeyStatus.COMPROMISED, True, first_report)
    record = suite.organizations().key(key)
    assert (record.compromised_since, record.reported_at) == (added_at, first_report)
    refusal(
        lambda: registrar.report_compromise_as_registrar(key, first_cut_off),
        OrganizationRegistryCutOffOutOfRange(key, first_cut_off, added_at, added_at),
    )


def test_past_its_licence_an_organization_starts_nothing_and_may_finish(suite: Suite) -> None:
    name = suite.admit(licence_expiry=suite.now + DAY)
    key = suite.add_key(name).address
    expiry = suite.organizations().membership(name).licence_expiry
    assert suite.organizations().get(name).active
    travel(suite.connection, DAY + 1)
    assert not suite.organizations().get(name).active
    assert not suite.organizations().is_active(name, MemberRole.PAYER)
    refusal(
        lambda: suite.organizations().require_active(key, MemberRole.PAYER),
        OrganizationRegistryLicenceExpired(organization_id(name), expiry),
    )
    refusal(
        lambda: suite.organizations(suite.controller).publish_contract(name, "Escrow", suite.registry.address),
        OrganizationRegistryLicenceExpired(organization_id(name), expiry),
    )
    assert suite.organizations().require_key(key) == organization_id(name)
    suite.organizations(suite.registrar).renew(name, suite.now + DAY)
    assert suite.organizations().require_active(key, MemberRole.PAYER) == organization_id(name)
