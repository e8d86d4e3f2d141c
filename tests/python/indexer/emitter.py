"""A contract that emits many events at once, on a node of the test's own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.development import development_signer
from careledger.chain.values import encode_call

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

GAS = 16_000_000
MINED_SECONDS = 30


class Emitter:
    """A deployed EventEmitter. Attributes: `address`; `first_block`, the block it was made in."""

    def __init__(self, connection: Connection) -> None:
        from tools.gas import testing_contract  # compiles; only where a test needs it

        compiled = testing_contract("EventEmitter")
        self._abi: list[dict[str, Any]] = compiled["abi"]
        self._rpc = connection.rpc()
        self._signer = development_signer(0)
        creation = bytes.fromhex(compiled["evm"]["bytecode"]["object"])
        receipt = connection.send(self._signer, None, creation)
        self.address = str(receipt.contract_address)
        self.first_block = receipt.block_number

    def emit(self, function: str, first: int, count: int) -> None:
        """Emits `count` events in a transaction of its own, in a block of its own."""
        abi = next(entry for entry in self._abi if entry.get("name") == function)
        data = "0x" + encode_call(abi, (first, count)).hex()
        call = {"from": self._signer.address, "to": self.address, "data": data, "gas": hex(GAS)}
        transaction = self._rpc.call("eth_sendTransaction", call)
        deadline = time.monotonic() + MINED_SECONDS
        while (receipt := self._rpc.call("eth_getTransactionReceipt", transaction)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert receipt["status"] == "0x1"
