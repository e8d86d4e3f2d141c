"""What a contract takes that keeps a struct for each unit, as is usual; and what was published of four such ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.signers import Signer
from careledger.chain.values import encode_call

from tools import build

__all__ = ["PUBLISHED_CREATION", "PUBLISHED_HANDOVER", "UnitGas", "unit_gas"]

SOURCE = Path(__file__).resolve().parent / "UnitBook.sol"
OPTIMIZER_RUNS = 200
GAS = 1_000_000
PUBLISHED_CREATION = (118_106, 971_553)
"""Gas to create one unit: the least and the most among four public Solidity projects."""

PUBLISHED_HANDOVER = (114_213, 430_000)
"""The same to hand one over."""


@dataclass(frozen=True)
class UnitGas:
    """Gas for one unit: the mean over those measured."""

    create: float
    ship: float
    accept: float
    dispense: float


def unit_gas(connection: Connection, maker: Signer, pharmacy: Signer, units: int, product: str, lot: str) -> UnitGas:
    """Measured over some units, each step of each in a transaction of its own."""
    compiled = _compiled()
    book = connection.send(maker, None, bytes.fromhex(compiled["evm"]["bytecode"]["object"])).contract_address
    functions = {entry["name"]: entry for entry in compiled["abi"] if entry["type"] == "function"}

    def send(signer: Signer, function: str, *arguments: Any) -> int:
        return connection.send(signer, book, encode_call(functions[function], arguments), gas=GAS).gas_used

    numbers = range(1, units + 1)
    return UnitGas(
        create=mean(send(maker, "create", f"SN{number:010}", product, lot, 2_000_000_000) for number in numbers),
        ship=mean(send(maker, "ship", number, pharmacy.address) for number in numbers),
        accept=mean(send(pharmacy, "accept", number) for number in numbers),
        dispense=mean(send(pharmacy, "dispense", number) for number in numbers),
    )


@cache
def _compiled() -> dict[str, Any]:
    import solcx  # after `build`, which says where the compiler is

    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {SOURCE.name: {"content": SOURCE.read_text()}},
            "settings": {
                "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
                "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
            },
        },
        solc_version=build.SOLC_VERSION,
    )
    return dict(output["contracts"][SOURCE.name]["UnitBook"])
