"""The operations of anchoring: what each prepares, and the one transaction or read whose gas counts."""

from __future__ import annotations

from careledger.anchoring.messages import anchoring_message, batch_anchoring_message
from careledger.chain.typed_data import compact_signature
from eth_utils.crypto import keccak

KIND = 3
DEADLINE = 2_000_000_000
TERMS = KIND << 40
REASON = 1
ZERO = b"\0" * 32
ALL_LEAVES = 2**256 - 1


def leaf(name="document"):
    return keccak(text=name)


LEAF = leaf()
ROOT = leaf("root of a batch")
STREAM = leaf("stream")


def submit(scene, function, *arguments, signer=None):
    return scene.send(scene.anchors, signer or scene.key, function, *arguments)


def anchor(scene):
    return submit(scene, "anchor", LEAF, TERMS)


def anchor_again(scene):
    anchor(scene)
    return anchor(scene)


def anchor_list_100_per_item(scene):
    return submit(scene, "anchorList", [leaf(f"document {i}") for i in range(100)], TERMS) // 100


def anchor_batch(scene):
    return submit(scene, "anchorBatch", ROOT, 1_000_000, TERMS)


def anchor_in_stream(scene):
    submit(scene, "declareStream", STREAM)
    return submit(scene, "anchorInStream", STREAM, LEAF, TERMS)


def declare_stream(scene):
    return submit(scene, "declareStream", STREAM)


def revoke(scene):
    anchor(scene)
    return submit(scene, "revoke", LEAF, REASON)


def revoke_256_leaves(scene):
    anchor_batch(scene)
    return submit(scene, "revokeLeaves", ROOT, 0, ALL_LEAVES, REASON)


def anchor_with_expiry(scene):
    return submit(scene, "anchor", LEAF, TERMS + DEADLINE)


def by_signature(scene, submitter, count=0, compact=True):
    """What an ordinary key signs for a document or, with a count, for a batch."""
    signed_at = scene.now()
    place = (scene.connection.chain_id, scene.anchors.address)
    said = ((ROOT, count) if count else (LEAF,)) + (TERMS, signed_at, DEADLINE)
    as_text = ("0x" + said[0].hex(), *said[1:])
    message = batch_anchoring_message(*place, *as_text) if count else anchoring_message(*place, *as_text)
    signature = scene.key.sign_typed_data(message)
    if compact:
        signature = compact_signature(signature)
    function = "anchorBatchBySignature" if count else "anchorBySignature"
    return submit(scene, function, submitter, *said, signature, signer=scene.other_key)


def anchor_by_signature(scene):
    return by_signature(scene, scene.key.address)


def anchor_by_signature_of_65_bytes(scene):
    return by_signature(scene, scene.key.address, compact=False)


def anchor_by_signature_contract_wallet(scene):
    return by_signature(scene, scene.deploy("ContractWallet", scene.key.address), compact=False)


def anchor_batch_by_signature(scene):
    return by_signature(scene, scene.key.address, count=1_000_000)


def members(scene):
    """A hospital with two keys and an insurer with one."""
    scene.admit("general-hospital", scene.key, scene.other_key)
    scene.admit("insurer", scene.admin)


def revoke_other_key(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "revokeOf", scene.key.address, LEAF, REASON, signer=scene.other_key)


def document(scene, leaf_=LEAF):
    return (scene.key.address, leaf_, ZERO, 0, [])


def amend(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "amend", document(scene), leaf("corrected"), TERMS, REASON)


def amend_other_key(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "amend", document(scene), leaf("corrected"), TERMS, REASON, signer=scene.other_key)


def countersign(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "countersign", document(scene), signer=scene.admin)


def dispute(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "dispute", document(scene), REASON, leaf("statement"), signer=scene.admin)


def answer_dispute(scene):
    dispute(scene)
    return submit(scene, "answerDispute", scene.key.address, LEAF, scene.admin.address, leaf("answer"))


def withdraw_dispute(scene):
    dispute(scene)
    return submit(scene, "withdrawDispute", scene.key.address, LEAF, signer=scene.admin)


def name_party(scene):
    members(scene)
    anchor(scene)
    return submit(scene, "nameParty", document(scene), scene.admin.address)


def verify_cold(scene):
    members(scene)
    anchor(scene)
    return scene.read_gas(scene.anchors, "verify", document(scene))


def is_in_force_cold(scene):
    anchor(scene)
    return scene.read_gas(scene.anchors, "isInForce", document(scene))


def is_in_force_in_batch_of_million_cold(scene):
    """A proof of twenty nodes."""
    index, node = 3, batch_leaf(3, LEAF)
    proof = [leaf(f"node {level}") for level in range(20)]
    for other in proof:
        node = keccak(min(node, other) + max(node, other))
    submit(scene, "anchorBatch", node, 1_000_000, TERMS)
    return scene.read_gas(scene.anchors, "isInForce", (scene.key.address, LEAF, node, index, proof))


def batch_leaf(index, leaf_):
    return keccak(keccak(index.to_bytes(32, "big") + leaf_))


def deployed(scene):
    return scene.deployment_gas["DocumentAnchor"]


OPERATIONS = [
    ("amend", amend),
    ("amend_other_key", amend_other_key),
    ("anchor", anchor),
    ("anchor_again", anchor_again),
    ("anchor_batch", anchor_batch),
    ("anchor_batch_by_signature", anchor_batch_by_signature),
    ("anchor_by_signature", anchor_by_signature),
    ("anchor_by_signature_of_65_bytes", anchor_by_signature_of_65_bytes),
    ("anchor_by_signature_contract_wallet", anchor_by_signature_contract_wallet),
    ("anchor_in_stream", anchor_in_stream),
    ("anchor_list_100_per_item", anchor_list_100_per_item),
    ("anchor_with_expiry", anchor_with_expiry),
    ("answer_dispute", answer_dispute),
    ("countersign", countersign),
    ("declare_stream", declare_stream),
    ("deploy_document_anchor", deployed),
    ("dispute", dispute),
    ("is_in_force_cold", is_in_force_cold),
    ("is_in_force_in_batch_of_million_cold", is_in_force_in_batch_of_million_cold),
    ("name_party", name_party),
    ("revoke", revoke),
    ("revoke_256_leaves", revoke_256_leaves),
    ("revoke_other_key", revoke_other_key),
    ("verify_cold", verify_cold),
    ("withdraw_dispute", withdraw_dispute),
]
