"""The read models of authorizations, claims and policies against the contracts: after random acts, every answer of the
index is what the contracts say, now and at past blocks; after a reorganization it is what a rebuild gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
from authorization.payer_acts import AUTOMATIC, GRANTED, PENDING, Stage
from authorization.payer_answers import IndexAnswers
from careledger.authorization import claims_read_model, policy_read_model, read_model
from careledger.authorization.authorizations import Authorizations
from careledger.authorization.index import AuthorizationIndex, published_in
from careledger.authorization.published import published_contracts
from careledger.authorization.read_model import WaitsFor
from careledger.chain.development import Node
from careledger.chain.indexer.publication_watch import PublicationWatch
from careledger.chain.indexer.reader import Index
from careledger.chain.rpc import HttpRpc
from careledger.contract_enums import AppealStatus, ClaimStatus, LineStatus
from careledger.contract_events import (
    ClaimDuplicate,
    ClaimReversed,
    ClaimReviewed,
    ClaimSubmitted,
    ContractEvent,
    LineDecided,
)
from careledger.errors import CareLedgerError, ContractUnpublished, UnknownOrganization
from careledger.identity.identifiers import to_padded
from cli.command_line import CommandLine
from eth_utils.address import to_checksum_address
from indexer.stand import check_answers, index_by_parts, indexer, played, reorganized

Record = Callable[[str, object], None]

SEEDS = (1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full))
BLOCKS = 150
MODELLED = {event for module in (read_model, claims_read_model, policy_read_model) for event in module.MODEL.handlers}
EQUAL = "counted: answers of the authorization read models equal to the contracts'"


@pytest.fixture(scope="module", params=SEEDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A chain on which much happened. Nothing more happens on it."""
    with played(Stage, request.param, BLOCKS) as found:
        yield found


@pytest.fixture(scope="module")
def index(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with index_by_parts(stage, tmp_path_factory.mktemp("index")) as found:
        yield found


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
        check_answers(
            IndexAnswers(index.at(block), stage.time_of(block), stage.insurer), stage.answers(block), f"block {block}"
        )
        for block in chosen
    )


def test_every_answer_is_the_contracts(index: Index, stage: Stage, record_property: Record) -> None:
    record_property(EQUAL, compare(index, stage, 2, 12))
    record_property("counted: random acts on an insurer's contracts before they were compared", stage.mined.total())


def test_the_acts_lead_to_every_event_that_the_read_models_know(stage: Stage) -> None:
    seen = stage.topics | stage.topics_of_the_start()
    assert {event.__name__ for event in MODELLED if event.TOPIC not in seen} == set()


@pytest.mark.daily("postgresql")
def test_a_reorganized_chain_gives_what_a_rebuild_gives(
    database_url: str, tmp_path: Path, record_property: Record
) -> None:
    with played(Stage, 7, 25) as stage:
        checked = sum(compare(index, stage, 1) for index in reorganized(stage, database_url, tmp_path, (1, 20)))
    record_property("counted: answers of the authorization read models equal after a reorganization", checked)


@pytest.mark.full
def test_every_answer_is_the_contracts_after_many_acts(tmp_path: Path, record_property: Record) -> None:
    seed = SystemRandom().randrange(2**32)
    record_property("seed", seed)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, seed, 600) as stage, indexer(url, stage) as engine:
        engine.sync()
        with Index.open(url) as index:
            record_property(EQUAL, compare(index, stage, 12))


# ------------------------------------------------------------------ what people ask


@pytest.fixture
def found(index: Index, stage: Stage) -> AuthorizationIndex:
    return AuthorizationIndex(index.at("latest"), stage.insurer)


