"""Bulk admission through an outbox: what fits into a transaction, the same receipts, and kills."""

from __future__ import annotations

import collections
import itertools
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import TRANSACTION_GAS_CAP, Connection
from careledger.chain.deployment import Deployer, Deployment, Parameters, suite_plan
from careledger.chain.development import Node, development_signer, embedded_connection
from careledger.chain.outbox import IN_FLIGHT, Outbox, Policy, State, worker
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.contract_errors import OrganizationRegistryAlreadyAdmitted
from careledger.contract_events import OrganizationAdmitted
from careledger.errors import ConfigurationError
from careledger.identity import Admission, Identifier, MemberRole, Organizations, Standing, organizations
from eth_account import Account
from identity.suite import Suite, deploy_suite

Record = Callable[[str, object], None]

REGISTRAR = development_signer(1)
CONTROLLER = development_signer(4)
SEPOLIA = 11155111
LICENCE_EXPIRY = 2_208_988_800
NUMBERS = itertools.count()
SCHEME = "S" * 32
IDENTIFIERS = 40
"""Of each organization where few are to fill a transaction."""

TRANSACTIONS = 4
ORGANIZATIONS_OF_ONE = 14
DEADLINE_SECONDS = 120
BLOCK_SECONDS = "0.2"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["careledger.client", "careledger.chain.outbox", "careledger.chain.development"])


def worst(identifiers: int) -> Admission:
    """An admission that costs as much as any with so many identifiers: no byte of it is zero."""
    name = f"{next(NUMBERS):064d}".replace("0", "z")
    return Admission(
        name=name,
        controller=CONTROLLER.address,
        member_roles=frozenset(MemberRole),
        licence_expiry=LICENCE_EXPIRY,
        identifiers=tuple(Identifier(SCHEME, f"{number:03d}{name[-29:]}") for number in range(identifiers)),
        metadata_commitment="0x" + 32 * "ff",
    )


def few(count: int, prefix: str, identifiers: int = 0) -> list[Admission]:
    return [
        Admission(
            name=f"{prefix}-{number}",
            controller=CONTROLLER.address,
            member_roles=frozenset({MemberRole.PROVIDER}),
            licence_expiry=LICENCE_EXPIRY,
            identifiers=tuple(Identifier("LOCAL", f"{prefix}-{number}/{index}") for index in range(identifiers)),
        )
        for number in range(count)
    ]


def admitted(organizations: Organizations) -> collections.Counter[str]:
    """How often each name was admitted."""
    log = organizations._log([OrganizationAdmitted])
    return collections.Counter(entry.event.name for entry in log if isinstance(entry.event, OrganizationAdmitted))


def transactions(connection: Connection, sender: str, registry: str) -> int:
    """How many transactions of a sender to the registry are on chain."""
    count = 0
    for number in range(1, connection.block_number() + 1):
        block: Any = connection.web3.eth.get_block(number, full_transactions=True)
        count += sum(sent["from"] == sender and sent.get("to") == registry for sent in block["transactions"])
    return count


@pytest.fixture(scope="module")
def own_suite() -> Iterator[Suite]:
    """On a node of its own."""
    with Node() as node:
        yield deploy_suite(node.connect())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'outbox.db'}"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two organizations without identifiers fill a transaction."""
    monkeypatch.setattr(organizations, "TRANSACTION_GAS_CAP", 300_000)


# ---------------------------------------------------------------------- what fits


@pytest.mark.parametrize("identifiers", [0, 2, 8])
def test_a_full_transaction_fits_at_its_worst(own_suite: Suite, identifiers: int, record_property: Record) -> None:
    chunk, rest = itertools.islice(organizations._chunks([worst(identifiers) for _ in range(400)]), 2)
    assert rest
    registry = own_suite.registry
    call = {
        "from": REGISTRAR.address,
        "to": registry.address,
        "data": "0x" + registry.encode("admitMany", [organizations._to_abi(one) for one in chunk]).hex(),
    }
    gas = own_suite.connection.web3.eth.estimate_gas(call, "pending")  # type: ignore[arg-type]
    assert TRANSACTION_GAS_CAP * 0.8 < gas <= TRANSACTION_GAS_CAP, f"{gas:,} for {len(chunk)}"
    record_property(f"organizations in a transaction, {identifiers} identifiers", f"{len(chunk)}, {gas:,} gas")


def test_admissions_are_divided_in_order_and_none_is_lost() -> None:
    huge = worst(700)
    admissions = [*few(200, "some", 3), huge, *few(3, "more")]
    chunks = list(organizations._chunks(admissions))
    assert [one for chunk in chunks for one in chunk] == admissions
    assert [huge] in chunks  # too much for any transaction: the chain says so
    assert list(organizations._chunks(admissions)) == chunks
    assert list(organizations._chunks([])) == []


