"""draftVersion, addRules, sealVersion, enrol, endEnrolment."""

from __future__ import annotations

import dataclasses

import pytest
from ape.exceptions import VirtualMachineError
from eth_account import Account

from ..anchoring.documents import packed
from ..support import (
    DAY,
    END_OF_TIME,
    ZERO_HASH,
    MemberRole,
    Reason,
    Standing,
    bits,
    chain_time,
    domain_of,
    events,
    identity_of,
    next_block_at,
    possession_types,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)
from .payer import (
    CLASS,
    EPISODE_CLASS,
    MAX_AMOUNT,
    MAX_DAY,
    MONEY,
    NOTICE,
    OTHER_CLASS,
    PLAN,
    RULES,
    SCALE,
    UNIT,
    Coverage,
    Flag,
    Pricing,
    VersionStatus,
    digest_of,
    episode_rule,
    excluded_rule,
    gold_card_rule,
    rule,
    sign_enrolment,
    terms,
)

OTHER_PLAN = 8
WEEK = 7 * DAY
LARGEST = 2**40 - 1
PROVIDERS = bits(MemberRole.PROVIDER, MemberRole.LABORATORY, MemberRole.DISPENSER)
NOBODY = identity_of("nobody")


@pytest.fixture
def drafter(payer_policy_administrator):
    return payer_policy_administrator


@pytest.fixture
def drafted(draft):
    """A draft without rules."""
    return draft()


@pytest.fixture
def other_version(seal):
    """Another sealed version of the same plan."""
    return seal(terms(receipt_window=2 * DAY))


# ---------------------------------------------------------------------- draftVersion


def test_draft_version_drafts_the_next(policy, drafter):
    for number, stated in enumerate((terms(), terms(plan=OTHER_PLAN, shadow=True)), policy.lastVersion() + 1):
        receipt = send(policy.draftVersion, stated, sender=drafter)
        assert events(receipt, policy) == [("VersionDrafted", number, stated)]
        held = policy.versionOf(number)
        assert tuple(held)[:4] == (VersionStatus.DRAFT, 0, 0, digest_of(stated, ()))
        assert tuple(held.terms) == stated
        assert policy.lastVersion() == number


def test_draft_version_again_changes_nothing(policy, drafter, drafted):
    assert policy.draftVersion.call(terms(), sender=drafter) == drafted
    assert send(policy.draftVersion, terms(), sender=drafter).logs == []
    assert policy.lastVersion() == drafted


def test_draft_version_drafts_another_beside_a_draft_with_rules(policy, draft, drafter):
    number = draft(rules=RULES[:1])
    send(policy.draftVersion, terms(), sender=drafter)
    assert policy.lastVersion() == number + 1
    assert [policy.versionOf(one).rules for one in (number, number + 1)] == [1, 0]


def test_draft_version_drafts_another_beside_a_sealed_one(policy, seal, drafter):
    number = seal(rules=())
    send(policy.draftVersion, terms(), sender=drafter)
    assert policy.lastVersion() == number + 1
    assert [policy.versionOf(one).status for one in (number, number + 1)] == [
        VersionStatus.SEALED,
        VersionStatus.DRAFT,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"document": ZERO_HASH},
        {"class_root": ZERO_HASH},
        {"receipt_window": 0},
        {"receipt_window": WEEK + 1},
        {"receipt_window": 2**32 - 1},
        {"appeal_days": 0},
        {"deductible": 4_000 * MONEY + 1},
        {"out_of_pocket_maximum": MAX_AMOUNT + 1},
        {"out_of_pocket_maximum": 2**64 - 1, "deductible": 2**64 - 1},
        {"base_rate": MAX_AMOUNT + 1},
        {"base_rate": 2**64 - 1},
    ],
    ids=str,
)
def test_draft_version_reverts_if_the_terms_are_invalid(policy, drafter, changes):
    assert refusal(policy.draftVersion, terms(**changes), sender=drafter) == ("CoveragePolicyInvalidTerms", PLAN)


@pytest.mark.parametrize(
    "stated",
    [
        terms(plan=0, receipt_window=1, appeal_days=1, deductible=0, out_of_pocket_maximum=0, base_rate=0),
        terms(
            plan=2**32 - 1,
            receipt_window=WEEK,
            appeal_days=MAX_DAY,
            shadow=True,
            deductible=MAX_AMOUNT,
            out_of_pocket_maximum=MAX_AMOUNT,
            base_rate=MAX_AMOUNT,
            document=b"\xff" * 32,
            class_root=b"\xff" * 32,
        ),
    ],
    ids=["lower", "upper"],
)
def test_draft_version_takes_terms_at_their_bounds(policy, draft, seal, stated):
    assert tuple(policy.versionOf(draft(stated)).terms) == stated
    assert tuple(policy.termsOf(seal(stated, (rule(),)))) == stated


# ---------------------------------------------------------------------- addRules


def test_add_rules_keeps_them(policy, drafter, drafted):
    receipt = send(policy.addRules, drafted, 0, list(RULES), sender=drafter, gas=10**7)
    assert events(receipt, policy) == [("RuleAdded", drafted, one) for one in RULES]
    for number, authorization, claim in RULES:
        assert tuple(policy.authorizationRuleOf(drafted, number)) == authorization
        assert tuple(policy.claimRuleOf(drafted, number)) == claim
    held = policy.versionOf(drafted)
    assert (held.rules, held.status) == (len(RULES), VersionStatus.DRAFT)


