"""The read models of organizations and governance against the contracts: after random acts, every answer of the index
is what the contracts say, now, at past blocks and about past times; after a reorganization it is what a rebuild gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
from careledger.chain.indexer.reader import Index, View
from careledger.chain.rpc import HttpRpc
from careledger.chain.values import snake_case
from careledger.contract_enums import KeyStatus, MemberRole, Reason, Standing
from careledger.contract_events import AuthorityUpdated, ContractEvent
from careledger.errors import UnknownOrganization
from careledger.identity import governance_read_model, read_model
from careledger.identity.governance import OperationState
from careledger.identity.governance_index import GovernanceIndex
from careledger.identity.identifiers import organization_id, to_padded
from careledger.identity.index import OrganizationIndex
from careledger.identity.read_model import RecoveryState
from indexer.identity_acts import KINDS, NAMES, ROLES, Stage
from indexer.identity_answers import IndexAnswers
from indexer.stand import check_answers, index_by_parts, indexer, played, reorganized
from sqlalchemy import func, select

Record = Callable[[str, object], None]

SEEDS = (1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full))
BLOCKS = 60
MOST_BLOCKS = 800
MODELLED = {event for model in (read_model.MODEL, governance_read_model.MODEL) for event in model.handlers}
ACTED = MODELLED - {AuthorityUpdated}
"""What acts lead to. A contract tells its manager when it is deployed."""


@pytest.fixture(scope="module", params=SEEDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A chain on which much happened. Nothing more happens on it."""
    with played(Stage, request.param, BLOCKS) as found:
        while not {event.TOPIC for event in ACTED} <= found.topics and found.head < MOST_BLOCKS:
            found.play(10)
        yield found


@pytest.fixture(scope="module")
def index(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with index_by_parts(stage, tmp_path_factory.mktemp("index")) as found:
        yield found


def compare(index: Index, stage: Stage, blocks: int, times: int, of_opening: int = 1) -> int:
    """Checks every answer at the head, at every so manieth block of those that led to rare states (0: at none), and at
    some past blocks, and about some past times. Returns how many."""
    head = stage.head
    chosen = [
        head,
        *(stage.opened[::of_opening] if of_opening else ()),
        *stage.random.sample(range(stage.first_block, head), blocks),
    ]
    checked = sum(
        check_answers(IndexAnswers(index.at(block), stage.time_of(block)), stage.answers(block), f"block {block}")
        for block in chosen
    )
    first, last = stage.time_of(1), stage.time_of(head)
    moments = [stage.time_of(block) for block in chosen]
    moments += [moment - 1 for moment in moments] + [stage.random.randint(first, last) for _ in range(times)]
    return checked + check_answers(
        IndexAnswers(index.at("latest"), last), stage.answers_about(moments), "about past times"
    )


# ------------------------------------------------------------------ against the contracts


def test_every_answer_is_the_contracts(index: Index, stage: Stage, record_property: Record) -> None:
    record_property(
        "counted: answers of the identity read models equal to the contracts'", compare(index, stage, 6, 20, 3)
    )
    record_property("counted: random acts mined before they were compared", stage.mined.total())


def test_the_acts_lead_to_every_event_that_the_read_models_know(stage: Stage, index: Index) -> None:
    with index._database.read() as connection:
        seen = {
            event
            for event in MODELLED
            if connection.execute(select(func.count()).select_from(index.schema.events[event])).scalar_one()
        }
    assert {event.__name__ for event in MODELLED - seen} == set()


def test_a_view_by_time_is_the_state_at_the_end_of_that_second(index: Index, stage: Stage) -> None:
    last = stage.time_of(stage.head)
    times = [stage.random.randint(stage.time_of(stage.first_block + 1), last) for _ in range(20)]
    truth = stage.answers_about(times)
    for (function, subject, time), answer in truth.items():
        if function == "membershipAt":
            assert IndexAnswers(index.at(time=time), time).membershipOf(subject) == answer


@pytest.mark.daily("sqlite")
def test_a_reorganized_chain_gives_what_a_rebuild_gives(
    database_url: str, tmp_path: Path, record_property: Record
) -> None:
    with played(Stage, 7, 30) as stage:
        checked = sum(compare(index, stage, 1, 5, 0) for index in reorganized(stage, database_url, tmp_path, (1, 24)))
    record_property("counted: answers of the identity read models equal after a reorganization", checked)


@pytest.mark.full
def test_every_answer_is_the_contracts_after_many_acts(tmp_path: Path, record_property: Record) -> None:
    seed = SystemRandom().randrange(2**32)
    record_property("seed", seed)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, seed, 1_500) as stage, indexer(url, stage) as engine:
        engine.sync()
        with Index.open(url) as index:
            checked = compare(index, stage, 100, 200)
    record_property("counted: answers of the identity read models equal to the contracts'", checked)