def test_the_queue_has_what_waits_by_the_time_left(found: AuthorizationIndex, stage: Stage) -> None:
    now, queue = stage.suite.now, [entry.value for entry in found.queue(limit=10_000)]
    authorizations = Authorizations(stage.contract["PriorAuthorization"], stage.suite.organizations(), 0, None)
    waiting = {}
    for (provider, request), lines in stage.requests.items():
        for line in range(lines):
            state = authorizations.line(provider, request, line)
            if state is not None and (state.status in PENDING or state.appeal is AppealStatus.OPEN):
                waiting[provider, request, line] = authorizations.deliberation(provider, request, line)
    assert {(entry.provider, entry.request, entry.line) for entry in queue} == waiting.keys()
    for entry in queue:
        truth = waiting[entry.provider, entry.request, entry.line]
        assert (entry.due_at, entry.extended, entry.marked_overdue) == (truth.due_at, truth.extended, truth.overdue)
        assert entry.seconds_left == entry.due_at - now
        assert entry.past_due is (now > entry.due_at)
    left = [entry.seconds_left for entry in queue]
    assert left == sorted(left)
    assert left[0] < 0 < left[-1]
    assert [entry.value for entry in found.queue(limit=3)] == queue[:3]
    assert [entry.value for entry in found.overdue(10_000)] == [entry for entry in queue if entry.past_due]
    provider = stage.providers[0].organization
    assert [entry.value for entry in found.queue(provider, limit=10_000)] == [
        entry for entry in queue if entry.provider == provider
    ]
    for reason in WaitsFor:
        some = [entry.value for entry in found.queue(waits_for=reason, limit=10_000)]
        assert some == [entry for entry in queue if entry.waits_for is reason]


