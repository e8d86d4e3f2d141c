"""addKey and retireKey: whose key an account is, and how a key proves that it agrees."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from careledger.chain.contract import Contract
from careledger.chain.development import development_signer
from careledger.chain.signers.digests import typed_data_digest
from careledger.identity import Organizations
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from ..support import (
    DAY,
    ZERO,
    ZERO_ID,
    KeyStatus,
    Reason,
    Standing,
    chain_time,
    domain_of,
    events,
    identity_of,
    next_block_at,
    possession_types,
    prove,
    refusal,
    send,
    time_of,
    travel,
    travel_to,
)

HERE = Path(__file__).parent
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BARRED_BY_A_RECOVERY = {
    "addKey": lambda organization, key: (organization, key, 2**40, b""),
    "retireKey": lambda _, key: (key,),
}


@pytest.fixture
def deadline():
    return chain_time() + DAY


@pytest.fixture
def wallet(contracts, insurer_controller, spare_key):
    """An ERC-1271 contract account, owned by the spare key."""
    return insurer_controller.deploy(contracts["ContractWallet"], spare_key, gas=2_000_000, gas_price=10**10)


# ---------------------------------------------------------------------- addKey


def test_add_key_makes_it_the_organizations(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    receipt = send(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller)
    assert events(receipt, registry) == [("KeyAdded", insurer.id, spare_key.address)]
    assert tuple(registry.organizationOf(spare_key)) == (insurer.id, KeyStatus.ACTIVE)
    assert tuple(registry.keyOf(spare_key)) == (insurer.id, time_of(receipt), 0, 0, 0)
    assert registry.requireKey(spare_key) == insurer.id


def test_add_key_that_is_active_changes_nothing(registry, insurer, insurer_key):
    before = tuple(registry.keyOf(insurer_key))
    receipt = send(registry.addKey, insurer.id, insurer_key, 0, b"", sender=insurer.controller)
    assert receipt.logs == []
    assert tuple(registry.keyOf(insurer_key)) == before


def test_add_key_takes_a_contract_wallet(registry, insurer, wallet, spare_key, deadline):
    proof = prove(registry, insurer.id, wallet, deadline, signer=spare_key)
    receipt = send(registry.addKey, insurer.id, wallet, deadline, proof, sender=insurer.controller)
    assert events(receipt, registry) == [("KeyAdded", insurer.id, wallet.address)]
    assert registry.requireActive(wallet, 1) == insurer.id


def test_add_key_reverts_if_the_contract_wallet_refuses(registry, insurer, wallet, stranger, deadline):
    proof = prove(registry, insurer.id, wallet, deadline, signer=stranger)
    assert refusal(registry.addKey, insurer.id, wallet, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        wallet.address,
    )


def test_add_key_reverts_if_the_contract_has_no_signatures(registry, insurer, manager, stranger, deadline):
    proof = prove(registry, insurer.id, manager, deadline, signer=stranger)
    assert refusal(registry.addKey, insurer.id, manager, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        manager.address,
    )


def test_add_key_reverts_if_not_called_by_the_controller(registry, insurer, insurer_key, spare_key, stranger, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    for caller in (stranger, spare_key, insurer_key):
        assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=caller) == (
            "OrganizationRegistryNotController",
            insurer.id,
            caller.address,
        )


def test_add_key_reverts_if_the_organization_is_unknown(registry, insurer, spare_key, deadline):
    nobody = identity_of("nobody")
    proof = prove(registry, nobody, spare_key, deadline)
    assert refusal(registry.addKey, nobody, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryUnknownOrganization",
        nobody,
    )


@pytest.mark.parametrize("function", BARRED_BY_A_RECOVERY)
def test_change_of_keys_reverts_during_a_recovery(registry, registrar, insurer, insurer_key, new_controller, function):
    send(registry.startRecovery, insurer.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
    arguments = BARRED_BY_A_RECOVERY[function](insurer.id, insurer_key)
    assert refusal(getattr(registry, function), *arguments, sender=insurer.controller) == (
        "OrganizationRegistryRecoveryPending",
        insurer.id,
        new_controller.address,
    )


def test_add_key_reverts_if_the_key_is_zero(registry, insurer, deadline):
    assert refusal(registry.addKey, insurer.id, ZERO, deadline, bytes(65), sender=insurer.controller) == (
        "OrganizationRegistryInvalidAccount",
        insurer.id,
        ZERO,
    )


def test_add_key_reverts_if_another_organization_has_it(registry, insurer, hospital, insurer_key, deadline):
    proof = prove(registry, hospital.id, insurer_key, deadline)
    assert refusal(registry.addKey, hospital.id, insurer_key, deadline, proof, sender=hospital.controller) == (
        "OrganizationRegistryKeyTaken",
        insurer_key.address,
        insurer.id,
    )


def test_add_key_reverts_if_the_proof_is_replayed_after_retirement(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    send(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller)
    send(registry.retireKey, spare_key, sender=insurer.controller)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryKeyTaken",
        spare_key.address,
        insurer.id,
    )


def test_add_key_reverts_if_the_key_is_compromised(registry, insurer, insurer_key, deadline):
    send(registry.reportCompromise, insurer_key, chain_time(), sender=insurer.controller)
    proof = prove(registry, insurer.id, insurer_key, deadline)
    assert refusal(registry.addKey, insurer.id, insurer_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryKeyTaken",
        insurer_key.address,
        insurer.id,
    )


def test_add_key_reverts_if_the_proof_has_expired(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    travel_to(deadline + 1)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistrySignatureExpired",
        deadline,
        deadline + 1,
    )


def test_add_key_takes_a_proof_in_its_last_second(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    next_block_at(deadline)
    receipt = send(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller)
    assert time_of(receipt) == deadline
    assert registry.requireKey(spare_key) == insurer.id


def test_add_key_reverts_if_another_key_signed(registry, insurer, spare_key, stranger, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline, signer=stranger)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        spare_key.address,
    )


def test_add_key_reverts_if_the_proof_is_for_another_organization(registry, insurer, hospital, spare_key, deadline):
    proof = prove(registry, hospital.id, spare_key, deadline)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        spare_key.address,
    )


def test_add_key_reverts_if_the_proof_is_for_another_deadline(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline + 1, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        spare_key.address,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + 40 * "1"},
        {"name": "OrganizationRegistry"},
        {"version": "2"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_add_key_reverts_if_the_proof_is_for_another_domain(registry, insurer, spare_key, deadline, changed):
    proof = prove(registry, insurer.id, spare_key, deadline, **changed)
    assert refusal(registry.addKey, insurer.id, spare_key, deadline, proof, sender=insurer.controller) == (
        "OrganizationRegistryInvalidSignature",
        insurer.id,
        spare_key.address,
    )


def test_add_key_reverts_if_the_signature_is_malleated(registry, insurer, spare_key, deadline):
    proof = prove(registry, insurer.id, spare_key, deadline)
    upper_half = (CURVE_ORDER - int.from_bytes(proof[32:64], "big")).to_bytes(32, "big")
    malleated = proof[:32] + upper_half + bytes([55 - proof[64]])
    for signature in (malleated, proof[:64], b"", bytes(65)):
        assert refusal(registry.addKey, insurer.id, spare_key, deadline, signature, sender=insurer.controller) == (
            "OrganizationRegistryInvalidSignature",
            insurer.id,
            spare_key.address,
        )


def test_add_key_works_while_suspended_and_past_the_licence(registry, registrar, insurer, spare_key, add_key):
    send(registry.suspend, insurer.id, Reason.FRAUD, sender=registrar)
    travel_to(insurer.licence_expiry)
    add_key(insurer, spare_key)
    assert registry.requireKey(spare_key) == insurer.id
    assert refusal(registry.requireActive, spare_key, 1) == (
        "OrganizationRegistryNotInGoodStanding",
        insurer.id,
        Standing.SUSPENDED,
    )


def test_add_key_works_after_expulsion(registry, as_policy_administrator, insurer, spare_key, add_key):
    as_policy_administrator(registry.expel, insurer.id, Reason.FRAUD)
    add_key(insurer, spare_key)
    assert registry.requireKey(spare_key) == insurer.id


def test_proof_is_hashed_alike_by_four_implementations(registry, connection, insurer, spare_key):
    deadline = 1_900_000_000
    message = {"organization": "0x" + insurer.id.hex(), "key": spare_key.address, "deadline": deadline}
    by_ethers = subprocess.run(
        ["node", HERE / "typed_data.js"],
        input=json.dumps({"domain": domain_of(registry), "types": possession_types(), "message": message}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    signable = encode_typed_data(domain_of(registry), possession_types(), {**message, "organization": insurer.id})
    by_eth_account = keccak(b"\x19" + signable.version + signable.header + signable.body)
    organizations = Organizations(Contract(connection, "OrganizationRegistry", registry.address), 0, None)
    stated = organizations.possession_message("northwind-insurance", spare_key.address, deadline)
    by_careledger = typed_data_digest(stated)
    assert by_ethers == "0x" + by_eth_account.hex() == "0x" + by_careledger.hex()
    signature = bytes(Account.unsafe_sign_hash(by_eth_account, spare_key.private_key).signature)
    assert signature == development_signer(9).sign_typed_data(stated)
    # The fourth is the contract's.
    send(registry.addKey, insurer.id, spare_key, deadline, signature, sender=insurer.controller)
    assert registry.requireKey(spare_key) == insurer.id


def test_domain_is_readable_on_chain(registry):
    domain = domain_of(registry)
    fields, name, version, chain_id, contract, salt, extensions = registry.eip712Domain()
    assert (fields, salt, list(extensions)) == (b"\x0f", bytes(32), [])
    assert (name, version, chain_id, contract) == tuple(domain.values())


# ---------------------------------------------------------------------- retireKey


def test_retire_key_ends_its_acts(registry, insurer, insurer_key):
    added_at = registry.keyOf(insurer_key).addedAt
    receipt = send(registry.retireKey, insurer_key, sender=insurer.controller)
    assert events(receipt, registry) == [("KeyRetired", insurer.id, insurer_key.address)]
    assert tuple(registry.keyOf(insurer_key)) == (insurer.id, added_at, time_of(receipt), 0, 0)
    assert tuple(registry.organizationOf(insurer_key)) == (insurer.id, KeyStatus.RETIRED)
    for read in ((registry.requireActive, insurer_key, 1), (registry.requireKey, insurer_key)):
        assert refusal(*read) == ("OrganizationRegistryKeyRetired", insurer_key.address, time_of(receipt))


def test_retire_key_leaves_its_past_valid(registry, insurer, insurer_key):
    before = chain_time()
    travel(1)
    send(registry.retireKey, insurer_key, sender=insurer.controller)
    assert tuple(registry.organizationAt(insurer_key, before)) == (insurer.id, KeyStatus.ACTIVE, False, 0)


def test_retire_key_reverts_if_unknown(registry, insurer, spare_key):
    assert tuple(registry.organizationOf(spare_key)) == (ZERO_ID, KeyStatus.UNKNOWN)
    assert refusal(registry.retireKey, spare_key, sender=insurer.controller) == (
        "OrganizationRegistryUnknownKey",
        spare_key.address,
    )


def test_retire_key_reverts_if_not_called_by_the_controller(registry, insurer, hospital, insurer_key, stranger):
    for caller in (stranger, insurer_key, hospital.controller):
        assert refusal(registry.retireKey, insurer_key, sender=caller) == (
            "OrganizationRegistryNotController",
            insurer.id,
            caller.address,
        )


def test_retire_key_reverts_if_retired(registry, insurer, insurer_key):
    receipt = send(registry.retireKey, insurer_key, sender=insurer.controller)
    assert refusal(registry.retireKey, insurer_key, sender=insurer.controller) == (
        "OrganizationRegistryKeyRetired",
        insurer_key.address,
        time_of(receipt),
    )


def test_retire_key_reverts_if_compromised(registry, insurer, insurer_key):
    since = chain_time()
    send(registry.reportCompromise, insurer_key, since, sender=insurer.controller)
    assert refusal(registry.retireKey, insurer_key, sender=insurer.controller) == (
        "OrganizationRegistryKeyCompromised",
        insurer_key.address,
        since,
    )
