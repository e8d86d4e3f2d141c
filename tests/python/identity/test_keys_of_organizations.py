"""Keys of organizations through the client, on every kind of chain."""

from __future__ import annotations

import dataclasses

import pytest
from careledger.contract_errors import (
    OrganizationRegistryCutOffOutOfRange,
    OrganizationRegistryInvalidSignature,
    OrganizationRegistryKeyCompromised,
    OrganizationRegistryKeyRetired,
    OrganizationRegistryKeyTaken,
    OrganizationRegistryNotController,
    OrganizationRegistrySignatureExpired,
    OrganizationRegistryTimeInFuture,
    OrganizationRegistryUnknownKey,
)
from careledger.contract_events import KeyAdded, KeyCompromised, KeyRetired
from careledger.errors import InvalidInput
from careledger.identity import KeyAtTime, KeyStatus, MemberRole, Reason, organization_id
from careledger.identity.organizations import PossessionProof
from identity.suite import Near, Suite, new_key, refusal

NOBODY = "0x" + 24 * "0"


def test_a_key_is_added_with_its_own_proof(suite: Suite) -> None:
    name = suite.admit()
    key = new_key()
    assert suite.organizations().of_key(key.address) == (None, KeyStatus.UNKNOWN)
    proof = suite.organizations().prove_possession(name, key, suite.soon)
    receipt = suite.organizations(suite.controller).add_key(proof)
    assert receipt.event(KeyAdded) == KeyAdded(organization_id(name), key.address)
    assert suite.organizations().of_key(key.address) == (organization_id(name), KeyStatus.ACTIVE)
    assert suite.organizations().require_active(key.address, MemberRole.PAYER) == organization_id(name)
    assert suite.organizations().require_key(key.address) == organization_id(name)
    record = suite.organizations().key(key.address)
    assert (record.organization, record.status) == (organization_id(name), KeyStatus.ACTIVE)
    assert record.added_at == suite.connection.block_time(receipt.block_number)
    assert (record.retired_at, record.compromised_since, record.reported_at) == (0, 0, 0)
    assert suite.organizations().get(name, with_keys=True).keys == (record,)
    assert suite.organizations(suite.controller).add_key(proof).events == ()  # an active key is left as it is


def test_a_proof_is_the_same_whoever_asks_for_it(suite: Suite) -> None:
    name, key = suite.admit(), new_key()
    by_name = suite.organizations().prove_possession(name, key, suite.soon)
    by_id = suite.organizations().prove_possession(organization_id(name), key, by_name.deadline)
    assert by_name == by_id
    assert len(by_name.signature) == 2 + 130


def test_a_proof_is_refused_when_replayed_after_retirement(suite: Suite) -> None:
    name, key = suite.admit(), new_key()
    controller = suite.organizations(suite.controller)
    proof = suite.organizations().prove_possession(name, key, suite.soon)
    controller.add_key(proof)
    controller.retire_key(key.address)
    refusal(lambda: controller.add_key(proof), OrganizationRegistryKeyTaken(key.address, organization_id(name)))
    assert suite.organizations().of_key(key.address)[1] is KeyStatus.RETIRED


def test_an_expired_proof_is_refused(suite: Suite) -> None:
    name, key = suite.admit(), new_key()
    deadline = suite.now - 1
    proof = suite.organizations().prove_possession(name, key, deadline)
    with pytest.raises(OrganizationRegistrySignatureExpired) as raised:
        suite.organizations(suite.controller).add_key(proof)
    assert raised.value.fields() == {"deadline": deadline, "block_time": Near(suite.now)}
    assert suite.organizations().of_key(key.address) == (None, KeyStatus.UNKNOWN)


def test_a_proof_for_another_organization_is_refused(suite: Suite) -> None:
    name, other, key = suite.admit(), suite.admit(), new_key()
    proof = suite.organizations().prove_possession(other, key, suite.soon)
    stolen = dataclasses.replace(proof, organization=organization_id(name))
    refusal(
        lambda: suite.organizations(suite.controller).add_key(stolen),
        OrganizationRegistryInvalidSignature(organization_id(name), key.address),
    )


def test_a_proof_by_a_wrong_key_is_refused(suite: Suite) -> None:
    name, key = suite.admit(), new_key()
    proof = suite.organizations().prove_possession(name, new_key(), suite.soon)
    forged = dataclasses.replace(proof, key=key.address)
    refusal(
        lambda: suite.organizations(suite.controller).add_key(forged),
        OrganizationRegistryInvalidSignature(organization_id(name), key.address),
    )


def test_a_proof_with_a_later_deadline_than_was_signed_is_refused(suite: Suite) -> None:
    name, key = suite.admit(), new_key()
    proof = suite.organizations().prove_possession(name, key, suite.soon)
    stretched = dataclasses.replace(proof, deadline=proof.deadline + 1)
    refusal(
        lambda: suite.organizations(suite.controller).add_key(stretched),
        OrganizationRegistryInvalidSignature(organization_id(name), key.address),
    )


def test_a_key_of_one_organization_is_refused_by_another(suite: Suite) -> None:
    name, other = suite.admit(), suite.admit()
    key = suite.add_key(name)
    refusal(lambda: suite.add_key(other, key), OrganizationRegistryKeyTaken(key.address, organization_id(name)))