@pytest.mark.parametrize("split", [(4,), (1, 3), (1, 1, 1, 1), (0, 2, 0, 2, 0)], ids=str)
def test_add_rules_makes_one_digest_however_they_are_split(policy, drafter, drafted, split):
    before = 0
    for count in split:
        send(policy.addRules, drafted, before, list(RULES[before : before + count]), sender=drafter, gas=10**7)
        before += count
    assert policy.versionOf(drafted).digest == digest_of(terms(), RULES)


def test_digest_is_what_eth_abi_makes(policy, draft):
    extreme = (
        2**16 - 1,
        (3, 1023, *[2**16 - 1] * 4, 2**64 - 1, LARGEST, LARGEST, *[2**64 - 1] * 2, 2**32 - 1, 1, 2),
    )
    extreme += ((*[2**64 - 1] * 3, 2**16 - 1, 2**16 - 1, 1, 1023, LARGEST, 2**32 - 1, 2**16 - 1),)
    known = set()
    for stated in (terms(), terms(shadow=True), terms(plan=2**32 - 1, base_rate=2**64 - 1)):
        for rules in ((), RULES, RULES[::-1], RULES[:1], (gold_card_rule(),), (extreme, *RULES)):
            digest = digest_of(stated, rules)
            assert policy.digestOf(stated, list(rules)) == digest
            known.add(digest)
    assert len(known) == 18
    assert policy.versionOf(draft(rules=RULES)).digest == digest_of(terms(), RULES)


def test_add_rules_reverts_if_another_number_is_expected(policy, drafter, draft):
    number = draft(rules=RULES[:2])
    for expected in (0, 1, 3, MAX_DAY):
        assert refusal(policy.addRules, number, expected, [rule(99)], sender=drafter) == (
            "CoveragePolicyUnexpectedRules",
            number,
            2,
            expected,
        )


def test_add_rules_sent_twice_adds_nothing_twice(policy, drafter, drafted):
    call = (policy.addRules, drafted, 0, list(RULES[:2]))
    send(*call, sender=drafter)
    assert refusal(*call, sender=drafter) == ("CoveragePolicyUnexpectedRules", drafted, 2, 0)
    assert policy.versionOf(drafted).digest == digest_of(terms(), RULES[:2])


def test_add_rules_reverts_if_the_class_has_a_rule(policy, drafter, draft):
    number = draft(rules=RULES[:2])
    wanted = ("CoveragePolicyRuleExists", number, OTHER_CLASS)
    assert refusal(policy.addRules, number, 2, [rule(99), excluded_rule(OTHER_CLASS)], sender=drafter) == wanted


def test_add_rules_reverts_if_a_class_stands_twice(policy, drafter, drafted):
    wanted = ("CoveragePolicyRuleExists", drafted, CLASS)
    assert refusal(policy.addRules, drafted, 0, [rule(), rule(99), rule()], sender=drafter) == wanted


INVALID = {
    "class zero": rule(0),
    "coverage unset": rule(coverage=Coverage.UNSET),
    "a flag beyond all": rule(flags=1 << 10),
    "the last flag": rule(flags=1 << 15 | Flag.AUTHORIZATION_NEEDED),
    "other flags for claims": rule(claim_flags=Flag.AUTHORIZATION_NEEDED | Flag.DEDUCTIBLE),
    "no flags for claims": rule(claim_flags=0),
    "no validity": rule(validity_days=0),
    "ends before it begins": rule(first_day=2, last_day=1),
    "no units a request": rule(max_milli_units_per_request=0),
    "no units a request, if conditional": rule(coverage=Coverage.CONDITIONAL, max_milli_units_per_request=0),
    "no units at all": rule(max_milli_units_per_request=0, max_milli_units_per_period=0),
    "more a request than a period": rule(max_milli_units_per_period=10 * UNIT - 1),
    "more a request than a period, if excluded": excluded_rule(max_milli_units_per_request=1),
    "unit price too large": rule(max_unit_price=MAX_AMOUNT + 1),
    "amount too large": rule(max_amount=2**64 - 1),
    "exclusion of what is covered": rule(flags=Flag.DENY_NOT_COVERED),
    "exclusion of what is conditional": rule(coverage=Coverage.CONDITIONAL, flags=Flag.DENY_NOT_COVERED),
    "gold card for the excluded": gold_card_rule(coverage=Coverage.NOT_COVERED),
    "gold card for the conditional": gold_card_rule(coverage=Coverage.CONDITIONAL),
    "gold card of no requests": gold_card_rule(gold_card_requests=0),
    "gold card of no rate": gold_card_rule(gold_card_approval_rate=0),
    "gold card of no window": gold_card_rule(gold_card_window_days=0),
    "gold card of more than all": gold_card_rule(gold_card_approval_rate=10_001),
    "a rate of more than all, without the flag": rule(gold_card_approval_rate=10_001),
    "fast track too large": rule(fast_track_maximum=MAX_AMOUNT + 1),
    "price too large": rule(unit_price=MAX_AMOUNT + 1),
    "copay too large": rule(copay=MAX_AMOUNT + 1),
    "coinsurance of more than all": rule(coinsurance=10_001),
    "no days to file": rule(filing_days=0),
    "an episode without weight": episode_rule(CLASS, episode_weight=0),
    "part of itself": rule(part_of=CLASS),
}