def test_the_queue_of_a_past_block_is_judged_at_its_time(index: Index, stage: Stage) -> None:
    block = stage.opened[len(stage.opened) // 2]
    then = AuthorizationIndex(index.at(block), stage.insurer, stage.time_of(block))
    for entry in then.queue(limit=10_000):
        assert entry.value.seconds_left == entry.value.due_at - stage.time_of(block)
        assert entry.since.block_number <= block


def test_lines_by_every_filter(found: AuthorizationIndex, stage: Stage) -> None:
    everything = [entry.value for entry in found.lines(limit=10_000)]
    assert len(everything) == sum(found.request(*key).value.lines for key in stage.requests if found.request(*key))  # type: ignore[union-attr]
    cases: list[tuple[dict[str, Any], Callable[[Any], bool]]] = [
        ({"provider": one.organization}, lambda line, one=one: line.provider == one.organization)
        for one in stage.providers
    ]
    cases += [({"status": status}, lambda line, status=status: line.status is status) for status in LineStatus]
    cases += [
        ({"status": GRANTED, "shadow": False}, lambda line: line.status in GRANTED and not line.shadow),
        ({"benefit_class": AUTOMATIC}, lambda line: line.benefit_class == AUTOMATIC),
        ({"shadow": True}, lambda line: line.shadow),
    ]
    for filters, fits in cases:
        some = [entry.value for entry in found.lines(**filters, limit=10_000)]
        assert some == [line for line in everything if fits(line)], filters
    first = found.lines(limit=5)
    last = first[-1].value
    after = found.lines(after=(last.contract, last.provider, last.request, last.line), limit=5)
    assert [entry.value for entry in (*first, *after)] == everything[:10]


def test_a_requests_history_is_every_event_of_it(found: AuthorizationIndex, stage: Stage) -> None:
    authorizations = Authorizations(stage.contract["PriorAuthorization"], stage.suite.organizations(), 0, None)
    kinds = set()
    for provider, request in list(stage.requests)[:12]:
        history = found.history(provider, request)
        assert [row.event for row in history] == list(authorizations.history(provider, request))
        kinds |= {type(row.event) for row in history}
    assert len(kinds) > 8
    assert found.history(stage.providers[0].organization, "0x" + 64 * "1") == []


def test_decisions_and_appeals_are_those_of_the_events(found: AuthorizationIndex, index: Index) -> None:
    decided = index.at("latest").events(LineDecided, limit=10_000).rows
    for row in decided[:40]:
        event = row.event
        assert isinstance(event, LineDecided)
        entry = found.decisions(event.provider, event.request_id, event.line)[0].value
        assert (entry.sequence, entry.line) == (1, event.line)
        assert row.event.sequence in {
            one.value.sequence for one in found.decisions(event.provider, event.request_id, event.line)
        }
    appeals = found.appeals(limit=10_000)
    outcomes = {entry.value.outcome for entry in appeals}
    assert {AppealStatus.UPHELD, AppealStatus.OVERTURNED} <= outcomes
    upheld = found.appeals(outcome=AppealStatus.UPHELD, limit=10_000)
    assert [entry.value for entry in upheld] == [
        entry.value for entry in appeals if entry.value.outcome is AppealStatus.UPHELD
    ]


def test_claim_lines_by_status_are_the_vaults(found: AuthorizationIndex, stage: Stage) -> None:
    vault = stage.contract["InsurerVault"]
    truth: dict[ClaimStatus, set[str]] = {status: set() for status in ClaimStatus}
    for key in stage.sent:
        truth[ClaimStatus(vault.read("recordOf", key)["status"])].add(key)
    for status in set(ClaimStatus) - {ClaimStatus.UNKNOWN}:
        assert {entry.value.claim_line for entry in found.claim_lines(status=status, limit=10_000)} == truth[status]
    assert truth[ClaimStatus.PAID]
    assert truth[ClaimStatus.REVERSED]
    provider = stage.providers[0].organization
    of_provider = {entry.value.claim_line for entry in found.claim_lines(provider=provider, limit=10_000)}
    assert of_provider == {
        key for key, claim in stage.sent.items() if claim.provider.organization == provider and found.claim_line(key)
    }


def test_what_the_contracts_do_not_answer_of_claims_is_the_events(index: Index) -> None:
    view = index.at("latest")

    def last(kind: type[ContractEvent], *names: str) -> dict[tuple[Any, ...], Any]:
        events = [row.event for row in view.events(kind, limit=10_000).rows]
        return {tuple(getattr(event, name) for name in names): event for event in events}

    claims = {(row.key["provider"], row.key["claim"]): row.values for row in view.rows("claim", limit=10_000).rows}
    submitted = last(ClaimSubmitted, "provider", "id")
    assert claims.keys() == submitted.keys()
    for key, event in submitted.items():
        told = claims[key]
        assert (told["submitted_by"], told["lines"], told["content"]) == (event.key, event.lines, event.content)
        assert tuple(told["documents"]) == event.documents
    duplicates = {
        (row.key["claim_line"], row.key["claim"]): row.values["charge"]
        for row in view.rows("claim_duplicate", limit=10_000).rows
    }
    assert duplicates == {key: event.charge for key, event in last(ClaimDuplicate, "key", "claim_id").items()} != {}
    reversed_ = last(ClaimReversed, "key")
    lines = {row.key["claim_line"]: row.values for row in view.rows("claim_line", limit=10_000).rows}
    for (key,), event in last(ClaimReviewed, "key").items():
        assert lines[key]["rationale"] == event.rationale
        if (key,) not in reversed_:
            assert lines[key]["reviewer_key"] == event.reviewer_key
    for (key,), event in reversed_.items():
        assert (lines[key]["reviewer_key"], lines[key]["reversal_reason"]) == (event.reviewer_key, event.reason)


def test_versions_of_rows_are_borne_out_by_the_chain(index: Index, stage: Stage) -> None:
    view = index.at("latest")
    rows = [
        row
        for module in (read_model, claims_read_model, policy_read_model)
        for entity in module.MODEL.entities.values()
        for row in view.rows(entity, limit=5).rows
    ]
    assert {row.entity for row in rows} == {
        entity for module in (read_model, claims_read_model, policy_read_model) for entity in module.MODEL.entities
    }
    assert index.verify(rows, HttpRpc(stage.node.url)) == []


def test_what_another_insurer_published_is_not_looked_at(index: Index, stage: Stage) -> None:
    other = AuthorizationIndex(index.at("latest"), "nobody.example")
    assert (other.lines(), other.queue(), other.accounts(), other.versions()) == ([], [], [], [])
    everybody = AuthorizationIndex(index.at("latest"))
    own = AuthorizationIndex(index.at("latest"), stage.insurer)
    assert everybody.lines(limit=10_000) == own.lines(limit=10_000) != []


def test_claim_lines_are_one_over_versions_of_the_settlement(tmp_path: Path) -> None:
    """A line that one version left in review is decided, and one that it paid is reversed, by the next."""
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, 5, 60) as stage:
        vault = stage.contract["InsurerVault"]
        stage.replace_settlement()
        before = {key: ClaimStatus(vault.read("recordOf", key)["status"]) for key in stage.sent}
        for key, status in before.items():
            if status is ClaimStatus.IN_REVIEW:
                stage.mine([stage.review_of_claim(key)])
            if status in {ClaimStatus.PAID, ClaimStatus.PARTIAL}:
                stage.mine([stage.reversal_of_claim(key)])
        stage.play(10)
        with indexer(url, stage) as engine:
            engine.sync()
        assert set(published_contracts(stage.suite.ledger, stage.insurer)) == set(stage.payers)
        with Index.open(url) as index:
            head = stage.head
            answers = IndexAnswers(index.at(head), stage.time_of(head), stage.insurer)
            check_answers(answers, stage.answers(head), "after the replacement")
            found = AuthorizationIndex(index.at(head), stage.insurer)
            changed = {key for key in before if found.claim_line(key).value.status is not before[key]}  # type: ignore[union-attr]
            assert {before[key] for key in changed} >= {ClaimStatus.IN_REVIEW, ClaimStatus.PAID}
            for key in changed:
                entry = found.claim_line(key)
                assert entry is not None
                assert None not in (entry.value.claim, entry.value.charge, entry.value.submitted_at)
                assert key in {
                    one.value.claim_line for one in found.claim_lines(status=entry.value.status, limit=10_000)
                }


