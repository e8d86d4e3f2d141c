"""appoint, dismiss, and what is asked of the panel."""

from __future__ import annotations

import pytest

from ..support import chain_time, events, refusal, send, time_of
from .conftest import OTHER_REVIEWER, REVIEWER

NOBODY = (bytes(12), False)


def gone(registry, insurer, key, how):
    """Lets a key of the insurer's go; returns the register's reason."""
    if how == "retired":
        at = time_of(send(registry.retireKey, key, sender=insurer.controller))
        return "OrganizationRegistryKeyRetired", key.address, at
    since = chain_time()
    send(registry.reportCompromise, key, since, sender=insurer.controller)
    return "OrganizationRegistryKeyCompromised", key.address, since


# ---------------------------------------------------------------------- appoint


def test_appoint_lets_a_key_review(review_panel, medical_director, reviewer_key):
    assert refusal(review_panel.requireReviewer, reviewer_key) == ("ReviewPanelNotAReviewer", reviewer_key.address)
    receipt = send(review_panel.appoint, reviewer_key, REVIEWER, sender=medical_director)
    assert events(receipt, review_panel) == [("ReviewerAppointed", reviewer_key.address, REVIEWER)]
    assert review_panel.requireReviewer(reviewer_key) == REVIEWER
    assert tuple(review_panel.reviewerOf(reviewer_key)) == (REVIEWER, True)


def test_appoint_gives_one_person_several_keys(review_panel, medical_director, reviewer_key, insurer_key):
    for key in (reviewer_key, insurer_key):
        send(review_panel.appoint, key, REVIEWER, sender=medical_director)
        assert review_panel.requireReviewer(key) == REVIEWER


def test_appoint_again_changes_nothing(review_panel, medical_director, reviewer_key, appointed):
    assert send(review_panel.appoint, reviewer_key, REVIEWER, sender=medical_director).logs == []


def test_appoint_takes_a_dismissed_key_again(review_panel, medical_director, reviewer_key, appointed):
    send(review_panel.dismiss, reviewer_key, sender=medical_director)
    receipt = send(review_panel.appoint, reviewer_key, REVIEWER, sender=medical_director)
    assert events(receipt, review_panel) == [("ReviewerAppointed", reviewer_key.address, REVIEWER)]
    assert review_panel.requireReviewer(reviewer_key) == REVIEWER


def test_appoint_reverts_without_an_id(review_panel, medical_director, reviewer_key):
    assert refusal(review_panel.appoint, reviewer_key, bytes(12), sender=medical_director) == (
        "ReviewPanelInvalidReviewer",
        reviewer_key.address,
    )


def test_appoint_reverts_under_another_id(review_panel, medical_director, reviewer_key, appointed):
    assert refusal(review_panel.appoint, reviewer_key, OTHER_REVIEWER, sender=medical_director) == (
        "ReviewPanelOtherReviewer",
        reviewer_key.address,
        REVIEWER,
    )


def test_appoint_reverts_under_another_id_for_ever(review_panel, medical_director, reviewer_key, appointed):
    """Else one person could decide a line, be dismissed, and decide the appeal as another."""
    send(review_panel.dismiss, reviewer_key, sender=medical_director)
    assert refusal(review_panel.appoint, reviewer_key, OTHER_REVIEWER, sender=medical_director) == (
        "ReviewPanelOtherReviewer",
        reviewer_key.address,
        REVIEWER,
    )


def test_appoint_reverts_for_another_organizations_key(
    review_panel, medical_director, hospital, hospital_key, other_insurer, other_insurer_key
):
    for member, key in ((hospital, hospital_key), (other_insurer, other_insurer_key)):
        assert refusal(review_panel.appoint, key, REVIEWER, sender=medical_director) == (
            "ReviewPanelNotTheInsurers",
            key.address,
            member.id,
        )


@pytest.mark.parametrize("how", ["never added", "retired", "compromised"])
def test_appoint_reverts_if_the_key_is_not_valid(
    review_panel, medical_director, registry, insurer, reviewer_key, spare_key, how
):
    key, reason = spare_key, ("OrganizationRegistryUnknownKey", spare_key.address)
    if how != "never added":
        key, reason = reviewer_key, gone(registry, insurer, reviewer_key, how)
    assert refusal(review_panel.appoint, key, REVIEWER, sender=medical_director) == reason


# ---------------------------------------------------------------------- dismiss


def test_dismiss_ends_it(review_panel, medical_director, reviewer_key, other_reviewer_key, appointed):
    receipt = send(review_panel.dismiss, reviewer_key, sender=medical_director)
    assert events(receipt, review_panel) == [("ReviewerDismissed", reviewer_key.address, REVIEWER)]
    assert tuple(review_panel.reviewerOf(reviewer_key)) == (REVIEWER, False)
    assert refusal(review_panel.requireReviewer, reviewer_key) == ("ReviewPanelNotAReviewer", reviewer_key.address)
    assert review_panel.requireReviewer(other_reviewer_key) == OTHER_REVIEWER


def test_dismiss_again_changes_nothing(review_panel, medical_director, reviewer_key, appointed):
    send(review_panel.dismiss, reviewer_key, sender=medical_director)
    assert send(review_panel.dismiss, reviewer_key, sender=medical_director).logs == []


def test_dismiss_reverts_if_never_appointed(review_panel, medical_director, insurer_key):
    assert refusal(review_panel.dismiss, insurer_key, sender=medical_director) == (
        "ReviewPanelNotAReviewer",
        insurer_key.address,
    )


@pytest.mark.parametrize("how", ["retired", "compromised"])
def test_dismiss_works_for_a_key_that_went(
    review_panel, medical_director, registry, insurer, reviewer_key, appointed, how
):
    reason = gone(registry, insurer, reviewer_key, how)
    assert refusal(review_panel.requireReviewer, reviewer_key) == reason
    receipt = send(review_panel.dismiss, reviewer_key, sender=medical_director)
    assert events(receipt, review_panel) == [("ReviewerDismissed", reviewer_key.address, REVIEWER)]