@pytest.mark.parametrize("what", INVALID)
def test_add_rules_reverts_if_a_rule_is_invalid(policy, drafter, drafted, what):
    invalid = INVALID[what]
    assert refusal(policy.addRules, drafted, 0, [invalid], sender=drafter) == ("CoveragePolicyInvalidRule", invalid[0])


def test_add_rules_adds_all_or_none(policy, drafter, drafted):
    rules = [rule(99), rule(filing_days=0)]
    assert refusal(policy.addRules, drafted, 0, rules, sender=drafter) == ("CoveragePolicyInvalidRule", CLASS)
    assert policy.versionOf(drafted).digest == digest_of(terms(), ())


def test_add_rules_reverts_for_episodes_without_a_base_rate(policy, drafter, draft):
    number = draft(terms(base_rate=0))
    wanted = ("CoveragePolicyInvalidRule", EPISODE_CLASS)
    assert refusal(policy.addRules, number, 0, [rule(), episode_rule()], sender=drafter) == wanted
    send(policy.addRules, number, 0, [rule()], sender=drafter)


@pytest.mark.parametrize("at", [0, 1, 2], ids=["coverage", "pricing", "width"])
def test_add_rules_reverts_if_a_field_is_out_of_range(policy, drafter, drafted, at):
    """Calldata made by hand, which the decoder refuses: without a reason."""
    data = bytearray(policy.addRules.encode_input(drafted, 0, [rule()]))
    place = 4 + 32 * (3 + 1) + 32 * (1, 1 + 14 + 5, 1 + 1)[at]
    assert int.from_bytes(data[place : place + 32]) == (Coverage.COVERED, Pricing.FEE_FOR_SERVICE, 1)[at]
    data[place : place + 32] = (4, 2, 2**16)[at].to_bytes(32)
    with pytest.raises(VirtualMachineError):
        drafter.transfer(policy.address, 0, data=bytes(data), gas=10**6, gas_price=10**10)
    assert policy.versionOf(drafted).rules == 0


BOUNDS = {
    "lower": rule(
        1,
        flags=0,
        unit_code=0,
        validity_days=1,
        first_day=5,
        last_day=5,
        max_milli_units_per_request=1,
        max_milli_units_per_period=1,
        max_unit_price=0,
        max_amount=0,
        fast_track_maximum=0,
        unit_price=0,
        filing_days=1,
    ),
    "upper": gold_card_rule(
        2**16 - 1,
        flags=Flag(1023) & ~Flag.DENY_NOT_COVERED,
        unit_code=MAX_DAY,
        validity_days=MAX_DAY,
        first_day=MAX_DAY,
        required_documents=2**64 - 1,
        max_milli_units_per_request=LARGEST,
        max_milli_units_per_period=LARGEST,
        max_unit_price=MAX_AMOUNT,
        max_amount=MAX_AMOUNT,
        gold_card_requests=2**32 - 1,
        gold_card_approval_rate=10_000,
        gold_card_window_days=MAX_DAY,
        fast_track_maximum=MAX_AMOUNT,
        unit_price=MAX_AMOUNT,
        copay=MAX_AMOUNT,
        coinsurance=10_000,
        filing_days=MAX_DAY,
        pricing=Pricing.EPISODE,
        max_milli_units_per_day=LARGEST,
        episode_weight=2**32 - 1,
        part_of=2**16 - 2,
    ),
    "the smallest gold card": gold_card_rule(gold_card_requests=1, gold_card_approval_rate=1, gold_card_window_days=1),
    "not covered, decided by a person": excluded_rule(flags=Flag.NO_AUTO),
    "not covered, with units": excluded_rule(max_milli_units_per_request=1, max_milli_units_per_period=1),
}


@pytest.mark.parametrize("which", BOUNDS)
def test_add_rules_takes_rules_at_their_bounds(policy, draft, which):
    number, authorization, claim = BOUNDS[which]
    version = draft(rules=(BOUNDS[which],))
    assert tuple(policy.authorizationRuleOf(version, number)) == authorization
    assert tuple(policy.claimRuleOf(version, number)) == claim


def test_add_rules_reverts_if_sealed(policy, drafter, version):
    wanted = ("CoveragePolicySealed", version)
    assert refusal(policy.addRules, version, len(RULES), [rule(99)], sender=drafter) == wanted


# ---------------------------------------------------------------------- sealVersion


def test_seal_version_is_final(policy, drafter, draft):
    number = draft(rules=RULES)
    digest = digest_of(terms(), RULES)
    receipt = send(policy.sealVersion, number, digest, sender=drafter)
    assert events(receipt, policy) == [("VersionSealed", number, digest, len(RULES))]
    held = policy.versionOf(number)
    assert tuple(held)[:4] == (VersionStatus.SEALED, time_of(receipt), len(RULES), digest)
    assert tuple(policy.termsOf(number)) == terms()
    assert refusal(policy.addRules, number, len(RULES), [], sender=drafter) == ("CoveragePolicySealed", number)


def test_seal_version_takes_one_without_rules(policy, seal):
    assert policy.versionOf(seal(rules=())).status == VersionStatus.SEALED


def test_seal_version_again_changes_nothing(policy, drafter, version):
    before = tuple(policy.versionOf(version))
    travel(DAY)
    assert send(policy.sealVersion, version, digest_of(terms(), RULES), sender=drafter).logs == []
    assert tuple(policy.versionOf(version)) == before


