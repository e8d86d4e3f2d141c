"""Every answer of verification, on real chains, and every way in which there is none."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from anchoring.receipt_stage import KIND, Stage, set_stage
from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.disclosure import FieldTree
from careledger.anchoring.messages import anchoring_message
from careledger.anchoring.receipt import NO_ORGANIZATION, Batch, Receipt
from careledger.anchoring.types import AmendmentReason, DisputeReason, KeyStatus, RevocationReason, Terms
from careledger.anchoring.verification import (
    Actor,
    Answer,
    Doubt,
    NodeChecker,
    OfflineChecker,
    Part,
    Revocation,
    Verification,
    verify,
)
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import Signer
from careledger.identity import Organizations, Reason, organization_id
from eth_utils.crypto import keccak
from identity.suite import DAY, deploy_suite, new_key, travel
from rpc_proxy import RpcProxy

LETTER = b"a letter"
OTHER_WORD = "0x" + 64 * "7"
OWN_DELAY_SECONDS = 13
"""Other parameters are another suite on the same chain, of this module alone."""


@pytest.fixture(scope="module", params=["anvil", "ganache", pytest.param("embedded", marks=pytest.mark.full)])
def stage(request: pytest.FixtureRequest, chains: Callable[[str], Connection]) -> Stage:
    return set_stage(deploy_suite(chains(request.param), recovery_delay_seconds=OWN_DELAY_SECONDS))


@pytest.fixture(scope="module")
def on_anvil(chains: Callable[[str], Connection]) -> Stage:
    return set_stage(deploy_suite(chains("anvil"), recovery_delay_seconds=OWN_DELAY_SECONDS + 1))


@pytest.fixture
def alone() -> Iterator[Stage]:
    """On a node of its own, which a test may stop, wind back and move ahead."""
    with Node() as node:
        yield set_stage(deploy_suite(node.connect()))


def request(stage: Stage, method: str, *parameters: Any) -> Any:
    return stage.suite.connection.rpc().call(method, *parameters)


def new_hospital_key(stage: Stage) -> tuple[str, Signer]:
    hospital = stage.suite.admit()
    return organization_id(hospital), stage.suite.fund(stage.suite.add_key(hospital, new_key()))


def active(stage: Stage, key: Signer) -> Actor:
    """A key of the hospital's that could be relied on, and can."""
    return Actor(key.address, organization_id(stage.hospital), KeyStatus.ACTIVE, compromised=False, reported_at=0)


def not_checked(found: Verification, part: Part) -> str:
    """The problem, for an answer that must be none."""
    assert found.answer is Answer.COULD_NOT_CHECK
    assert found.failure is not None
    assert found.failure.part is part, found.failure
    assert not found.in_force
    assert not found.trusted
    assert found.as_of is None
    return found.failure.problem


# ---------------------------------------------------------------------- the contract's answers


def test_active_says_who_and_when_and_as_of(stage: Stage) -> None:
    receipt = stage.anchor(LETTER)
    found = stage.verify(LETTER, receipt)
    connection = stage.suite.connection
    assert found.answer is Answer.ACTIVE
    assert found.in_force
    assert found.trusted
    assert found.doubts == ()
    assert found.differences == ()
    assert found.who.key == stage.key.address
    assert found.who.organization == found.who.claimed_organization == organization_id(stage.hospital)
    assert found.who.key_status is KeyStatus.ACTIVE
    assert (found.who.compromised, found.who.reported_at, found.who.good_standing) == (False, 0, True)
    assert found.when.checked
    assert found.when.anchored_at == receipt.anchored_at == connection.block_time(receipt.block_number)
    assert found.as_of is not None
    assert found.as_of.block_number == connection.block_number()
    assert found.as_of.block_hash == connection.block_hash()
    assert json.loads(json.dumps(found.to_dict()))["answer"] == "active"


@pytest.mark.parametrize("index", [0, 7, 299])
def test_a_document_of_a_batch_is_active(stage: Stage, index: int) -> None:
    contents = [b"%d of %d" % (number, index) for number in range(300)]
    receipt = stage.batch(contents)[index]
    found = stage.verify(contents[index], receipt)
    assert found.answer is Answer.ACTIVE
    assert found.trusted
    assert stage.verify(contents[index - 1], receipt).answer is Answer.ALTERED


def test_as_of_an_older_block(stage: Stage) -> None:
    receipt = stage.anchor(LETTER)
    stage.send("revoke", receipt.leaf, RevocationReason.LEGAL_ORDER)
    found = stage.verify(LETTER, receipt, block=receipt.block_number)
    assert found.answer is Answer.ACTIVE
    assert found.as_of is not None
    assert found.as_of.block_number == receipt.block_number
    assert stage.verify(LETTER, receipt).answer is Answer.REVOKED


def test_revoked_says_why_and_when(stage: Stage) -> None:
    receipt = stage.anchor(LETTER)
    sent = stage.send("revoke", receipt.leaf, RevocationReason.ENTERED_IN_ERROR)
    found = stage.verify(LETTER, receipt)
    revoked_at = stage.suite.connection.block_time(sent.block_number)
    assert found.answer is Answer.REVOKED
    by = active(stage, stage.key)
    assert found.revocation == Revocation(RevocationReason.ENTERED_IN_ERROR, revoked_at, whole_batch=False, by=by)
    assert not found.in_force
    assert found.trusted


