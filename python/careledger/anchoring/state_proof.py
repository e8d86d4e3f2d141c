"""What a contract stored at a block, proved up to the block's hash (EIP-1186): no node has to be believed.

The header hashes to the block's hash; the account proof leads from the header's state root to the contract's account,
and each storage proof from the account's storage root to a slot, or shows that nothing is stored there. What is left to
trust is the block's hash: from a node of one's own, a light client, an explorer, a counterparty, a notary.

The header is put together from the fields that Ethereum's blocks have up to Prague. A chain that hashes its blocks in
another way (Besu's QBFT and IBFT leave out seals) is told by the hash and refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import rlp  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from tiny_keccak import keccak256

from careledger.chain.rpc import Rpc
from careledger.chain.values import account_address
from careledger.errors import NodeRefused, StateProofInvalid

__all__ = ["Bytes", "SafeInteger", "StateProof", "StorageProof", "Strict", "Word", "header_rlp"]

Word = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
"""32 bytes as 0x and lower-case hex digits."""

Bytes = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})*$")]
"""Bytes as 0x and lower-case hex digits."""

SafeInteger = Annotated[int, Field(ge=0, lt=2**53)]
"""A number that every JSON reader holds."""

HEADER_FIELDS = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",  # London
    "withdrawalsRoot",  # Shanghai
    "blobGasUsed",  # Cancun
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",  # Prague
)
"""In the order in which a header is encoded, by their names in JSON-RPC."""

QUANTITIES = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
BESIDES_HEADER = frozenset(("hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals"))
STATE_ROOT, NUMBER, TIMESTAMP = (HEADER_FIELDS.index(name) for name in ("stateRoot", "number", "timestamp"))
ACCOUNT_FIELDS, STORAGE_ROOT = 4, 2
WORD = 32


class Strict(BaseModel):
    """Of exactly these fields, each of exactly its type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StorageProof(Strict):
    """What a slot holds, with the trie's nodes from the account's storage root down to it."""

    slot: Word
    value: Word = Field(description="All zero if nothing is stored there.")
    proof: tuple[Bytes, ...]


class StateProof(Strict):
    """Slots of one contract at one block, proved up to the block's hash."""

    block_number: SafeInteger
    block_hash: Word = Field(description="What has to be trusted.")
    header: Bytes = Field(description="The block's header as RLP.")
    account_proof: tuple[Bytes, ...] = Field(description="The state trie's nodes down to the contract's account.")
    storage: tuple[StorageProof, ...]

    @classmethod
    def fetch(cls, rpc: Rpc, contract: str, slots: Sequence[str], block: int | str = "latest") -> StateProof:
        """Asks a node for the proof at a block, by number or tag, and checks it.

        Raises NodeRefused if the node does not prove (it keeps only recent states, or does not offer eth_getProof),
        NodeUnreachable or NodeBusy if it does not answer, StateProofInvalid if what it gave proves nothing.
        """
        found = rpc.call("eth_getBlockByNumber", hex(block) if isinstance(block, int) else block, False)
        if not isinstance(found, dict) or not isinstance(found.get("hash"), str):
            raise NodeRefused("eth_getBlockByNumber", None, f"it has no block {block}")
        header = header_rlp(found)
        number = found["number"]
        proof = rpc.call("eth_getProof", account_address("contract", contract), list(slots), number)
        try:
            made = cls(
                block_number=int(number, 16),
                block_hash=found["hash"],
                header=_hex(header),
                account_proof=tuple(proof["accountProof"]),
                storage=tuple(
                    StorageProof(
                        slot=slot,
                        value=f"0x{int(entry['value'], 16):064x}",
                        proof=tuple(map(str.lower, entry["proof"])),
                    )
                    for slot, entry in zip(slots, proof["storageProof"], strict=True)
                ),
            )
        except (LookupError, TypeError, ValueError, AttributeError):
            raise NodeRefused("eth_getProof", None, "its answer is no proof") from None
        made.check(contract, made.block_hash)
        return made

    @property
    def block_time(self) -> int:
        """When the block was made, Unix seconds, as its header says. Raises StateProofInvalid."""
        return int.from_bytes(self._header()[TIMESTAMP], "big")

    def check(self, contract: str, trusted_hash: str | None) -> dict[str, int]:
        """What the contract's slots hold at the block: slot -> value.

        `trusted_hash` is the hash of the block, known from elsewhere; without one, nothing is proved. Raises
        StateProofInvalid naming the part that fails.
        """
        if trusted_hash is None:
            raise StateProofInvalid(
                "block hash", f"is what you must trust: learn from elsewhere that block {self.block_number} has it"
            )
        if self.block_hash != trusted_hash.lower():
            raise StateProofInvalid("block hash", f"is {self.block_hash}, not {trusted_hash}, which is trusted")
        state_root = self._header()[STATE_ROOT]
        address = bytes.fromhex(account_address("contract", contract)[2:])
        account = _list(_proved(state_root, address, self.account_proof, "account proof"))
        if len(account) != ACCOUNT_FIELDS:
            raise StateProofInvalid("account proof", f"shows no account at {contract}")
        values = {}
        for entry in self.storage:
            part = f"proof of slot {entry.slot}"
            stored = _proved(account[STORAGE_ROOT], _bytes(entry.slot), entry.proof, part)
            value = int.from_bytes(_text(stored), "big")
            if value != int(entry.value, 16):
                raise StateProofInvalid(part, f"shows 0x{value:064x}, not the {entry.value} that it states")
            values[entry.slot] = value
        return values

    def _header(self) -> Sequence[bytes]:
        """The header's fields. Raises StateProofInvalid unless it is that of the block's hash and number."""
        encoded = _bytes(self.header)
        found = _hex(keccak256(encoded))
        if found != self.block_hash:
            raise StateProofInvalid("header", f"has the hash {found}, not {self.block_hash}")
        fields = _list(encoded)
        if len(fields) <= TIMESTAMP:
            raise StateProofInvalid("header", f"has {len(fields)} fields, too few for a block")
        number = int.from_bytes(fields[NUMBER], "big")
        if number != self.block_number:
            raise StateProofInvalid("block number", f"is {number} by the header, not {self.block_number}")
        return fields


