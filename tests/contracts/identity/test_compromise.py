"""reportCompromise, reportCompromiseAsRegistrar: cut-offs, and what they do to the past."""

from __future__ import annotations

import pytest

from ..support import (
    COMPROMISE_WINDOW,
    DAY,
    RECOVERY_DELAY,
    KeyStatus,
    Reason,
    chain_time,
    events,
    next_block_at,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)


@pytest.fixture
def added_at(registry, insurer, insurer_key):
    return registry.keyOf(insurer_key).addedAt


# ---------------------------------------------------------------------- reportCompromise


def test_report_compromise_ends_the_keys_acts(registry, insurer, insurer_key, added_at):
    now = travel(10 * DAY)
    receipt = send(registry.reportCompromise, insurer_key, now - DAY, sender=insurer.controller)
    assert events(receipt, registry) == [
        ("KeyCompromised", insurer.id, insurer_key.address, now - DAY, insurer.controller.address)
    ]
    assert tuple(registry.keyOf(insurer_key)) == (insurer.id, added_at, 0, now - DAY, time_of(receipt))
    assert tuple(registry.organizationOf(insurer_key)) == (insurer.id, KeyStatus.COMPROMISED)
    for read in ((registry.requireActive, insurer_key, 1), (registry.requireKey, insurer_key)):
        assert refusal(*read) == ("OrganizationRegistryKeyCompromised", insurer_key.address, now - DAY)


def test_report_compromise_of_a_retired_key_makes_it_compromised(registry, insurer, insurer_key, added_at):
    retired_at = time_of(send(registry.retireKey, insurer_key, sender=insurer.controller))
    now = travel(DAY)
    receipt = send(registry.reportCompromise, insurer_key, now, sender=insurer.controller)
    assert tuple(registry.keyOf(insurer_key)) == (insurer.id, added_at, retired_at, now, time_of(receipt))
    assert registry.organizationOf(insurer_key).status == KeyStatus.COMPROMISED


def test_report_compromise_may_move_the_cut_off_back(registry, insurer, insurer_key):
    now = travel(10 * DAY)
    first = send(registry.reportCompromise, insurer_key, now, sender=insurer.controller)
    second = send(registry.reportCompromise, insurer_key, now - DAY, sender=insurer.controller)
    assert events(second, registry) == [
        ("KeyCompromised", insurer.id, insurer_key.address, now - DAY, insurer.controller.address)
    ]
    key = registry.keyOf(insurer_key)
    assert (key.compromisedSince, key.reportedAt) == (now - DAY, time_of(first))


def test_report_compromise_with_the_same_cut_off_changes_nothing(registry, insurer, insurer_key):
    now = travel(DAY)
    send(registry.reportCompromise, insurer_key, now, sender=insurer.controller)
    before = tuple(registry.keyOf(insurer_key))
    assert send(registry.reportCompromise, insurer_key, now, sender=insurer.controller).logs == []
    assert tuple(registry.keyOf(insurer_key)) == before


def test_report_compromise_reverts_if_the_cut_off_is_moved_forward(registry, insurer, insurer_key, added_at):
    now = travel(10 * DAY)
    send(registry.reportCompromise, insurer_key, now - DAY, sender=insurer.controller)
    assert refusal(registry.reportCompromise, insurer_key, now, sender=insurer.controller) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        now,
        added_at,
        now - DAY,
    )


def test_report_compromise_reverts_if_the_cut_off_is_in_the_future(registry, insurer, insurer_key, added_at):
    now = chain_time()
    assert refusal(registry.reportCompromise, insurer_key, now + 1, sender=insurer.controller) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        now + 1,
        added_at,
        now,
    )


def test_report_compromise_reverts_if_the_cut_off_is_before_the_key(registry, insurer, insurer_key, added_at):
    now = travel(DAY)
    assert refusal(registry.reportCompromise, insurer_key, added_at - 1, sender=insurer.controller) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        added_at - 1,
        added_at,
        now,
    )


def test_report_compromise_reaches_back_to_the_keys_first_second(registry, insurer, insurer_key, added_at):
    next_block_at(added_at + COMPROMISE_WINDOW)
    send(registry.reportCompromise, insurer_key, added_at, sender=insurer.controller)
    assert registry.keyOf(insurer_key).compromisedSince == added_at


def test_report_compromise_reverts_if_more_than_30_days_back(registry, insurer, insurer_key, added_at):
    now = added_at + COMPROMISE_WINDOW + 5
    travel_to(now)
    earliest = now - COMPROMISE_WINDOW
    assert refusal(registry.reportCompromise, insurer_key, earliest - 1, sender=insurer.controller) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        earliest - 1,
        earliest,
        now,
    )
    assert registry.compromiseWindow() == COMPROMISE_WINDOW