def test_revoked_by_the_whole_batch(stage: Stage) -> None:
    receipts = stage.batch([LETTER, b"another"])
    sent = stage.send("revoke", receipts[0].location.anchor_id, RevocationReason.CONSENT_WITHDRAWN)
    found = stage.verify(LETTER, receipts[0])
    revoked_at = stage.suite.connection.block_time(sent.block_number)
    by = active(stage, stage.key)
    assert found.revocation == Revocation(RevocationReason.CONSENT_WITHDRAWN, revoked_at, whole_batch=True, by=by)


def test_revoked_by_its_leaf_in_the_batch(stage: Stage) -> None:
    contents = [b"%d" % number for number in range(270)]
    receipts = stage.batch(contents)
    root = receipts[0].location.anchor_id
    stage.send("revokeLeaves", root, 0, 1 << 14, RevocationReason.LEGAL_ORDER)
    sent = stage.send("revokeLeaves", root, 1, 1 << 13 | 1 << 6, RevocationReason.WRONG_SUBJECT)
    stage.send("revokeLeaves", root, 1, 1 << 13 | 1 << 2, RevocationReason.NO_LONGER_VALID)
    found = stage.verify(contents[262], receipts[262])
    revoked_at = stage.suite.connection.block_time(sent.block_number)
    assert found.answer is Answer.REVOKED
    by = active(stage, stage.key)
    assert found.revocation == Revocation(RevocationReason.WRONG_SUBJECT, revoked_at, whole_batch=False, by=by)
    assert stage.verify(contents[263], receipts[263]).answer is Answer.ACTIVE


def test_revoked_by_its_leaf_by_another_key(stage: Stage) -> None:
    other = stage.suite.fund(stage.suite.add_key(stage.hospital, new_key()))
    receipt = stage.batch([LETTER, b"another one"])[1]
    root = receipt.location.anchor_id
    stage.send("revokeLeavesOf", stage.key.address, root, 0, 2, RevocationReason.LEGAL_ORDER, signer=other)
    found = stage.verify(b"another one", receipt)
    assert found.revocation is not None
    assert found.revocation.reason is RevocationReason.LEGAL_ORDER
    assert found.revocation.revoked_at
    assert found.revocation.by == active(stage, other)


def test_revoked_by_itself_although_shown_in_a_batch(stage: Stage) -> None:
    receipt = stage.batch([LETTER, b"yet another"])[0]
    stage.send("anchor", receipt.leaf, Terms(KIND).pack())
    sent = stage.send("revoke", receipt.leaf, RevocationReason.WRONG_SUBJECT)
    found = stage.verify(LETTER, receipt)
    revoked_at = stage.suite.connection.block_time(sent.block_number)
    by = active(stage, stage.key)
    assert found.revocation == Revocation(RevocationReason.WRONG_SUBJECT, revoked_at, whole_batch=False, by=by)


def test_superseded_says_by_what_and_the_latest(stage: Stage) -> None:
    first, second, third = (stage.draft(content) for content in (LETTER, b"second", b"third"))
    receipt = stage.finish(first, stage.send("anchor", first["leaf"], Terms(KIND).pack()))
    sent = stage.send(
        "amend", receipt.location.to_abi(), second["leaf"], Terms(KIND).pack(), AmendmentReason.CORRECTION
    )
    location = {**receipt.location.to_abi(), "leaf": second["leaf"]}
    stage.send("amend", location, third["leaf"], Terms(KIND).pack(), AmendmentReason.ADDENDUM)
    found = stage.verify(LETTER, receipt)
    assert found.answer is Answer.SUPERSEDED
    assert found.succession is not None
    assert (found.succession.submitter, found.succession.leaf) == (stage.key.address, second["leaf"])
    assert (found.succession.latest_submitter, found.succession.latest_leaf) == (stage.key.address, third["leaf"])
    assert found.succession.reason is AmendmentReason.CORRECTION
    assert found.succession.amended_at == stage.suite.connection.block_time(sent.block_number)
    assert found.succession.by == active(stage, stage.key)
    successor = stage.finish(third, sent)
    assert stage.verify(b"third", successor).answer is Answer.ACTIVE


class Listed:
    """A directory with everything in it, and someone who did nothing."""

    def __init__(self, stage: Stage, disputant: str, countersigner: str) -> None:
        self._names = {organization: name for name, organization in stage.suite.organizations().names().items()}
        self._disputant, self._countersigner = disputant, countersigner

    def organization_name(self, organization: str) -> str | None:
        return self._names.get(organization)

    def disputants(self, submitter: str, leaf: str) -> Sequence[str]:  # noqa: ARG002
        return [self._disputant, development_signer(8).address]

    def countersigners(self, submitter: str, leaf: str) -> Sequence[str]:  # noqa: ARG002
        return [self._countersigner, organization_id("somebody.else")]


