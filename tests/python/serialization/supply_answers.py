"""What the index answers to the questions that `supply_acts` asks the contracts."""

from __future__ import annotations

from functools import cache
from typing import Any

from careledger.chain.indexer.reader import View
from careledger.contract_enums import ContainerState
from careledger.serialization.custody_read_model import SUPPLY_CHAIN
from careledger.serialization.index import SerializationIndex
from careledger.serialization.index_entries import UnitLocation
from indexer.stand import Question

DAY = 24 * 3600
LAST_DAY = 2**12 - 1
NOBODY = "0x" + 24 * "0"
ZERO_HASH = "0x" + 64 * "0"
ZERO_ADDRESS = "0x" + 40 * "0"
NO_CONTAINER: dict[str, Any] = {
    **dict.fromkeys(("holder", "receiver", "parent", "lot"), NOBODY),
    **dict.fromkeys(("state", "first", "count", "cases", "ended"), 0),
    **dict.fromkeys(("opened", "returned", "excursion"), False),
}


class IndexAnswers:
    """Each method is named for the contract's function, and answers as that does."""

    def __init__(self, view: View, time: int, operator: str) -> None:
        """`time` is the block's: the index does not keep the times of all."""
        self.view = view
        self.found = SerializationIndex(view, operator, time)
        self.where = cache(self._where)
        self.lot = cache(self.found.lot)
        self.unit = cache(self.found.unit)
        self.containerOf = cache(self._container_of)

    def to(self, question: Question) -> Any:
        function, *given = question
        return getattr(self, function)(*given)

    def _where(self, lot: str, unit: int) -> UnitLocation | None:
        return self.found.where_is(lot, unit)

    # ------------------------------------------------------------------ custody

    def _container_of(self, container: str) -> dict[str, Any]:
        found = self.found.container(container)
        if found is None:
            return NO_CONTAINER
        value = found.value
        return {
            "state": value.state,
            "holder": value.holder,
            "receiver": value.receiver or NOBODY,
            "parent": value.parent or NOBODY,
            "lot": value.lot or NOBODY,
            "first": value.first_unit or 0,
            "count": value.units or 0,
            "cases": value.cases or 0,
            "opened": value.opened,
            "returned": value.returned,
            "excursion": value.excursion,
            "ended": value.ended,
        }

    def shipmentOf(self, container: str) -> dict[str, Any]:
        found = self.found.shipments_of(container)
        if not found:
            return {"sender": NOBODY, "carrier": NOBODY, "deadline": 0, "is_return": False}
        value = found[-1].value
        assert value.shipment >= len(found)
        return {
            "sender": value.sender,
            "carrier": value.carrier or NOBODY,
            "deadline": value.deadline,
            "is_return": value.is_return,
        }

    def inHand(self, container: str) -> tuple[str, str]:
        found = self.found.container(container)
        if found is None:
            return NOBODY, NOBODY
        value = found.value
        hand = NOBODY
        if value.state is ContainerState.HELD:
            hand = value.holder
        elif value.state is ContainerState.IN_TRANSIT:
            hand = value.carrier or value.holder
        return hand, value.lot or NOBODY

    def find(self, lot: str, unit: int, container: str) -> tuple[str, dict[str, Any]]:
        found = self.where(lot, unit)
        inner = None if found is None else (found.containers or (NOBODY,))[0]
        if found is None or inner != container:
            return NOBODY, NO_CONTAINER
        if inner != NOBODY:
            assert found.holder is not None
            return found.holder, self.containerOf(inner)
        known = self.lot(lot)
        if found.holder is None or (known is not None and unit >= known.value.packed):
            return NOBODY, NO_CONTAINER  # the maker's, of which the custody knows nothing
        place = {"state": ContainerState.HELD, "holder": found.holder, "excursion": found.excursion}
        return found.holder, {**NO_CONTAINER, **place}

    def lots(self) -> str:
        return self._connected("lots")

    def coldChain(self) -> str:
        return self._connected("cold_chain")

    def escrow(self) -> str:
        return self._connected("escrow")

    def _connected(self, name: str) -> str:
        (row,) = self.view.rows(SUPPLY_CHAIN).rows
        return row.values[name] or ZERO_ADDRESS

    # ------------------------------------------------------------------ lots

    def lotOf(self, lot: str) -> dict[str, Any]:
        found = self.lot(lot)
        names = ("commissioned_day", "expiry_day", "packed", "depth", "tranches", "kind", "recall_class")
        if found is None:
            return {"maker": NOBODY, **dict.fromkeys(names, 0), "recall_reason": 0}
        value = found.value
        return {
            "maker": value.maker,
            "commissioned_day": value.commissioned_at // DAY,
            "expiry_day": value.expiry_day or 0,
            **{name: getattr(value, name) for name in names[2:]},
            "recall_reason": value.recall_reason,
        }

    def rootOf(self, lot: str, tranche: int) -> str:
        found = self.lot(lot)
        return found.value.roots[tranche] if found and tranche < len(found.value.roots) else ZERO_HASH

    def unitOf(self, lot: str, unit: int) -> tuple[int, bool, int]:
        found, of = self.unit(lot, unit), self.lot(lot)
        if found is None or of is None:
            return 0, False, 0
        value, first = found.value, of.value.commissioned_at // DAY
        day = min(value.changed_at // DAY - first, LAST_DAY) + first if value.status and value.changed_at else 0
        return value.status, value.suspect, day

    def investigationOf(self, lot: str, unit: int) -> dict[str, Any]:
        found = self.unit(lot, unit)
        if found is None or found.value.investigator is None:
            return {"by": NOBODY, "raised_at": 0, "determined_at": 0, "notified_at": 0}
        value = found.value
        return {
            "by": value.investigator,
            "raised_at": value.suspected_at,
            "determined_at": value.determined_at or 0,
            "notified_at": value.notified_at or 0,
        }

    def isMakerOf(self, product: str, maker: str) -> bool:
        return self.found.is_maker(product, maker)

    # ------------------------------------------------------------------ beside custody

    def orderOf(self, order: str) -> dict[str, Any]:
        found = self.found.order(order)
        if found is None:
            zeros = dict.fromkeys(("deadline", "status", "amount", "paid"), 0)
            parties = dict.fromkeys(("buyer", "seller", "container"), NOBODY)
            return {**zeros, **parties, "received": False, "token": ZERO_ADDRESS}
        value = found.value
        names = ("buyer", "seller", "deadline", "status", "received", "token", "amount", "paid")
        return {**{name: getattr(value, name) for name in names}, "container": value.container or NOBODY}

    def creditOf(self, organization: str, token: str) -> int:
        return self.found.credits_of(organization).get(token, 0)

    def deviceOf(self, device: str) -> dict[str, Any]:
        found = self.found.device(device)
        if found is None:
            return {"operator": NOBODY, "curve": 0, "retired": False, "x": ZERO_HASH, "y": ZERO_HASH}
        value = found.value
        retired = value.retired_at is not None
        return {
            "operator": value.organization,
            "curve": value.curve,
            "retired": retired,
            "x": value.x,
            "y": value.y,
        }

    def bindingOf(self, device: str) -> dict[str, Any]:
        found = self.found.binding(device)
        names = ("sequence", "excursions", "lowest", "highest", "highest_mean")
        if found is None:
            return {"container": NOBODY, "end": 0, **dict.fromkeys(names, 0)}
        value = found.value
        return {
            "container": value.container,
            "end": value.window_end,
            **{name: getattr(value, name) for name in names},
        }

    def limitsOf(self, lot: str) -> dict[str, int]:
        found = self.found.limits(lot)
        names = ("lowest", "highest", "highest_mean")
        return dict.fromkeys(names, 0) if found is None else {name: getattr(found.value, name) for name in names}

    def headOf(self, lot: str, unit: int) -> tuple[int, str]:
        found = self.found.services(lot, unit)
        return (found[-1].value.sequence, found[-1].value.head) if found else (0, ZERO_HASH)
