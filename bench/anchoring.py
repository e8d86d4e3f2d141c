"""Anchoring documents: gas, trees, a folder from end to end, and verification, beside what others use, in one run.

python -m bench.anchoring [gas] [merkle] [folder] [verify]      all four by default
"""

from __future__ import annotations

import hashlib
import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.anchoring.bulk import BulkAnchoring, ReceiptFolder, bulk_settings
from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.documents import batch_of
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.job import Job
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.merkle import verify as verify_proof
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.sources import files_in
from careledger.anchoring.state_proof import StateProof
from careledger.anchoring.types import DocumentKind, Terms
from careledger.anchoring.verification import Answer, NodeChecker, OfflineChecker
from careledger.anchoring.verification import verify as verify_document
from careledger.chain.artifacts import artifact
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Outbox
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from eth_utils.crypto import keccak
from web3 import Web3

from bench.anchoring_merkle import merkle
from bench.harness import Effort, Result, alone, compare, effort, efforts, interleave, publish, seconds
from bench.peers import web3_py
from bench.peers.anchor_contracts import peer_gas
from tools.gas import START, Scene

PARTS = ("gas", "merkle", "folder", "verify")
YEAR = 365 * 24 * 3600
TERMS = Terms(DocumentKind.CLINICAL_DOCUMENT)

LIST_LENGTH = 100
BATCHES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)

FILES, FEWER_FILES = 100_000, 10_000
FILES_OF_A_FOLDER = 1_000
FILE_BYTES = 2_000
TUTORIAL_FILES = 100
TUTORIAL_ROUNDS = 3

VERIFY_ROUNDS = 5
ON_CHAIN, OFFLINE, IN_MEMORY = 50, 200, 10_000
"""How many are verified in a round: against a node, by a state proof, by the proof in a tree alone."""

BATCH = 1_000_000
BATCH_RECEIPTS = 50


def gas() -> list[Result]:
    """Gas for each document, on a chain where each transaction has a block of its own. What a batch costs does not
    depend on its leaves, so its root is made up."""
    with Node(options=("--timestamp", str(START), "--block-base-fee-per-gas", "1000000000")) as node:
        scene = Scene(node.connect())
        peers = peer_gas(scene)

        def submit(function: str, *arguments: Any) -> int:
            return scene.send(scene.anchors, scene.key, function, *arguments, TERMS.pack())

        single = submit("anchor", keccak(text="document"))
        listed = submit("anchorList", [keccak(text=f"document {number}") for number in range(LIST_LENGTH)])
        batches = {count: submit("anchorBatch", keccak(text=f"root of {count}"), count) for count in BATCHES}

    results = [
        compare("gas: anchor", single, "gas/document", title + peers.note, value)
        for title, value in (
            ("EAS timestamp", peers.timestamp),
            ("EAS attest", peers.attest),
            ("DocumentStore issue", peers.issue),
        )
    ]
    title = f"gas: list of {LIST_LENGTH}"
    results += [
        compare(title, listed / LIST_LENGTH, "gas/document", f"EAS multiTimestamp{peers.note}", peers.timestamp_list),
        compare(title, listed / LIST_LENGTH, "gas/document", f"DocumentStore bulkIssue{peers.note}", peers.issue_list),
    ]
    for count, whole in batches.items():
        title, unit, share = f"gas: batch of {count:,}", "gas/1,000 documents", 1_000 / count
        results += [
            compare(title, whole * share, unit, f"EAS multiTimestamp{peers.note}", 1_000 * peers.timestamp_list),
            compare(title, whole * share, unit, f"EAS timestamp of a root{peers.note}", peers.timestamp * share),
        ]
    return results


@contextmanager
def hospital() -> Iterator[CareLedger]:
    """A suite on a fresh Anvil, acting as a hospital's key."""
    with CareLedger.local() as suite:
        key, until = development_signer(1), int(time.time()) + YEAR
        suite.organizations.admit(Admission("hospital.example", key.address, frozenset({MemberRole.PROVIDER}), until))
        acting = suite.acting_as(key)
        acting.organizations.add_key(suite.organizations.prove_possession("hospital.example", key, until))
        yield acting


@dataclass(frozen=True)
class Run:
    """A run over a folder. `stages` are the seconds from a report of progress to the next, by the former's stage."""

    effort: Effort
    stages: dict[str, float]
    peak_megabytes: float


