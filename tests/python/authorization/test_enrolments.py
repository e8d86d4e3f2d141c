"""Enrolments on an Anvil: offered, signed by both sides, sent by anyone, ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest
from careledger.authorization.enrolments import (
    Enrolment,
    EnrolmentOffer,
    Enrolments,
    SideSignature,
    dump_offer,
    parse_offer,
)
from careledger.authorization.policies import Policies
from careledger.chain.signers import Signer
from careledger.contract_errors import (
    CoveragePolicyEnrolmentTooEarly,
    CoveragePolicyInvalidSignature,
    CoveragePolicySignatureExpired,
)
from careledger.contract_events import EnrolmentEnded, ProviderEnrolled
from careledger.errors import InvalidInput, WrongChain
from identity.suite import travel
from provider_world import ProviderWorld

PLAN, VERSION = 1001, 1
DAY = 86_400


@pytest.fixture
def unchanged(world: ProviderWorld) -> Iterator[ProviderWorld]:
    rpc = world.connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield world
    assert rpc.call("evm_revert", snapshot)


def acting(world: ProviderWorld, signer: Signer) -> Enrolments:
    return Enrolments(world.payer_as(signer))


def offered(world: ProviderWorld, coefficient: int = 12_345) -> EnrolmentOffer:
    start = world.connection.block_time() + 100
    return acting(world, world.insurer).offer(world.provider, VERSION, start, coefficient)


def signed(world: ProviderWorld, offer: EnrolmentOffer) -> EnrolmentOffer:
    return acting(world, world.hospital).sign(acting(world, world.insurer).sign(offer))


def test_both_sign_and_anyone_sends(unchanged: ProviderWorld) -> None:
    offer = signed(unchanged, offered(unchanged))
    assert parse_offer(dump_offer(offer)) == offer
    for side in (offer.by_provider, offer.by_insurer):
        assert side is not None
        assert len(side.signature) == 64
    anyone = acting(unchanged, unchanged.patient)
    event = anyone.enrol(offer).event(ProviderEnrolled)
    assert (event.provider_key, event.insurer_key) == (unchanged.hospital.address, unchanged.insurer.address)
    assert anyone.enrol(offer).events == ()
    assert anyone.of(unchanged.provider, PLAN)[-1] == Enrolment(VERSION, offer.start, 12_345)
    assert anyone.at(unchanged.provider, PLAN, offer.start) == Enrolment(VERSION, offer.start, 12_345)
    assert anyone.at(unchanged.provider, PLAN, 1) is None
    assert Policies(unchanged.payer).in_force(unchanged.provider, PLAN) == VERSION


def test_an_enrolment_ends_after_the_notice(unchanged: ProviderWorld) -> None:
    hospital = acting(unchanged, unchanged.hospital)
    stale = signed(unchanged, offered(unchanged))
    now = unchanged.connection.block_time()
    with pytest.raises(CoveragePolicyEnrolmentTooEarly):
        hospital.end(unchanged.provider, PLAN, now + DAY)
    event = hospital.end(unchanged.provider, PLAN).event(EnrolmentEnded)
    assert 30 * DAY < event.end - now < 31 * DAY
    assert hospital.endings(unchanged.provider, PLAN) == 1
    with pytest.raises(InvalidInput, match="was ended since"):
        hospital.enrol(stale)
    assert hospital.at(unchanged.provider, PLAN, event.end) is None
    travel(unchanged.connection, 31 * DAY)
    assert Policies(unchanged.payer).in_force(unchanged.provider, PLAN) == 0


def test_an_offer_is_of_a_sealed_version_in_the_future(unchanged: ProviderWorld) -> None:
    insurer, now = acting(unchanged, unchanged.insurer), unchanged.connection.block_time()
    with pytest.raises(InvalidInput, match="the last is 1"):
        insurer.offer(unchanged.provider, 2, now + 100)
    with pytest.raises(InvalidInput, match="in the future"):
        insurer.offer(unchanged.provider, VERSION, now)
    terms = dataclasses.replace(unchanged.rule_set.terms, appeal_days=7)
    Policies(unchanged.payer_as(unchanged.admin)).draft(terms)
    with pytest.raises(InvalidInput, match="is a draft"):
        insurer.offer(unchanged.provider, 2, now + 100)


def test_who_is_neither_side_signs_nothing(unchanged: ProviderWorld) -> None:
    with pytest.raises(InvalidInput, match="neither of"):
        acting(unchanged, unchanged.patient).sign(offered(unchanged))


def test_one_signature_is_not_enough(unchanged: ProviderWorld) -> None:
    insurer = acting(unchanged, unchanged.insurer)
    offer = insurer.sign(offered(unchanged))
    with pytest.raises(InvalidInput, match="the provider"):
        insurer.enrol(offer)
    with pytest.raises(InvalidInput, match="the insurer"):
        insurer.enrol(dataclasses.replace(signed(unchanged, offer), by_insurer=None))


def test_what_was_changed_after_signing_is_refused_by_the_contract(unchanged: ProviderWorld) -> None:
    insurer = acting(unchanged, unchanged.insurer)
    offer = signed(unchanged, offered(unchanged))
    with pytest.raises(CoveragePolicyInvalidSignature):
        insurer.enrol(dataclasses.replace(offer, coefficient=offer.coefficient + 1))
    late = signed(unchanged, dataclasses.replace(offer, deadline=unchanged.connection.block_time() - 1))
    with pytest.raises(CoveragePolicySignatureExpired):
        insurer.enrol(late)
    assert isinstance(offer.by_insurer, SideSignature)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"policy": "0x" + 40 * "1"}, "another policy"),
        ({"digest": "0x" + 64 * "1"}, "is not what version 1 holds"),
        ({"plan": 8}, "is of plan 1001"),
        ({"version": 9}, "is not sealed"),
    ],
)
def test_an_offer_that_the_chain_contradicts_is_not_signed(
    unchanged: ProviderWorld, changes: dict[str, object], problem: str
) -> None:
    offer = dataclasses.replace(offered(unchanged), **changes)
    with pytest.raises(InvalidInput, match=problem):
        acting(unchanged, unchanged.hospital).sign(offer)


def test_an_offer_of_another_chain_is_not_signed(unchanged: ProviderWorld) -> None:
    with pytest.raises(WrongChain):
        acting(unchanged, unchanged.hospital).sign(dataclasses.replace(offered(unchanged), chain_id=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [("provider", "0x12"), ("digest", "x"), ("start", -1), ("format", "other"), ("policy", None), ("version", 2)],
)
def test_a_file_that_is_no_offer_is_refused(unchanged: ProviderWorld, name: str, value: object) -> None:
    body = json.loads(dump_offer(offered(unchanged)))
    body[name] = value
    with pytest.raises(InvalidInput):
        parse_offer(json.dumps(body).encode())
