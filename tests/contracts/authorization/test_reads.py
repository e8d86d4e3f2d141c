"""What other contracts and readers ask of an insurer's policy."""

from __future__ import annotations

import pytest

from ..support import DAY, chain_time, identity_of, refusal, send, travel, travel_to
from .payer import (
    CLASS,
    EPISODE_CLASS,
    MAX_AMOUNT,
    MONEY,
    NOTICE,
    PLAN,
    RULES,
    SCALE,
    episode_rule,
    rule,
    terms,
)

NOBODY = identity_of("nobody")
NONE = (0, 0, 0)
NO_CLAIM_RULE = (0,) * 10
NO_AUTHORIZATION_RULE = (0,) * 14


def test_policy_and_panel_name_their_insurer(policy, review_panel, insurer):
    assert policy.insurer() == review_panel.insurer() == insurer.id


def test_policy_states_its_notice_and_its_domain(policy):
    assert policy.noticeSeconds() == NOTICE
    domain = policy.eip712Domain()
    assert (domain.name, domain.version) == ("careledger CoveragePolicy", "1")
    assert domain.verifyingContract == policy.address


def test_unknown_versions_hold_nothing(policy):
    for number in (0, policy.lastVersion() + 1):
        assert tuple(policy.versionOf(number))[:4] == (0, 0, 0, bytes(32))
        assert refusal(policy.termsOf, number) == ("CoveragePolicyUnknownVersion", number)
        assert tuple(policy.authorizationRuleOf(number, CLASS)) == NO_AUTHORIZATION_RULE
        assert tuple(policy.claimRuleOf(number, CLASS)) == NO_CLAIM_RULE


def test_terms_of_a_draft_are_refused(policy, draft):
    number = draft(rules=RULES)
    assert refusal(policy.termsOf, number) == ("CoveragePolicyNotSealed", number)
    assert tuple(policy.versionOf(number).terms) == terms()


def test_submission_terms_of_a_draft_or_unknown_version_are_zero(policy, draft, hospital):
    for number in (0, draft(rules=RULES), policy.lastVersion() + 1):
        assert tuple(policy.submissionTermsOf(hospital.id, number)) == (0, 0, 0, False)


def test_submission_terms_are_the_versions_and_the_providers(policy, seal, enrol, version, hospital, pharmacy):
    shadow = seal(terms(receipt_window=3 * DAY, shadow=True))
    enrol(version)
    travel(60)
    assert tuple(policy.submissionTermsOf(hospital.id, version)) == (version, PLAN, DAY, False)
    assert tuple(policy.submissionTermsOf(hospital.id, shadow)) == (version, PLAN, 3 * DAY, True)
    assert tuple(policy.submissionTermsOf(pharmacy.id, version)) == (0, PLAN, DAY, False)
    assert tuple(policy.submissionTermsOf(NOBODY, version)) == (0, PLAN, DAY, False)


def test_rules_of_other_classes_and_versions_are_unset(policy, seal):
    number = seal(rules=(rule(),))
    other = seal(rules=(rule(99),))
    assert tuple(policy.authorizationRuleOf(number, CLASS)) == rule()[1]
    for absent in ((number, 99), (other, CLASS), (number, 0)):
        assert tuple(policy.authorizationRuleOf(*absent)) == NO_AUTHORIZATION_RULE
        assert tuple(policy.claimRuleOf(*absent)) == NO_CLAIM_RULE


def test_claim_terms_hold_the_rule_and_the_caps(policy, version, hospital):
    found = policy.claimTermsOf(hospital.id, version, CLASS)
    assert tuple(found.rule) == RULES[0][2]
    assert tuple(found)[1:] == (500 * MONEY, 4_000 * MONEY, 0)
    found = policy.claimTermsOf(hospital.id, version, 99)
    assert (tuple(found.rule), *tuple(found)[1:]) == (NO_CLAIM_RULE, 500 * MONEY, 4_000 * MONEY, 0)


def test_claim_terms_of_a_draft_are_zero(policy, draft, hospital):
    for number in (0, draft(rules=RULES)):
        found = policy.claimTermsOf(hospital.id, number, CLASS)
        assert (tuple(found.rule), *tuple(found)[1:]) == (NO_CLAIM_RULE, 0, 0, 0)


