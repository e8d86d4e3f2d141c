"""The contracts' ABI and bytecode as the wheel carries them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from careledger.chain.values import encode_call

__all__ = ["SELECTOR_BYTES", "Artifact", "artifact", "artifact_names"]

SELECTOR_BYTES = 4


@dataclass(frozen=True)
class Artifact:
    """One contract: its ABI, creation code, runtime code, and where in the latter its immutables lie: name -> (start,
    length) of each place. One that the runtime code never reads has no place."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes
    immutables: dict[str, tuple[tuple[int, int], ...]]

    @property
    def bytecode_hash(self) -> str:
        """The keccak-256 hash of the creation code without constructor arguments, 0x-prefixed."""
        return "0x" + keccak(self.bytecode).hex()

    def creation_code(self, arguments: list[Any]) -> bytes:
        """The creation code followed by the encoded constructor arguments, in the form of `chain.values`."""
        constructor: dict[str, Any] = next(
            (entry for entry in self.abi if entry["type"] == "constructor"), {"inputs": []}
        )
        return self.bytecode + encode_call({**constructor, "name": ""}, tuple(arguments))[SELECTOR_BYTES:]

    def matches(self, code: bytes) -> bool:
        """Whether code on chain is this contract's, whatever its immutables hold."""
        return len(code) == len(self.runtime) and self._masked(code) == self._masked(self.runtime)

    def immutable(self, name: str, code: bytes) -> bytes:
        """The word that an immutable has in code on chain that `matches`. Raises KeyError if there is none of that
        name, ValueError if its places hold different words."""
        (word,) = {code[start : start + length] for start, length in self.immutables[name]}
        return word

    def function(self, name: str) -> dict[str, Any]:
        """The ABI of a function. Raises KeyError if the contract has none of that name."""
        for entry in self.abi:
            if entry["type"] == "function" and entry["name"] == name:
                return entry
        raise KeyError(f"{self.name} has no function {name}")

    def selector(self, name: str) -> bytes:
        """The 4-byte selector of a function."""
        types = ",".join(collapse_if_tuple(field) for field in self.function(name)["inputs"])
        return keccak(text=f"{name}({types})")[:SELECTOR_BYTES]

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for spans in self.immutables.values():
            for start, length in spans:
                masked[start : start + length] = bytes(length)
        return bytes(masked)


@cache
def artifact(name: str) -> Artifact:
    """Loads a contract. Raises KeyError for a name that the wheel does not carry."""
    if name not in artifact_names():
        raise KeyError(f"careledger carries no contract {name}")
    body = json.loads(resources.files("careledger.abi").joinpath(f"{name}.json").read_text())
    return Artifact(
        name=name,
        abi=body["abi"],
        bytecode=bytes.fromhex(body["bytecode"][2:]),
        runtime=bytes.fromhex(body["deployedBytecode"][2:]),
        immutables={
            name: tuple((start, length) for start, length in spans) for name, spans in body["immutables"].items()
        },
    )


@cache
def artifact_names() -> tuple[str, ...]:
    """The contracts that the wheel carries."""
    files = resources.files("careledger.abi").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))
