"""What a demo is told. Amounts are in wei."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from careledger.errors import InvalidInput

__all__ = [
    "LOT_UNITS",
    "LOT_UNITS_STEP",
    "MOST_LOT_UNITS",
    "RECOVERY_DELAY_SECONDS",
    "RULE_DELAY_SECONDS",
    "Settings",
]

RULE_DELAY_SECONDS = 5
RECOVERY_DELAY_SECONDS = 5

LOT_UNITS = 2_000
LOT_UNITS_STEP = 400
MOST_LOT_UNITS = 100_000


@dataclass(frozen=True)
class Settings:
    """`deployments` is the folder for the manifest; None keeps it in memory, for a chain that ends with the demo.

    `books` is the folder where the organizations' vaults stay; None for one that ends with the demo. `budget_wei` is
    the most that the funder spends in this run, None for no limit. `refund` sends back what the actors have left.
    `lot_units` is how many packs the lot of the supply chain has. Raises InvalidInput for a lot that is not to be
    divided into the demo's cases.
    """

    deployments: Path | None = None
    budget_wei: int | None = None
    rule_delay_seconds: int = RULE_DELAY_SECONDS
    recovery_delay_seconds: int = RECOVERY_DELAY_SECONDS
    refund: bool = False
    lot_units: int = LOT_UNITS
    books: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.lot_units <= MOST_LOT_UNITS or self.lot_units % LOT_UNITS_STEP:
            problem = f"must be a multiple of {LOT_UNITS_STEP}, up to {MOST_LOT_UNITS}"
            raise InvalidInput("--lot-units", str(self.lot_units), problem)