def test_disputed_is_in_force_and_lists_who_disputes_and_countersigns(stage: Stage) -> None:
    insurer, key = new_hospital_key(stage)
    receipt = stage.anchor(LETTER)
    stage.send("countersign", receipt.location.to_abi(), signer=key)
    stage.send("dispute", receipt.location.to_abi(), DisputeReason.INACCURATE, OTHER_WORD, signer=key)
    found = stage.verify(LETTER, receipt, directory=Listed(stage, key.address, insurer))
    assert found.answer is Answer.DISPUTED
    assert found.in_force
    assert found.disputes == 1
    (disputed,) = found.listed_disputes
    assert (disputed.disputant, disputed.dispute.statement) == (key.address, OTHER_WORD)
    assert disputed.dispute.reason is DisputeReason.INACCURATE
    (signed,) = found.countersignatures
    assert (signed.organization, signed.countersignature.key) == (insurer, key.address)
    assert found.who.organization_name == stage.hospital
    assert found.to_dict()["listed_disputes"][0]["dispute"]["reason"] == "inaccurate"
    stage.send("withdrawDispute", stage.key.address, receipt.leaf, signer=key)
    assert stage.verify(LETTER, receipt).answer is Answer.ACTIVE


def test_expired_by_time_alone(travelling_chain: Connection) -> None:
    stage = set_stage(deploy_suite(travelling_chain))
    expiry = stage.suite.soon
    single, batched = stage.anchor(LETTER, expiry=expiry), stage.batch([LETTER], expiry=expiry)[0]
    assert stage.verify(LETTER, single).answer is Answer.ACTIVE
    travel(travelling_chain, expiry - travelling_chain.block_time() + 5)
    for receipt in (single, batched):
        found = stage.verify(LETTER, receipt)
        assert found.answer is Answer.EXPIRED
        assert found.when.expiry == expiry
        assert stage.verify(LETTER, receipt, block=receipt.block_number).answer is Answer.ACTIVE


def test_expired_to_the_second(alone: Stage) -> None:
    expiry = alone.suite.soon
    receipt = alone.anchor(LETTER, expiry=expiry)
    for time_, answer in ((expiry - 1, Answer.ACTIVE), (expiry, Answer.EXPIRED)):
        request(alone, "evm_setNextBlockTimestamp", time_)
        request(alone, "evm_mine")
        assert alone.verify(LETTER, receipt).answer is answer
        proved = alone.proved(receipt)
        assert proved.state_proof is not None
        offline = OfflineChecker(receipt.contract, proved.state_proof.block_hash)
        assert verify(LETTER, proved, offline).answer is answer


def test_unknown_is_what_was_never_anchored(stage: Stage) -> None:
    anchored = stage.anchor(LETTER)
    known = {name: getattr(anchored, name) for name in Receipt.model_fields}
    made_up = Receipt(**{**known, **stage.draft(b"never sent")})
    found = stage.verify(b"never sent", made_up)
    assert found.answer is Answer.UNKNOWN
    assert not found.trusted
    assert not found.when.checked
    assert found.as_of is not None


def test_signed_by_the_submitter_and_sent_by_another(stage: Stage) -> None:
    connection = stage.suite.connection
    at, deadline = connection.block_time(), stage.suite.soon
    draft = stage.draft(LETTER, signed_at=at)
    terms = Terms(KIND).pack()
    message = anchoring_message(connection.chain_id, stage.anchors.address, draft["leaf"], terms, at, deadline)
    signature = stage.key.sign_typed_data(message)
    arguments = (stage.key.address, draft["leaf"], terms, at, deadline, signature)
    receipt = stage.finish(draft, stage.send("anchorBySignature", *arguments, signer=stage.suite.stranger))
    found = stage.verify(LETTER, receipt)
    assert found.answer is Answer.ACTIVE
    assert found.trusted
    assert found.when.signed_at == at


# ---------------------------------------------------------------------- who stands behind it


def test_a_key_compromised_since_before_the_anchor_is_active_and_not_trusted(stage: Stage) -> None:
    organization, key = new_hospital_key(stage)
    receipt = stage.anchor(LETTER, signer=key, organization=organization)
    stage.suite.connection.wait_until(receipt.anchored_at + 1)
    organizations = stage.suite.organizations(stage.suite.controller)
    sent = organizations.report_compromise(key.address, receipt.anchored_at)
    found = stage.verify(LETTER, receipt)
    assert found.answer is Answer.ACTIVE
    assert found.who.key_status is KeyStatus.ACTIVE  # relying on it was right then
    assert found.who.compromised
    assert found.who.reported_at == stage.suite.connection.block_time(sent.block_number)
    assert found.doubts == (Doubt.COMPROMISED,)


