"""What goes into the outbox, and what it says about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from eth_utils.address import is_checksum_address

from careledger.chain.connection import TRANSACTION_GAS_CAP
from careledger.chain.outbox.states import State
from careledger.errors import ContractError, InvalidInput

__all__ = [
    "NO_OP_KEY",
    "Alert",
    "Attempt",
    "Intent",
    "Kind",
    "OutboxStatus",
    "Policy",
    "Progress",
    "Record",
    "SenderStatus",
    "Spent",
    "Summary",
    "intrinsic_gas",
]

Kind = Literal["call", "no-op"]
"""What a signed transaction does: the intent's call, or nothing but use up the nonce."""

NO_OP_KEY = "no-op:"
"""How the keys begin that the outbox gives to no-ops of its own, which fill nonces that no intent owns."""

KEY_CHARACTERS = 200
LABEL_CHARACTERS = 100

TRANSACTION_GAS = 21_000
CREATION_GAS = 32_000
INIT_CODE_WORD_GAS = 2
TOKENS_PER_NON_ZERO_BYTE = 4
TOKEN_GAS, TOKEN_FLOOR_GAS = 4, 10


@dataclass(frozen=True, slots=True)
class Intent:
    """A transaction that is to happen once.

    `key` is its identity: 1 to 200 printable characters, without personal data. `to` None creates a contract. `gas`
    None has it estimated, with a margin. `label` says what it is for lists, logs and metrics, such as
    "OrganizationRegistry.admitMany": up to 100 printable characters, no personal data, few different ones.
    """

    key: str
    sender: str
    to: str | None
    data: bytes = b""
    value_wei: int = 0
    gas: int | None = None
    label: str = ""

    def check(self) -> None:
        """Raises InvalidInput for what can be no transaction."""
        if not 0 < len(self.key) <= KEY_CHARACTERS or not self.key.isprintable():
            raise InvalidInput("key", self.key, f"must be 1 to {KEY_CHARACTERS} printable characters")
        if self.key.startswith(NO_OP_KEY):
            raise InvalidInput("key", self.key, f"keys that begin with {NO_OP_KEY!r} are the outbox's own")
        if len(self.label) > LABEL_CHARACTERS or not self.label.isprintable():
            raise InvalidInput("label", self.label, f"must be at most {LABEL_CHARACTERS} printable characters")
        for name, address in (("sender", self.sender), ("to", self.to)):
            if address is not None and not _is_address(address):
                raise InvalidInput(name, str(address), "not an address with its checksum")
        if not 0 <= self.value_wei < 2**256:
            raise InvalidInput("value", str(self.value_wei), "must be 0 to 2**256 - 1 wei")
        if self.gas is not None:
            least = intrinsic_gas(self.to, self.data)
            if not least <= self.gas <= TRANSACTION_GAS_CAP:
                raise InvalidInput("gas", str(self.gas), f"must be {least} to {TRANSACTION_GAS_CAP} for this data")

    def content_hash(self) -> str:
        """What two intents of one key must agree on: sender, receiver, value and data. 64 hexadecimal digits."""
        head = f"{self.sender}|{self.to or ''}|{self.value_wei}|".encode()
        return hashlib.sha256(head + self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Attempt:
    """Signed bytes that were made for a record. `tip_wei` None: a legacy transaction, `max_fee_wei` its gas price."""

    transaction_hash: str
    kind: Kind
    gas: int
    max_fee_wei: int
    tip_wei: int | None
    signed_at: int
    broadcast_at: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """An intent and how far it got. Times are Unix seconds by the clock of who wrote them.

    `transaction_hash` and what follows it up to `cost_wei` (paid for gas) are those of the transaction in the block.
    `error` is the contract's refusal, decoded; `problem` says what else went wrong. `attempts` are in order of signing.
    """

    key: str
    label: str
    sender: str
    to: str | None
    state: State
    nonce: int | None
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    gas_used: int | None
    cost_wei: int | None
    problem: str | None
    error: ContractError | None
    queued_at: int
    signed_at: int | None
    included_at: int | None
    final_at: int | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Spent:
    """What transactions that are in blocks cost: how many, units of gas, and wei."""

    transactions: int
    gas: int
    cost_wei: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should look at. `kind`: fee-above-cap, daily-limit, low-funds, stuck, foreign-nonce,
    signer-failed. `since` in Unix seconds."""

    kind: str
    since: int
    detail: str


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """One sender. `next_nonce` None: no worker has seen it yet. `oldest_waiting_seconds` is the age of the oldest
    record that is not final, None if all are."""

    address: str
    counts: Mapping[State, int]
    next_nonce: int | None
    lease_owner: str | None
    lease_until: float | None
    alerts: tuple[Alert, ...]
    spent_today_wei: int
    oldest_waiting_seconds: int | None


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """The outbox of one chain. `database` is its URL without the password."""

    database: str
    chain_id: int
    genesis_hash: str
    counts: Mapping[State, int]
    senders: tuple[SenderStatus, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """How a worker sends. Limits are per sender. Wei are per unit of gas, not so `daily_limit_wei`, `low_funds_wei`."""

    confirmations: int = 12
    """How deep a block must be for its records to be final; 1: the newest block will do."""
    max_in_flight: int = 500
    batch_size: int = 100
    fee_cap_wei: int | None = None
    """Above it nothing is signed. None for no limit."""
    tip_wei: int | None = None
    """None: as the node suggests."""
    base_fee_multiplier: int = 2
    bump_percent_tenths: int = 125
    """How much more a replacement offers at least, in tenths of a percent, for both fees. geth wants 100."""
    bump_after_seconds: float = 60
    bump_most_times: int = 10
    """A replacement offers at most so many times what a new transaction would: what then still gets into no block does
    not wait for fees."""
    rebroadcast_after_seconds: float = 15
    stuck_after_seconds: float = 300
    daily_limit_wei: int | None = None
    """The most to spend in a UTC day, gas and values, counted at its worst until it is in a block. None: no limit."""
    low_funds_wei: int | None = None
    """An alert is raised below it."""
    gas_margin_percent: int = 20
    watch_blocks: int = 64
    """How many blocks back a reorganization is looked for in final records."""
    lease_seconds: float = 30
    lag_patience_seconds: float = 15
    """How long a node may be behind what was seen before that counts as a rollback of the chain."""
    poll_seconds: float = 1.0
    legacy: bool = False
    """Whether to offer a plain gas price where the chain has a base fee."""

    def __post_init__(self) -> None:
        for name in ("confirmations", "max_in_flight", "batch_size", "base_fee_multiplier", "bump_most_times"):
            if getattr(self, name) < 1:
                raise InvalidInput(name, str(getattr(self, name)), "must be at least 1")


@dataclass(frozen=True, slots=True)
class Progress:
    """What one round of a worker did: numbers of records. `waiting`: those that it knows of and that are not final."""

    signed: int = 0
    broadcast: int = 0
    included: int = 0
    final: int = 0
    dropped: int = 0
    waiting: int = 0

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.signed or self.broadcast or self.included or self.final or self.dropped)


@dataclass(frozen=True, slots=True)
class Summary:
    """What `drain` did. `drained` is False if time was up first; `waiting` are then left. `counts` are the outbox's."""

    drained: bool
    final: int
    waiting: int
    seconds: float
    counts: Mapping[State, int]


def intrinsic_gas(to: str | None, data: bytes) -> int:
    """The gas that a transaction uses before it does anything (EIP-2028, EIP-3860, EIP-7623)."""
    tokens = len(data) + (TOKENS_PER_NON_ZERO_BYTE - 1) * (len(data) - data.count(0))
    gas = TOKEN_GAS * tokens
    if to is None:
        gas += CREATION_GAS + INIT_CODE_WORD_GAS * ((len(data) + 31) // 32)
    return TRANSACTION_GAS + max(gas, TOKEN_FLOOR_GAS * tokens)


@lru_cache(maxsize=4096)
def _is_address(text: str) -> bool:
    return isinstance(text, str) and text.startswith("0x") and is_checksum_address(text)