def test_seal_version_reverts_if_it_holds_something_else(policy, drafter, draft):
    number = draft(rules=RULES)
    held = digest_of(terms(), RULES)
    for expected in (digest_of(terms(), RULES[:3]), digest_of(terms(), RULES[::-1]), ZERO_HASH):
        assert refusal(policy.sealVersion, number, expected, sender=drafter) == (
            "CoveragePolicyOtherDigest",
            number,
            held,
            expected,
        )


def test_seal_version_reverts_if_sealed_with_another_digest(policy, drafter, version):
    assert refusal(policy.sealVersion, version, ZERO_HASH, sender=drafter) == (
        "CoveragePolicyOtherDigest",
        version,
        digest_of(terms(), RULES),
        ZERO_HASH,
    )


def test_change_of_an_unknown_version_reverts(policy, drafter):
    for number in (0, policy.lastVersion() + 1, 2**16 - 1):
        wanted = ("CoveragePolicyUnknownVersion", number)
        assert refusal(policy.addRules, number, 0, [rule()], sender=drafter) == wanted
        assert refusal(policy.sealVersion, number, ZERO_HASH, sender=drafter) == wanted


# ---------------------------------------------------------------------- enrol


def in_force(policy, member, version):
    return policy.submissionTermsOf(member.id, version).inForce


def test_enrol_is_in_force_from_its_start(policy, agree, version, hospital, hospital_key, insurer_key, stranger):
    agreed = agree(version, coefficient=12_345)
    receipt = send(policy.enrol, *agreed.call(), sender=stranger)
    assert events(receipt, policy) == [
        (
            "ProviderEnrolled",
            hospital.id,
            PLAN,
            version,
            agreed.start,
            12_345,
            hospital_key.address,
            insurer_key.address,
        )
    ]
    travel_to(agreed.start - 1)
    assert in_force(policy, hospital, version) == 0
    travel_to(agreed.start)
    assert in_force(policy, hospital, version) == version
    travel(200 * DAY)
    assert in_force(policy, hospital, version) == version


def test_enrol_takes_every_kind_of_provider(
    policy, enrol, version, hospital, laboratory, laboratory_key, pharmacy, pharmacy_key
):
    enrol(version, provider=laboratory, provider_key=laboratory_key)
    enrol(version, provider=pharmacy, provider_key=pharmacy_key)
    travel(60)
    assert [in_force(policy, one, version) for one in (laboratory, pharmacy, hospital)] == [version, version, 0]


def test_enrol_in_two_plans_at_a_time(policy, enrol, seal, version, hospital):
    other = seal(terms(plan=OTHER_PLAN))
    enrol(version)
    enrol(other)
    travel(60)
    assert [in_force(policy, hospital, one) for one in (version, other)] == [version, other]


def test_enrol_the_later_version_supersedes(policy, enrol, version, other_version, hospital):
    start = chain_time() + 100
    enrol(version, start=start)
    enrol(other_version, start=start + 100)
    enrol(version, start=start + 200, coefficient=2)
    expected = {-1: 0, 0: version, 99: version, 100: other_version, 199: other_version, 200: version}
    for after, number in expected.items():
        travel_to(start + after)
        assert [in_force(policy, hospital, one) for one in (version, other_version)] == [number, number]


def test_enrol_again_changes_nothing(policy, agree, version, hospital, stranger, insurer_key):
    agreed = agree(version)
    send(policy.enrol, *agreed.call(), sender=stranger)
    before = list(policy.enrolmentsOf(hospital.id, PLAN))
    for call in (agreed.call(), agreed.call(provider_signature=b"", insurer_signature=b"\1", deadline=0)):
        for sender in (stranger, insurer_key):
            assert send(policy.enrol, *call, sender=sender).logs == []
    assert list(policy.enrolmentsOf(hospital.id, PLAN)) == before


def test_enrol_again_changes_nothing_past_the_deadline(policy, agree, version, stranger):
    agreed = agree(version)
    send(policy.enrol, *agreed.call(), sender=stranger)
    travel_to(agreed.deadline + 1)
    assert send(policy.enrol, *agreed.call(), sender=stranger).logs == []


def test_enrol_again_changes_nothing_once_superseded(
    policy, agree, enrol, version, other_version, hospital, insurer_key, stranger
):
    agreed = agree(version)
    send(policy.enrol, *agreed.call(), sender=stranger)
    enrol(other_version, start=agreed.start + 60)
    end = chain_time() + NOTICE + 60
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=insurer_key)
    before = list(policy.enrolmentsOf(hospital.id, PLAN))
    for time in (chain_time(), agreed.start + 60, end):
        travel_to(max(time, chain_time() + 1))
        assert send(policy.enrol, *agreed.call(), sender=stranger).logs == []
    assert list(policy.enrolmentsOf(hospital.id, PLAN)) == before
    assert in_force(policy, hospital, version) == 0


def test_enrol_reverts_if_the_version_is_unknown(policy, agree, version):
    agreed = agree(version)
    for number in (0, policy.lastVersion() + 1):
        assert refusal(policy.enrol, *agreed.call(version=number)) == ("CoveragePolicyUnknownVersion", number)


def test_enrol_reverts_if_the_version_is_a_draft(policy, agree, draft):
    number = draft(rules=RULES)
    assert refusal(policy.enrol, *agree(number).call()) == ("CoveragePolicyNotSealed", number)


