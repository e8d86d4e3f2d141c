"""State proofs of real nodes: what they prove, and that nothing else passes for one."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest
from anchoring.receipt_stage import Stage, set_stage
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.state_proof import StateProof, header_rlp
from careledger.anchoring.storage import record_slot, revoked_leaves_slot, slots_of, status_of, unpack_record
from careledger.anchoring.types import DocumentStatus, Location, RevocationReason
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.rpc import HttpRpc
from careledger.errors import ConfigurationError, InvalidInput, NodeRefused, NodeUnreachable, StateProofInvalid
from eth_utils.crypto import keccak
from identity.suite import deploy_suite
from rpc_proxy import RpcProxy

OTHER_WORD = "0x" + 64 * "7"
NODES = ("anvil", "ganache")
OWN_DELAY_SECONDS = 11
"""Other parameters are another suite on the same chain, of this module alone."""


@pytest.fixture(scope="module", params=NODES)
def stage(request: pytest.FixtureRequest, chains: Callable[[str], Connection]) -> Stage:
    return set_stage(deploy_suite(chains(request.param), recovery_delay_seconds=OWN_DELAY_SECONDS))


@pytest.fixture(scope="module")
def receipt(stage: Stage) -> Receipt:
    return stage.anchor(b"a letter")


@pytest.fixture(scope="module")
def proof(stage: Stage, receipt: Receipt) -> StateProof:
    return StateProof.fetch(stage.suite.connection.rpc(), receipt.contract, receipt.slots)


def refused(act: Callable[[], object]) -> StateProofInvalid:
    with pytest.raises(StateProofInvalid) as raised:
        act()
    return raised.value


def changed(proof: StateProof, **changes: Any) -> StateProof:
    return proof.model_copy(update=changes)


# ---------------------------------------------------------------------- what is proved


def test_a_record_is_proved_and_reads_as_the_contract_reads_it(stage: Stage, receipt: Receipt) -> None:
    block = stage.suite.connection.block_number()
    proof = StateProof.fetch(stage.suite.connection.rpc(), receipt.contract, receipt.slots, block)
    found = proof.check(receipt.contract, stage.suite.connection.block_hash(block))
    (word,) = found.values()
    record = unpack_record(word)
    assert record.anchored_at == receipt.anchored_at
    asked = stage.anchors.read("anchorOf", receipt.submitter, receipt.leaf)
    assert {name: getattr(record, name) for name in asked} == asked
    assert proof.block_time == stage.suite.connection.block_time(block)


def test_an_older_block_is_proved_as_it_was(stage: Stage) -> None:
    receipt = stage.anchor(b"an older letter")
    stage.send("revoke", receipt.leaf, RevocationReason.LEGAL_ORDER)
    for _ in range(70):
        stage.suite.connection.send(development_signer(0), development_signer(1).address, value_wei=1)
    rpc, slots = stage.suite.connection.rpc(), receipt.slots
    before, then, now = (
        unpack_record(next(iter(found.values())))
        for block in (receipt.block_number - 1, receipt.block_number, "latest")
        for proof in [StateProof.fetch(rpc, receipt.contract, slots, block)]
        for found in [proof.check(receipt.contract, proof.block_hash)]
    )
    assert (before.anchored_at, then.revoked_at) == (0, 0)
    assert then.anchored_at == now.anchored_at == receipt.anchored_at
    assert now.revoked_at
    assert now.revocation_reason is RevocationReason.LEGAL_ORDER


def test_that_nothing_is_stored_is_proved_by_exclusion(stage: Stage, receipt: Receipt) -> None:
    slots = [OTHER_WORD, *receipt.slots, record_slot(receipt.submitter, OTHER_WORD)]
    proof = StateProof.fetch(stage.suite.connection.rpc(), receipt.contract, slots)
    found = proof.check(receipt.contract, proof.block_hash)
    assert [bool(found[slot]) for slot in slots] == [False, True, False]


def test_a_batch_with_many_leaves_has_its_slots(stage: Stage) -> None:
    receipts = stage.batch([b"%d" % number for number in range(260)])
    stage.send("revokeLeaves", receipts[0].location.root, 1, 0b1010, RevocationReason.WRONG_SUBJECT)
    last = receipts[259]
    proof = StateProof.fetch(stage.suite.connection.rpc(), last.contract, last.slots)
    own, batch, word = proof.check(last.contract, proof.block_hash).values()
    assert (own, word) == (0, 0b1010)
    assert unpack_record(batch).count == 260
    assert slots_of(last.location)[2] == revoked_leaves_slot(last.submitter, str(last.location.root), 259)


def test_a_contract_with_empty_storage_proves_that_nothing_is_stored(stage: Stage) -> None:
    manager = stage.suite.manager.address
    proof = StateProof.fetch(stage.suite.connection.rpc(), manager, [OTHER_WORD])
    assert proof.check(manager, proof.block_hash) == {OTHER_WORD: 0}
    plain = development_signer(0).address  # an account without code: its storage is empty
    proof = StateProof.fetch(stage.suite.connection.rpc(), plain, [OTHER_WORD])
    assert proof.check(plain, proof.block_hash) == {OTHER_WORD: 0}


@pytest.mark.parametrize("hardfork", ["berlin", "london", "paris", "shanghai", "cancun", "prague", "osaka"])
def test_the_header_of_every_fork_is_put_together(hardfork: str) -> None:
    with Node(options=("--hardfork", hardfork)) as node:
        rpc = node.connect().rpc()
        node.connect().send(development_signer(0), development_signer(1).address, value_wei=1)
        proof = StateProof.fetch(rpc, development_signer(0).address, [OTHER_WORD])
        assert proof.block_number == 1
        genesis = rpc.call("eth_getBlockByNumber", "0x0", False)
        assert "0x" + keccak(header_rlp(genesis)).hex() == genesis["hash"]


def test_words_are_read_as_the_contract_reads_them(anvil_node: Node, chains: Callable[[str], Connection]) -> None:
    stage = set_stage(deploy_suite(chains("anvil"), recovery_delay_seconds=OWN_DELAY_SECONDS + 1))
    connection, submitter, draw = stage.suite.connection, stage.key.address, random.Random(7)
    for number in range(60):
        leaf = "0x" + keccak(text=f"leaf {number}").hex()
        word = draw.getrandbits(256) & ~(0xFF << 208) | draw.randrange(len(RevocationReason)) << 208
        if number % 3 == 0:
            word &= ~(0xFFFFFFFF << 136 | 0xFFFFFFFFFF << 216)  # a single document, not revoked
        if number % 6 == 0:
            word &= ~(1 << 168 | 0xFFFFFFFFFF << 40)
        slot = record_slot(submitter, leaf)
        connection.rpc().call("anvil_setStorageAt", stage.anchors.address, slot, f"0x{word:064x}")
        connection.rpc().call("anvil_mine", "0x1")
        record = unpack_record(word)
        asked = stage.anchors.read("anchorOf", submitter, leaf)
        assert {name: getattr(record, name) for name in asked} == asked
        location = Location(submitter, leaf)
        status = stage.anchors.read("statusOf", location.to_abi())
        assert status_of(location, record, record, False, connection.block_time()) == status


def test_a_revocation_reason_beyond_the_contract_s_is_no_record() -> None:
    with pytest.raises(ValueError, match="RevocationReason"):
        unpack_record(200 << 208)


def test_status_of_a_leaf_beyond_the_count_or_without_a_proof_is_unknown() -> None:
    leaves = [keccak(text=f"leaf {number}") for number in range(8)]
    tree = MerkleTree.of(leaves)
    places = [
        Location("0x1", "0x" + leaf.hex(), "0x" + tree.root.hex(), index, tuple("0x" + node.hex() for node in proof))
        for index, (leaf, proof) in enumerate(zip(leaves, tree.proofs(), strict=True))
    ]
    empty, record = unpack_record(0), unpack_record(1_000 | 7 << 136)
    assert status_of(places[6], empty, record, False, 2_000) is DocumentStatus.ACTIVE
    assert status_of(places[6], empty, record, True, 2_000) is DocumentStatus.REVOKED
    assert status_of(places[7], empty, record, False, 2_000) is DocumentStatus.UNKNOWN
    forged = dataclasses.replace(places[6], proof=places[5].proof)
    assert status_of(forged, empty, record, False, 2_000) is DocumentStatus.UNKNOWN


# ---------------------------------------------------------------------- what is not


def test_without_a_trusted_hash_nothing_is_proved(proof: StateProof, receipt: Receipt) -> None:
    error = refused(lambda: proof.check(receipt.contract, None))
    assert error.part == "block hash"
    assert "is what you must trust" in str(error)


def test_another_trusted_hash_is_refused(proof: StateProof, receipt: Receipt) -> None:
    assert refused(lambda: proof.check(receipt.contract, OTHER_WORD)).part == "block hash"
    assert proof.check(receipt.contract, proof.block_hash.upper().replace("X", "x"))


def test_every_byte_of_the_header_counts(proof: StateProof, receipt: Receipt) -> None:
    for place in range(2, len(proof.header), 2):
        flipped = f"{int(proof.header[place : place + 2], 16) ^ 1:02x}"
        forged = changed(proof, header=proof.header[:place] + flipped + proof.header[place + 2 :])
        assert refused(lambda: forged.check(receipt.contract, proof.block_hash)).part == "header"  # noqa: B023


def test_every_node_of_the_tries_counts(proof: StateProof, receipt: Receipt) -> None:
    def check(forged: StateProof, part: str) -> None:
        assert refused(lambda: forged.check(receipt.contract, proof.block_hash)).part.startswith(part)

    def forged_lists(nodes: tuple[str, ...]) -> list[tuple[str, ...]]:
        made = [(*nodes[:i], *nodes[i + 1 :]) for i in range(len(nodes))]
        for i, node in enumerate(nodes):
            place = len(node) // 4 * 2
            flipped = node[:place] + f"{int(node[place : place + 2], 16) ^ 1:02x}" + node[place + 2 :]
            made += [(*nodes[:i], other, *nodes[i + 1 :]) for other in (flipped, "0x", "0xc0", "0x80", "0xff")]
        return made

    for nodes in forged_lists(proof.account_proof):
        check(changed(proof, account_proof=nodes), "account proof")
    entry = proof.storage[0]
    for nodes in forged_lists(entry.proof):
        check(changed(proof, storage=(entry.model_copy(update={"proof": nodes}),)), "proof of slot")


def test_a_value_that_is_not_proved_is_refused(proof: StateProof, receipt: Receipt) -> None:
    entry = proof.storage[0]
    for value in (OTHER_WORD, "0x" + 64 * "0"):
        forged = changed(proof, storage=(entry.model_copy(update={"value": value}),))
        assert "shows" in str(refused(lambda: forged.check(receipt.contract, proof.block_hash)))  # noqa: B023


def test_a_proof_of_another_contract_is_refused(stage: Stage, proof: StateProof) -> None:
    error = refused(lambda: proof.check(stage.suite.registry.address, proof.block_hash))
    assert error.part == "account proof"
    nobody = "0x" + 40 * "8"
    absent = StateProof.fetch(stage.suite.connection.rpc(), development_signer(0).address, [OTHER_WORD])
    assert refused(lambda: absent.check(nobody, absent.block_hash)).part == "account proof"


def test_an_account_that_is_not_there_is_told(stage: Stage) -> None:
    error = refused(lambda: StateProof.fetch(stage.suite.connection.rpc(), "0x" + 40 * "8", [OTHER_WORD]))
    assert "no account" in str(error)


@pytest.mark.parametrize(
    "header",
    ["0xc0", "0x80", "0x00", "0xc3010203", "0x" + "d9" + "c1c0" * 12 + "80", "0x" + "c7" * 1000],
)
def test_a_made_up_header_that_hashes_as_stated_is_refused(proof: StateProof, receipt: Receipt, header: str) -> None:
    block_hash = "0x" + keccak(bytes.fromhex(header[2:])).hex()
    forged = changed(proof, header=header, block_hash=block_hash)
    refused(lambda: forged.check(receipt.contract, block_hash))
    refused(lambda: forged.block_time)


# ---------------------------------------------------------------------- nodes that do not prove


def test_a_header_with_unknown_fields_is_refused_by_name(stage: Stage) -> None:
    block = stage.suite.connection.rpc().call("eth_getBlockByNumber", "latest", False)
    assert header_rlp({**block, "sendCount": "0x1"})  # of no importance, while the hash is right
    error = refused(lambda: header_rlp({**block, "hash": OTHER_WORD, "blockAccessListHash": OTHER_WORD}))
    assert error.part == "header"
    assert "blockAccessListHash" in str(error)
    refused(lambda: header_rlp({**block, "stateRoot": 7}))
    refused(lambda: header_rlp({**block, "number": "seven"}))


@pytest.mark.parametrize(
    ("method", "change", "expected"),
    [
        ("eth_getBlockByNumber", lambda _, __: None, NodeRefused),
        ("eth_getBlockByNumber", lambda _, __: {"hash": 7}, NodeRefused),
        ("eth_getBlockByNumber", lambda _, block: {**block, "stateRoot": OTHER_WORD}, StateProofInvalid),
        ("eth_getProof", lambda _, __: None, NodeRefused),
        ("eth_getProof", lambda _, proof: {**proof, "storageProof": []}, NodeRefused),
        ("eth_getProof", lambda _, proof: {**proof, "accountProof": ["zz"]}, NodeRefused),
        ("eth_getProof", lambda _, proof: {**proof, "accountProof": proof["accountProof"][:-1]}, StateProofInvalid),
        (
            "eth_getProof",
            lambda _, proof: {**proof, "storageProof": [{**proof["storageProof"][0], "value": "0x7"}]},
            StateProofInvalid,
        ),
    ],
)
def test_a_node_that_lies_is_refused(
    anvil_node: Node,
    chains: Callable[[str], Connection],
    method: str,
    change: Callable[[Any, Any], Any],
    expected: type[Exception],
) -> None:
    with RpcProxy(anvil_node.url) as proxy:
        proxy.change(method, change)
        rpc = Connection.open(proxy.url).rpc()
        with pytest.raises(expected):
            StateProof.fetch(rpc, development_signer(0).address, [OTHER_WORD])


def test_a_node_without_old_states_or_the_method_refuses(anvil_node: Node) -> None:
    with RpcProxy(anvil_node.url) as proxy:
        proxy.fail("eth_getProof", "distance to target block exceeds maximum proof window")
        rpc = Connection.open(proxy.url).rpc()
        with pytest.raises(NodeRefused) as raised:
            StateProof.fetch(rpc, development_signer(0).address, [OTHER_WORD])
        assert raised.value.method == "eth_getProof"
    with pytest.raises(NodeUnreachable):
        StateProof.fetch(HttpRpc("http://127.0.0.1:1"), development_signer(0).address, [OTHER_WORD])


def test_a_block_that_is_not_there_and_no_address_are_refused(anvil_node: Node) -> None:
    rpc = anvil_node.connect().rpc()
    with pytest.raises(NodeRefused):
        StateProof.fetch(rpc, development_signer(0).address, [OTHER_WORD], 10**9)
    with pytest.raises(InvalidInput):
        StateProof.fetch(rpc, "0x12", [OTHER_WORD])


def test_the_chain_in_process_proves_nothing(chains: Callable[[str], Connection]) -> None:
    with pytest.raises(ConfigurationError):
        chains("embedded").rpc()