def header_rlp(block: Mapping[str, Any]) -> bytes:
    """The header of a block in JSON-RPC's form, as RLP, for every fork up to Prague.

    Raises StateProofInvalid if its hash is not the block's, naming fields that no header up to Prague has.
    """
    try:
        encoded = rlp.encode([_field(name, block[name]) for name in HEADER_FIELDS if block.get(name) is not None])
    except (TypeError, ValueError, AttributeError):
        raise StateProofInvalid("header", "cannot be put together from the node's block") from None
    found = _hex(keccak256(encoded))
    if found != block.get("hash"):
        more = sorted(block.keys() - BESIDES_HEADER - set(HEADER_FIELDS))
        unknown = f"; the block has fields that headers up to Prague do not have: {', '.join(more)}" if more else ""
        raise StateProofInvalid("header", f"has the hash {found}, the node says {block.get('hash')}{unknown}")
    return bytes(encoded)


def _field(name: str, value: str) -> bytes:
    if name not in QUANTITIES:
        return _bytes(value)
    number = int(value, 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _proved(root: bytes, key: bytes, proof: Sequence[str], part: str) -> bytes:
    """What a trie with this root has at a key; empty if the proof shows that it has nothing.

    Raises StateProofInvalid.
    """
    from trie import HexaryTrie  # type: ignore[import-untyped]  # slow to import, and only needed here

    try:
        nodes = [rlp.decode(_bytes(node)) for node in proof]
        return bytes(HexaryTrie.get_from_proof(root, keccak256(key), nodes))
    except Exception:  # whatever the bytes make rlp and trie raise, they prove nothing
        raise StateProofInvalid(part, f"does not lead down from the root {_hex(bytes(root))}") from None


def _list(encoded: bytes) -> Sequence[bytes]:
    """The texts in an RLP list; none for what is no list of texts."""
    found = _decoded(encoded)
    return found if isinstance(found, list) and all(isinstance(item, bytes) for item in found) else ()


def _text(encoded: bytes) -> bytes:
    found = _decoded(encoded)
    return found if isinstance(found, bytes) else b""


def _decoded(encoded: bytes) -> Any:
    try:
        return rlp.decode(encoded)
    except (rlp.RLPException, RecursionError):
        return None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