def test_enrol_reverts_if_expired(policy, agree, version):
    agreed = agree(version, start=chain_time() + 2 * DAY)
    travel_to(agreed.deadline + 1)
    assert refusal(policy.enrol, *agreed.call()) == (
        "CoveragePolicySignatureExpired",
        agreed.deadline,
        agreed.deadline + 1,
    )


def test_enrol_takes_signatures_in_their_last_second(policy, agree, version, stranger):
    agreed = agree(version, start=chain_time() + 2 * DAY)
    next_block_at(agreed.deadline)
    assert send(policy.enrol, *agreed.call(), sender=stranger).logs != []


def test_enrol_reverts_if_it_starts_in_the_past(policy, agree, version, hospital):
    now = chain_time()
    for start in (0, 1, now - 1):
        wanted = ("CoveragePolicyEnrolmentTooEarly", hospital.id, PLAN, start, now)
        assert refusal(policy.enrol, *agree(version, start=start).call()) == wanted


def test_enrol_takes_one_that_starts_this_second(policy, agree, version, hospital, stranger):
    agreed = agree(version)
    next_block_at(agreed.start)
    send(policy.enrol, *agreed.call(), sender=stranger)
    assert chain_time() == agreed.start
    assert in_force(policy, hospital, version) == version


def test_enrol_reverts_if_it_does_not_start_after_the_last(policy, agree, enrol, version, other_version, hospital):
    now = chain_time()
    enrol(version, start=now + 500)
    for start, coefficient, number in ((500, SCALE + 1, version), (500, SCALE, other_version), (499, SCALE, version)):
        agreed = agree(number, start=now + start, coefficient=coefficient)
        assert refusal(policy.enrol, *agreed.call()) == (
            "CoveragePolicyEnrolmentTooEarly",
            hospital.id,
            PLAN,
            now + start,
            now + 501,
        )
    enrol(other_version, start=now + 501)


def test_enrol_reverts_after_the_end_of_time(policy, agree, enrol, version, other_version, hospital, hospital_key):
    enrol(version, start=END_OF_TIME)
    for start in (END_OF_TIME, chain_time() + 60):
        assert refusal(policy.enrol, *agree(other_version, start=start).call()) == (
            "CoveragePolicyEnrolmentTooEarly",
            hospital.id,
            PLAN,
            start,
            END_OF_TIME,
        )
    send(policy.endEnrolment, hospital.id, PLAN, chain_time() + NOTICE + 9, sender=hospital_key)
    enrol(other_version)


def test_enrol_reverts_if_a_key_is_another_organizations(
    policy, agree, version, insurer, hospital, pharmacy_key, other_insurer_key, laboratory, laboratory_key
):
    cases = (
        (agree(version, provider_key=pharmacy_key), hospital.id, pharmacy_key),
        (agree(version, insurer_key=other_insurer_key), insurer.id, other_insurer_key),
        (agree(version, provider=laboratory, provider_key=pharmacy_key), laboratory.id, pharmacy_key),
    )
    for agreed, expected, key in cases:
        assert refusal(policy.enrol, *agreed.call()) == ("CoveragePolicyNotTheirKey", expected, key.address)
    nobodys = dataclasses.replace(agree(version), provider=NOBODY, provider_key=pharmacy_key)
    assert refusal(policy.enrol, *nobodys.call()) == ("CoveragePolicyNotTheirKey", NOBODY, pharmacy_key.address)


def test_enrol_reverts_if_a_key_is_nobodys(policy, agree, version, spare_key):
    for agreed in (agree(version, provider_key=spare_key), agree(version, insurer_key=spare_key)):
        assert refusal(policy.enrol, *agreed.call()) == ("OrganizationRegistryUnknownKey", spare_key.address)


def test_enrol_reverts_without_the_member_role(
    policy, agree, version, registry, registrar, insurer, insurer_key, hospital, hospital_key
):
    swapped = agree(version, provider=insurer, provider_key=insurer_key)
    wanted = ("OrganizationRegistryMissingMemberRole", insurer.id, PROVIDERS)
    assert refusal(policy.enrol, *swapped.call()) == wanted
    wanted = ("OrganizationRegistryMissingMemberRole", hospital.id, bits(MemberRole.PAYER))
    assert refusal(policy.enrol, *agree(version, insurer_key=hospital_key).call()) == wanted


@pytest.mark.parametrize("side", ["hospital", "insurer"])
def test_enrol_reverts_if_a_side_is_suspended(request, policy, agree, version, registry, registrar, side):
    member = request.getfixturevalue(side)
    agreed = agree(version)
    send(registry.suspend, member.id, Reason.FRAUD, sender=registrar)
    wanted = ("OrganizationRegistryNotInGoodStanding", member.id, Standing.SUSPENDED)
    assert refusal(policy.enrol, *agreed.call()) == wanted


@pytest.mark.parametrize("side", ["hospital", "insurer"])
@pytest.mark.parametrize("how", ["retired", "compromised"])
def test_enrol_reverts_if_a_key_went_since_it_signed(request, policy, agree, version, registry, side, how):
    member, key = (request.getfixturevalue(name) for name in (side, f"{side}_key"))
    agreed = agree(version)
    since = chain_time()
    if how == "retired":
        since = time_of(send(registry.retireKey, key, sender=member.controller))
        wanted = "OrganizationRegistryKeyRetired"
    else:
        send(registry.reportCompromise, key, since, sender=member.controller)
        wanted = "OrganizationRegistryKeyCompromised"
    assert refusal(policy.enrol, *agreed.call()) == (wanted, key.address, since)