def episode_price(policy, member, version, benefit_class=EPISODE_CLASS):
    return policy.claimTermsOf(member.id, version, benefit_class).episodePrice


def test_episode_price_is_weight_by_base_rate_by_coefficient(policy, seal, enrol, hospital, pharmacy):
    version = seal(terms(base_rate=6_000 * MONEY + 1))
    start = chain_time() + 60
    enrol(version, start=start, coefficient=11_111)
    assert episode_price(policy, hospital, version) == 0
    travel_to(start)
    assert episode_price(policy, hospital, version) == 15_000 * (6_000 * MONEY + 1) * 11_111 // SCALE**2
    assert episode_price(policy, hospital, version, CLASS) == 0
    assert episode_price(policy, pharmacy, version) == 0


def test_episode_price_takes_the_last_coefficient_that_has_begun(policy, seal, enrol, hospital, hospital_key):
    versions = [seal(terms(receipt_window=window)) for window in (1, 2)]
    start = chain_time() + 60
    for after, version, coefficient in ((0, 0, 1), (100, 1, 2), (200, 0, 3), (300, 1, 4)):
        enrol(versions[version], start=start + after, coefficient=coefficient * SCALE)
    end = start + NOTICE + DAY
    enrol(versions[0], start=end + 60, coefficient=9 * SCALE)
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    each = 9_000 * MONEY
    for after, expected in ((-1, (0, 0)), (0, (1, 0)), (100, (1, 2)), (200, (3, 2)), (300, (3, 4))):
        travel_to(start + after)
        assert [episode_price(policy, hospital, one) // each for one in versions] == list(expected)
    travel_to(end + DAY)
    assert [episode_price(policy, hospital, one) // each for one in versions] == [3, 4]


def test_episode_price_has_a_largest(policy, seal, enrol, hospital):
    """Beyond it, no settlement could pack the price."""
    largest = 2**32 - 1
    version = seal(
        terms(base_rate=MAX_AMOUNT), (episode_rule(1, episode_weight=largest), episode_rule(2, episode_weight=1))
    )
    for coefficient, heavy, light in (
        (largest, MAX_AMOUNT, MAX_AMOUNT),
        (23, MAX_AMOUNT, 23 * MAX_AMOUNT // SCALE**2),
        (1, MAX_AMOUNT, MAX_AMOUNT // SCALE**2),
        (0, 0, 0),
    ):
        enrol(version, coefficient=coefficient)
        travel(60)
        assert [episode_price(policy, hospital, version, one) for one in (1, 2)] == [heavy, light]


def test_enrolments_are_told_by_time(policy, seal, enrol, version, hospital, pharmacy, hospital_key):
    other = seal(terms(receipt_window=2))
    start = chain_time() + 60
    assert list(policy.enrolmentsOf(hospital.id, PLAN)) == []
    enrol(version, start=start)
    enrol(other, start=start + 100, coefficient=5)
    end = start + NOTICE + DAY
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    enrol(version, start=end + 100, coefficient=6)
    entries = [(version, start, SCALE), (other, start + 100, 5), (0, end, 0), (version, end + 100, 6)]
    assert [tuple(one) for one in policy.enrolmentsOf(hospital.id, PLAN)] == entries
    for time, expected in (
        (0, NONE),
        (start - 1, NONE),
        (start, entries[0]),
        (start + 99, entries[0]),
        (start + 100, entries[1]),
        (end - 1, entries[1]),
        (end, entries[2]),
        (end + 99, entries[2]),
        (end + 100, entries[3]),
        (2**40 - 1, entries[3]),
    ):
        assert tuple(policy.enrolmentAt(hospital.id, PLAN, time)) == expected
    assert list(policy.enrolmentsOf(pharmacy.id, PLAN)) == []
    assert list(policy.enrolmentsOf(hospital.id, PLAN + 1)) == []


@pytest.mark.parametrize("before", [False, True], ids=["never", "before"])
def test_reviewer_of_tells_who_reviews_or_did(review_panel, medical_director, reviewer_key, before):
    assert tuple(review_panel.reviewerOf(reviewer_key)) == (bytes(12), False)
    send(review_panel.appoint, reviewer_key, b"reviewer one", sender=medical_director)
    if before:
        send(review_panel.dismiss, reviewer_key, sender=medical_director)
    assert tuple(review_panel.reviewerOf(reviewer_key)) == (b"reviewer one", not before)
