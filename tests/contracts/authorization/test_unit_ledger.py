"""reserve, release, consume, restore, setWriter."""

from __future__ import annotations

import ape
import pytest

from ..support import ZERO, events, refusal, send
from .payer import CLASS, OTHER_CLASS

MEMBER, OTHER_MEMBER = b"member key one..", b"member key two.."
PERIOD = 2026
LIMIT = 20_000
LARGEST = 2**40 - 1
COUNT = (MEMBER, PERIOD, CLASS)


@pytest.fixture
def version_of_the_logic(deploy_payers, govern, registry, unit_ledger):
    """Deploys something that can write: a closed version."""
    return lambda: deploy_payers("RehearsalWork", registry, unit_ledger)


@pytest.fixture
def writer(unit_ledger, version_of_the_logic, payer_policy_administrator):
    """The ledger's writer."""
    contract = version_of_the_logic()
    send(unit_ledger.setWriter, contract, sender=payer_policy_administrator)
    return acting(contract)


def acting(contract):
    """A contract whose transactions the node makes."""
    account = ape.accounts.test_accounts.impersonate_account(contract.address)
    ape.networks.provider.set_balance(contract.address, 10**20)
    return account


def changed(reserved, used, count=COUNT):
    return [("UnitsChanged", *count, reserved, used)]


def balance(ledger, count=COUNT):
    return tuple(ledger.balanceOf(*count))


def foretold(ledger, writer, milli_units, limit=LIMIT, minimum=1, count=COUNT):
    """What `reserve` would answer."""
    return tuple(ledger.reserve.call(*count, milli_units, limit, minimum, sender=writer))


# ---------------------------------------------------------------------- reserve


def test_reserve_grants_all_within_the_limit(unit_ledger, writer):
    for before in (0, 8_000):
        assert foretold(unit_ledger, writer, 8_000) == (8_000, before)
        receipt = send(unit_ledger.reserve, *COUNT, 8_000, LIMIT, 8_000, sender=writer)
        assert events(receipt, unit_ledger) == changed(before + 8_000, 0)
    assert balance(unit_ledger) == (16_000, 0)


def test_reserve_grants_what_is_left(unit_ledger, writer):
    send(unit_ledger.reserve, *COUNT, 15_000, LIMIT, 1, sender=writer)
    assert foretold(unit_ledger, writer, 8_000, minimum=5_000) == (5_000, 15_000)
    receipt = send(unit_ledger.reserve, *COUNT, 8_000, LIMIT, 5_000, sender=writer)
    assert events(receipt, unit_ledger) == changed(LIMIT, 0)


@pytest.mark.parametrize("minimum", [5_001, 8_000])
def test_reserve_grants_nothing_below_the_minimum(unit_ledger, writer, minimum):
    send(unit_ledger.reserve, *COUNT, 15_000, LIMIT, 1, sender=writer)
    assert foretold(unit_ledger, writer, 8_000, minimum=minimum) == (0, 15_000)
    assert send(unit_ledger.reserve, *COUNT, 8_000, LIMIT, minimum, sender=writer).logs == []
    assert balance(unit_ledger) == (15_000, 0)


def test_reserve_counts_used_units(unit_ledger, writer):
    send(unit_ledger.reserve, *COUNT, LIMIT, LIMIT, 1, sender=writer)
    send(unit_ledger.consume, *COUNT, LIMIT - 1, sender=writer)
    assert foretold(unit_ledger, writer, 1) == (0, LIMIT)
    assert send(unit_ledger.reserve, *COUNT, 1, LIMIT, 1, sender=writer).logs == []
    assert balance(unit_ledger) == (1, LIMIT - 1)


def test_reserve_grants_nothing_if_the_limit_shrank(unit_ledger, writer):
    send(unit_ledger.reserve, *COUNT, LIMIT, LIMIT, 1, sender=writer)
    for limit in (LIMIT - 1, 1, 0):
        assert foretold(unit_ledger, writer, 1, limit=limit) == (0, LIMIT)
        assert send(unit_ledger.reserve, *COUNT, 1, limit, 1, sender=writer).logs == []


@pytest.mark.parametrize("minimum", [0, 1])
def test_reserve_of_nothing_changes_nothing(unit_ledger, writer, minimum):
    assert foretold(unit_ledger, writer, 0, minimum=minimum) == (0, 0)
    assert send(unit_ledger.reserve, *COUNT, 0, LIMIT, minimum, sender=writer).logs == []


def test_reserve_grants_up_to_the_largest_limit(unit_ledger, writer):
    send(unit_ledger.reserve, *COUNT, LARGEST - 1, LARGEST, 1, sender=writer)
    send(unit_ledger.consume, *COUNT, LARGEST - 1, sender=writer)
    assert foretold(unit_ledger, writer, LARGEST, limit=LARGEST) == (1, LARGEST - 1)
    send(unit_ledger.reserve, *COUNT, LARGEST, LARGEST, 1, sender=writer)
    assert balance(unit_ledger) == (1, LARGEST - 1)
    assert foretold(unit_ledger, writer, LARGEST, limit=LARGEST) == (0, LARGEST)


