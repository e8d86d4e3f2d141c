"""publishContract, contractOf."""

from __future__ import annotations

from ..support import ZERO, Reason, Standing, events, identity_of, padded, refusal, send, travel_to

KIND = padded("PriorAuthorization")


def test_publish_contract_makes_it_findable(registry, insurer, manager):
    receipt = send(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller)
    assert events(receipt, registry) == [("ContractPublished", insurer.id, KIND, manager.address, ZERO)]
    assert registry.contractOf(insurer.id, KIND) == manager.address
    assert registry.contractOf(insurer.id, padded("Eligibility")) == ZERO


def test_publish_contract_replaces_the_former(registry, insurer, manager):
    send(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller)
    receipt = send(registry.publishContract, insurer.id, KIND, registry, sender=insurer.controller)
    assert events(receipt, registry) == [("ContractPublished", insurer.id, KIND, registry.address, manager.address)]
    assert registry.contractOf(insurer.id, KIND) == registry.address


def test_publish_contract_with_zero_withdraws_it(registry, insurer, manager):
    send(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller)
    receipt = send(registry.publishContract, insurer.id, KIND, ZERO, sender=insurer.controller)
    assert events(receipt, registry) == [("ContractPublished", insurer.id, KIND, ZERO, manager.address)]
    assert registry.contractOf(insurer.id, KIND) == ZERO


def test_publish_contract_withdraws_while_suspended(registry, registrar, insurer, manager):
    send(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller)
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    send(registry.publishContract, insurer.id, KIND, ZERO, sender=insurer.controller)
    assert registry.contractOf(insurer.id, KIND) == ZERO


def test_publish_contract_reverts_if_unknown(registry, insurer, manager):
    nobody = identity_of("nobody")
    assert refusal(registry.publishContract, nobody, KIND, manager, sender=insurer.controller) == (
        "OrganizationRegistryUnknownOrganization",
        nobody,
    )


def test_publish_contract_reverts_if_not_called_by_the_controller(registry, insurer, insurer_key, manager, stranger):
    for caller in (stranger, insurer_key):
        assert refusal(registry.publishContract, insurer.id, KIND, manager, sender=caller) == (
            "OrganizationRegistryNotController",
            insurer.id,
            caller.address,
        )


def test_publish_contract_reverts_if_it_has_no_code(registry, insurer, stranger):
    assert refusal(registry.publishContract, insurer.id, KIND, stranger, sender=insurer.controller) == (
        "OrganizationRegistryNotAContract",
        stranger.address,
    )


def test_publish_contract_reverts_if_suspended(registry, registrar, insurer, manager):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    assert refusal(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller) == (
        "OrganizationRegistryNotInGoodStanding",
        insurer.id,
        Standing.SUSPENDED,
    )


def test_publish_contract_reverts_past_the_licence(registry, insurer, manager):
    travel_to(insurer.licence_expiry)
    assert refusal(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller) == (
        "OrganizationRegistryLicenceExpired",
        insurer.id,
        insurer.licence_expiry,
    )


def test_publish_contract_reverts_during_a_recovery(registry, registrar, insurer, manager, new_controller):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    for address in (manager, ZERO):
        assert refusal(registry.publishContract, insurer.id, KIND, address, sender=insurer.controller) == (
            "OrganizationRegistryRecoveryPending",
            insurer.id,
            new_controller.address,
        )


def test_published_contract_outlives_a_recovery(registry, registrar, insurer, manager, new_controller):
    send(registry.publishContract, insurer.id, KIND, manager, sender=insurer.controller)
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    travel_to(registry.recoveryOf(insurer.id).readyAt)
    send(registry.completeRecovery, insurer.id, sender=new_controller)
    assert registry.contractOf(insurer.id, KIND) == manager.address
