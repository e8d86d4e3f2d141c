"""An insurer's vault on an Anvil: deposits, limits, withdrawals, payments that wait for money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from careledger.authorization.treasury import Treasury, Withdrawal
from careledger.chain.token import Token
from careledger.contract_errors import (
    AccessManagedUnauthorized,
    InsurerVaultNotFree,
    InsurerVaultNothingFunded,
    InsurerVaultNotReady,
)
from careledger.contract_events import Deposited, LimitsChanged, ProviderCredited, Withdrawn
from careledger.errors import InvalidInput, NodeRefused
from identity.suite import travel
from payer_requests import DOLLAR, EQUIPMENT, asked, claimed
from provider_world import FUNDS, ProviderWorld

DAY = 86_400


@pytest.fixture
def unchanged(world: ProviderWorld) -> Iterator[ProviderWorld]:
    rpc = world.connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield world
    assert rpc.call("evm_revert", snapshot)


@pytest.fixture
def treasury(unchanged: ProviderWorld) -> Treasury:
    return Treasury(unchanged.payer_as(unchanged.admin))


def test_money_comes_in(unchanged: ProviderWorld, treasury: Treasury) -> None:
    before = treasury.figures()
    assert (before.balance, before.available, before.free, before.decimals) == (FUNDS, FUNDS, FUNDS, 6)
    with pytest.raises(InvalidInput, match="has 0 minor units"):
        treasury.deposit(5)
    vault = unchanged.payer.vault.address
    unchanged.pay(unchanged.admin, 10 * DOLLAR, vault)
    # An allowance that is too small is raised from zero.
    treasury.token.allow(unchanged.admin, unchanged.hospital.address, 1)
    assert len(treasury.token.allow(unchanged.admin, unchanged.hospital.address, 2)) == 2
    for amount in (4 * DOLLAR, 6 * DOLLAR):
        assert treasury.deposit(amount).event(Deposited).amount == amount
    assert treasury.figures().available == FUNDS + 10 * DOLLAR
    assert treasury.token.allowance(unchanged.admin.address, vault) == 0


def test_limits_are_set_one_or_both(treasury: Treasury) -> None:
    treasury.set_limits(floor=100 * DOLLAR)
    event = treasury.set_limits(daily_cap=7 * DOLLAR).event(LimitsChanged)
    assert (event.floor, event.daily_cap) == (100 * DOLLAR, 7 * DOLLAR)
    found = treasury.figures()
    assert (found.floor, found.daily_cap) == (100 * DOLLAR, 7 * DOLLAR)


def test_money_goes_out_after_the_delay(unchanged: ProviderWorld, treasury: Treasury) -> None:
    recipient = unchanged.patient.address
    treasury.request_withdrawal(recipient, 3 * DOLLAR)
    waits = treasury.figures().withdrawal
    assert isinstance(waits, Withdrawal)
    assert (waits.amount, waits.recipient) == (3 * DOLLAR, recipient)
    with pytest.raises(InsurerVaultNotReady):
        treasury.withdraw()
    travel(unchanged.connection, 8 * DAY)
    before = treasury.token.balance_of(recipient)
    assert treasury.withdraw().event(Withdrawn).amount == 3 * DOLLAR
    assert treasury.token.balance_of(recipient) == before + 3 * DOLLAR
    assert treasury.figures().withdrawal is None
    treasury.request_withdrawal(recipient, FUNDS)
    travel(unchanged.connection, 8 * DAY)
    with pytest.raises(InsurerVaultNotFree):
        treasury.withdraw()


def test_what_waits_for_money_is_credited_when_there_is_some(unchanged: ProviderWorld, treasury: Treasury) -> None:
    with pytest.raises(InsurerVaultNothingFunded):
        treasury.credit_unfunded(5)
    treasury.request_withdrawal(unchanged.admin.address, FUNDS)
    travel(unchanged.connection, 8 * DAY)
    treasury.withdraw()
    key = claimed(unchanged, asked(unchanged, EQUIPMENT))
    found = treasury.figures()
    assert (found.available, found.free, found.waiting) == (0, 0, 1)
    assert found.unfunded > 0
    treasury.deposit(found.unfunded)
    assert treasury.credit_unfunded(5).event(ProviderCredited).claim == key
    assert treasury.figures().waiting == 0


def test_only_the_treasurer_may(unchanged: ProviderWorld) -> None:
    stranger = Treasury(unchanged.payer_as(unchanged.hospital))
    for act in (
        lambda: stranger.set_limits(1, 1),
        lambda: stranger.request_withdrawal(unchanged.hospital.address, 1),
        lambda: stranger.withdraw(),
    ):
        with pytest.raises(AccessManagedUnauthorized):
            act()


def test_what_is_no_token_is_told(unchanged: ProviderWorld) -> None:
    with pytest.raises(NodeRefused, match="does not answer decimals"):
        Token(unchanged.connection, unchanged.hospital.address).decimals()
