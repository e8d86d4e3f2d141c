"""What a person of the organization should look at: each rule is a function that counts, and answers whether it holds.

A rule that could not be looked at says so: it is neither raised nor clear. What a rule tells are counts, amounts, lots'
ids on the chain, times and blocks: nothing of a person, and no serial.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from careledger.chain.indexer.reader import View
from careledger.chain.outbox.states import IN_FLIGHT, State
from careledger.contract_enums import ContainerState, UnitStatus
from careledger.errors import CareLedgerError, NodeUnreachable
from careledger.gateway.problems import Refused, detail_of

if TYPE_CHECKING:
    from careledger.gateway.services import Services

__all__ = ["Alerts", "Finding", "Rule", "Severity", "Standing"]

KEPT_SECONDS = 2.0
"""So long a look at all rules counts as one of now: whoever reads the metrics cannot have more of them done."""

MOST_LOTS = 20
"""So many lots are named."""

NOT_IN_A_BLOCK = (State.QUEUED, *sorted(IN_FLIGHT))
FUNDS = "low-funds"
"""What the outbox calls it when its sender cannot pay for the next transaction."""


class Rule(StrEnum):
    """What is watched."""

    OUTBOX_STUCK = "outbox_stuck"
    LOW_FUNDS = "low_funds"
    OVERDUE = "overdue"
    VAULT_NEAR_FLOOR = "vault_near_floor"
    EXCURSION = "excursion"
    FALSIFIED_PACK = "falsified_pack"
    INDEX_BEHIND = "index_behind"


class Standing(StrEnum):
    """How a rule stands. NOT_WATCHED: this gateway has nothing of the kind, by its settings."""

    RAISED = "raised"
    CLEAR = "clear"
    NOT_CHECKED = "could not check"
    NOT_WATCHED = "not watched"


class Severity(StrEnum):
    """CRITICAL: something stands still, is late, or may harm a patient. WARNING: it will, if nobody acts."""

    CRITICAL = "critical"
    WARNING = "warning"


SEVERITIES = {
    Rule.OUTBOX_STUCK: Severity.CRITICAL,
    Rule.LOW_FUNDS: Severity.WARNING,
    Rule.OVERDUE: Severity.CRITICAL,
    Rule.VAULT_NEAR_FLOOR: Severity.WARNING,
    Rule.EXCURSION: Severity.CRITICAL,
    Rule.FALSIFIED_PACK: Severity.CRITICAL,
    Rule.INDEX_BEHIND: Severity.WARNING,
}

WATCHED_WITH = {
    Rule.OVERDUE: "payer",
    Rule.VAULT_NEAR_FLOOR: "payer",
    Rule.EXCURSION: "supply",
    Rule.FALSIFIED_PACK: "supply",
}
"""The setting without which there is nothing to watch."""


@dataclass(frozen=True)
class Finding:
    """How one rule stands. `since` in Unix seconds, if that can be known; `block` is the one that it was judged by, if
    it was by one; `figures` are counts, and amounts in wei or token minor units; `problem` says why it was not
    checked."""

    rule: Rule
    standing: Standing
    since: int | None = None
    block: int | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    lots: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.rule]


class Alerts:
    """The rules of one gateway."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looking = threading.Lock()
        self._looked_at = -KEPT_SECONDS
        self._found: tuple[Finding, ...] = ()

    def now(self) -> tuple[Finding, ...]:
        """How each rule stands, as of the last seconds. Raises nothing of what this package foresees."""
        with self._looking:
            if time.monotonic() - self._looked_at > KEPT_SECONDS:
                self._found = tuple(self._look())
                self._looked_at = time.monotonic()
            return self._found

    def _look(self) -> Iterator[Finding]:
        """A node that does not answer is asked once, not by every rule: each would wait for it."""
        silent: NodeUnreachable | None = None
        for rule in Rule:
            setting = WATCHED_WITH.get(rule)
            if setting is not None and getattr(self._services.settings, setting) is None:
                yield Finding(rule, Standing.NOT_WATCHED)
                continue
            try:
                if silent is not None:
                    raise silent
                found = _RULES[rule](self._services)
            except Refused as refusal:
                yield Finding(rule, Standing.NOT_CHECKED, problem=refusal.detail)
            except CareLedgerError as error:
                silent = error if isinstance(error, NodeUnreachable) else silent
                yield Finding(rule, Standing.NOT_CHECKED, problem=detail_of(error))
            else:
                yield Finding(rule, Standing.NOT_WATCHED) if found is None else found


# ---------------------------------------------------------------------- of every gateway


def _outbox_stuck(services: Services) -> Finding:
    """Something is older than the setting allows and in no block, or the outbox itself says that its sender is stuck,
    cannot sign, or that its nonce was used by somebody else."""
    sender = services.signer.address
    oldest = [one for state in NOT_IN_A_BLOCK for one in services.outbox.records(state, sender, limit=1)]
    status = next((one for one in services.outbox.status().senders if one.address == sender), None)
    counts = {} if status is None else status.counts
    hindrances = [] if status is None else [one for one in status.alerts if one.kind != FUNDS]
    since = min((one.queued_at for one in oldest), default=None)
    seconds = 0 if since is None else max(0, int(time.time()) - since)
    raised = bool(hindrances) or seconds > services.settings.alert_outbox_seconds
    if hindrances:
        began = min(one.since for one in hindrances)
        since = began if since is None else min(since, began)
    return _finding(
        Rule.OUTBOX_STUCK,
        raised,
        since,
        {
            "waiting": sum(counts.get(state, 0) for state in NOT_IN_A_BLOCK),
            "oldest_seconds": seconds,
            "hindrances": len(hindrances),
        },
    )


