"""What every act of the registrar, of the policy administrator and of the admin refuses alike."""

from __future__ import annotations

import pytest

from ..support import Reason, identity_of, refusal

UNKNOWN = identity_of("nobody")
FUTURE = 4_000_000_000

ON_AN_ORGANIZATION = {
    "renew": (FUTURE, Reason.LICENCE_RENEWED),
    "addMemberRoles": (1, Reason.SCOPE_CHANGED),
    "removeMemberRoles": (1, Reason.SCOPE_CHANGED),
    "assignIdentifiers": ([],),
    "commitMetadata": (b"\1" * 32, Reason.OWN_REQUEST),
    "suspend": (Reason.FRAUD,),
    "reinstate": (Reason.CLEARED,),
    "startRecovery": ("0x" + 40 * "1", Reason.CONTROLLER_LOST),
}
"""Function -> its arguments after the organization."""


@pytest.mark.parametrize("function", ON_AN_ORGANIZATION)
def test_act_reverts_if_the_organization_is_unknown(registry, registrar, function):
    method = getattr(registry, function)
    assert refusal(method, UNKNOWN, *ON_AN_ORGANIZATION[function], sender=registrar) == (
        "OrganizationRegistryUnknownOrganization",
        UNKNOWN,
    )


@pytest.mark.parametrize("function", [name for name in ON_AN_ORGANIZATION if name != "assignIdentifiers"])
def test_act_reverts_if_no_reason_is_stated(registry, registrar, insurer, function):
    arguments = (*ON_AN_ORGANIZATION[function][:-1], Reason.UNSPECIFIED)
    assert refusal(getattr(registry, function), insurer.id, *arguments, sender=registrar) == (
        "OrganizationRegistryReasonMissing",
    )


def test_expel_reverts_if_the_organization_is_unknown(registry, schedule, policy_administrator):
    schedule(registry.expel, UNKNOWN, Reason.FRAUD)
    assert refusal(registry.expel, UNKNOWN, Reason.FRAUD, sender=policy_administrator) == (
        "OrganizationRegistryUnknownOrganization",
        UNKNOWN,
    )


def test_expel_reverts_if_no_reason_is_stated(registry, schedule, policy_administrator, insurer):
    schedule(registry.expel, insurer.id, Reason.UNSPECIFIED)
    assert refusal(registry.expel, insurer.id, Reason.UNSPECIFIED, sender=policy_administrator) == (
        "OrganizationRegistryReasonMissing",
    )
