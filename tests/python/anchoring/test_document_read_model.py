"""The read model of documents against the contract: after random acts, every answer of the index is what the contract
says, now and at past blocks; after a reorganization it is what a rebuild gives.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
from anchoring.document_acts import NAMES, Stage
from anchoring.document_answers import IndexAnswers
from careledger.anchoring.index import ActKind, Anchoring, DocumentIndex
from careledger.anchoring.read_model import MODEL
from careledger.anchoring.stamps import anchored_stamp, leaves_stamp, revoked_stamp
from careledger.anchoring.streams import stream_head
from careledger.anchoring.types import DocumentStatus, Location, RevocationReason, Terms
from careledger.chain.indexer.reader import EventRow, Index
from careledger.chain.indexer.source import Source
from careledger.chain.rpc import HttpRpc
from careledger.contract_events import (
    AnchorRevoked,
    AnchorRevokedByOtherKey,
    BatchAnchored,
    CountersignatureWithdrawn,
    DisputeAnswered,
    DisputeWithdrawn,
    DocumentAmended,
    DocumentAnchored,
    DocumentCountersigned,
    DocumentDisputed,
    DocumentsAnchored,
    LeavesRevoked,
    LeavesRevokedByOtherKey,
    PartyNamed,
    StreamExtended,
)
from careledger.errors import InvalidInput
from careledger.identity import organization_id
from cli.command_line import CommandLine
from eth_utils.address import to_checksum_address
from indexer.stand import check_answers, index_by_parts, indexer, played, reorganized

Record = Callable[[str, object], None]
Place = tuple[int, int]

SEEDS = (1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full))
BLOCKS = 150
LIST_LEAVES = 400
EQUAL = "counted: answers of the documents read model equal to the contract's"


@pytest.fixture(scope="module", params=SEEDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A chain on which much happened. Nothing more happens on it."""
    with played(Stage, request.param, BLOCKS) as found:
        yield found


@pytest.fixture(scope="module")
def index(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with index_by_parts(stage, tmp_path_factory.mktemp("index")) as found:
        yield found


@pytest.fixture
def documents(index: Index) -> DocumentIndex:
    return DocumentIndex(index.at("latest"))


def compare(index: Index, stage: Stage, blocks: int, of_opening: int = 0) -> int:
    """Checks every answer at the head, at every so manieth block of the opening (0: at none), and at some others.
    Returns how many."""
    head = stage.head
    chosen = [
        head,
        *(stage.opened[::of_opening] if of_opening else ()),
        *stage.random.sample(range(stage.opened.stop, head), blocks),
    ]
    return sum(
        check_answers(IndexAnswers(index.at(block), stage.time_of(block)), stage.answers(block), f"block {block}")
        for block in chosen
    )


def events(index: Index, *kinds: Any) -> list[EventRow]:
    """All events of some kinds, in the order of the chain."""
    found = [row for kind in kinds for row in index.at("latest").events(kind, limit=10_000).rows]
    return sorted(found, key=lambda row: (row.block_number, row.log_index))


def place(row: EventRow) -> Place:
    return row.block_number, row.log_index


# ------------------------------------------------------------------ against the contract


def test_every_answer_is_the_contracts(index: Index, stage: Stage, record_property: Record) -> None:
    record_property(EQUAL, compare(index, stage, 3, 18))
    record_property("counted: random acts on documents mined before they were compared", stage.mined.total())


def test_the_acts_lead_to_every_event_that_the_read_model_knows(stage: Stage) -> None:
    assert {event.__name__ for event in MODEL.handlers if event.TOPIC not in stage.topics} == set()


@pytest.mark.daily("sqlite")
def test_a_reorganized_chain_gives_what_a_rebuild_gives(
    database_url: str, tmp_path: Path, record_property: Record
) -> None:
    with played(Stage, 7, 25) as stage:
        checked = sum(compare(index, stage, 1) for index in reorganized(stage, database_url, tmp_path, (1, 20)))
    record_property("counted: answers of the documents read model equal after a reorganization", checked)


@pytest.mark.full
def test_every_answer_is_the_contracts_after_many_acts(tmp_path: Path, record_property: Record) -> None:
    seed = SystemRandom().randrange(2**32)
    record_property("seed", seed)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, seed, 600) as stage, indexer(url, stage) as engine:
        engine.sync()
        with Index.open(url) as index:
            record_property(EQUAL, compare(index, stage, 20))


