"""Random acts on anchored documents, and everything that the contract answers about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from careledger.anchoring.leaf import leaf_hash
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.messages import (
    Message,
    anchoring_message,
    batch_anchoring_message,
    subject_dispute_message,
    subject_withdrawal_message,
)
from careledger.anchoring.types import ZERO_HASH, AmendmentReason, DisputeReason, Location, RevocationReason, Terms
from careledger.chain.development import Node
from careledger.chain.signers.local import LocalSigner
from careledger.identity import MemberRole, organization_id
from identity.suite import DAY, deploy_suite
from indexer.stand import GAS, Act, Asked, Question, Stand

ANCHORED = {"anchor": 0, "anchorList": 0, "anchorBatch": 0}
ANCHORED |= {"anchorInStream": 1, "anchorListInStream": 1, "anchorBatchInStream": 1, "amend": 1}
"""Where a function has what it anchors under its sender."""

SIGNED = {"anchorBySignature", "anchorBatchBySignature"}
BATCH_LEAVES = 300
KINDS = (0, 3, 5, 2**16 - 1)
NAMES = ("hospital", "laboratory", "insurer")
KEYS_OF_EACH = 2
FAR = 2**40 - 1


class Stage(Stand):
    """Three organizations with two keys each, a key without one, and one that joins late. Attributes that tests read:
    `keys` and their `addresses`; `documents`, submitter and leaf or root of what acts named; `locations`, those with
    their place; `roots`; `streams`."""

    NODE_OPTIONS = ("--gas-limit", "60000000")

    def __init__(self, node: Node, random: Random) -> None:
        super().__init__(node, random)
        self.documents: dict[tuple[str, str], None] = {}
        self.locations: dict[Location, None] = {}
        self.subjects: dict[str, tuple[bytes, LocalSigner]] = {}
        self.suite = deploy_suite(self.connection)
        self.anchors = self.suite.ledger.governance.contract("DocumentAnchor")
        self.keys = self.new_keys(8)
        self.addresses = [key.address for key in self.keys]
        self.outsider, self.late = self.keys[-2:]
        self.controller = self.suite.controller.address
        for i, name in enumerate(NAMES):
            roles = frozenset({MemberRole.PROVIDER})
            self.suite.admit(name=name, member_roles=roles, licence_expiry=self.suite.now + 900 * DAY)
            for key in self.keys[KEYS_OF_EACH * i : KEYS_OF_EACH * (i + 1)]:
                self.suite.add_key(name, key)
        self.streams = [self._hash() for _ in range(3)]
        self.leaves = [self._hash() for _ in range(10)]
        for key in self.keys[:4]:
            content = self.random.randbytes(32)
            leaf = "0x" + leaf_hash(content, key.address).hex()
            self.subjects[leaf] = content, key
        self.leaves += self.subjects
        self.trees: dict[str, tuple[MerkleTree, list[str]]] = {}
        for _ in range(3):
            own = [self._hash() for _ in range(BATCH_LEAVES)]
            for leaf in self.leaves[::2]:
                own[self.random.randrange(BATCH_LEAVES)] = leaf
            tree = MerkleTree.of([bytes.fromhex(leaf[2:]) for leaf in own])
            self.trees["0x" + tree.root.hex()] = tree, own
        self.roots = list(self.trees)
        self.open()

    @property
    def contracts(self) -> list[str]:
        return [self.suite.manager.address, self.suite.registry.address, self.anchors.address]

    # ------------------------------------------------------------------ acts

    def act(self, key: LocalSigner | str, function: str, *arguments: Any, gas: int = GAS) -> Act:
        """A call of the anchor's; documents in it are asked about from then on."""
        sender = key if isinstance(key, str) else key.address
        given = []
        if function in ANCHORED:
            named = arguments[ANCHORED[function]]
            self.documents.update({(sender, one): None for one in ([named] if isinstance(named, str) else named)})
        if function in SIGNED:
            self.documents[arguments[0], arguments[1]] = None
        for argument in arguments:
            if isinstance(argument, Location):
                self.locations[argument] = None
                self.documents[argument.submitter, argument.leaf] = None
                argument = argument.to_abi()
            given.append(argument)
        return Act(sender, self.anchors.address, self.anchors.encode(function, *given), function, gas)

    def document(self, submitter: LocalSigner, leaf: str) -> Location:
        return Location(submitter.address, leaf)

    def in_batch(self, submitter: LocalSigner, root: str, index: int) -> Location:
        tree, leaves = self.trees[root]
        proof = tuple("0x" + node.hex() for node in tree.proof(index))
        return Location(submitter.address, leaves[index], root, index, proof)

    def opening(self) -> Iterator[tuple[int | None, Act]]:
        """Every kind of event once, and what chance seldom brings about; with the seconds that pass before each."""
        key, other, laboratory, _, insurer, _, outsider, late = self.keys
        leaf, second, third, fourth, fifth = self.leaves[:5]
        stream, terms = self.streams[0], Terms(3).pack()
        root = self.roots[0]
        subject_leaf = next(iter(self.subjects))
        yield 1, self.act(late, "anchor", leaf, Terms(5).pack())
        yield 1, self._joining(late)
        yield 1, self.act(late, "anchor", second, Terms(5).pack())
        yield 1, self.act(key, "declareStream", stream)
        yield 1, self.act(key, "anchorInStream", stream, leaf, terms)
        yield 1, self.act(key, "anchorListInStream", stream, [second, third], terms)
        yield 1, self.act(other, "continueStream", key.address, stream)
        yield 1, self.act(other, "anchorListInStream", stream, [leaf, second], terms)
        yield 1, self.act(other, "anchorBatchInStream", stream, root, BATCH_LEAVES, terms)
        yield 1, self.act(key, "anchorBatch", root, BATCH_LEAVES, Terms(3, self.suite.now + DAY).pack())
        yield 1, self._signed(outsider, laboratory, fourth)
        yield 1, self._signed_batch(outsider, laboratory, root)
        # A document of a batch: disputed and amended, and only then anchored by itself.
        own = next(index for index, one in enumerate(self.trees[root][1]) if one not in self.leaves)
        location = self.in_batch(key, root, own)
        yield 1, self.act(insurer, "dispute", location, int(DisputeReason.OUTDATED), b"\1" * 32)
        yield 1, self.act(key, "amend", location, fifth, terms, int(AmendmentReason.ADDENDUM))
        yield 1, self.act(key, "anchor", location.leaf, terms)
        yield 1, self.act(key, "answerDispute", *location_key(location), insurer.address, b"\2" * 32)
        yield 1, self.act(insurer, "withdrawDispute", *location_key(location))
        yield 1, self.act(insurer, "countersign", self.document(key, leaf))
        yield 1, self.act(insurer, "withdrawCountersignature", key.address, leaf)
        yield 1, self.act(key, "nameParty", self.document(key, leaf), outsider.address)
        yield 1, self.act(outsider, "dispute", self.document(key, leaf), int(DisputeReason.INACCURATE), bytes(32))
        yield 1, self.act(key, "anchor", subject_leaf, terms)
        yield 1, self._disputed_by_subject(insurer, self.document(key, subject_leaf))
        yield 1, self._withdrawn_by_subject(insurer, self.document(key, subject_leaf))
        # A line over two keys.
        yield 1, self.act(other, "amend", self.document(key, second), third, terms, int(AmendmentReason.CORRECTION))
        yield 1, self.act(key, "amend", self.document(other, third), fourth, terms, int(AmendmentReason.REISSUE))
        # Leaves revoked by two keys, twice the same one, then the batch.
        reasons = RevocationReason.WRONG_SUBJECT, RevocationReason.ENTERED_IN_ERROR
        yield 1, self.act(key, "revokeLeaves", root, 0, 0b1011, int(reasons[0]))
        yield DAY, self.act(other, "revokeLeavesOf", key.address, root, 0, 0b1101, int(reasons[1]))
        yield 1, self.act(key, "revokeLeaves", root, 1, 1 << 43, int(reasons[0]))
        yield 1, self.act(other, "revokeOf", key.address, root, int(RevocationReason.LEGAL_ORDER))
        yield 1, self.act(key, "revokeLeaves", root, 0, 1 << 200, int(reasons[1]))
        yield 1, self.act(laboratory, "revoke", fourth, int(reasons[1]))
        for location in (self.in_batch(key, root, index) for index in (0, 2, 5, 7, 200, 299)):
            self.locations[location] = None
        self.locations[Location(key.address, leaf, root, BATCH_LEAVES)] = None  # beyond the batch

    def chance(self) -> Act:
        key = self.random.choice(self.keys)
        choices: list[Callable[[LocalSigner], Act]] = [self._anchors, self._anchors, self._changes, self._of_others]
        return self.random.choice(choices)(key)

    def _anchors(self, key: LocalSigner) -> Act:
        leaf, terms, stream = self._leaf(), self._terms(), self._stream(key)
        leaves, root = self._some_leaves(), self.random.choice(self.roots)
        count = BATCH_LEAVES if self.random.random() < 0.8 else self.random.choice((1, 40, 10_000))
        return self.random.choice(
            (
                lambda: self.act(key, "anchor", leaf, terms),
                lambda: self.act(key, "anchor", leaf, terms),
                lambda: self.act(key, "anchorList", leaves, terms),
                lambda: self.act(key, "anchorBatch", root, count, terms),
                lambda: self.act(key, "anchorBatch", root, count, terms),
                lambda: self._signed(self.random.choice(self.keys), key, leaf),
                lambda: self._signed_batch(self.random.choice(self.keys), key, root),
                lambda: self.act(key, "declareStream", stream),
                lambda: self.act(key, "continueStream", self.random.choice(self.addresses), stream),
                lambda: self.act(self._partner(key), "continueStream", key.address, stream),
                lambda: self.act(key, "anchorInStream", stream, leaf, terms),
                lambda: self.act(key, "anchorListInStream", stream, leaves, terms),
                lambda: self.act(key, "anchorListInStream", stream, leaves, terms),
                lambda: self.act(key, "anchorBatchInStream", stream, root, count, terms),
            )
        )()

    def _changes(self, key: LocalSigner) -> Act:
        """An act of the submitter's organization, or who claims to be of it."""
        location = self._known()
        submitter = next(one for one in self.keys if one.address == location.submitter)
        by = self.random.choice((submitter, submitter, self._partner(submitter), key))
        reason = int(self.random.choice(list(RevocationReason)[1:]))
        root, word = location.root or self.random.choice(self.roots), self.random.choice((0, 0, 1, 2))
        most = 44 if word == 1 else 256
        mask = sum(1 << self.random.randrange(most) for _ in range(3))
        amendment = int(self.random.choice(list(AmendmentReason)[1:]))
        leaf = self._leaf()
        return self.random.choice(
            (
                lambda: self.act(submitter, "revoke", location.anchor_id, reason),
                lambda: self.act(by, "revokeOf", location.submitter, location.anchor_id, reason),
                lambda: self.act(submitter, "revokeLeaves", root, word, mask, reason),
                lambda: self.act(submitter, "revokeLeaves", root, word, mask, reason),
                lambda: self.act(by, "revokeLeavesOf", location.submitter, root, word, mask, reason),
                lambda: self.act(by, "amend", location, leaf, self._terms(), amendment),
                lambda: self.act(by, "amend", location, leaf, self._terms(), amendment),
                lambda: self.act(by, "amend", location, leaf, self._terms(), amendment),
                lambda: self.act(by, "nameParty", location, self.random.choice(self.addresses)),
                lambda: self.act(
                    by, "answerDispute", *location_key(location), self._disputant(location), self.random.randbytes(32)
                ),
                lambda: self._of_registry(submitter),
            )
        )()

    def _of_others(self, key: LocalSigner) -> Act:
        location = self._known()
        reason, statement = (
            int(self.random.choice(list(DisputeReason)[1:])),
            self.random.choice((bytes(32), b"\7" * 32)),
        )
        self.documents[location.submitter, location.leaf] = None
        return self.random.choice(
            (
                lambda: self.act(key, "countersign", location),
                lambda: self.act(key, "countersign", location),
                lambda: self.act(key, "withdrawCountersignature", *location_key(location)),
                lambda: self.act(key, "dispute", location, reason, statement),
                lambda: self.act(key, "dispute", location, reason, statement),
                lambda: self.act(self._disputant(location), "withdrawDispute", *location_key(location)),
                lambda: self._disputed_by_subject(key, location),
                lambda: self._withdrawn_by_subject(key, location),
            )
        )()

    def _of_registry(self, key: LocalSigner) -> Act:
        """What changes for whom a key spoke."""
        registry = self.suite.registry
        past = self.suite.now - self.random.choice((0, 3600, 3 * DAY))
        function, *arguments = self.random.choice(
            (
                ("retireKey", key.address),
                ("reportCompromise", key.address, past),
                ("reportCompromise", key.address, past),
            )
        )
        if self.random.random() < 0.7:  # keys that are gone do little
            return self._joining(self.random.choice(self.keys[:-2]))
        return Act(self.controller, registry.address, registry.encode(function, *arguments), function)

    def _joining(self, key: LocalSigner) -> Act:
        registry = self.suite.registry
        proof = self.suite.organizations().prove_possession(NAMES[1], key, FAR)
        data = registry.encode("addKey", organization_id(NAMES[1]), key.address, proof.deadline, proof.signature)
        return Act(self.controller, registry.address, data, "addKey")

    def _signed(self, sender: LocalSigner, submitter: LocalSigner, leaf: str) -> Act:
        terms, signed_at = self._terms(), self.suite.now - self.random.choice((0, 0, 500))
        message = anchoring_message(self.chain_id, self.anchors.address, leaf, terms, signed_at, FAR)
        signature = self._sign(submitter, message)
        return self.act(sender, "anchorBySignature", submitter.address, leaf, terms, signed_at, FAR, signature)

    def _signed_batch(self, sender: LocalSigner, submitter: LocalSigner, root: str) -> Act:
        terms, signed_at = self._terms(), self.suite.now
        message = batch_anchoring_message(
            self.chain_id, self.anchors.address, root, BATCH_LEAVES, terms, signed_at, FAR
        )
        signature = self._sign(submitter, message)
        given = submitter.address, root, BATCH_LEAVES, terms, signed_at, FAR, signature
        return self.act(sender, "anchorBatchBySignature", *given)

    def _disputed_by_subject(self, sender: LocalSigner, location: Location) -> Act:
        leaf = location.leaf if location.leaf in self.subjects else self.random.choice(list(self.subjects))
        if leaf != location.leaf:
            location = Location(location.submitter, leaf)
        content, subject = self.subjects[leaf]
        reason, statement = int(DisputeReason.WRONG_SUBJECT), ZERO_HASH
        message = subject_dispute_message(
            self.chain_id, self.anchors.address, location.submitter, leaf, reason, statement, FAR
        )
        signature = self._sign(subject, message)
        given = location, content, subject.address, reason, statement, FAR, signature
        return self.act(sender, "disputeAsSubject", *given)

    def _withdrawn_by_subject(self, sender: LocalSigner, location: Location) -> Act:
        leaf = location.leaf if location.leaf in self.subjects else self.random.choice(list(self.subjects))
        _, subject = self.subjects[leaf]
        message = subject_withdrawal_message(self.chain_id, self.anchors.address, location.submitter, leaf, FAR)
        given = location.submitter, leaf, subject.address, FAR, self._sign(subject, message)
        return self.act(sender, "withdrawDisputeAsSubject", *given)

    def _sign(self, key: LocalSigner, message: Message) -> bytes:
        return key.sign_typed_data(message)

    @property
    def chain_id(self) -> int:
        return self.connection.chain_id

    def _hash(self) -> str:
        return "0x" + self.random.randbytes(32).hex()

    def _leaf(self) -> str:
        """A leaf that was used lately, or a new one."""
        if self.random.random() < 0.5:
            self.leaves.append(self._hash())
        return self.random.choice(self.leaves[-20:] if self.random.random() < 0.6 else self.leaves)

    def _some_leaves(self) -> list[str]:
        return [self._leaf() for _ in range(self.random.randint(1, 5))]

    def _terms(self) -> int:
        expiry = self.random.choice((0, 0, self.suite.now + self.random.choice((3600, DAY, 30 * DAY))))
        return Terms(self.random.choice(KINDS), expiry).pack()

    def _known(self) -> Location:
        """A document that is anchored, most of the time, by itself or in a batch."""
        for _ in range(6):
            if self.random.random() < 0.4:
                submitter = self.random.choice(self.keys)
                root, index = self.random.choice(self.roots), self.random.choice((0, 3, 7, 200, 256, 299))
                location = self.in_batch(submitter, root, index)
            else:
                location = Location(*self.random.choice(list(self.documents)))
            if self.anchors.read("statusOf", location.to_abi()):
                return location
        return location

    def _stream(self, key: LocalSigner) -> str:
        """One that a key may extend, most of the time."""
        own = [stream for stream in self.streams if int(self.anchors.read("headOf", key.address, stream), 16)]
        return self.random.choice(own if own and self.random.random() < 0.8 else self.streams)

    def _disputant(self, location: Location) -> str:
        for address in self.addresses:
            raised = self.anchors.read("disputeOf", *location_key(location), address)
            if raised["raised_at"] and not raised["withdrawn_at"]:
                return address
        return self.random.choice(self.addresses)

    def _partner(self, key: LocalSigner) -> LocalSigner:
        """The other key of an organization."""
        return self.keys[self.keys.index(key) ^ 1]

    # ------------------------------------------------------------------ what the contract answers

    def questions(self) -> Iterator[Asked]:
        for function, *given in self._asked():
            yield (
                (function, *given),
                self.anchors,
                function,
                tuple(one.to_abi() if isinstance(one, Location) else one for one in given),
            )

    def _asked(self) -> Iterator[Question]:
        identifiers = [organization_id(name) for name in NAMES]
        for submitter, leaf in self.documents:
            for function in ("anchorOf", "successorOf", "predecessorOf", "latest"):
                yield function, submitter, leaf
            for function in ("statusOf", "verify"):
                yield function, Location(submitter, leaf)
        for submitter, leaf in {(one.submitter, one.leaf) for one in self.locations}:
            for address in self.addresses:
                yield "disputeOf", submitter, leaf, address
                yield "isParty", submitter, leaf, address
            for organization in identifiers:
                yield "countersignatureOf", submitter, leaf, organization
        for location in self.locations:
            yield "statusOf", location
            yield "isInForce", location
            yield "verify", location
        for submitter in self.addresses:
            for root in self.roots:
                for word in (0, 1, 2, 39):
                    yield "revokedLeavesOf", submitter, root, word
            for stream in self.streams:
                yield "headOf", submitter, stream


def location_key(location: Location) -> tuple[str, str]:
    return location.submitter, location.leaf