def test_counts_are_apart_by_member_period_and_class(unit_ledger, writer):
    counts = [
        (member, period, kind)
        for member in (MEMBER, OTHER_MEMBER, bytes(16), b"\xff" * 16)
        for period in (PERIOD, 0, 2**16 - 1)
        for kind in (CLASS, OTHER_CLASS, PERIOD, 0, 2**16 - 1)
    ]
    for i, count in enumerate(counts):
        send(unit_ledger.reserve, *count, i + 1, LIMIT, 1, sender=writer)
    assert [balance(unit_ledger, count) for count in counts] == [(i + 1, 0) for i in range(len(counts))]


# ---------------------------------------------------------------------- release, consume, restore


@pytest.fixture
def reserved(unit_ledger, writer):
    """10,000 are reserved and 4,000 used."""
    send(unit_ledger.reserve, *COUNT, 14_000, LIMIT, 1, sender=writer)
    send(unit_ledger.consume, *COUNT, 4_000, sender=writer)


def test_release_gives_units_back(unit_ledger, writer, reserved):
    receipt = send(unit_ledger.release, *COUNT, 3_000, sender=writer)
    assert events(receipt, unit_ledger) == changed(7_000, 4_000)
    send(unit_ledger.release, *COUNT, 7_000, sender=writer)
    assert balance(unit_ledger) == (0, 4_000)


def test_consume_counts_units_as_used(unit_ledger, writer, reserved):
    receipt = send(unit_ledger.consume, *COUNT, 10_000, sender=writer)
    assert events(receipt, unit_ledger) == changed(0, 14_000)
    assert balance(unit_ledger) == (0, 14_000)


def test_restore_counts_units_as_reserved(unit_ledger, writer, reserved):
    receipt = send(unit_ledger.restore, *COUNT, 4_000, sender=writer)
    assert events(receipt, unit_ledger) == changed(14_000, 0)
    assert balance(unit_ledger) == (14_000, 0)


def test_release_and_consume_revert_beyond_what_is_reserved(unit_ledger, writer, reserved):
    for change in (unit_ledger.release, unit_ledger.consume):
        for milli_units in (10_001, LARGEST):
            wanted = ("UnitLedgerNotReserved", *COUNT, milli_units, 10_000)
            assert refusal(change, *COUNT, milli_units, sender=writer) == wanted


def test_restore_reverts_beyond_what_is_used(unit_ledger, writer, reserved):
    for milli_units in (4_001, LARGEST):
        wanted = ("UnitLedgerNotReserved", *COUNT, milli_units, 4_000)
        assert refusal(unit_ledger.restore, *COUNT, milli_units, sender=writer) == wanted


# ---------------------------------------------------------------------- the writer


def test_ledger_is_written_by_its_writer_only(
    unit_ledger, writer, payer_admin, payer_policy_administrator, insurer, insurer_key, stranger
):
    for caller in (payer_admin, payer_policy_administrator, insurer_key, stranger):
        wanted = ("SingleWriterNotWriter", caller.address, writer.address)
        assert refusal(unit_ledger.reserve, *COUNT, 1, LIMIT, 1, sender=caller) == wanted
        for change in (unit_ledger.release, unit_ledger.consume, unit_ledger.restore):
            assert refusal(change, *COUNT, 0, sender=caller) == wanted


def test_set_writer_hands_the_counts_over(
    unit_ledger, writer, reserved, version_of_the_logic, payer_policy_administrator
):
    following = version_of_the_logic()
    receipt = send(unit_ledger.setWriter, following, sender=payer_policy_administrator)
    assert events(receipt, unit_ledger) == [("WriterChanged", writer.address, following.address)]
    assert foretold(unit_ledger, acting(following), LIMIT) == (LIMIT - 14_000, 14_000)
    wanted = ("SingleWriterNotWriter", writer.address, following.address)
    assert refusal(unit_ledger.release, *COUNT, 1, sender=writer) == wanted


def test_set_writer_of_the_ledger_reverts_while_one_is_open(
    unit_ledger, writer, version_of_the_logic, payer_policy_administrator, govern
):
    present, following = version_of_the_logic(), version_of_the_logic()
    send(unit_ledger.setWriter, present, sender=payer_policy_administrator)
    for opened in (present, following):
        govern(2, opened.openToNewWork, opened.closeToNewWork)
        send(opened.openToNewWork, sender=payer_policy_administrator)
        assert refusal(unit_ledger.setWriter, following, sender=payer_policy_administrator) == (
            "SingleWriterStillOpen",
            opened.address,
        )
        send(opened.closeToNewWork, sender=payer_policy_administrator)


def test_set_writer_of_the_ledger_reverts_for_no_version(unit_ledger, registry, stranger, payer_policy_administrator):
    for account in (stranger, registry, unit_ledger):
        assert refusal(unit_ledger.setWriter, account, sender=payer_policy_administrator) == (
            "SingleWriterNotAVersion",
            account.address,
        )
    assert unit_ledger.writer() == ZERO