# ------------------------------------------------------------------ a list


@pytest.mark.daily("sqlite")
def test_a_list_of_hundreds_of_leaves_in_one_event(database_url: str) -> None:
    with played(Stage, 5, 0) as stage, indexer(database_url, stage) as engine:
        key = stage.keys[0]
        leaves = ["0x" + stage.random.randbytes(32).hex() for _ in range(LIST_LEAVES)]
        terms = Terms(7, stage.suite.now + 10**6)
        stage.mine([stage.act(key, "anchorList", leaves, terms.pack(), gas=25_000_000)])
        stage.mine([stage.act(key, "revoke", leaf, 1) for leaf in leaves[::40]])
        engine.sync()
        with Index.open(database_url) as index:
            documents = DocumentIndex(index.at("latest"))
            found = documents.search(submitter=key.address, how=Anchoring.LIST, kind=7, limit=1_000)
            assert {entry.value.id for entry in found} == set(leaves)
            assert {(entry.value.record.expiry, entry.value.stream) for entry in found} == {(terms.expiry, None)}
            first = documents.history(key.address, leaves[1])[0].origin
            assert {documents.history(key.address, leaf)[0].origin for leaf in leaves} == {first}
            revoked = documents.search(submitter=key.address, status=DocumentStatus.REVOKED, limit=1_000)
            assert {entry.value.id for entry in revoked} >= set(leaves[::40])
            view = index.at("latest")
            rows = view.rows("document_anchor", {"submitter": key.address, "kind": 7}, limit=1_000).rows
            assert len(rows) == LIST_LEAVES
            assert index.verify(rows, HttpRpc(stage.node.url)) == []


def test_ranges_of_long_lists_are_kept_short() -> None:
    """A list of leaves is one log, but as many rows as leaves: memory would not hold thousands of them at once."""
    with played(Stage, 5, 0) as stage:
        key, first = stage.keys[0], stage.head
        for _ in range(24):
            leaves = ["0x" + stage.random.randbytes(32).hex() for _ in range(100)]
            stage.mine([stage.act(key, "anchorList", leaves, 0, gas=10_000_000)], 1)
        rpc = HttpRpc(stage.node.url)
        source = Source([rpc], stage.contracts, near_blocks=1, batch_logs=100)
        block = source.block(first)
        assert block is not None
        lists = []
        while block.number < stage.head - 1:
            batch = source.fetch(block, stage.head - 1, stage.head)
            lists.append(len(batch.rows))
            block = batch.last
    assert sum(lists) == 23
    assert max(lists) <= 8


# ------------------------------------------------------------------ what people ask