def test_report_compromise_reverts_if_the_key_is_unknown(registry, insurer, spare_key):
    assert refusal(registry.reportCompromise, spare_key, chain_time(), sender=insurer.controller) == (
        "OrganizationRegistryUnknownKey",
        spare_key.address,
    )


def test_report_compromise_reverts_if_not_called_by_the_controller(registry, insurer, hospital, insurer_key, registrar):
    for caller in (registrar, insurer_key, hospital.controller):
        assert refusal(registry.reportCompromise, insurer_key, chain_time(), sender=caller) == (
            "OrganizationRegistryNotController",
            insurer.id,
            caller.address,
        )


def test_report_compromise_works_in_every_state(registry, registrar, insurer, insurer_key, new_controller):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    send(registry.contestRecovery, insurer.id, new_controller, sender=insurer.controller)
    travel_to(insurer.licence_expiry)
    send(registry.reportCompromise, insurer_key, chain_time(), sender=insurer.controller)
    assert registry.organizationOf(insurer_key).status == KeyStatus.COMPROMISED


def test_report_compromise_works_for_a_controller_upheld(
    registry, registrar, admin, insurer, insurer_key, new_controller
):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    send(registry.contestRecovery, insurer.id, new_controller, sender=insurer_key)
    send(registry.settleRecovery, insurer.id, new_controller, new_controller, Reason.CLEARED, sender=admin)
    now = chain_time()
    receipt = send(registry.reportCompromise, insurer_key, now, sender=new_controller)
    assert events(receipt, registry) == [
        ("KeyCompromised", insurer.id, insurer_key.address, now, new_controller.address)
    ]


def test_report_compromise_reverts_for_the_old_controller_once_another_is_upheld(
    registry, registrar, admin, insurer, insurer_key, new_controller
):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    send(registry.contestRecovery, insurer.id, new_controller, sender=insurer_key)
    send(registry.settleRecovery, insurer.id, new_controller, new_controller, Reason.CLEARED, sender=admin)
    assert refusal(registry.reportCompromise, insurer_key, chain_time(), sender=insurer.controller) == (
        "OrganizationRegistryNotController",
        insurer.id,
        insurer.controller.address,
    )


def test_report_compromise_reverts_for_a_controller_not_upheld(
    registry, registrar, insurer, insurer_key, new_controller
):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    wanted = ("OrganizationRegistryNotController", insurer.id, new_controller.address)
    assert refusal(registry.reportCompromise, insurer_key, chain_time(), sender=new_controller) == wanted
    travel(RECOVERY_DELAY)
    assert refusal(registry.reportCompromise, insurer_key, chain_time(), sender=new_controller) == wanted
    send(registry.contestRecovery, insurer.id, new_controller, sender=insurer_key)
    assert refusal(registry.reportCompromise, insurer_key, chain_time(), sender=new_controller) == wanted


# ---------------------------------------------------------------------- reportCompromiseAsRegistrar


def test_registrar_reports_as_far_back_as_the_key_goes(registry, registrar, insurer, insurer_key, added_at):
    travel(COMPROMISE_WINDOW + 10 * DAY)
    receipt = send(registry.reportCompromiseAsRegistrar, insurer_key, added_at, sender=registrar)
    assert events(receipt, registry) == [
        ("KeyCompromised", insurer.id, insurer_key.address, added_at, registrar.address)
    ]
    assert registry.keyOf(insurer_key).reportedAt == time_of(receipt)


def test_registrar_may_move_back_a_controllers_cut_off(registry, registrar, insurer, insurer_key, added_at):
    now = travel(COMPROMISE_WINDOW + 10 * DAY)
    send(registry.reportCompromise, insurer_key, now, sender=insurer.controller)
    send(registry.reportCompromiseAsRegistrar, insurer_key, added_at, sender=registrar)
    assert registry.keyOf(insurer_key).compromisedSince == added_at


def test_registrars_report_reverts_if_the_cut_off_is_before_the_key(registry, registrar, insurer_key, added_at):
    now = travel(DAY)
    assert refusal(registry.reportCompromiseAsRegistrar, insurer_key, added_at - 1, sender=registrar) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        added_at - 1,
        added_at,
        now,
    )


def test_registrars_report_reverts_if_the_cut_off_is_moved_forward(registry, registrar, insurer_key, added_at):
    now = travel(DAY)
    send(registry.reportCompromiseAsRegistrar, insurer_key, added_at, sender=registrar)
    assert refusal(registry.reportCompromiseAsRegistrar, insurer_key, now, sender=registrar) == (
        "OrganizationRegistryCutOffOutOfRange",
        insurer_key.address,
        now,
        added_at,
        added_at,
    )


def test_registrars_report_reverts_if_the_key_is_unknown(registry, registrar, spare_key):
    assert refusal(registry.reportCompromiseAsRegistrar, spare_key, chain_time(), sender=registrar) == (
        "OrganizationRegistryUnknownKey",
        spare_key.address,
    )
