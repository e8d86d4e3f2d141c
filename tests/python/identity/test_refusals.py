"""A refusal is the same typed error with the same values on every kind of chain, however the node wraps it.

Here are the refusals that the other tests of identity do not meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.contract_enums import Standing
from careledger.contract_errors import (
    AccessManagedUnauthorized,
    OrganizationRegistryForbiddenTransition,
    OrganizationRegistryIdentifierTaken,
    OrganizationRegistryInvalidAccount,
    OrganizationRegistryInvalidIdentifier,
    OrganizationRegistryInvalidMemberRoles,
    OrganizationRegistryInvalidName,
    OrganizationRegistryInvalidRecoveryDelay,
    OrganizationRegistryLicencePast,
    OrganizationRegistryMissingMemberRole,
    OrganizationRegistryNotAContract,
    OrganizationRegistryNotController,
    OrganizationRegistryNotInGoodStanding,
    OrganizationRegistryNotPendingController,
    OrganizationRegistryReasonMissing,
    OrganizationRegistryUnknownOrganization,
)
from careledger.errors import ContractError, InvalidInput
from careledger.identity import Identifier, MemberRole, Reason, organization_id
from careledger.identity.types import ZERO_ADDRESS, ZERO_HASH, to_bits
from identity.suite import Near, Suite, refusal

UNKNOWN = "0x" + 24 * "e"

Case = Callable[[Suite], tuple[Callable[[], object], ContractError]]


def raw_admission(suite: Suite, **changes: Any) -> tuple[Any, ...]:
    """An admission as the contract takes it, past the client's own checks."""
    values = {
        "name": suite.name(),
        "controller": suite.controller.address,
        "roles": to_bits({MemberRole.PAYER}),
        "expiry": suite.soon,
        "metadata": ZERO_HASH,
        "identifiers": [],
        "reason": Reason.APPLICATION,
        **changes,
    }
    return tuple(values.values())


def admit_raw(suite: Suite, **changes: Any) -> Callable[[], object]:
    return lambda: suite.registry.send(suite.registrar, "admit", raw_admission(suite, **changes))