def test_searching_finds_what_fits_every_filter(documents: DocumentIndex, index: Index, stage: Stage) -> None:
    everything = [entry.value for entry in documents.search(limit=10_000)]
    keys = [(entry.submitter.lower(), entry.id) for entry in everything]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == index.at("latest").count("document_anchor")
    times = sorted(entry.record.anchored_at for entry in everything)
    early, late = times[len(times) // 4], times[len(times) // 2]
    cases: list[tuple[dict[str, Any], Callable[[Any], bool]]] = [
        ({"anchored_from": late}, lambda found: found.record.anchored_at >= late),
        ({"anchored_to": early}, lambda found: found.record.anchored_at <= early),
        ({"anchored_from": early, "anchored_to": late}, lambda found: early <= found.record.anchored_at <= late),
        ({"anchored_from": early, "submitter": stage.addresses[0]}, lambda found: (
            found.record.anchored_at >= early and found.submitter == stage.addresses[0]
        )),
    ]  # fmt: skip
    cases += [({"status": status}, lambda found, status=status: found.status is status) for status in DocumentStatus]
    cases += [({"how": how}, lambda found, how=how: found.how is how) for how in Anchoring]
    cases += [({"kind": kind}, lambda found, kind=kind: found.record.kind == kind) for kind in (0, 3, 5)]
    cases += [({"stream": stream}, lambda found, stream=stream: found.stream == stream) for stream in stage.streams]
    for filters, fits in cases:
        assert [entry.value for entry in documents.search(**filters, limit=10_000)] == list(filter(fits, everything))
    for name in NAMES:
        vouched_for = [
            entry
            for entry in everything
            if documents._organizations.at(entry.submitter, entry.record.anchored_at).organization
            == organization_id(name)
        ]
        assert [entry.value for entry in documents.search(organization=name, limit=10_000)] == vouched_for
        for address in stage.addresses:
            found = documents.search(organization=name, submitter=address, limit=10_000)
            assert [entry.value for entry in found] == [one for one in vouched_for if one.submitter == address]
    assert documents.search(organization="nobody") == []


def test_pages_follow_each_other(documents: DocumentIndex) -> None:
    lists: list[tuple[Callable[..., list[Any]], Callable[[Any], tuple[str, ...]]]] = [
        (documents.search, lambda found: (found.submitter, found.id)),
        (documents.disputes, lambda found: (found.submitter, found.leaf, found.disputant)),
        (documents.countersignatures, lambda found: (found.submitter, found.leaf, found.organization)),
        (documents.parties, lambda found: (found.submitter, found.leaf, found.party)),
        (documents.streams, lambda found: (found.submitter, found.stream)),
    ]
    for listed, key in lists:
        everything = listed(limit=10_000)
        assert len(everything) > 1
        pages = [listed(limit=2)]
        while pages[-1]:
            pages.append(listed(limit=2, after=key(pages[-1][-1].value)))
        assert [entry for page in pages for entry in page] == everything


def test_disputes_and_countersignatures_are_listed_by_each_filter(documents: DocumentIndex, stage: Stage) -> None:
    disputes = [entry.value for entry in documents.disputes(limit=10_000)]
    signatures = [entry.value for entry in documents.countersignatures(limit=10_000)]
    parties = [entry.value for entry in documents.parties(limit=10_000)]
    assert {one.record.withdrawn_at > 0 for one in disputes} == {True, False}
    for standing in (True, False):
        assert [e.value for e in documents.disputes(standing=standing, limit=10_000)] == [
            one for one in disputes if (one.record.withdrawn_at == 0) is standing
        ]
        assert [e.value for e in documents.countersignatures(standing=standing, limit=10_000)] == [
            one for one in signatures if (one.record.withdrawn_at == 0) is standing
        ]
    for address in stage.addresses:
        assert [e.value for e in documents.disputes(disputant=address)] == [
            one for one in disputes if one.disputant == address
        ]
        assert [e.value for e in documents.parties(party=address)] == [one for one in parties if one.party == address]
    for name in NAMES:
        assert [e.value for e in documents.countersignatures(organization=name, limit=10_000)] == [
            one for one in signatures if one.organization == organization_id(name)
        ]
    for one in disputes:
        assert one in [e.value for e in documents.disputes(one.submitter, one.leaf)]


def test_the_history_of_a_document_is_its_events_in_order(
    documents: DocumentIndex, index: Index, stage: Stage, record_property: Record
) -> None:
    expected: dict[tuple[str, str], list[tuple[ActKind, Place, str | None]]] = {}

    def expect(submitter: str, leaf: str, kind: ActKind, row: EventRow, by: str | None) -> None:
        expected.setdefault((submitter, leaf), []).append((kind, place(row), by))

    kinds = [event for event in MODEL.handlers if "Leaves" not in event.__name__]
    for row in events(index, *kinds):
        event: Any = row.event
        match event:
            case DocumentAnchored():
                submitter = anchored_stamp(event.stamp).submitter
                expect(submitter, event.leaf, ActKind.ANCHORED, row, submitter)
            case DocumentsAnchored():
                for leaf in event.leaves:
                    expect(event.submitter, leaf, ActKind.ANCHORED, row, event.submitter)
            case BatchAnchored():
                expect(event.submitter, event.root, ActKind.ANCHORED, row, event.submitter)
            case StreamExtended():
                expect(event.submitter, event.id, ActKind.STREAMED, row, event.submitter)
            case AnchorRevoked() | AnchorRevokedByOtherKey():
                submitter = revoked_stamp(event.stamp).submitter
                expect(submitter, event.id, ActKind.REVOKED, row, getattr(event, "key", submitter))
            case DocumentAmended():
                expect(event.submitter, event.leaf, ActKind.AMENDED, row, event.successor_submitter)
                successor = event.successor_submitter, event.successor_leaf
                expect(*successor, ActKind.SUCCEEDED, row, event.successor_submitter)
            case DocumentCountersigned():
                expect(event.submitter, event.leaf, ActKind.COUNTERSIGNED, row, event.key)
            case CountersignatureWithdrawn():
                expect(event.submitter, event.leaf, ActKind.COUNTERSIGNATURE_WITHDRAWN, row, event.key)
            case PartyNamed():
                expect(event.submitter, event.leaf, ActKind.PARTY_NAMED, row, None)
            case DocumentDisputed():
                expect(event.submitter, event.leaf, ActKind.DISPUTED, row, event.disputant)
            case DisputeAnswered():
                expect(event.submitter, event.leaf, ActKind.DISPUTE_ANSWERED, row, event.key)
            case DisputeWithdrawn():
                expect(event.submitter, event.leaf, ActKind.DISPUTE_WITHDRAWN, row, event.disputant)
    acts: Counter[ActKind] = Counter()
    for document, told in expected.items():
        found = documents.history(*document)
        assert [(act.kind, (act.origin.block_number, act.origin.log_index), act.by) for act in found] == told
        acts.update(act.kind for act in found)
    assert set(acts) == set(ActKind)
    record_property("counted: acts on documents told in order", acts.total())


def test_the_history_of_a_document_in_a_batch_has_the_batchs_acts(documents: DocumentIndex, stage: Stage) -> None:
    key, root = stage.keys[0], stage.roots[0]
    location = next(one for one in stage.locations if one.root == root and one.submitter == key.address)
    acts = documents.history(location.submitter, location.leaf, root, location.index)
    of_batch = [act.kind for act in acts if act.batch]
    assert of_batch[0] is ActKind.ANCHORED
    assert ActKind.REVOKED in of_batch
    assert {ActKind.DISPUTED, ActKind.AMENDED} <= {act.kind for act in acts if not act.batch}
    assert [act.origin for act in acts] == sorted(
        (act.origin for act in acts), key=lambda o: (o.block_number, o.log_index)
    )


def test_the_revocation_of_each_leaf_names_its_act(
    documents: DocumentIndex, index: Index, stage: Stage, record_property: Record
) -> None:
    expected: dict[tuple[str, str, int], tuple[Place, RevocationReason, str, bool]] = {}
    batches = [(row.event.submitter, row.event.root) for row in events(index, BatchAnchored)]  # type: ignore[attr-defined]
    for row in events(index, AnchorRevoked, AnchorRevokedByOtherKey, LeavesRevoked, LeavesRevokedByOtherKey):
        event: Any = row.event
        if isinstance(event, (AnchorRevoked, AnchorRevokedByOtherKey)):
            of = revoked_stamp(event.stamp)
            batch, indexes, whole = (of.submitter, event.id), range(300), True
            act = of.reason, getattr(event, "key", of.submitter)
        else:
            whole = False
            word = event.word if isinstance(event, LeavesRevokedByOtherKey) else leaves_stamp(event.stamp).word
            if isinstance(event, LeavesRevokedByOtherKey):
                batch, act = (event.submitter, event.root), (event.reason, event.key)
            else:
                stamp = leaves_stamp(event.stamp)
                batch, act = (stamp.submitter, event.root), (stamp.reason, stamp.submitter)
            indexes = [256 * word + bit for bit in range(256) if event.leaves >> bit & 1]
        for i in indexes:
            expected.setdefault((*batch, i), (place(row), *act, whole))
    asked = {(*batch, i) for batch in batches for i in (*range(0, 300, 7), 299)} | {
        key for key in expected if key[:2] in batches and not expected[key][3]
    }
    for key in asked:
        found = documents.revocation_of_leaf(*key)
        told = expected.get(key)
        if found is None:
            assert told is None
            continue
        value = found.value
        since = found.since.block_number, found.since.log_index
        assert (since, value.reason, value.revoked_by, value.whole_batch) == told
        assert value.revoked_at == found.since.time
    record_property("counted: revocations of leaves told", len(asked))
    # The opening's: revoked first by one key, then with others by another key, then all of them.
    submitter, root = stage.addresses[0], stage.roots[0]
    told = [documents.revocation_of_leaf(submitter, root, i) for i in (0, 2, 299, 4)]
    assert [found.value.reason for found in told if found is not None] == [
        RevocationReason.WRONG_SUBJECT,
        RevocationReason.ENTERED_IN_ERROR,
        RevocationReason.WRONG_SUBJECT,
        RevocationReason.LEGAL_ORDER,
    ]


def test_a_line_of_amendments_is_told_from_any_of_its_documents(
    documents: DocumentIndex, index: Index, stage: Stage
) -> None:
    successors = {}
    for row in events(index, DocumentAmended):
        event: Any = row.event
        successors[event.submitter, event.leaf] = (event.successor_submitter, event.successor_leaf), row
    followers = {successor for successor, _ in successors.values()}
    lengths = []
    for first in successors.keys() - followers:
        expected, current = [first], first
        while current in successors:
            current = successors[current][0]
            expected.append(current)
        lengths.append(len(expected))
        for member in expected:
            line = documents.line(*member)
            assert [(entry.submitter, entry.leaf) for entry in line] == expected
            assert documents.latest(*member) == expected[-1]
            for entry in line[:-1]:
                assert entry.successor is not None
                row = successors[entry.submitter, entry.leaf][1]
                assert (entry.successor.since.block_number, entry.successor.since.log_index) == place(row)
                assert entry.successor.since.transaction_hash == row.transaction_hash
                assert entry.successor.value.reason == row.event.reason  # type: ignore[attr-defined]
            assert line[-1].successor is None
    assert max(lengths) >= 3
    (alone,) = documents.line(stage.addresses[0], "0x" + "ab" * 32)
    assert (alone.leaf, alone.successor) == ("0x" + "ab" * 32, None)


def test_a_stream_is_listed_in_order_over_its_keys(documents: DocumentIndex, stage: Stage, index: Index) -> None:
    counted = 0
    streams = [entry.value for entry in documents.streams(limit=1_000)]
    for last in (one for one in streams if one.continued_by is None):
        entries = [entry.value for entry in documents.entries(last.submitter, last.stream)]
        assert [entry.position for entry in entries] == list(range(last.length))
        first = last
        while first.continues is not None:
            first = next(one for one in streams if (one.submitter, one.stream) == (first.continues, first.stream))
        assert first.first_head == stage.anchors.read("firstHeadOf", first.submitter, first.stream)
        assert stream_head(first.first_head, [entry.id for entry in entries]) == last.head
        heads = [first.first_head, *(entry.head for entry in entries)]
        for entry, before in zip(entries, heads[:-1], strict=True):
            assert stream_head(before, [entry.id]) == entry.head
        assert [entry.value for entry in documents.entries(first.submitter, last.stream)] == entries
        pages = [documents.entries(first.submitter, last.stream, limit=2)]
        while pages[-1]:
            pages.append(documents.entries(last.submitter, last.stream, pages[-1][-1].value.position, limit=2))
        assert [entry.value for page in pages for entry in page] == entries
        for entry in entries:
            anchor = documents.anchor(entry.submitter, entry.id)
            assert anchor is not None
            assert (anchor.value.stream, anchor.value.position) == (entry.stream, entry.position)
        counted += len(entries)
    assert counted == len(events(index, StreamExtended))
    assert any(one.continues for one in streams)
    assert documents.entries(stage.addresses[0], "0x" + "ab" * 32) == []


def test_every_version_names_the_log_that_opened_it(index: Index, stage: Stage, record_property: Record) -> None:
    rows = []
    view = index.at("latest")
    for entity in MODEL.entities.values():
        for row in view.rows(entity, limit=10_000).rows:
            versions = view.history(entity, tuple(row.key.values()), limit=10_000).rows
            rows += versions
            for earlier, later in pairwise(versions):
                assert (earlier.until_block, earlier.until_log) <= (later.since_block, later.since_log)
    assert {row.entity for row in rows} == set(MODEL.entities)
    assert index.verify(rows, HttpRpc(stage.node.url)) == []
    record_property("counted: versions of documents verified against receipts", len(rows))


def test_expiry_is_judged_at_the_time_asked(documents: DocumentIndex, index: Index) -> None:
    found = next(
        entry.value
        for entry in documents.search(status=DocumentStatus.EXPIRED, limit=1_000)
        if entry.value.record.count == 0
    )
    location = Location(found.submitter, found.id)
    expiry = found.record.expiry
    assert DocumentIndex(index.at("latest"), time=expiry).status(location) is DocumentStatus.EXPIRED
    before = DocumentIndex(index.at("latest"), time=expiry - 1).status(location)
    assert before in {DocumentStatus.ACTIVE, DocumentStatus.DISPUTED}


def test_values_that_cannot_be_right_are_named(documents: DocumentIndex, index: Index) -> None:
    address, leaf = "0x" + "11" * 20, "0x" + "22" * 32
    wrong: list[Callable[[], object]] = [
        lambda: documents.anchor("0x12", leaf),
        lambda: documents.anchor(address, "0x12"),
        lambda: documents.status(Location(address, leaf, "0x12")),
        lambda: documents.revocation_of_leaf(address, leaf, -1),
        lambda: documents.search(limit=0),
        lambda: documents.search(after=(address, "")),
        lambda: documents.search(anchored_from=2**70),
        lambda: documents.entries(address, leaf, limit=0),
        lambda: documents.disputes(limit=0),
        lambda: index.at("latest").rows("document_anchor", between={"how": (1, 2)}),
        lambda: index.at("latest").rows("document_anchor", between={"nothing": (1, 2)}),
    ]
    for ask in wrong:
        with pytest.raises(InvalidInput):
            ask()
    upper = "0x" + leaf[2:].upper()
    assert documents.latest(address, upper) == (to_checksum_address(address), leaf)


def test_the_command_line_lists_documents_and_their_histories(
    index: Index, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line = CommandLine(monkeypatch, capsys)
    monkeypatch.setenv("CARELEDGER_INDEX", f"sqlite:///{index._database.path}")
    monkeypatch.setenv("CARELEDGER_RPC", stage.node.url)
    submitter, root = stage.addresses[0], stage.roots[0]
    listed = command_line("index", "list", "document_anchor", "--where", f"submitter={submitter}", "--verify", "--json")
    assert listed.exit_code == 0, listed.err
    assert root in {row["id"] for row in listed.body["rows"]}
    told = command_line("index", "history", "document_revoked_leaves", submitter, root, 0, "--verify", "--json").body
    assert [int(row["mask"], 16).bit_count() for row in told["rows"]][:3] == [3, 4, 5]
    told = command_line("index", "history", "document_anchor", submitter, root, "--json").body
    assert [row["revoked_at"] is None for row in told["rows"]] == [True, False]
    assert json.dumps(told["rows"][0]["id"]) in listed.out


# ------------------------------------------------------------------ stamps


def test_stamps_are_split_as_they_are_packed() -> None:
    random = Random(time.time_ns())
    for _ in range(200):
        account = random.randbytes(20)
        submitter, low = to_checksum_address(account), int.from_bytes(account, "big")
        signed_at, terms = random.getrandbits(40), Terms(random.getrandbits(16), random.getrandbits(40))
        anchored = anchored_stamp(signed_at << 216 | terms.pack() << 160 | low)
        assert (anchored.submitter, anchored.terms, anchored.signed_at) == (submitter, terms, signed_at)
        reason, word = random.choice(list(RevocationReason)), random.getrandbits(24)
        revoked = revoked_stamp(reason << 160 | low)
        assert (revoked.submitter, revoked.reason) == (submitter, reason)
        leaves = leaves_stamp(word << 168 | reason << 160 | low)
        assert (leaves.submitter, leaves.reason, leaves.word) == (submitter, reason, word)
    for stamp in (revoked_stamp, leaves_stamp):
        with pytest.raises(ValueError, match="RevocationReason"):
            stamp(99 << 160)