# ---------------------------------------------------------------------- the same as without


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("chain", ["anvil", "ganache"], indirect=True)
def test_receipts_are_the_same_as_without_an_outbox(chain: Connection, url: str, record_property: Record) -> None:
    direct, stored = deploy_suite(chain, 1, 100), deploy_suite(chain, 1, 101)
    assert direct.registry.address != stored.registry.address
    admissions = few(5, f"bulk-{next(NUMBERS)}")
    progress: list[tuple[int, int]] = []
    with Outbox.open(url, chain) as outbox:
        nonce = chain.nonce(REGISTRAR.address)
        receipts = stored.organizations(REGISTRAR).admit_many(admissions, lambda *done: progress.append(done), outbox)
        assert chain.nonce(REGISTRAR.address) == nonce + 3
        records = outbox.records()
        again = stored.organizations(REGISTRAR).admit_many(admissions, outbox=outbox)
        assert outbox.records() == records
        assert chain.nonce(REGISTRAR.address) == nonce + 3
        other = direct.organizations(REGISTRAR).admit_many(admissions[:2], outbox=outbox)  # another registry
        assert len(outbox.records()) == 4
    assert again == receipts
    expected = direct.organizations(REGISTRAR).admit_many(admissions[2:])
    assert [(one.events, one.gas_used) for one in receipts] == [
        (one.events, one.gas_used) for one in [*other, *expected]
    ]
    assert [record.state for record in records] == [State.CONFIRMED] * 3
    assert [record.transaction_hash for record in records] == [one.transaction_hash for one in receipts]
    assert {record.label for record in records} == {"OrganizationRegistry.admitMany"}
    assert progress[-1] == (5, 5)
    assert set(progress) <= {(2, 5), (4, 5), (5, 5)}
    assert admitted(stored.organizations()) == collections.Counter(one.name for one in admissions)
    record_property("counted: bulk admission through an outbox, organizations", len(admissions))


@pytest.mark.full
@pytest.mark.parametrize("chain", ["ganache"], indirect=True)
def test_full_transactions_go_through_an_outbox_on_ganache_too(chain: Connection, url: str) -> None:
    suite = deploy_suite(chain, 1, 102)
    admissions = few(18, f"bulk-{next(NUMBERS)}", IDENTIFIERS)
    with Outbox.open(url, chain) as outbox:
        receipts = suite.organizations(REGISTRAR).admit_many(admissions, outbox=outbox)
    assert len(receipts) == 2
    assert sum(receipt.gas_used for receipt in receipts) > TRANSACTION_GAS_CAP
    assert admitted(suite.organizations()) == collections.Counter(one.name for one in admissions)


@pytest.mark.usefixtures("small")
def test_after_a_refused_admission_nothing_waits_and_the_repaired_list_goes_on(own_suite: Suite, url: str) -> None:
    registrar = own_suite.organizations(REGISTRAR)
    admissions = few(6, f"bulk-{next(NUMBERS)}")
    registrar.admit(admissions[3])
    wrong = [*admissions]
    wrong[3] = Admission(**{**vars(admissions[3]), "controller": REGISTRAR.address})
    with Outbox.open(url, own_suite.connection) as outbox:
        with pytest.raises(OrganizationRegistryAlreadyAdmitted) as raised:
            registrar.admit_many(wrong, outbox=outbox)
        assert raised.value.name == admissions[3].name
        assert [record.state for record in outbox.records()][:2] == [State.CONFIRMED, State.REFUSED]
        assert State.QUEUED not in outbox.counts()
        assert registrar.membership(admissions[2].name).standing is Standing.UNKNOWN
        assert len(registrar.admit_many(admissions, outbox=outbox)) == 3
        assert [record.state for record in outbox.records()] == [State.CONFIRMED, State.REFUSED, *[State.CONFIRMED] * 2]
    assert all(admitted(registrar)[one.name] == 1 for one in admissions)


def test_outside_a_local_chain_an_admission_is_waited_for_until_it_is_final(url: str) -> None:
    registrar = LocalSigner(Account.create())
    with Node(chain_id=SEPOLIA, options=("--block-time", BLOCK_SECONDS)) as node:
        connection = node.connect()
        connection.web3.provider.make_request("anvil_setBalance", [registrar.address, hex(10**20)])  # type: ignore[arg-type]
        plan = suite_plan(Parameters(*(registrar.address,) * 4, rule_delay_seconds=1, admin_delay_seconds=0))
        deployment = Deployer(connection, registrar, plan, allow_plain_key_admin=True).run()
        ledger = CareLedger(connection, deployment, registrar)
        with Outbox.open(url, connection) as outbox:
            (receipt,) = ledger.organizations.admit_many(few(1, "public"), outbox=outbox)
        assert connection.block_number() >= receipt.block_number + Policy().confirmations - 1