# ------------------------------------------------------------------ what people ask


def latest(index: Index) -> View:
    return index.at("latest")


def test_searching_finds_what_fits_every_filter(index: Index, stage: Stage) -> None:
    organizations = OrganizationIndex(latest(index))
    everything = [entry.value for entry in organizations.search()]
    assert [entry.id for entry in everything] == sorted(entry.id for entry in everything)
    now = stage.time_of(stage.head)
    cases: list[tuple[dict[str, Any], Callable[[Any], bool]]] = [
        ({"active": True}, lambda found: found.active),
        ({"active": False}, lambda found: not found.active),
        ({"name_prefix": "hospital"}, lambda found: found.name.startswith("hospital")),
        ({"licence_expires_before": now}, lambda found: found.membership.licence_expiry < now),
    ]
    cases += [({"role": role}, lambda found, role=role: role in found.membership.member_roles) for role in MemberRole]
    cases += [
        ({"standing": standing}, lambda found, standing=standing: found.membership.standing is standing)
        for standing in Standing
    ]
    cases += [
        ({"controller": account}, lambda found, account=account: found.controller == account)
        for account in stage.controllers
    ]
    for filters, fits in cases:
        assert [entry.value for entry in organizations.search(**filters)] == [o for o in everything if fits(o)], filters
    for key in stage.keys:
        owner, _ = organizations.of_key(key.address)
        assert [entry.value.id for entry in organizations.search(key=key.address)] == ([] if owner is None else [owner])
    pages = [organizations.search(limit=1)]
    while pages[-1]:
        pages.append(organizations.search(limit=1, after=pages[-1][0].value.id))
    assert [entry.value for page in pages for entry in page] == everything


def test_an_organization_is_as_the_client_reads_it_from_the_chain(index: Index, stage: Stage) -> None:
    client, organizations = stage.suite.organizations(), OrganizationIndex(latest(index))
    for name in client.names():
        entry = organizations.get(name, with_keys=True)
        expected = client.get(name, with_keys=True)
        in_order = tuple(sorted(expected.keys, key=lambda key: (key.added_at, key.key)))
        assert entry.value == replace(expected, keys=in_order)
        for kind in KINDS:
            assert organizations.contract_of(name, kind) == client.contract_of(name, kind)
    with pytest.raises(UnknownOrganization):
        organizations.get("nobody")


def test_an_identifier_with_a_wrong_check_digit_is_read_as_it_stands(tmp_path: Path) -> None:
    """The registry tests none, and another client may have assigned it."""
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, 1, 0) as stage, indexer(url, stage) as engine:
        wrong = to_padded("GLN"), to_padded("0614141000000")
        stage.rpc.call("evm_setAutomine", True)
        stage.suite.registry.send(stage.suite.registrar, "assignIdentifiers", organization_id(NAMES[3]), [wrong])
        engine.sync()
        with Index.open(url) as index:
            identifiers = OrganizationIndex(index.at("latest")).get(NAMES[3]).value.identifiers
    assert ("GLN", "0614141000000") in {(found.scheme, found.value) for found in identifiers}


