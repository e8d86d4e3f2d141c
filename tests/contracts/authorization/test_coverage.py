"""verifyCoverage."""

from __future__ import annotations

import pytest

from ..support import chain_time, events, send, travel_to
from .claims import MEMBER, OTHER_MEMBER, PERIOD
from .payer import PLAN, UNIT, terms
from .requests import UNVERIFIED, Action, Basis, Line, LineStatus, shadow_of


@pytest.fixture
def request_id(office):
    """An unverified request."""
    return office.submit(Line(), Line(), eligibility=UNVERIFIED).id


def call(office, request, shown=None):
    return office.provider.id, request, shown or office.eligibility()


@pytest.mark.parametrize("who", ["hospital_key", "hospital_other_key", "insurer_key"])
def test_verify_coverage_names_the_member(request, office, request_id, who):
    caller = request.getfixturevalue(who)
    receipt = send(office.authorizations.verifyCoverage, *call(office, request_id), sender=caller)
    assert office.events(receipt) == [("CoverageVerified", office.provider.id, request_id)]
    for line in range(2):
        state = office.state(request_id, line)
        assert (state.member, state.period, state.status) == (MEMBER, PERIOD, LineStatus.PENDED)
    assert office.balance() == (0, 0)


def test_verify_coverage_lets_a_person_grant(office, request_id):
    assert office.refuses("review", *office.review(request_id))[0] == "PriorAuthorizationCoverageUnverified"
    send(office.authorizations.verifyCoverage, *call(office, request_id), sender=office.key)
    office.decide(request_id)
    assert office.status(request_id) == LineStatus.APPROVED
    assert office.balance() == (5 * UNIT, 0)


def test_verify_coverage_again_changes_nothing(office, request_id):
    send(office.authorizations.verifyCoverage, *call(office, request_id), sender=office.key)
    receipt = send(office.authorizations.verifyCoverage, *call(office, request_id), sender=office.insurer_key)
    assert events(receipt, office.authorizations) == []


def test_verify_coverage_reverts_for_all_but_the_two_sides(office, laboratory_office, request_id, stranger):
    """An eligibility names a provider's member, not a request: whoever saw the one in another request of the provider's
    could bind this one to that member for ever."""
    others = office.submit(eligibility=office.eligibility(OTHER_MEMBER))
    assert office.state(others.id).member == OTHER_MEMBER
    shown = office.eligibility(OTHER_MEMBER)
    found = office.refuses("verifyCoverage", *call(office, request_id, shown), sender=laboratory_office.key)
    assert found == ("PriorAuthorizationNotAParty", office.provider.id, laboratory_office.key.address)
    found = office.refuses("verifyCoverage", *call(office, request_id, shown), sender=stranger)
    assert found == ("OrganizationRegistryUnknownKey", stranger.address)
    assert office.state(request_id).member == bytes(16)


def test_verify_coverage_reverts_for_another_member_or_period(office, request_id):
    send(office.authorizations.verifyCoverage, *call(office, request_id), sender=office.key)
    refused = ("PriorAuthorizationOtherMember", office.provider.id, request_id)
    for shown in (office.eligibility(OTHER_MEMBER), office.eligibility(period=PERIOD + 1)):
        assert office.refuses("verifyCoverage", *call(office, request_id, shown), sender=office.key) == refused


@pytest.mark.parametrize("what", ["none", "stale", "nobody's"])
def test_verify_coverage_reverts_if_it_says_nothing(office, request_id, what):
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    shown = {"none": UNVERIFIED, "stale": office.eligibility(until=chain_time() + 9), "nobody's": None}[what]
    if what == "stale":
        travel_to(chain_time() + 10)
    found = office.refuses(
        "verifyCoverage", *call(office, request_id, shown or office.eligibility(bytes(16))), sender=office.key
    )
    key = keccak(encode(["bytes12", "bytes32"], [office.provider.id, request_id]))
    assert found == ("PriorAuthorizationCoverageUnverified", key)


def test_verify_coverage_reverts_if_it_is_not_for_this(office, laboratory_office, request_id, other_insurer_key):
    invalid = ("PriorAuthorizationInvalidSignature", office.insurer_key.address)
    rows = {
        laboratory_office.eligibility(): invalid,
        office.eligibility(signer=office.key): invalid,
        (*office.eligibility()[:2], PERIOD + 1, *office.eligibility()[3:]): invalid,
        office.eligibility(plan=PLAN + 1): ("PriorAuthorizationOtherPlan", PLAN + 1, PLAN),
    }
    for shown, refused in rows.items():
        assert office.refuses("verifyCoverage", *call(office, request_id, shown), sender=office.key) == refused
    found = office.refuses(
        "verifyCoverage", *call(office, request_id, office.eligibility(key=other_insurer_key)), sender=office.key
    )
    assert found[0] == "PriorAuthorizationNotTheInsurers"


def test_verify_coverage_reverts_if_the_request_is_unknown(office):
    request = office.request_id()
    found = office.refuses("verifyCoverage", *call(office, request), sender=office.key)
    assert found == office.unknown(request)
    theirs = office.provider.id[:-1] + bytes([office.provider.id[-1] ^ 1])
    found = office.refuses("verifyCoverage", theirs, request, office.eligibility(), sender=office.insurer_key)
    assert found == ("PriorAuthorizationUnknown", theirs, request, 0)


def test_verify_coverage_of_a_shadow_request_touches_no_real_units(office, put_in_force):
    acting = put_in_force(terms(shadow=True))
    request = acting.submit(eligibility=UNVERIFIED).id
    send(office.authorizations.verifyCoverage, *call(office, request), sender=office.key)
    acting.decide(request)
    assert acting.decisions(acting.decide(acting.submit(eligibility=UNVERIFIED).id, Action.DENIED))[0].basis == (
        Basis.REVIEWER
    )
    assert office.balance() == (0, 0)
    assert office.balance(member=shadow_of(MEMBER)) == (5 * UNIT, 0)