def test_enrol_reverts_if_another_signed(
    policy, agree, version, hospital_key, hospital_other_key, insurer_key, insurer_other_key
):
    """Also if it is another key of theirs, or the two sides' signatures are exchanged."""
    agreed = agree(version)
    for side, key, others in (
        ("provider", hospital_key, (hospital_other_key, insurer_key)),
        ("insurer", insurer_key, (insurer_other_key, hospital_key)),
    ):
        for other in others:
            call = agreed.call(**{f"{side}_signature": sign_enrolment(policy, other, agreed.message())})
            assert refusal(policy.enrol, *call) == ("CoveragePolicyInvalidSignature", key.address)
        for signature in (b"", bytes(65), bytes(64)):
            call = agreed.call(**{f"{side}_signature": signature})
            assert refusal(policy.enrol, *call) == ("CoveragePolicyInvalidSignature", key.address)


@pytest.mark.parametrize("side", ["provider", "insurer"])
def test_enrol_reverts_if_anything_signed_is_changed(
    policy, agree, version, other_version, pharmacy, hospital_key, insurer_key, side
):
    agreed = agree(version)
    key = {"provider": hospital_key, "insurer": insurer_key}[side]
    changes = {
        "provider": pharmacy.id,
        "digest": policy.versionOf(other_version).digest,
        "version": other_version,
        "start": agreed.start + 1,
        "coefficient": SCALE + 1,
        "endings": 1,
        "deadline": agreed.deadline + 1,
    }
    assert changes.keys() == agreed.message().keys()
    for field, value in changes.items():
        signature = sign_enrolment(policy, key, agreed.message(**{field: value}))
        call = agreed.call(**{f"{side}_signature": signature})
        assert refusal(policy.enrol, *call) == ("CoveragePolicyInvalidSignature", key.address)


def test_enrol_reverts_if_a_field_is_changed_after_signing(policy, agree, version, seal, hospital_key):
    agreed = agree(version)
    same = seal()
    changes = {"version": same, "start": agreed.start + 1, "coefficient": 2**32 - 1, "deadline": END_OF_TIME}
    for field, value in changes.items():
        wanted = ("CoveragePolicyInvalidSignature", hospital_key.address)
        assert refusal(policy.enrol, *agreed.call(**{field: value})) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"name": "careledger DocumentAnchor"},
        {"version": "2"},
        {"chainId": 1},
        {"verifyingContract": "0x" + 40 * "1"},
    ],
    ids=str,
)
def test_enrol_reverts_if_signed_for_another_domain(policy, agree, version, hospital_key, insurer_key, change):
    agreed = agree(version)
    for side, key in (("provider", hospital_key), ("insurer", insurer_key)):
        signature = sign_enrolment(policy, key, agreed.message(), **change)
        call = agreed.call(**{f"{side}_signature": signature})
        assert refusal(policy.enrol, *call) == ("CoveragePolicyInvalidSignature", key.address)


def test_enrol_cannot_be_replayed_after_an_ending(
    policy, agree, version, other_version, hospital, hospital_key, insurer_key, stranger
):
    """An old agreement stays history: it is accepted as known, and brings nothing back."""
    agreed = agree(version)
    send(policy.enrol, *agreed.call(), sender=stranger)
    end = chain_time() + NOTICE + 60
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    travel_to(end)
    assert send(policy.enrol, *agreed.call(), sender=insurer_key).logs == []
    assert in_force(policy, hospital, version) == 0


def test_enrol_cannot_bring_back_what_an_ending_made_void(
    policy, agree, version, other_version, hospital, hospital_key, insurer_key, stranger
):
    send(policy.enrol, *agree(version).call(), sender=stranger)
    later = dataclasses.replace(agree(other_version, start=chain_time() + 60 * DAY), deadline=END_OF_TIME)
    send(policy.enrol, *later.call(), sender=stranger)
    end = chain_time() + NOTICE + 60
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    wanted = ("CoveragePolicyInvalidSignature", hospital_key.address)
    assert refusal(policy.enrol, *later.call(), sender=insurer_key) == wanted
    travel_to(end)
    assert refusal(policy.enrol, *later.call(), sender=insurer_key) == wanted


def test_enrol_cannot_use_signatures_kept_from_before_an_ending(
    policy, agree, version, other_version, hospital, hospital_key, insurer_key, stranger
):
    """Both sides signed another enrolment that nobody sent. It ends with the one in force."""
    send(policy.enrol, *agree(version).call(), sender=stranger)
    kept = dataclasses.replace(agree(other_version, start=chain_time() + 60 * DAY), deadline=END_OF_TIME)
    send(policy.endEnrolment, hospital.id, PLAN, chain_time() + NOTICE + 60, sender=insurer_key)
    wanted = ("CoveragePolicyInvalidSignature", hospital_key.address)
    assert refusal(policy.enrol, *kept.call(), sender=hospital_key) == wanted


def test_enrol_after_an_ending_takes_fresh_signatures(policy, agree, enrol, version, hospital, hospital_key):
    enrol(version)
    end = chain_time() + NOTICE + 60
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    wanted = ("CoveragePolicyEnrolmentTooEarly", hospital.id, PLAN, end, end + 1)
    assert refusal(policy.enrol, *agree(version, start=end).call()) == wanted
    enrol(version, start=end + 1)
    travel_to(end)
    assert in_force(policy, hospital, version) == 0
    travel_to(end + 1)
    assert in_force(policy, hospital, version) == version