def test_only_the_controller_changes_keys(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name)
    stranger = suite.organizations(suite.stranger)
    proof = suite.organizations().prove_possession(name, new_key(), suite.soon)
    expected = OrganizationRegistryNotController(organization_id(name), suite.stranger.address)
    refusal(lambda: stranger.add_key(proof), expected)
    refusal(lambda: stranger.retire_key(key.address), expected)
    refusal(lambda: stranger.report_compromise(key.address, suite.now), expected)
    assert suite.organizations().of_key(key.address)[1] is KeyStatus.ACTIVE


def test_a_retired_key_acts_no_more(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name)
    receipt = suite.organizations(suite.controller).retire_key(key.address)
    assert receipt.event(KeyRetired) == KeyRetired(organization_id(name), key.address)
    retired_at = suite.connection.block_time(receipt.block_number)
    assert suite.organizations().key(key.address).retired_at == retired_at
    expected = OrganizationRegistryKeyRetired(key.address, retired_at)
    refusal(lambda: suite.organizations().require_key(key.address), expected)
    refusal(lambda: suite.organizations().require_active(key.address, MemberRole.PAYER), expected)
    refusal(lambda: suite.organizations(suite.controller).retire_key(key.address), expected)


def test_a_key_that_was_never_added_is_unknown(suite: Suite) -> None:
    key = new_key().address
    expected = OrganizationRegistryUnknownKey(key)
    refusal(lambda: suite.organizations().require_key(key), expected)
    refusal(lambda: suite.organizations(suite.controller).retire_key(key), expected)
    refusal(lambda: suite.organizations(suite.registrar).report_compromise_as_registrar(key, 1), expected)
    assert suite.organizations().at(key, suite.now) == KeyAtTime(NOBODY, KeyStatus.UNKNOWN, False, 0)


def test_at_gives_both_answers_about_a_compromised_key(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name).address
    added_at = suite.now
    suite.connection.wait_until(added_at + 1)
    suite.admit()  # so that the chain's clock is read anew
    receipt = suite.organizations(suite.controller).report_compromise(key, added_at)
    event = receipt.event(KeyCompromised)
    assert (event.compromised_since, event.reporter) == (added_at, suite.controller.address)
    reported_at = suite.connection.block_time(receipt.block_number)
    assert reported_at > added_at
    organization = organization_id(name)
    at = suite.organizations().at
    assert at(key, added_at - 1) == KeyAtTime(NOBODY, KeyStatus.UNKNOWN, False, 0)
    # Relying on it was right at that time; what is known now is that it is not to be believed.
    assert at(key, reported_at - 1) == KeyAtTime(organization, KeyStatus.ACTIVE, True, reported_at)
    assert at(key, reported_at) == KeyAtTime(organization, KeyStatus.COMPROMISED, True, reported_at)
    refusal(lambda: suite.organizations().require_key(key), OrganizationRegistryKeyCompromised(key, added_at))
    assert suite.organizations().of_key(key) == (organization, KeyStatus.COMPROMISED)


def test_a_cut_off_before_the_key_or_in_the_future_is_refused(suite: Suite) -> None:
    key = suite.add_key(suite.admit()).address
    added_at = suite.now
    controller, registrar = suite.organizations(suite.controller), suite.organizations(suite.registrar)
    future = suite.soon
    for act in (controller.report_compromise, registrar.report_compromise_as_registrar):
        for since in (added_at - 1, future):
            with pytest.raises(OrganizationRegistryCutOffOutOfRange) as raised:
                act(key, since)
            assert raised.value.fields() == {
                "key": key,
                "since": since,
                "earliest": added_at,
                "latest": Near(added_at),
            }
    assert suite.organizations().of_key(key)[1] is KeyStatus.ACTIVE


def test_a_question_about_the_future_is_refused(suite: Suite) -> None:
    key = suite.add_key(suite.admit()).address
    time = suite.soon
    with pytest.raises(OrganizationRegistryTimeInFuture) as raised:
        suite.organizations().at(key, time)
    assert raised.value.fields() == {"time": time, "block_time": Near(suite.now)}


def test_keys_of_a_suspended_organization_may_finish_and_start_nothing(suite: Suite) -> None:
    name = suite.admit()
    key = suite.add_key(name).address
    suite.organizations(suite.registrar).suspend(name, Reason.CONTRACT_BREACH)
    assert suite.organizations().require_key(key) == organization_id(name)
    with pytest.raises(Exception, match="OrganizationRegistryNotInGoodStanding"):
        suite.organizations().require_active(key, MemberRole.PAYER)


@pytest.mark.parametrize("address", ["", "0x12", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92267", "hospital"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(suite: Suite, address: str) -> None:
    nonce = suite.connection.nonce(suite.controller.address)
    controller = suite.organizations(suite.controller)
    acts = (
        lambda: controller.retire_key(address),
        lambda: controller.report_compromise(address, 1),
        lambda: controller.report_compromise_as_registrar(address, 1),
        lambda: controller.of_key(address),
        lambda: controller.at(address, 1),
        lambda: controller.key(address),
        lambda: controller.require_key(address),
        lambda: controller.require_active(address, MemberRole.PAYER),
        lambda: controller.add_key(PossessionProof("0x" + 24 * "0", address, 1, "0x")),
    )
    for act in acts:
        with pytest.raises(InvalidInput) as raised:
            act()
        assert raised.value.fields()["name"] == "key"
        assert raised.value.value == address
    assert suite.connection.nonce(suite.controller.address) == nonce