def test_operations_are_as_the_client_reads_them_from_the_chain(index: Index, stage: Stage) -> None:
    client = stage.suite.governance()
    governance = GovernanceIndex(latest(index), client.describe)
    expected = client.operations()
    found = [entry.value for entry in governance.operations()]
    assert sorted(found, key=lambda operation: (operation.id, operation.nonce)) == sorted(
        expected, key=lambda operation: (operation.id, operation.nonce)
    )
    for state in OperationState:
        assert {(entry.value.id, entry.value.nonce) for entry in governance.operations(state)} == {
            (operation.id, operation.nonce) for operation in expected if operation.state is state
        }
    members = [(member.role, member.label, member.account) for member in client.members()]
    assert sorted((e.value.role, e.value.account) for e in governance.members()) == sorted(
        (role, account) for role, _, account in members
    )


def test_the_state_of_an_operation_is_that_of_the_views_time(index: Index, stage: Stage) -> None:
    seen = set()
    for block in range(stage.first_block + 1, stage.head + 1):
        governance = GovernanceIndex(index.at(block), time=stage.time_of(block))
        seen |= {entry.value.state for entry in governance.operations()}
    assert seen == set(OperationState)


def test_every_version_names_the_log_that_opened_it(index: Index, stage: Stage, record_property: Record) -> None:
    rows = []
    for entity in index.schema.entities:
        view = latest(index)
        for row in view.rows(entity, limit=10_000).rows:
            versions = view.history(entity, tuple(row.key.values()), limit=10_000).rows
            rows += versions
            for earlier, later in pairwise(versions):
                assert (earlier.until_block, earlier.until_log) <= (later.since_block, later.since_log)
    assert rows
    assert index.verify(rows, HttpRpc(stage.node.url)) == []
    record_property("counted: versions of entities verified against receipts", len(rows))


def test_the_history_of_an_organization_tells_each_act_and_reason(index: Index, stage: Stage) -> None:
    organizations = OrganizationIndex(latest(index))
    acts = set()
    for name in NAMES:
        try:
            history = organizations.history(name)
        except UnknownOrganization:
            continue
        assert history[0].value.act == "organization_admitted"
        assert history[-1].until is None
        assert all(version.until is not None for version in history[:-1])
        for version in history:
            kind = next(event for event in MODELLED if event_table(event) == version.value.act)
            page = index.at("latest").events(
                kind, {"block_number": version.since.block_number, "log_index": version.since.log_index}
            )
            (event,) = page.rows
            assert event.transaction_hash == version.since.transaction_hash
            assert event.event.organization == organization_id(name)
            assert version.value.reason == getattr(event.event, "reason", Reason.UNSPECIFIED)
            acts.add(version.value.act)
    assert {"licence_renewed", "organization_suspended", "recovery_contested", "controller_transferred"} <= acts


def event_table(event: type[ContractEvent]) -> str:
    return snake_case(event.__name__).lower()


def test_keys_and_recoveries_are_listed_by_state(index: Index, stage: Stage) -> None:
    organizations = OrganizationIndex(latest(index))
    for status in KeyStatus:
        expected = {key.address for key in stage.keys if organizations.of_key(key.address)[1] is status}
        if status is not KeyStatus.UNKNOWN:
            assert {entry.value.key for entry in organizations.keys(status=status)} == expected
    listed = [entry for state in RecoveryState for entry in organizations.recoveries(state)]
    assert {entry.value.organization for entry in listed} == {
        entry.value.organization for entry in organizations.recoveries()
    }
    for entry in listed:
        assert entry.value == organizations.recovery_history(entry.value.organization)[-1].value


def test_who_held_a_role_at_a_past_block(index: Index, stage: Stage) -> None:
    for block in stage.random.sample(range(stage.first_block + 1, stage.head), 10):
        governance = GovernanceIndex(index.at(block), time=stage.time_of(block))
        for role in ROLES:
            holders = {entry.value.account for entry in governance.members(role) if entry.value.holds}
            assert holders == {
                account
                for account in stage.accounts
                if stage.suite.manager.read("hasRole", role, account, block=block)[0]
            }