@pytest.fixture
def wallet(contracts, registry, admin, hospital):
    """A contract wallet of the hospital's, and its owner."""

    def call(owner):
        contract = admin.deploy(contracts["ContractWallet"], owner, gas=10**6, gas_price=10**10)
        deadline = chain_time() + DAY
        signed = Account.sign_typed_data(
            owner.private_key,
            domain_data=domain_of(registry),
            message_types=possession_types(),
            message_data={"organization": hospital.id, "key": contract.address, "deadline": deadline},
        )
        proof = bytes(signed.signature)
        send(registry.addKey, hospital.id, contract, deadline, proof, sender=hospital.controller)
        return contract

    return call


def test_enrol_takes_what_a_wallet_takes(policy, agree, version, wallet, spare_key, stranger):
    agreed = agree(version, provider_key=wallet(spare_key))
    signature = sign_enrolment(policy, spare_key, agreed.message())
    call = dataclasses.replace(agreed, provider_key=spare_key).call(
        provider_key=agreed.provider_key, provider_signature=signature
    )
    receipt = send(policy.enrol, *call, sender=stranger)
    assert events(receipt, policy)[0][-2] == agreed.provider_key.address


def test_enrol_takes_signatures_of_64_bytes(policy, agree, version, hospital, hospital_key, insurer_key, stranger):
    agreed = agree(version)
    short = [packed(sign_enrolment(policy, key, agreed.message())) for key in (hospital_key, insurer_key)]
    assert [len(one) for one in short] == [64, 64]
    call = agreed.call(provider_signature=short[0], insurer_signature=short[1])
    assert events(send(policy.enrol, *call, sender=stranger), policy)[0][0] == "ProviderEnrolled"


def test_enrol_reverts_if_the_wallet_refuses(policy, agree, version, wallet, spare_key, hospital_key):
    """Also what another key of the same organization signed."""
    agreed = agree(version)
    contract = wallet(spare_key)
    wanted = ("CoveragePolicyInvalidSignature", contract.address)
    assert refusal(policy.enrol, *agreed.call(provider_key=contract)) == wanted
    assert refusal(policy.enrol, *agreed.call(provider_key=contract, provider_signature=b"")) == wanted


# ---------------------------------------------------------------------- endEnrolment


@pytest.fixture
def enrolled(enrol, version):
    """The hospital's enrolment is in force; its start."""
    start = chain_time() + 60
    enrol(version, start=start)
    travel_to(start)
    return start


@pytest.mark.parametrize("side", ["hospital", "insurer"])
def test_end_enrolment_by_either_side(request, policy, version, hospital, enrolled, side):
    member, key = (request.getfixturevalue(name) for name in (side, f"{side}_key"))
    end = chain_time() + NOTICE + 1
    next_block_at(end - NOTICE)
    receipt = send(policy.endEnrolment, hospital.id, PLAN, end, sender=key)
    assert events(receipt, policy) == [("EnrolmentEnded", hospital.id, PLAN, end, member.id)]
    assert policy.endingsOf(hospital.id, PLAN) == 1
    travel_to(end - 1)
    assert in_force(policy, hospital, version) == version
    travel_to(end)
    assert in_force(policy, hospital, version) == 0


def test_end_enrolment_leaves_the_past(policy, enrol, version, other_version, hospital, hospital_key, enrolled):
    enrol(other_version)
    travel(60)
    times = [0, enrolled - 1, enrolled, chain_time() - 1, chain_time()]
    before = [tuple(policy.enrolmentAt(hospital.id, PLAN, time)) for time in times]
    end = chain_time() + NOTICE + 9
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    travel_to(end + DAY)
    assert [tuple(policy.enrolmentAt(hospital.id, PLAN, time)) for time in times] == before
    assert [one.version for one in policy.enrolmentsOf(hospital.id, PLAN)] == [version, other_version, 0]


def test_end_enrolment_again_changes_nothing(policy, hospital, hospital_key, insurer_key, enrolled):
    end = chain_time() + NOTICE + 9
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    for time in (end - DAY, end, end + DAY):
        travel_to(time)
        for caller in (hospital_key, insurer_key):
            assert send(policy.endEnrolment, hospital.id, PLAN, end, sender=caller).logs == []
    assert policy.endingsOf(hospital.id, PLAN) == 1


def test_end_enrolment_again_leaves_what_was_agreed_since(
    policy, enrol, other_version, hospital, hospital_key, enrolled
):
    """So a call that is sent late, or twice, undoes no newer agreement."""
    end = chain_time() + NOTICE + 9
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    enrol(other_version, start=end + DAY)
    assert send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key).logs == []
    travel_to(end + DAY)
    assert in_force(policy, hospital, other_version) == other_version


def test_end_enrolment_moves_an_ending_forward(policy, version, hospital, insurer, hospital_key, insurer_key, enrolled):
    end = chain_time() + NOTICE + DAY
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    receipt = send(policy.endEnrolment, hospital.id, PLAN, end - 60, sender=insurer_key)
    assert events(receipt, policy) == [("EnrolmentEnded", hospital.id, PLAN, end - 60, insurer.id)]
    assert [tuple(one) for one in policy.enrolmentsOf(hospital.id, PLAN)] == [
        (version, enrolled, SCALE),
        (0, end - 60, 0),
    ]