def test_a_key_compromised_only_since_after_the_anchor_is_trusted(alone: Stage) -> None:
    organization, key = new_hospital_key(alone)
    receipt = alone.anchor(LETTER, signer=key, organization=organization)
    travel(alone.suite.connection, 100)
    alone.suite.organizations(alone.suite.controller).report_compromise(key.address, receipt.anchored_at + 50)
    found = alone.verify(LETTER, receipt)
    assert found.trusted
    assert (found.who.key_status, found.who.compromised, found.who.reported_at) == (KeyStatus.ACTIVE, False, 0)
    late = alone.anchor(b"a later letter", signer=key, organization=organization)
    found = alone.verify(b"a later letter", late)
    assert found.answer is Answer.ACTIVE
    assert found.who.key_status is KeyStatus.COMPROMISED
    assert found.doubts == (Doubt.KEY_NOT_ACTIVE, Doubt.COMPROMISED)


@pytest.mark.parametrize("act", ["revoke", "revoke batch", "revoke leaf", "amend"])
def test_an_act_of_a_key_reported_since_is_answered_twice(stage: Stage, act: str) -> None:
    thief = stage.suite.fund(stage.suite.add_key(stage.hospital, new_key()))
    single, (batched, _) = stage.anchor(LETTER), stage.batch([LETTER, b"b"])
    owner, reason = stage.key.address, RevocationReason.ENTERED_IN_ERROR
    root, leaf = batched.location.anchor_id, stage.draft(b"forged")["leaf"]
    receipt, call = {
        "revoke": (single, ("revokeOf", owner, single.leaf, reason)),
        "revoke batch": (batched, ("revokeOf", owner, root, reason)),
        "revoke leaf": (batched, ("revokeLeavesOf", owner, root, 0, 1, reason)),
        "amend": (batched, ("amend", batched.location.to_abi(), leaf, Terms(KIND).pack(), AmendmentReason.CORRECTION)),
    }[act]
    acted_at = stage.suite.connection.block_time(stage.send(*call, signer=thief).block_number)

    def by() -> Actor | None:
        found = stage.verify(LETTER, receipt)
        assert not found.in_force
        assert found.doubts == ()  # the anchor is another key's
        behind = found.succession if act == "amend" else found.revocation
        assert behind is not None
        return behind.by

    assert by() == active(stage, thief)
    stage.suite.connection.wait_until(acted_at + 1)
    sent = stage.suite.organizations(stage.suite.controller).report_compromise(thief.address, acted_at)
    reported_at = stage.suite.connection.block_time(sent.block_number)
    organization = organization_id(stage.hospital)
    assert by() == Actor(thief.address, organization, KeyStatus.ACTIVE, compromised=True, reported_at=reported_at)


def test_an_act_after_the_report_was_never_to_be_relied_on(stage: Stage) -> None:
    organization, thief = new_hospital_key(stage)
    receipt = stage.anchor(LETTER, signer=thief, organization=organization)
    stage.suite.connection.wait_until(receipt.anchored_at + 1)
    stage.suite.organizations(stage.suite.controller).report_compromise(thief.address, receipt.anchored_at + 1)
    stage.send("revoke", receipt.leaf, RevocationReason.LEGAL_ORDER, signer=thief)  # of what it anchored itself
    found = stage.verify(LETTER, receipt)
    assert found.trusted  # the cut-off is after the anchor
    assert found.revocation is not None
    assert found.revocation.by is not None
    assert (found.revocation.by.key_status, found.revocation.by.compromised) == (KeyStatus.COMPROMISED, True)


def test_nobody_s_key(stage: Stage) -> None:
    key = stage.suite.fund(new_key())
    found = stage.verify(LETTER, stage.anchor(LETTER, signer=key, organization=NO_ORGANIZATION))
    assert found.answer is Answer.ACTIVE
    assert found.who.organization is found.who.claimed_organization is None
    assert found.who.key_status is KeyStatus.UNKNOWN
    assert found.doubts == (Doubt.NOBODYS_KEY,)


def test_a_key_that_became_an_organization_s_later_was_nobody_s(stage: Stage) -> None:
    key = stage.suite.fund(new_key())
    receipt = stage.anchor(LETTER, signer=key)
    stage.suite.connection.wait_until(receipt.anchored_at + 1)
    stage.suite.add_key(stage.hospital, key)
    assert stage.verify(LETTER, receipt).doubts == (Doubt.NOBODYS_KEY,)


def test_a_retired_key(stage: Stage) -> None:
    organization, key = new_hospital_key(stage)
    before = stage.anchor(LETTER, signer=key, organization=organization)
    stage.suite.connection.wait_until(before.anchored_at + 1)
    stage.suite.organizations(stage.suite.controller).retire_key(key.address)
    after = stage.anchor(b"after", signer=key, organization=organization)
    assert stage.verify(LETTER, before).trusted
    assert stage.verify(b"after", after).doubts == (Doubt.KEY_NOT_ACTIVE,)


def test_another_organization_s_name_in_the_receipt(stage: Stage) -> None:
    organization, _ = new_hospital_key(stage)
    receipt = stage.anchor(LETTER, organization=organization)
    found = stage.verify(LETTER, receipt)
    assert found.answer is Answer.ACTIVE
    assert found.who.claimed_organization == organization
    assert found.who.organization == organization_id(stage.hospital)
    assert found.doubts == (Doubt.OTHER_ORGANIZATION,)