def invalid_name(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    return admit_raw(suite, name="Hospital"), OrganizationRegistryInvalidName("Hospital")


def no_controller(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.name()
    expected = OrganizationRegistryInvalidAccount(organization_id(name), ZERO_ADDRESS)
    return admit_raw(suite, name=name, controller=ZERO_ADDRESS), expected


def no_member_role(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    return admit_raw(suite, roles=0), OrganizationRegistryInvalidMemberRoles(0)


def member_role_out_of_range(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    return admit_raw(suite, roles=2**31), OrganizationRegistryInvalidMemberRoles(2**31)


def no_reason(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    return admit_raw(suite, reason=0), OrganizationRegistryReasonMissing()


def empty_identifier(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    value = "0x" + 32 * "31"
    return (
        admit_raw(suite, identifiers=[(ZERO_HASH, value)]),
        OrganizationRegistryInvalidIdentifier(ZERO_HASH, value),
    )


def identifier_of_another(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    holder, other = suite.admit(), suite.admit()
    identifier = Identifier("LOCAL", holder)
    registrar = suite.organizations(suite.registrar)
    registrar.assign_identifiers(holder, [identifier])
    scheme, value = ("0x" + part.hex() for part in identifier.to_abi())
    return (
        lambda: registrar.assign_identifiers(other, [identifier]),
        OrganizationRegistryIdentifierTaken(scheme, value, organization_id(holder)),
    )


def unknown_organization(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    return (
        lambda: suite.registry.send(suite.registrar, "suspend", UNKNOWN, Reason.FRAUD),
        OrganizationRegistryUnknownOrganization(UNKNOWN),
    )


def reinstate_an_active_one(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.registrar).reinstate(name),
        OrganizationRegistryForbiddenTransition(organization_id(name), Standing.ACTIVE, Standing.ACTIVE),
    )


def suspend_twice(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    registrar = suite.organizations(suite.registrar)
    registrar.suspend(name, Reason.FRAUD)
    return (
        lambda: registrar.suspend(name, Reason.FRAUD),
        OrganizationRegistryForbiddenTransition(organization_id(name), Standing.SUSPENDED, Standing.SUSPENDED),
    )


def publish_while_suspended(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    suite.organizations(suite.registrar).suspend(name, Reason.FRAUD)
    return (
        lambda: suite.organizations(suite.controller).publish_contract(name, "Escrow", suite.registry.address),
        OrganizationRegistryNotInGoodStanding(organization_id(name), Standing.SUSPENDED),
    )


def start_without_the_role(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    key = suite.add_key(name).address
    return (
        lambda: suite.organizations().require_active(key, MemberRole.AUDITOR),
        OrganizationRegistryMissingMemberRole(organization_id(name), to_bits({MemberRole.AUDITOR})),
    )


def publish_an_account(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.controller).publish_contract(name, "Escrow", suite.stranger.address),
        OrganizationRegistryNotAContract(suite.stranger.address),
    )


def transfer_to_the_controller_itself(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.controller).transfer_controller(name, suite.controller.address),
        OrganizationRegistryInvalidAccount(organization_id(name), suite.controller.address),
    )


def recover_to_the_controller_itself(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.registrar).start_recovery(name, suite.controller.address),
        OrganizationRegistryInvalidAccount(organization_id(name), suite.controller.address),
    )


def transfer_as_a_stranger(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.stranger).transfer_controller(name, suite.stranger.address),
        OrganizationRegistryNotController(organization_id(name), suite.stranger.address),
    )


def accept_what_was_not_offered(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.stranger).accept_controller(name),
        OrganizationRegistryNotPendingController(organization_id(name), suite.stranger.address),
    )


def admit_as_a_stranger(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    admission = suite.admission()
    return (
        lambda: suite.organizations(suite.stranger).admit(admission),
        AccessManagedUnauthorized(suite.stranger.address),
    )


def settle_as_the_registrar(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    name = suite.admit()
    return (
        lambda: suite.organizations(suite.registrar).settle_recovery(
            name, suite.successor.address, None, Reason.CLEARED
        ),
        AccessManagedUnauthorized(suite.registrar.address),
    )


def deploy_with_no_recovery_delay(suite: Suite) -> tuple[Callable[[], object], ContractError]:
    code = artifact("OrganizationRegistry").creation_code([suite.manager.address, 0])
    return (
        lambda: suite.connection.send(suite.stranger, None, code),
        OrganizationRegistryInvalidRecoveryDelay(0),
    )


CASES: list[Case] = [
    invalid_name,
    no_controller,
    no_member_role,
    member_role_out_of_range,
    no_reason,
    empty_identifier,
    identifier_of_another,
    unknown_organization,
    reinstate_an_active_one,
    suspend_twice,
    publish_while_suspended,
    start_without_the_role,
    publish_an_account,
    transfer_to_the_controller_itself,
    recover_to_the_controller_itself,
    transfer_as_a_stranger,
    accept_what_was_not_offered,
    admit_as_a_stranger,
    settle_as_the_registrar,
    deploy_with_no_recovery_delay,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_refusal_is_typed_and_sends_nothing(suite: Suite, case: Case) -> None:
    act, expected = case(suite)
    actors = (suite.registrar, suite.controller, suite.stranger)
    nonces = [suite.connection.nonce(actor.address) for actor in actors]
    refusal(act, expected)
    assert [suite.connection.nonce(actor.address) for actor in actors] == nonces


def test_a_licence_in_the_past_is_refused(suite: Suite) -> None:
    expiry = suite.now - 1
    with pytest.raises(OrganizationRegistryLicencePast) as raised:
        suite.organizations(suite.registrar).admit(suite.admission(licence_expiry=expiry))
    assert raised.value.fields() == {"licence_expiry": expiry, "block_time": Near(suite.now)}


def test_a_refusal_in_a_block_is_the_same_error_as_one_before_it(suite: Suite) -> None:
    organization = organization_id(suite.admit())
    nonce = suite.connection.nonce(suite.registrar.address)
    refusal(
        lambda: suite.registry.send(suite.registrar, "reinstate", organization, Reason.CLEARED, gas=200_000),
        OrganizationRegistryForbiddenTransition(organization, Standing.ACTIVE, Standing.ACTIVE),
    )
    assert suite.connection.nonce(suite.registrar.address) == nonce + 1


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": "Hospital"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 65 * "a"}, "name"),
        ({"name": "-a"}, "name"),
        ({"controller": "0x12"}, "controller"),
        ({"member_roles": frozenset()}, "member roles"),
        ({"licence_expiry": 2**40}, "admission"),
        ({"licence_expiry": -1}, "admission"),
        ({"metadata_commitment": "0x12"}, "admission"),
        ({"metadata_commitment": "salted"}, "admission"),
    ],
)
def test_an_admission_that_cannot_be_right_is_refused_before_anything_is_sent(
    suite: Suite, changes: dict[str, Any], name: str
) -> None:
    nonce = suite.connection.nonce(suite.registrar.address)
    admission = suite.admission(**changes)
    for act in (
        lambda: suite.organizations(suite.registrar).admit(admission),
        lambda: suite.organizations(suite.registrar).admit_many([admission]),
    ):
        with pytest.raises(InvalidInput) as raised:
            act()
        assert raised.value.name.startswith(name)
        value = next(iter(changes.values()))
        assert value == frozenset() or str(value) in raised.value.value
    assert suite.connection.nonce(suite.registrar.address) == nonce
