"""transferController, acceptController."""

from __future__ import annotations

from ..support import ZERO, Reason, events, identity_of, refusal, send

UNKNOWN = identity_of("nobody")

# ---------------------------------------------------------------------- transferController


def test_transfer_controller_offers_the_organization(registry, insurer, new_controller):
    receipt = send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    assert events(receipt, registry) == [
        ("ControllerTransferStarted", insurer.id, insurer.controller.address, new_controller.address)
    ]
    assert registry.pendingControllerOf(insurer.id) == new_controller
    assert registry.controllerOf(insurer.id) == insurer.controller


def test_transfer_controller_replaces_an_offer(registry, insurer, new_controller, stranger):
    send(registry.transferController, insurer.id, stranger, sender=insurer.controller)
    send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    assert refusal(registry.acceptController, insurer.id, sender=stranger) == (
        "OrganizationRegistryNotPendingController",
        insurer.id,
        stranger.address,
    )


def test_transfer_controller_to_zero_withdraws_the_offer(registry, insurer, new_controller):
    send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    receipt = send(registry.transferController, insurer.id, ZERO, sender=insurer.controller)
    assert events(receipt, registry) == [("ControllerTransferStarted", insurer.id, insurer.controller.address, ZERO)]
    assert registry.pendingControllerOf(insurer.id) == ZERO
    assert refusal(registry.acceptController, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNotPendingController",
        insurer.id,
        new_controller.address,
    )


def test_transfer_controller_reverts_if_unknown(registry, insurer, new_controller):
    assert refusal(registry.transferController, UNKNOWN, new_controller, sender=insurer.controller) == (
        "OrganizationRegistryUnknownOrganization",
        UNKNOWN,
    )


def test_transfer_controller_reverts_if_not_called_by_the_controller(registry, insurer, insurer_key, new_controller):
    for caller in (insurer_key, new_controller):
        assert refusal(registry.transferController, insurer.id, new_controller, sender=caller) == (
            "OrganizationRegistryNotController",
            insurer.id,
            caller.address,
        )


def test_transfer_controller_reverts_to_the_present_one(registry, insurer):
    assert refusal(registry.transferController, insurer.id, insurer.controller, sender=insurer.controller) == (
        "OrganizationRegistryInvalidAccount",
        insurer.id,
        insurer.controller.address,
    )


def test_transfer_controller_reverts_during_a_recovery(registry, registrar, insurer, new_controller, stranger):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    assert refusal(registry.transferController, insurer.id, stranger, sender=insurer.controller) == (
        "OrganizationRegistryRecoveryPending",
        insurer.id,
        new_controller.address,
    )


# ---------------------------------------------------------------------- acceptController


def test_accept_controller_hands_over(registry, insurer, new_controller, spare_key, add_key):
    send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    receipt = send(registry.acceptController, insurer.id, sender=new_controller)
    assert events(receipt, registry) == [
        ("ControllerTransferred", insurer.id, insurer.controller.address, new_controller.address)
    ]
    assert registry.controllerOf(insurer.id) == new_controller
    assert registry.pendingControllerOf(insurer.id) == ZERO


def test_accepted_controller_governs_the_keys_and_the_former_no_more(registry, insurer, insurer_key, new_controller):
    send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    send(registry.acceptController, insurer.id, sender=new_controller)
    assert refusal(registry.retireKey, insurer_key, sender=insurer.controller) == (
        "OrganizationRegistryNotController",
        insurer.id,
        insurer.controller.address,
    )
    send(registry.retireKey, insurer_key, sender=new_controller)


def test_accept_controller_reverts_if_unknown(registry, new_controller):
    assert refusal(registry.acceptController, UNKNOWN, sender=new_controller) == (
        "OrganizationRegistryUnknownOrganization",
        UNKNOWN,
    )


def test_accept_controller_reverts_if_not_offered_to_the_caller(registry, insurer, new_controller, stranger):
    for _ in ("before an offer", "to another"):
        assert refusal(registry.acceptController, insurer.id, sender=stranger) == (
            "OrganizationRegistryNotPendingController",
            insurer.id,
            stranger.address,
        )
        send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)


def test_accept_controller_reverts_twice(registry, insurer, new_controller):
    send(registry.transferController, insurer.id, new_controller, sender=insurer.controller)
    send(registry.acceptController, insurer.id, sender=new_controller)
    assert refusal(registry.acceptController, insurer.id, sender=new_controller) == (
        "OrganizationRegistryNotPendingController",
        insurer.id,
        new_controller.address,
    )


def test_accept_controller_reverts_during_a_recovery(registry, registrar, insurer, new_controller, stranger):
    send(registry.transferController, insurer.id, stranger, sender=insurer.controller)
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    assert refusal(registry.acceptController, insurer.id, sender=stranger) == (
        "OrganizationRegistryRecoveryPending",
        insurer.id,
        new_controller.address,
    )