def test_an_organization_suspended_then_and_one_suspended_since(stage: Stage) -> None:
    organization, key = new_hospital_key(stage)
    before = stage.anchor(LETTER, signer=key, organization=organization)
    stage.suite.connection.wait_until(before.anchored_at + 1)
    stage.suite.organizations(stage.suite.registrar).suspend(organization, Reason.SECURITY_INCIDENT)
    after = stage.anchor(b"after", signer=key, organization=organization)
    assert stage.verify(LETTER, before).trusted
    assert stage.verify(b"after", after).doubts == (Doubt.NOT_IN_GOOD_STANDING,)


# ---------------------------------------------------------------------- the file


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
def test_altered_by_a_single_bit(on_anvil: Stage, tmp_path: Path, kind: str) -> None:
    receipt = on_anvil.anchor(LETTER)
    for content, answer in ((LETTER, Answer.ACTIVE), (b"a lettes", Answer.ALTERED), (b"", Answer.ALTERED)):
        path = tmp_path / "letter.txt"
        path.write_bytes(content)
        source = {"bytes": content, "path": path, "file": io.BytesIO(content)}[kind]
        found = verify(source, receipt, on_anvil.checker())  # type: ignore[arg-type]
        assert found.answer is answer


def test_a_canonicalization_sees_through_spaces_and_not_through_changes(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(b'{"a": 1, "b": [true]}', canonicalization=Canonicalization.JCS)
    assert on_anvil.verify(b'{"b":[true],"a":1.0}', receipt).answer is Answer.ACTIVE
    assert on_anvil.verify(b'{"b":["true"],"a":1}', receipt).answer is Answer.ALTERED
    found = on_anvil.verify(b"{not json", receipt)
    assert found.answer is Answer.ALTERED
    assert found.alteration is not None
    assert found.alteration.found is None
    assert "not JSON" in str(found.alteration.problem)


def test_a_disclosure_and_the_whole_tree_are_the_document(on_anvil: Stage) -> None:
    tree = FieldTree.of(b'{"name": "Ada", "code": "E10.9", "hidden": true}')
    digest = "0x" + tree.digest.hex()
    receipt = on_anvil.anchor(b"", canonicalization=Canonicalization.JSON_FIELDS, digest=digest)
    shown = tree.disclose("code").to_json().encode()
    whole = json.dumps(tree.to_dict()).encode()
    assert on_anvil.verify(shown, receipt).answer is Answer.ACTIVE
    assert on_anvil.verify(whole, receipt).answer is Answer.ACTIVE
    for forged in (shown.replace(b"E10.9", b"E11.9"), whole.replace(b"Ada", b"Bob"), b"{}", b"[]"):
        assert on_anvil.verify(forged, receipt).answer is Answer.ALTERED


def test_altered_is_told_while_the_node_is_down(alone: Stage) -> None:
    receipt = alone.anchor(LETTER)
    checker = alone.checker()
    alone.suite.connection.web3.provider.endpoint_uri = "http://127.0.0.1:1"  # type: ignore[attr-defined]
    assert verify(b"another", receipt, checker).answer is Answer.ALTERED
    not_checked(verify(LETTER, receipt, checker), Part.NODE_UNREACHABLE)


def test_the_caller_s_own_trouble_with_a_file_is_raised(on_anvil: Stage, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "missing", on_anvil.anchor(LETTER), on_anvil.checker())


# ---------------------------------------------------------------------- receipts changed by hand


@pytest.mark.parametrize(
    ("field", "value", "caught_by"),
    [
        ("chain_id", 7, Part.WRONG_CHAIN),
        ("genesis_hash", OTHER_WORD, Part.OTHER_GENESIS),
        ("contract", development_signer(0).address, Part.OTHER_CONTRACT),
        ("submitter", development_signer(0).address, Answer.UNKNOWN),
        ("expiry", 2**40 - 1, "expiry"),
        ("signed_at", 1, "signed_at"),
        ("anchored_at", 2**40 - 2, "anchored_at"),
        ("stream", OTHER_WORD, "stream"),
        ("transaction_hash", OTHER_WORD, "transaction_hash"),
        ("block_number", 1, "block_hash"),
        ("block_number", 10**6, Part.NODE_BEHIND),
        ("block_hash", OTHER_WORD, "block_hash"),
    ],
)
def test_what_only_the_chain_shows_as_changed_is_caught(
    on_anvil: Stage, field: str, value: Any, caught_by: Part | Answer | str
) -> None:
    receipt = on_anvil.anchor(LETTER)
    found = on_anvil.verify(LETTER, receipt.model_copy(update={field: value}))
    if isinstance(caught_by, Part):
        not_checked(found, caught_by)
    elif isinstance(caught_by, Answer):
        assert found.answer is caught_by
    else:
        assert found.answer is Answer.ACTIVE
        assert caught_by in [difference.field for difference in found.differences]
        assert found.doubts == (Doubt.RECEIPT_DIFFERS,)
        assert found.when.expiry == 0


def test_another_transaction_or_block_of_this_chain_is_caught(on_anvil: Stage) -> None:
    receipt, other = on_anvil.anchor(LETTER), on_anvil.anchor(b"other")
    origin = ("transaction_hash", "block_number", "block_hash")
    moved = receipt.model_copy(update={name: getattr(other, name) for name in origin})
    fields = {difference.field for difference in on_anvil.verify(LETTER, moved).differences}
    assert "transaction_hash" in fields


def test_another_transaction_of_the_same_block_is_caught(alone: Stage) -> None:
    request(alone, "evm_setAutomine", False)
    drafts = [alone.draft(content) for content in (LETTER, b"other")]
    connection, hashes = alone.suite.connection, []
    for nonce, draft in enumerate(drafts, connection.nonce(alone.key.address)):
        call = alone.anchors.encode("anchor", draft["leaf"], Terms(KIND).pack())
        transaction = connection.prepare(alone.key, alone.anchors.address, call, gas=200_000, nonce=nonce)
        hashes.append(connection.broadcast(alone.key.sign_transaction(transaction)))
    request(alone, "evm_mine")
    sent = connection.receipt(hashes[0])
    assert sent is not None
    receipt = alone.finish(drafts[0], sent)
    assert alone.verify(LETTER, receipt).differences == ()
    (found,) = alone.verify(LETTER, receipt.model_copy(update={"transaction_hash": hashes[1]})).differences
    assert (found.field, found.chain) == ("transaction_hash", "did not anchor it")


def test_streams_are_told_apart(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(LETTER, stream="0x" + keccak(text="trial X").hex())
    assert on_anvil.verify(LETTER, receipt).trusted
    for stream in (None, OTHER_WORD):
        (found,) = on_anvil.verify(LETTER, receipt.model_copy(update={"stream": stream})).differences
        assert found.field == "stream"


def test_a_batch_s_count_is_the_chain_s(on_anvil: Stage) -> None:
    receipt = on_anvil.batch([LETTER, b"b", b"c"])[0]
    assert receipt.batch is not None
    batch = receipt.batch.model_dump()
    counted = Receipt(**{**_values(receipt), "batch": Batch(**{**batch, "count": 9})})
    (found,) = on_anvil.verify(LETTER, counted).differences
    assert found.field == "batch.count"


@pytest.mark.parametrize("change", ["short", "long", "other index", "inner node"])
def test_a_forged_proof_that_escaped_the_receipt_s_own_check_is_unknown_to_the_contract(
    on_anvil: Stage, change: str
) -> None:
    receipt = on_anvil.batch([LETTER, b"b", b"c", b"d"])[0]
    assert receipt.batch is not None
    proof = receipt.batch.proof
    forgeries: dict[str, dict[str, Any]] = {
        "short": {"proof": proof[1:]},
        "long": {"proof": (*proof, OTHER_WORD)},
        "other index": {"index": 1},
        "inner node": {"proof": proof[:-1], "root": proof[-1]},
    }
    forged = receipt.model_copy(update={"batch": receipt.batch.model_copy(update=forgeries[change])})
    assert on_anvil.verify(LETTER, forged).answer is Answer.UNKNOWN


def _values(receipt: Receipt) -> dict[str, Any]:
    return {name: getattr(receipt, name) for name in Receipt.model_fields}


# ---------------------------------------------------------------------- chains that are not the receipt's


def test_a_node_that_was_stopped(alone: Stage) -> None:
    receipt, checker = alone.anchor(LETTER), alone.checker()
    with RpcProxy(str(alone.suite.connection.web3.provider.endpoint_uri)) as proxy:  # type: ignore[attr-defined]
        there = NodeChecker(Connection.open(proxy.url), alone.anchors, alone.suite.organizations())
        proxy.lose_requests(times=float("inf"))
        not_checked(verify(LETTER, receipt, there), Part.NODE_UNREACHABLE)
    assert verify(LETTER, receipt, checker).answer is Answer.ACTIVE


def test_a_node_that_ends_between_two_checks() -> None:
    with Node() as node:
        stage = set_stage(deploy_suite(node.connect()))
        receipt, checker = stage.anchor(LETTER), stage.checker()
        assert verify(LETTER, receipt, checker).answer is Answer.ACTIVE
    assert "no node answers" in not_checked(verify(LETTER, receipt, checker), Part.NODE_UNREACHABLE)


def test_a_chain_of_another_id(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(LETTER)
    with Node(chain_id=77) as node:
        other = node.connect()
        contracts = [Contract(other, one.name, one.address) for one in (on_anvil.anchors, on_anvil.suite.registry)]
        checker = NodeChecker(other, contracts[0], Organizations(contracts[1], 0, None))
        problem = not_checked(verify(LETTER, receipt, checker), Part.WRONG_CHAIN)
        assert "77" in problem


def test_a_chain_that_was_started_anew_under_the_same_id() -> None:
    with Node() as node:
        stage = set_stage(deploy_suite(node.connect()))
        receipt, port = stage.anchor(LETTER), node.port
        checker = stage.checker()
    time.sleep(1.1)  # the genesis block is as old as the node, in seconds
    with Node(port=port) as node:
        again = set_stage(deploy_suite(node.connect()))
        assert again.anchors.address == receipt.contract
        for one in (checker, again.checker()):
            not_checked(verify(LETTER, receipt, one), Part.OTHER_GENESIS)


def test_a_chain_without_the_contract(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(LETTER).model_copy(update={"contract": development_signer(0).address})
    connection = on_anvil.suite.connection
    checker = NodeChecker(
        connection, Contract(connection, "DocumentAnchor", receipt.contract), on_anvil.suite.organizations()
    )
    not_checked(verify(LETTER, receipt, checker), Part.NO_CONTRACT)


def test_another_contract_at_the_address(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(LETTER).model_copy(update={"contract": on_anvil.suite.manager.address})
    connection = on_anvil.suite.connection
    checker = NodeChecker(
        connection, Contract(connection, "DocumentAnchor", receipt.contract), on_anvil.suite.organizations()
    )
    not_checked(verify(LETTER, receipt, checker), Part.OTHER_CONTRACT)


def test_a_contract_that_asks_another_register(on_anvil: Stage) -> None:
    receipt, connection = on_anvil.anchor(LETTER), on_anvil.suite.connection
    other = Organizations(Contract(connection, "OrganizationRegistry", on_anvil.suite.manager.address), 0, None)
    problem = not_checked(
        verify(LETTER, receipt, NodeChecker(connection, on_anvil.anchors, other)), Part.OTHER_CONTRACT
    )
    assert "asks the register" in problem


def test_a_reorganization_that_took_the_anchor_out(alone: Stage) -> None:
    snapshot = request(alone, "evm_snapshot")
    receipt = alone.anchor(LETTER)
    request(alone, "evm_revert", snapshot)
    not_checked(alone.verify(LETTER, receipt), Part.NODE_BEHIND)
    for _ in range(3):
        request(alone, "evm_mine")
    not_checked(alone.verify(LETTER, receipt), Part.BLOCK_GONE)


def test_a_reorganization_that_put_the_anchor_into_another_block(alone: Stage) -> None:
    receipt = alone.anchor(LETTER)
    raw = request(alone, "eth_getRawTransactionByHash", receipt.transaction_hash)
    request(alone, "evm_mine")
    request(alone, "anvil_reorg", 2, [[raw, 1]])
    found = alone.verify(LETTER, receipt)
    assert found.answer is Answer.ACTIVE
    assert found.who.organization == organization_id(alone.hospital)
    assert "block_hash" in [difference.field for difference in found.differences]
    assert Doubt.RECEIPT_DIFFERS in found.doubts


def test_a_reorganization_that_left_the_receipt_s_block_alone(alone: Stage) -> None:
    receipt = alone.anchor(LETTER)
    for _ in range(3):
        request(alone, "evm_mine")
    request(alone, "anvil_reorg", 2, [])
    assert alone.verify(LETTER, receipt).trusted


# ---------------------------------------------------------------------- nodes that fail or lie


class Behind:
    """The stage's checker through a proxy that a test makes fail."""

    def __init__(self, stage: Stage, proxy: RpcProxy) -> None:
        connection = Connection.open(proxy.url)
        contracts = [Contract(connection, one.name, one.address) for one in (stage.anchors, stage.suite.registry)]
        self.checker = NodeChecker(connection, contracts[0], Organizations(contracts[1], 0, None))


@pytest.fixture
def proxy(on_anvil: Stage) -> Iterator[RpcProxy]:
    with RpcProxy(str(on_anvil.suite.connection.web3.provider.endpoint_uri)) as made:  # type: ignore[attr-defined]
        yield made


METHODS = ("eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call", "eth_getTransactionReceipt")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", ["lost", "busy", "refused", "nonsense"])
def test_whatever_fails_is_no_answer(on_anvil: Stage, proxy: RpcProxy, method: str, fault: str) -> None:
    receipt, checker = on_anvil.anchor(LETTER), Behind(on_anvil, proxy).checker
    always = float("inf")
    if fault == "lost":
        proxy.lose_requests(method, always)
    elif fault == "busy":
        proxy.respond(503, method, always)
    elif fault == "refused":
        proxy.fail(method, "not now", times=always)
    else:
        proxy.change(method, lambda _, __: "nonsense")
    found = verify(LETTER, receipt, checker)
    assert found.answer is Answer.COULD_NOT_CHECK
    assert found.failure is not None
    assert found.failure.part in (Part.NODE_UNREACHABLE, Part.NODE_BUSY, Part.NODE_REFUSED), found.failure
    proxy.heal()
    assert verify(LETTER, receipt, checker).answer is Answer.ACTIVE


def test_a_failure_at_any_call_is_no_answer(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt = on_anvil.batch([LETTER, b"b"])[0]
    before = sum(proxy.counts().values())
    assert verify(LETTER, receipt, Behind(on_anvil, proxy).checker).answer is Answer.ACTIVE
    calls = sum(proxy.counts().values()) - before - 1
    for passed in range(calls):
        checker = Behind(on_anvil, proxy).checker
        proxy.lose_requests(after=passed)
        not_checked(verify(LETTER, receipt, checker), Part.NODE_UNREACHABLE)
        proxy.heal()


def test_a_lagging_node_is_behind(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt, checker = on_anvil.anchor(LETTER), Behind(on_anvil, proxy).checker
    proxy.lag(2)
    not_checked(verify(LETTER, receipt, checker), Part.NODE_BEHIND)


def test_a_node_that_contradicts_itself(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt, checker = on_anvil.anchor(LETTER), Behind(on_anvil, proxy).checker
    selector = "0x" + on_anvil.anchors.artifact.selector("verify").hex()

    def revoked(parameters: list[Any], result: Any) -> Any:
        data = parameters[0].get("data") or parameters[0].get("input")
        return "0x" + f"{5:064x}" + result[66:] if data.startswith(selector) else result

    proxy.change("eth_call", revoked)
    not_checked(verify(LETTER, receipt, checker), Part.NODE_CONTRADICTS)


def test_a_chain_that_moves_during_the_check(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt, checker = on_anvil.anchor(LETTER), Behind(on_anvil, proxy).checker
    proxy.change("eth_getBlockByNumber", lambda _, block: {**block, "hash": OTHER_WORD}, after=3)
    not_checked(verify(LETTER, receipt, checker), Part.CHAIN_MOVED)


def test_a_node_without_old_logs_does_not_tell_who_revoked(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt = on_anvil.anchor(LETTER)
    sent = on_anvil.send("revoke", receipt.leaf, RevocationReason.LEGAL_ORDER)
    checker = Behind(on_anvil, proxy).checker
    proxy.fail("eth_getLogs", "no logs as old", times=float("inf"))
    revoked_at = on_anvil.suite.connection.block_time(sent.block_number)
    found = verify(LETTER, receipt, checker)
    assert found.revocation == Revocation(RevocationReason.LEGAL_ORDER, revoked_at, whole_batch=False, by=None)


def test_a_node_without_old_states_tells_from_its_logs_why_a_leaf_was_revoked(on_anvil: Stage, proxy: RpcProxy) -> None:
    receipt = on_anvil.batch([LETTER, b"b"])[0]
    on_anvil.send("revokeLeaves", receipt.location.anchor_id, 0, 1, RevocationReason.LEGAL_ORDER)
    on_anvil.send("revokeLeaves", receipt.location.anchor_id, 0, 2, RevocationReason.WRONG_SUBJECT)
    head = hex(on_anvil.suite.connection.block_number())
    checker = Behind(on_anvil, proxy).checker
    proxy.change("eth_call", lambda parameters, result: result if parameters[1] in (head, "latest") else "0x")
    found = verify(LETTER, receipt, checker)
    assert found.revocation is not None
    assert found.revocation.reason is RevocationReason.LEGAL_ORDER
    proxy.fail("eth_getLogs", "no logs as old", times=float("inf"))
    found = verify(LETTER, receipt, checker)
    assert found.answer is Answer.REVOKED
    assert found.revocation == Revocation(None, None, whole_batch=False)


# ---------------------------------------------------------------------- without a node


def test_offline_and_by_a_node_agree(on_anvil: Stage) -> None:
    expiry = on_anvil.suite.soon + DAY
    receipts = [on_anvil.anchor(LETTER), on_anvil.anchor(LETTER, expiry=expiry), *on_anvil.batch([LETTER] * 3)]
    on_anvil.send("revokeLeaves", receipts[2].location.anchor_id, 0, 0b100, RevocationReason.LEGAL_ORDER)
    on_anvil.send("dispute", receipts[3].location.to_abi(), DisputeReason.OUTDATED, bytes(32))
    leaf = on_anvil.draft(b"next")["leaf"]
    on_anvil.send("amend", receipts[1].location.to_abi(), leaf, Terms(KIND).pack(), AmendmentReason.REISSUE)
    answers = []
    for receipt in receipts:
        proved = on_anvil.proved(receipt)
        assert proved.state_proof is not None
        offline = verify(LETTER, proved, OfflineChecker(receipt.contract, proved.state_proof.block_hash))
        online = on_anvil.verify(LETTER, receipt)
        assert offline.answer is online.answer
        assert offline.when == online.when
        assert offline.as_of == online.as_of
        assert offline.doubts == (Doubt.NOT_CHECKED,)
        assert offline.succession is None
        assert offline.revocation is None or offline.revocation.by is None
        answers.append(online.answer)
    assert answers == [Answer.ACTIVE, Answer.SUPERSEDED, Answer.ACTIVE, Answer.DISPUTED, Answer.REVOKED]


def test_offline_an_older_state_is_answered_as_of_its_block(on_anvil: Stage) -> None:
    receipt = on_anvil.anchor(LETTER)
    on_anvil.send("revoke", receipt.leaf, RevocationReason.LEGAL_ORDER)
    proved = on_anvil.proved(receipt, receipt.block_number)
    found = verify(LETTER, proved, OfflineChecker(receipt.contract, receipt.block_hash))
    assert found.answer is Answer.ACTIVE
    assert found.as_of is not None
    assert found.as_of.block_number == receipt.block_number
    assert on_anvil.verify(LETTER, proved).answer is Answer.REVOKED
