"""From the queue to signed bytes: nonces, fees, limits. In memory only; the worker stores it all in one commit."""

from __future__ import annotations

import time
from collections.abc import Callable

from eth_utils.address import to_checksum_address
from tiny_keccak import keccak256 as keccak

from careledger.chain.outbox.fees import MOST_WEI, Fee, bumped, is_underpaid
from careledger.chain.outbox.flight import Changes, Entry, Lane, QueuedRow, Sent
from careledger.chain.outbox.observation import Sight
from careledger.chain.outbox.states import State
from careledger.chain.outbox.types import Kind, Policy
from careledger.chain.signers import LocalSigner, Signer
from careledger.chain.signers.raw import RawTransaction
from careledger.errors import InvalidInput, SignerError

__all__ = ["HINDRANCES", "SigningRound"]

NO_OP_GAS = 21_000
SIGNER_PAUSE_SECONDS = 5
HINDRANCES = ("fee-above-cap", "daily-limit", "low-funds", "signer-failed")
"""The alerts that say why a lane signs nothing."""


class SigningRound:
    """One lane's signing in one round. Attribute `hindrances`: alert to detail."""

    def __init__(
        self,
        lane: Lane,
        chain_id: int,
        sight: Sight,
        fee: Fee,
        policy: Policy,
        changes: Changes,
        reached: Callable[[str], None],
        deadline: float,
    ) -> None:
        """`deadline`, by `time.monotonic`: after it nothing more is signed in this round."""
        self._lane = lane
        self._chain_id = chain_id
        self._sight = sight
        self._fee = fee
        self._policy = policy
        self._changes = changes
        self._reached = reached
        self._deadline = deadline
        self._fee_cap_wei = MOST_WEI if policy.fee_cap_wei is None else min(policy.fee_cap_wei, MOST_WEI)
        self._now = int(time.time())
        self._monotonic = time.monotonic()
        self.hindrances: dict[str, str] = {}
        lane.begin_day(self._now)

    # ------------------------------------------------------------------ under nonces that are owned already

    def replace(self) -> None:
        """Signs no-ops for what is to be cancelled, and higher offers for what does not get into a block."""
        lane, policy = self._lane, self._policy
        lane.wish = False
        late = max(lane.progress_at + policy.bump_after_seconds, 0.0) <= self._monotonic
        bumps = 0
        for entry in list(lane.flight.values()):
            if entry.state is State.CANCELLING and (not entry.attempts or entry.last.kind == "call"):
                if not self._resign(entry, "no-op"):
                    lane.wish = True
            elif bumps < policy.batch_size and self._monotonic >= entry.bump_at and not entry.posting:
                old = late and self._monotonic >= entry.old_at and self._sight.number > entry.signed_block
                if entry.last.broadcast_at is None and not is_underpaid(entry.last, self._sight):
                    old = False  # it was not even sent
                if old or entry.underpriced or is_underpaid(entry.last, self._sight):
                    bumps += self._resign(entry, entry.last.kind)

    def _resign(self, entry: Entry, kind: Kind) -> bool:
        """Another attempt with the same nonce. False if a limit forbids it: the old bytes go on."""
        lane, policy = self._lane, self._policy
        if time.monotonic() > self._deadline:
            return False
        fee = bumped(entry.last, self._fee, policy) if entry.attempts else self._fee
        if fee.max_fee_wei > self._fee_cap_wei:
            self.hindrances["fee-above-cap"] = (
                f"nonce {entry.nonce} needs up to {fee.max_fee_wei} wei a unit of gas, the cap is {self._fee_cap_wei}"
            )
            return False
        is_bump = bool(entry.attempts) and entry.last.kind == kind
        if is_bump and fee.max_fee_wei > policy.bump_most_times * max(1, self._fee.max_fee_wei):
            return False  # not for want of fees does it get into no block
        gas = NO_OP_GAS if kind == "no-op" else entry.last.gas
        before = entry.worst_wei
        worst = max(before, gas * fee.max_fee_wei + (entry.value_wei if kind == "call" else 0))
        if not self._may_spend(worst - before):
            return False
        sent = self._sign(entry, kind, gas, fee)
        if sent is None:
            return False
        entry.attempts.append(sent)
        entry.due_at = 0.0
        entry.bump_at = self._monotonic + min(policy.rebroadcast_after_seconds, policy.bump_after_seconds)
        entry.underpriced = False
        lane.spent_wei += worst - before
        lane.touched = True
        return True

    # ------------------------------------------------------------------ from the queue

    def take(self) -> list[Entry]:
        """Gives the next nonces to the head of the queue, and signs."""
        lane, policy = self._lane, self._policy
        room = min(policy.batch_size, policy.max_in_flight - len(lane.flight))
        if self._must_wait_for_signer() or not lane.queue or room <= 0:
            return []
        if self._fee.max_fee_wei > self._fee_cap_wei:
            self.hindrances["fee-above-cap"] = (
                f"a unit of gas costs up to {self._fee.max_fee_wei} wei, the cap is {self._fee_cap_wei}"
            )
            return []
        reserved = lane.reserved_wei
        taken: list[Entry] = []
        self._reached("stored")
        for row in lane.queue[:room]:
            gas = row.gas if row.gas is not None else lane.estimates.get(row.sequence, (None,))[0]
            if gas is None or time.monotonic() > self._deadline:
                break
            worst = gas * self._fee.max_fee_wei + row.value_wei
            if reserved + worst > lane.balance_wei:
                self.hindrances["low-funds"] = (
                    f"{lane.address} has {lane.balance_wei} wei; with the next one {reserved + worst} are needed"
                )
                break
            if not self._may_spend(worst):
                break
            entry = self._entry(row)
            sent = self._sign(entry, "call", gas, self._fee)
            if sent is None:
                break
            entry.attempts.append(sent)
            reserved += worst
            lane.spent_wei += worst
            lane.flight[entry.nonce] = entry
            lane.next_nonce += 1
            lane.estimates.pop(row.sequence, None)
            self._changes.signed.append((entry.sequence, entry.nonce, self._now))
            self._changes.moves.append((State.SIGNED.value, entry, sent.transaction_hash))
            taken.append(entry)
        if taken:
            lane.queue = lane.queue[len(taken) :]
            lane.touched = True
            lane.served_at = self._monotonic
            if len(lane.flight) == len(taken):
                lane.progress_at = self._monotonic
            self._reached("claimed")
        return taken

    def _entry(self, row: QueuedRow) -> Entry:
        return Entry(
            sequence=row.sequence,
            key=row.key,
            label=row.label,
            state=State.SIGNED,
            nonce=self._lane.next_nonce,
            to=row.to,
            data=row.data,
            value_wei=row.value_wei,
            signed_at=self._now,
            refused=False,
            problem=None,
            attempts=[],
            queued_at=row.queued_at,
        )

    # ------------------------------------------------------------------ both

    def _must_wait_for_signer(self) -> bool:
        """Whether the signer failed a moment ago."""
        if self._monotonic >= self._lane.sign_at:
            return False
        known = self._lane.alerts.get("signer-failed")
        self.hindrances.setdefault("signer-failed", "it failed" if known is None else known[1])
        return True

    def _may_spend(self, wei: int) -> bool:
        limit, spent = self._policy.daily_limit_wei, self._lane.spent_wei
        if limit is None or spent + wei <= limit:
            return True
        self.hindrances["daily-limit"] = f"{spent} wei are spent or reserved today, the limit is {limit}"
        return False

    def _sign(self, entry: Entry, kind: Kind, gas: int, fee: Fee) -> Sent | None:
        if self._must_wait_for_signer():
            return None
        to, data, value_wei = (entry.to, entry.data, entry.value_wei)
        if kind == "no-op":
            to, data, value_wei = self._lane.address, b"", 0
        try:
            raw, digest = signed_bytes(
                self._lane.signer,
                RawTransaction(
                    chain_id=self._chain_id,
                    nonce=entry.nonce,
                    gas=gas,
                    to=None if to is None else bytes.fromhex(to[2:]),
                    value_wei=value_wei,
                    data=data,
                    max_fee_wei=fee.max_fee_wei,
                    tip_wei=fee.tip_wei,
                ),
            )
        except (SignerError, InvalidInput) as error:
            self._lane.sign_at = self._monotonic + SIGNER_PAUSE_SECONDS
            self.hindrances["signer-failed"] = str(error)
            return None
        sent = Sent("0x" + digest.hex(), kind, raw, gas, fee.max_fee_wei, fee.tip_wei, self._now)
        entry.old_at = self._monotonic + self._policy.bump_after_seconds
        entry.signed_block = self._sight.number
        self._changes.attempts.append(
            (
                *(sent.transaction_hash, entry.sequence, entry.nonce, raw, kind, gas, fee.max_fee_wei, fee.tip_wei),
                *(self._now, None),
            )
        )
        return sent


def signed_bytes(signer: Signer, transaction: RawTransaction) -> tuple[bytes, bytes]:
    """The raw transaction and its hash. Raises SignerError, InvalidInput."""
    if isinstance(signer, LocalSigner):
        return signer.sign_raw(transaction)
    fields = {
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "gas": transaction.gas,
        "value": transaction.value_wei,
        "data": "0x" + transaction.data.hex(),
    }
    if transaction.to is not None:
        fields["to"] = to_checksum_address(transaction.to)
    if transaction.tip_wei is None:
        fields["gasPrice"] = transaction.max_fee_wei
    else:
        fields |= {"maxFeePerGas": transaction.max_fee_wei, "maxPriorityFeePerGas": transaction.tip_wei}
    raw = signer.sign_transaction(fields)
    return raw, keccak(raw)