def make_files(folder: Path, count: int) -> None:
    """Made-up records of 2 kB, as many in each folder as a careful system puts there."""
    numbers = random.Random(count)
    for number in range(count):
        part = folder / f"{number // FILES_OF_A_FOLDER:04}"
        if number % FILES_OF_A_FOLDER == 0:
            part.mkdir(parents=True)
        head = f'{{"resourceType":"Observation","id":"{number}","value":"'
        filling = numbers.randbytes(FILE_BYTES // 2).hex()[: FILE_BYTES - len(head) - 3]
        (part / f"{number:07}.json").write_text(f'{head}{filling}"}}\n')


def anchor_folder(folder: Path, count: int, workplace: Path) -> tuple[Run, Run]:
    """A first run and a second that finds nothing new, in a process of their own."""
    with hospital() as suite:
        return tuple(_anchored(suite, folder, count, workplace) for _ in range(2))  # type: ignore[return-value]


def _anchored(suite: CareLedger, folder: Path, count: int, workplace: Path) -> Run:
    stages: dict[str, float] = defaultdict(float)
    stage, since = "opening", time.perf_counter()

    def report(following: str, _done: int, _total: int | None) -> None:
        nonlocal stage, since
        now = time.perf_counter()
        stages[stage] += now - since
        stage, since = following, now

    def run() -> int:
        outbox = Outbox.open(f"sqlite:///{workplace}/outbox.db", suite.connection)
        settings = bulk_settings(suite.documents, TERMS, Canonicalization.RAW)
        with Job(workplace / "anchoring.db", settings) as job:
            receipts = ReceiptFolder(workplace / "receipts")
            bulk = BulkAnchoring(suite.documents, job, receipts, outbox, TERMS, report=report)
            summary = bulk.run(files_in(folder))
        outbox.close()
        assert (summary.anchored + summary.known, summary.failures) == (count, []), summary
        return count

    taken = effort(run)
    report("", 0, None)
    return Run(taken, dict(stages), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def one_by_one(folder: Path) -> Effort:
    """What a tutorial does: the digests of some files, each in a transaction of its own. No salts, no receipts."""
    paths = [source.path for source in files_in(folder)][:TUTORIAL_FILES]
    calls = [(hashlib.sha256(path.read_bytes()).digest(), TERMS.pack()) for path in paths if path is not None]
    with CareLedger.local() as suite:
        address = Web3.to_checksum_address(suite.documents.address)
        return alone(web3_py.send, suite.connection.web3.provider.endpoint_uri, address, _abi(), calls, "anchor")  # type: ignore[attr-defined]


def hash_all(folder: Path) -> Effort:
    """Reading and hashing every file anew, which a tool without a memory does first."""

    def run() -> int:
        paths = (source.path for source in files_in(folder))
        return len([hashlib.sha256(path.read_bytes()).digest() for path in paths if path is not None])

    return effort(run)


def folder() -> list[Result]:
    """A folder of made-up files, from a job that is not begun to the last receipt on the disk; then again."""
    runs: dict[int, tuple[Run, Run]] = {}
    with tempfile.TemporaryDirectory(prefix="careledger-bench-") as place:
        for count in (FEWER_FILES, FILES):
            files, workplace = Path(place) / f"{count}-files", Path(place) / f"{count}-work"
            workplace.mkdir()
            make_files(files, count)
            runs[count] = alone(anchor_folder, files, count, workplace)
        peer = efforts(TUTORIAL_ROUNDS, {"web3": lambda _: one_by_one(files)})["web3"]
        hashed = alone(hash_all, files)

    first, second = runs[FILES]
    title, tutorial, again = f"folder of {FILES:,}", f"web3.py, {TUTORIAL_FILES} one by one", "reading and hashing all"
    whole = f"the whole run of {FILES:,}"
    fewer = runs[FEWER_FILES][0]
    return [
        *_compared(f"{title}: anchored", "document", first.effort, tutorial, peer),
        *_compared(f"{title}: again, nothing new", "file", second.effort, again, hashed),
        compare(
            f"{title}: memory", first.peak_megabytes, "MB peak", f"a folder of {FEWER_FILES:,}", fewer.peak_megabytes
        ),
        *(
            compare(f"{title}: {stage}", took, "s", whole, sum(first.stages.values()))
            for stage, took in first.stages.items()
        ),
    ]


def _compared(name: str, unit: str, ours: Effort, peer: str, theirs: Effort) -> list[Result]:
    return [
        compare(name, ours.per_second, f"{unit}s/s", peer, theirs.per_second),
        compare(f"{name}: client", ours.cpu_microseconds, f"CPU us/{unit}", peer, theirs.cpu_microseconds),
    ]


def verify() -> list[Result]:
    """Whole verifications, from the bytes of document and receipt to the answer, and the tree's proof alone."""
    with hospital() as suite:
        singles, in_batch = _anchored_singles(suite), _anchored_batch(suite)
        proved = [(content, receipt.with_state_proof(_state_proof(suite, receipt))) for content, receipt in singles[:1]]
        block_hash = proved[0][1].state_proof.block_hash  # type: ignore[union-attr]
        anchors = suite.governance.contract(ANCHOR)
        at_node = NodeChecker(suite.connection, anchors, suite.organizations)
        offline = OfflineChecker(anchors.address, block_hash)
        plain = suite.connection.web3.eth.contract(address=Web3.to_checksum_address(anchors.address), abi=_abi())

        def whole(documents: list[tuple[bytes, Receipt]], checker: Any, count: int) -> Callable[[int], float]:
            files = [(content, receipt.dump()) for content, receipt in documents]

            def run() -> None:
                for number in range(count):
                    content, receipt = files[number % len(files)]
                    found = verify_document(content, Receipt.load(receipt), checker)
                    assert found.answer is Answer.ACTIVE, found

            return lambda _: count / seconds(run)

        def one_call(_: int) -> float:
            def run() -> None:
                for number in range(ON_CHAIN):
                    location = singles[number % len(singles)][1].location.to_abi()
                    assert plain.functions.verify(tuple(location.values())).call()

            return ON_CHAIN / seconds(run)

        rates = interleave(
            VERIFY_ROUNDS,
            {
                "offline": whole(proved, offline, OFFLINE),
                "single": whole(singles, at_node, ON_CHAIN),
                "batch": whole(in_batch, at_node, ON_CHAIN),
                "call": one_call,
                "proof": lambda _: _proofs_checked(in_batch, _by_careledger),
                "web3": lambda _: _proofs_checked(in_batch, _by_web3),
            },
        )
    peer = "one plain web3.py call of `verify`"
    return [
        compare("verify: offline, by a state proof", rates["offline"], "documents/s", peer, rates["call"]),
        compare("verify: a node, single document", rates["single"], "documents/s", peer, rates["call"]),
        compare(f"verify: a node, leaf of {BATCH:,}", rates["batch"], "documents/s", peer, rates["call"]),
        compare(f"verify: proof alone, leaf of {BATCH:,}", rates["proof"], "proofs/s", "by Web3.keccak", rates["web3"]),
    ]


def _document(number: int) -> bytes:
    return random.Random(number).randbytes(FILE_BYTES // 2).hex().encode()


def _anchored_singles(suite: CareLedger) -> list[tuple[bytes, Receipt]]:
    contents = [_document(number) for number in range(ON_CHAIN)]
    prints = [suite.documents.fingerprint(content, TERMS.kind) for content in contents]
    return list(zip(contents, suite.documents.anchor_list(prints), strict=True))


def _anchored_batch(suite: CareLedger) -> list[tuple[bytes, Receipt]]:
    """Documents spread over a batch whose other leaves are made up."""
    leaves = bytearray(random.Random(BATCH).randbytes(32 * BATCH))
    made: list[tuple[int, bytes, Fingerprint]] = []
    for number in range(BATCH_RECEIPTS):
        index, content = number * (BATCH // BATCH_RECEIPTS), _document(-1 - number)
        made.append((index, content, suite.documents.fingerprint(content, TERMS.kind)))
        leaves[32 * index : 32 * index + 32] = bytes.fromhex(made[-1][2].leaf[2:])
    tree = MerkleTree.of(leaves)
    root = "0x" + tree.root.hex()
    signer = suite.signer
    assert signer is not None
    suite.governance.contract(ANCHOR).send(signer, "anchorBatch", root, BATCH, TERMS.pack())
    receipt = suite.documents.batch_receipts(root)
    return [(content, receipt(fingerprint, batch_of(tree, index))) for index, content, fingerprint in made]


def _state_proof(suite: CareLedger, receipt: Receipt) -> StateProof:
    return StateProof.fetch(suite.connection.rpc(), suite.documents.address, receipt.slots)


Checked = Callable[[bytes, int, bytes, list[bytes]], bool]


def _proofs_checked(documents: list[tuple[bytes, Receipt]], check: Checked) -> float:
    """How many proofs a second, from their bytes."""
    batches = [(receipt.leaf, receipt.batch) for _, receipt in documents]
    proofs = [
        (_bytes(batch.root), batch.index, _bytes(leaf), [_bytes(node) for node in batch.proof])
        for leaf, batch in batches
        if batch is not None
    ]

    def run() -> None:
        for number in range(IN_MEMORY):
            assert check(*proofs[number % len(proofs)])

    return IN_MEMORY / seconds(run)


def _by_careledger(root: bytes, index: int, leaf: bytes, proof: list[bytes]) -> bool:
    return verify_proof(root, index, leaf, proof)


def _by_web3(root: bytes, index: int, leaf: bytes, proof: list[bytes]) -> bool:
    """As tutorials have it."""
    node = bytes(Web3.keccak(Web3.keccak(index.to_bytes(32, "big") + leaf)))
    for sibling in proof:
        node = bytes(Web3.keccak(min(node, sibling) + max(node, sibling)))
    return node == root


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _abi() -> list[dict[str, Any]]:
    return artifact(ANCHOR).abi


def main(parts: list[str]) -> None:
    wanted = parts or list(PARTS)
    if not set(wanted) <= set(PARTS):
        raise SystemExit(f"bench anchoring: the parts are {', '.join(PARTS)}")
    measures = {"gas": gas, "merkle": merkle, "folder": folder, "verify": verify}
    publish("anchoring", [result for part in PARTS if part in wanted for result in measures[part]()])


if __name__ == "__main__":
    main(sys.argv[1:])