def test_end_enrolment_reverts_after_an_ending(policy, hospital, hospital_key, enrolled):
    end = chain_time() + NOTICE + DAY
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    wanted = ("CoveragePolicyNotEnrolled", hospital.id, PLAN)
    assert refusal(policy.endEnrolment, hospital.id, PLAN, end + 1, sender=hospital_key) == wanted
    travel_to(end + DAY)
    assert refusal(policy.endEnrolment, hospital.id, PLAN, end + DAY + NOTICE, sender=hospital_key) == wanted


def test_end_enrolment_makes_void_what_starts_later(
    policy, enrol, version, other_version, hospital, hospital_key, enrolled
):
    end = chain_time() + NOTICE + 1_000
    for start in (end - 500, end + 1, end + 2, end + DAY):
        enrol(other_version, start=start)
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    assert [tuple(one) for one in policy.enrolmentsOf(hospital.id, PLAN)] == [
        (version, enrolled, SCALE),
        (other_version, end - 500, SCALE),
        (0, end, 0),
    ]


def test_end_enrolment_makes_void_what_starts_then(policy, enrol, version, other_version, hospital, hospital_key):
    end = chain_time() + NOTICE + 1_000
    enrol(version, start=end - 1)
    enrol(other_version, start=end)
    send(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key)
    assert [tuple(one) for one in policy.enrolmentsOf(hospital.id, PLAN)] == [
        (version, end - 1, SCALE),
        (0, end, 0),
    ]


def test_end_enrolment_of_what_starts_later_leaves_none(
    policy, agree, enrol, version, other_version, hospital, insurer, insurer_key
):
    agreed = agree(version, start=chain_time() + 90 * DAY)
    send(policy.enrol, *agreed.call(), sender=insurer_key)
    enrol(other_version, start=chain_time() + 100 * DAY)
    end = chain_time() + NOTICE + 9
    receipt = send(policy.endEnrolment, hospital.id, PLAN, end, sender=insurer_key)
    assert events(receipt, policy) == [("EnrolmentEnded", hospital.id, PLAN, end, insurer.id)]
    assert list(policy.enrolmentsOf(hospital.id, PLAN)) == []
    assert policy.endingsOf(hospital.id, PLAN) == 1
    wanted = ("CoveragePolicyNotEnrolled", hospital.id, PLAN)
    assert refusal(policy.endEnrolment, hospital.id, PLAN, end, sender=insurer_key) == wanted
    enrol(version)


def test_end_enrolment_reverts_within_the_notice(policy, hospital, hospital_key, enrolled):
    earliest = chain_time() + NOTICE
    for end in (0, enrolled, chain_time(), earliest - 1):
        assert refusal(policy.endEnrolment, hospital.id, PLAN, end, sender=hospital_key) == (
            "CoveragePolicyEnrolmentTooEarly",
            hospital.id,
            PLAN,
            end,
            earliest,
        )


def test_end_enrolment_reverts_if_never_enrolled(policy, hospital, hospital_key, insurer_key, enrolled):
    end = chain_time() + NOTICE + 9
    for plan in (OTHER_PLAN, 0):
        for key in (hospital_key, insurer_key):
            wanted = ("CoveragePolicyNotEnrolled", hospital.id, plan)
            assert refusal(policy.endEnrolment, hospital.id, plan, end, sender=key) == wanted
    assert refusal(policy.endEnrolment, NOBODY, PLAN, end, sender=insurer_key) == (
        "CoveragePolicyNotEnrolled",
        NOBODY,
        PLAN,
    )


def test_end_enrolment_reverts_for_others(policy, hospital, pharmacy_key, other_insurer_key, enrolled):
    end = chain_time() + NOTICE + 9
    for key in (pharmacy_key, other_insurer_key):
        wanted = ("CoveragePolicyNotAParty", hospital.id, key.address)
        assert refusal(policy.endEnrolment, hospital.id, PLAN, end, sender=key) == wanted


def test_end_enrolment_reverts_if_nobody_knows_the_caller(policy, hospital, stranger, payer_admin, enrolled):
    end = chain_time() + NOTICE + 9
    for caller in (stranger, payer_admin):
        wanted = ("OrganizationRegistryUnknownKey", caller.address)
        assert refusal(policy.endEnrolment, hospital.id, PLAN, end, sender=caller) == wanted


def test_end_enrolment_reverts_for_a_retired_key(policy, registry, hospital, hospital_key, enrolled):
    retired_at = time_of(send(registry.retireKey, hospital_key, sender=hospital.controller))
    wanted = ("OrganizationRegistryKeyRetired", hospital_key.address, retired_at)
    assert refusal(policy.endEnrolment, hospital.id, PLAN, chain_time() + 2 * NOTICE, sender=hospital_key) == wanted


@pytest.mark.parametrize("side", ["hospital", "insurer"])
def test_end_enrolment_works_while_suspended(request, policy, registry, registrar, hospital, enrolled, side):
    member, key = (request.getfixturevalue(name) for name in (side, f"{side}_key"))
    send(registry.suspend, member.id, Reason.FRAUD, sender=registrar)
    end = chain_time() + NOTICE + 9
    receipt = send(policy.endEnrolment, hospital.id, PLAN, end, sender=key)
    assert events(receipt, policy) == [("EnrolmentEnded", hospital.id, PLAN, end, member.id)]