def test_an_in_process_chain_has_no_outbox(url: str) -> None:
    suite = deploy_suite(embedded_connection())
    with Outbox.open(url, suite.connection) as outbox:
        with pytest.raises(ConfigurationError):
            suite.organizations(REGISTRAR).admit_many(few(1, "bulk"), outbox=outbox)
        assert outbox.records() == []
    assert len(suite.organizations(REGISTRAR).admit_many(few(1, "bulk"))) == 1


# ---------------------------------------------------------------------- kills


@dataclass(frozen=True)
class Orders:
    """What a child process is to do. `die_at` is a point of the outbox's work, at whose `die_at_count`-th passing it
    kills itself by SIGKILL."""

    rpc_url: str
    deployment: Deployment
    database_url: str
    admissions: Sequence[Admission]
    die_at: str | None = None
    die_at_count: int = 1


def work(orders: Orders) -> None:
    signal.alarm(DEADLINE_SECONDS)
    left = orders.die_at_count

    def reached(point: str) -> None:
        nonlocal left
        left -= point == orders.die_at
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    worker._reached = reached
    connection = Connection.open(orders.rpc_url)
    ledger = CareLedger(connection, orders.deployment, REGISTRAR)
    with Outbox.open(orders.database_url, connection) as outbox:
        ledger.organizations.admit_many(orders.admissions, outbox=outbox)


def was_killed(orders: Orders, after_seconds: float | None = None) -> bool:
    """Runs a child process; whether it was killed, by itself or after a time, before it was done."""
    process = _context.Process(target=work, args=(orders,), daemon=True)
    process.start()
    try:
        process.join(DEADLINE_SECONDS if after_seconds is None else after_seconds)
    finally:
        process.kill()
        process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def aims(rng: random.Random) -> Iterator[dict[str, Any]]:
    """For ever: a point of the work, then a moment."""
    while True:
        yield {"die_at": rng.choice(worker.POINTS), "die_at_count": rng.randint(1, 2)}
        yield {"after_seconds": rng.uniform(0.2, 2)}


def where_it_landed(url: str) -> str:
    """What a kill left, told by the outbox."""
    try:
        with Outbox.offline(url) as outbox:
            states = outbox.counts().keys()
    except ConfigurationError:
        states = set()
    if not states:
        return "before anything was stored"
    if states & (IN_FLIGHT | {State.INCLUDED}):
        return "with transactions on their way"
    if State.QUEUED in states:
        return "with transactions waiting, none on its way"
    return "when all were on chain"


def kill_and_resume(kills: int, kills_on_a_chain: int, folder: Path, seed: int, record: Record) -> None:
    aim = aims(random.Random(seed))
    killed: collections.Counter[str] = collections.Counter()
    chunks_in_all = 0
    for chain in itertools.count():
        if killed.total() == kills:
            break
        prefix = f"killed-{chain}"
        url = f"sqlite:///{folder / f'{prefix}.db'}"
        admissions = few(TRANSACTIONS * ORGANIZATIONS_OF_ONE, prefix, IDENTIFIERS)
        with Node(options=("--block-time", BLOCK_SECONDS)) as node:
            connection = node.connect()
            suite = deploy_suite(connection)
            orders = (node.url, suite.ledger.deployment, url, admissions)
            for _ in range(min(kills_on_a_chain, kills - killed.total())):
                told = next(aim)
                after_seconds = told.pop("after_seconds", None)
                if not was_killed(Orders(*orders, **told), after_seconds):
                    break
                killed[where_it_landed(url)] += 1
            assert not was_killed(Orders(*orders))
            with Outbox.offline(url) as outbox:
                assert outbox.counts() == {State.CONFIRMED: TRANSACTIONS}
            assert admitted(suite.organizations()) == collections.Counter(one.name for one in admissions)
            on_chain = transactions(connection, REGISTRAR.address, suite.registry.address)
            assert on_chain == TRANSACTIONS == connection.nonce(REGISTRAR.address, "latest")
            chunks_in_all += on_chain
    for where, count in killed.items():
        record(f"counted: bulk admission killed {where}", count)
    record("counted: bulk admission, transactions of killed runs, each once on chain", chunks_in_all)
    assert killed.total() == kills


def test_a_bulk_admission_is_resumed_after_four_kills(tmp_path: Path, record_property: Record) -> None:
    assert len(list(organizations._chunks(few(TRANSACTIONS * ORGANIZATIONS_OF_ONE, "x", IDENTIFIERS)))) == TRANSACTIONS
    kill_and_resume(4, 4, tmp_path, seed=2812, record=record_property)


@pytest.mark.full
def test_a_bulk_admission_is_resumed_after_many_kills(tmp_path: Path, record_property: Record) -> None:
    seed = random.SystemRandom().randrange(2**32)
    record_property("seed", seed)
    kill_and_resume(20, 3, tmp_path, seed, record_property)
