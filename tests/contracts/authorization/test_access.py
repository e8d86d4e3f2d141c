"""Who may make the administrative calls: a role of the insurer's manager each, and nobody of the suite's."""

from __future__ import annotations

import pytest

from ..support import ZERO_HASH, refusal
from .payer import rule, terms

OFFICERS = ("payer_admin", "payer_policy_administrator", "payer_guardian", "medical_director", "treasurer")
OTHERS = ("admin", "policy_administrator", "insurer_controller", "insurer_key", "hospital_key", "stranger")


@pytest.fixture
def administrative(policy, unit_ledger, review_panel, insurer_key):
    """Every administrative call, by the officer who may make it."""
    return {
        "payer_policy_administrator": [
            (policy.draftVersion, terms()),
            (policy.addRules, 1, 0, [rule()]),
            (policy.sealVersion, 1, ZERO_HASH),
            (unit_ledger.setWriter, unit_ledger),
        ],
        "medical_director": [(review_panel.appoint, insurer_key, b"reviewer one"), (review_panel.dismiss, insurer_key)],
    }


@pytest.mark.parametrize("who", [*OFFICERS, *OTHERS])
def test_policy_functions_revert_for_all_but_their_role(request, administrative, payer_manager, hospital, who):
    caller = request.getfixturevalue(who)
    for officer, calls in administrative.items():
        for call in calls:
            if who == officer:
                continue
            assert refusal(*call, sender=caller) == ("AccessManagedUnauthorized", caller.address)


def test_contracts_answer_to_the_insurers_manager(policy, unit_ledger, review_panel, payer_manager, manager):
    for contract in (policy, unit_ledger, review_panel):
        assert contract.authority() == payer_manager.address != manager.address
