"""Goods of a maker's for tests of what goes with them: a lot, and a container with some of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from careledger.contract_enums import LotKind
from careledger.serialization import container_id, lot_id
from careledger.serialization.custody import Custody
from careledger.serialization.lots import Lots
from careledger.serialization.types import LotTerms
from identity.suite import DAY
from serialization.supply_stage import SupplyStage, Trader

__all__ = ["Goods", "goods"]

DEPTH = 6


@dataclass(frozen=True)
class Goods:
    """A lot of 64 numbers, of which the container has the first ones. Nobody has its tree: its units prove nothing."""

    lot: str
    container: str


def goods(stage: SupplyStage, maker: Trader, kind: LotKind = LotKind.MEDICINE, count: int = 10) -> Goods:
    """A new lot, and a container with its first units."""
    supply, reference = stage.as_(maker.key), os.urandom(32)
    lot, container = lot_id(maker.id, reference), container_id(maker.id, reference)
    expiry = 0 if kind is LotKind.DEVICE else stage.suite.now // DAY + 365
    Lots(supply).commission(reference, LotTerms(expiry, DEPTH, kind), os.urandom(32))
    Custody(supply).pack_range(reference, lot, 0, count)
    return Goods(lot, container)