def _low_funds(services: Services) -> Finding:
    """The key that pays for transactions has less than the setting asks for."""
    address = services.signer.address
    balance, least = services.connection.balance_wei(address), services.settings.alert_funds_wei
    return _finding(Rule.LOW_FUNDS, balance < least, None, {"balance_wei": balance, "least_wei": least})


def _index_behind(services: Services) -> Finding:
    """The index, which most answers are read from, is further behind the chain than the setting allows."""
    behind = services.index.standing().blocks_behind
    most = services.settings.alert_index_blocks
    return _finding(Rule.INDEX_BEHIND, behind > most, None, {"blocks_behind": behind, "most": most})


# ---------------------------------------------------------------------- of an insurer's


def _overdue(services: Services) -> Finding | None:
    """Lines that wait for a person, and should have been answered by now."""
    if not _is_insurers(services):
        return None
    from careledger.authorization.index import AuthorizationIndex

    payer, now = services.payer, services.connection.now()
    here = payer.authorizations.address

    def ask(view: View) -> list[int]:
        due = AuthorizationIndex(view, payer.insurer).queue(due_before=now, limit=1_000_000)
        return [one.value.due_at for one in due if one.value.contract == here]

    due, as_of = services.index.read(ask, contract=here)
    return _finding(Rule.OVERDUE, bool(due), min(due, default=None), {"lines": len(due)}, as_of.block_number)


def _vault_near_floor(services: Services) -> Finding | None:
    """What is free in the insurer's vault is little more than what has to stay in it, or payments wait for money."""
    if not _is_insurers(services):
        return None
    from careledger.authorization.claims import Claims

    funds = Claims(services.payer).funds()
    least = funds.floor * (100 + services.settings.alert_vault_percent) // 100
    figures = {"free": funds.free, "floor": funds.floor, "least": least, "payments_waiting": funds.waiting}
    return _finding(Rule.VAULT_NEAR_FLOOR, funds.free <= least or funds.waiting > 0, None, figures)


def _is_insurers(services: Services) -> bool:
    return services.payer.insurer == services.organization


# ---------------------------------------------------------------------- of one that handles packs


def _excursion(services: Services) -> Finding:
    """Containers that the organization packed, has, or is to get, and whose cold chain was broken, are still about."""
    from careledger.serialization.index import SerializationIndex, published_in
    from careledger.serialization.index_rows import Rows
    from careledger.serialization.trade_read_model import WINDOW

    supply, own = services.supply, services.organization

    def ask(view: View) -> list[tuple[str, int, str | None]]:
        index = SerializationIndex(view, supply.operator)
        equal = {"contract": published_in(view, supply.operator), "excursion": True}
        found = []
        for window in Rows(view).all(WINDOW, equal):
            held = index.container(window["container"])
            if held is None or held.value.state is ContainerState.ENDED:
                continue
            if own in (held.value.packer, held.value.holder, held.value.receiver):
                found.append((window["container"], window["recorded_at"], held.value.lot))
        return found

    found, as_of = services.index.read(ask, contract=supply.lots.address)
    return _finding(
        Rule.EXCURSION,
        bool(found),
        min((recorded_at for _, recorded_at, _ in found), default=None),
        {"containers": len({container for container, _, _ in found}), "windows": len(found)},
        as_of.block_number,
        {lot for _, _, lot in found if lot is not None},
    )


def _falsified_pack(services: Services) -> Finding:
    """Packs that the organization made, has, or looks into are suspect, or were found illegitimate and not everybody
    was told yet."""
    from careledger.serialization.index import SerializationIndex, published_in
    from careledger.serialization.index_rows import Rows
    from careledger.serialization.read_model import UNIT

    supply, own = services.supply, services.organization

    def ask(view: View) -> list[tuple[str, int, bool]]:
        index, rows = SerializationIndex(view, supply.operator), Rows(view)
        here = {"contract": published_in(view, supply.operator)}
        untold = rows.all(UNIT, {**here, "status": int(UnitStatus.ILLEGITIMATE), "notified_at": None})
        found = []
        for row in (*rows.all(UNIT, {**here, "suspect": True}), *untold):
            lot, place = index.lot(row["lot"]), index.where_is(row["lot"], row["unit"])
            parties = {row["investigator"], lot and lot.value.maker, place and place.holder}
            if own in parties:
                since = row["suspected_at"] if row["suspect"] else row["determined_at"]
                found.append((row["lot"], since, row["suspect"]))
        return found

    found, as_of = services.index.read(ask, contract=supply.lots.address)
    suspect = sum(is_suspect for _, _, is_suspect in found)
    return _finding(
        Rule.FALSIFIED_PACK,
        bool(found),
        min((since for _, since, _ in found), default=None),
        {"suspect": suspect, "illegitimate": len(found) - suspect},
        as_of.block_number,
        {lot for lot, _, _ in found},
    )


def _finding(
    rule: Rule,
    raised: bool,
    since: int | None,
    figures: Mapping[str, int],
    block: int | None = None,
    lots: set[str] | None = None,
) -> Finding:
    standing = Standing.RAISED if raised else Standing.CLEAR
    named = tuple(sorted(lots or ()))[:MOST_LOTS]
    return Finding(rule, standing, since if raised else None, block, figures, named)


_RULES: Mapping[Rule, Callable[[Services], Finding | None]] = {
    Rule.OUTBOX_STUCK: _outbox_stuck,
    Rule.LOW_FUNDS: _low_funds,
    Rule.OVERDUE: _overdue,
    Rule.VAULT_NEAR_FLOOR: _vault_near_floor,
    Rule.EXCURSION: _excursion,
    Rule.FALSIFIED_PACK: _falsified_pack,
    Rule.INDEX_BEHIND: _index_behind,
}