# ------------------------------------------------------------------ which contracts


def test_the_contracts_published_are_found(stage: Stage) -> None:
    assert list(published_contracts(stage.suite.ledger, stage.insurer)) == stage.payers
    with pytest.raises(UnknownOrganization):
        published_contracts(stage.suite.ledger, "nobody.example")
    with pytest.raises(ContractUnpublished):
        published_contracts(stage.suite.ledger, stage.providers[0].name)


def test_what_was_published_before_is_followed_if_its_code_is_known() -> None:
    """A version that was replaced stays; what is no such contract is left out."""
    with Node(options=Stage.NODE_OPTIONS) as node:
        stage = Stage(node, Random(3))
        stage.rpc.call("evm_setAutomine", True)
        ledger, registry = stage.suite.ledger, stage.suite.registry
        kind, settlement = to_padded("ClaimSettlement"), stage.contract["ClaimSettlement"].address
        before = published_contracts(ledger, stage.insurer)
        code = stage.connection.code(settlement)
        later = "0x" + 38 * "0" + "99"
        stage.rpc.call("anvil_setCode", later, "0x" + code.hex())

        def publish(address: str) -> None:
            registry.send(stage.suite.controller, "publishContract", stage.insurer_id, kind, address)

        publish(stage.anchors.address)
        publish(to_checksum_address(later))
        with pytest.raises(CareLedgerError):  # the vault's writer is the first
            published_contracts(ledger, stage.insurer)
        publish(settlement)
        found = published_contracts(ledger, stage.insurer)
        assert found == (*before, to_checksum_address(later))


def test_the_log_tells_of_a_contract_published_while_the_index_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, 4, 2) as stage, indexer(url, stage) as engine, Index.open(url) as index:
        watch = PublicationWatch(index, [stage.insurer], stage.contracts, published_in)
        engine.sync(progress=watch)
        assert caplog.records == []
        followed = stage.contract["ClaimSettlement"].address
        stage.replace_settlement()
        engine.sync(progress=watch)
        stage.play(1)
        engine.sync(progress=watch)
        (told,) = (json.loads(record.message) for record in caplog.records if "not_followed" in record.message)
        address = stage.contract["ClaimSettlement"].address
        assert (told["organization"], told["address"]) == (stage.insurer, address) != (stage.insurer, followed)


def test_the_command_line_follows_the_insurers_that_it_is_told(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = CommandLine(monkeypatch, capsys)
    stage.suite.ledger.deployment.save(tmp_path)
    for name, value in (
        ("CARELEDGER_INDEX", f"sqlite:///{tmp_path / 'index.db'}"),
        ("CARELEDGER_RPC", stage.node.url),
        ("CARELEDGER_DEPLOYMENTS", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    done = run("index", "sync", "--payer", stage.insurer, "--json")
    assert done.exit_code == 0, done.err
    listed = run("index", "list", "authorization_line", "--limit", 20, "--verify", "--json")
    assert (listed.exit_code, len(listed.body["rows"]), listed.body["mismatches"]) == (0, 20, [])
    assert run("index", "verify", "--payer", stage.insurer, "--json").body == []
    without = run("index", "sync", "--json")
    assert (without.exit_code, without.error["type"]) == (12, "IndexOutdated")
    monkeypatch.setenv("CARELEDGER_PAYERS", stage.insurer)
    assert run("index", "sync", "--json").exit_code == 0
    assert run("index", "sync", "--payer", "nobody.example", "--json").exit_code != 0
