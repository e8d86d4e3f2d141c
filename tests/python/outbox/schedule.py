"""A random schedule of crashes, reorganizations and failing answers, at whose end all must be well."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

from careledger.chain.outbox import FINAL, Outbox, State
from careledger.errors import WrongState
from outbox.stand import SETTLE_SECONDS, Count, Stand, is_final, stand
from outbox.worker_process import Orders, WorkerProcess, working

__all__ = ["play", "run_schedule", "seeds"]

SENDERS = (0, 1)
ACTIONS = {
    "submit": 6,
    "mine": 12,
    "kill": 3,
    "stop": 1,
    "reorg": 3,
    "reorg_with_transactions": 1,
    "rollback": 2,
    "snapshot": 3,
    "revert": 3,
    "drop": 2,
    "restart": 1,
    "base_fee": 2,
    "lose_answer": 3,
    "lose_request": 2,
    "too_many": 1,
    "unavailable": 1,
    "error": 2,
    "lag": 1,
    "cancel": 1,
}
"""What may happen in a step, and how often beside the others."""

SEND = "eth_sendRawTransaction"
GWEI = 10**9
MOST_BLOCKS_BACK = 6
QUIET_ROUNDS = 8
"""So many rounds, with a block each, must change nothing before a schedule is over."""
TEXTS = (
    "replacement transaction underpriced",
    "already known",
    "nonce too low",
    "nonce too high",
    "txpool is full",
    "internal error",
    "upstream request timeout",
)


def seeds(count: int, fixed: bool) -> list[int]:
    """Seeds of schedules: the same each time, or new ones; the one in CARELEDGER_SCHEDULE_SEED, if it is set."""
    named = os.environ.get("CARELEDGER_SCHEDULE_SEED")
    if named:
        return [int(named)]
    return list(range(1, count + 1)) if fixed else [random.SystemRandom().randrange(2**32) for _ in range(count)]


def play(seed: int, database_url: str, record_property: Count) -> None:
    """Runs a schedule, and counts it and its faults in the summary of the run."""
    record_property("seed", seed)
    counts = run_schedule(seed, database_url)
    record_property("counted: outbox, random schedules", 1)
    for name, count in counts.items():
        record_property(f"counted: outbox, random schedules, {name}", count)


def run_schedule(seed: int, database_url: str) -> Counter[str]:
    """Runs one to its end. Returns how often each action happened, and what became of the records.

    Raises AssertionError, naming the seed, if a record was lost, took effect twice or not, or says what is not so.
    """
    with stand(database_url) as bench:
        schedule = _Schedule(seed, bench)
        try:
            schedule.run()
            schedule.finish()
        except Exception as error:
            error.add_note(f"CARELEDGER_SCHEDULE_SEED={seed}, after: {' '.join(schedule.history)}")
            raise
        return schedule.counts


class _Schedule:
    def __init__(self, seed: int, bench: Stand) -> None:
        self.counts: Counter[str] = Counter()
        self.history: list[str] = []
        self._random = random.Random(seed)
        self._bench = bench
        self._outbox: Outbox = bench.outbox()
        self._keys: list[str] = []
        self._snapshots: list[str] = []
        self._orders = Orders(
            bench.database_url,
            bench.proxy.url,
            SENDERS,
            {"batch_size": self._random.choice((2, 5, 50)), "max_in_flight": self._random.choice((4, 500))},
        )

    def run(self) -> None:
        rng = self._random
        with working([self._orders]) as processes:
            self._processes = processes
            self.submit()
            for _ in range(rng.randint(25, 40)):
                action = rng.choices(list(ACTIONS), list(ACTIONS.values()))[0]
                self.history.append(action)
                self.counts[action.replace("_", " ")] += 1
                getattr(self, action)()
                time.sleep(rng.uniform(0, 0.04))
                assert processes[0].is_alive, "the worker ended by itself"
            processes[0].kill()

    def finish(self) -> None:
        """Without faults, until nothing changes any more; then looks whether all is well."""
        bench, outbox = self._bench, self._outbox
        bench.proxy.heal()
        time.sleep(1.1)  # the lease of the worker that was killed
        # However slow the machine is now, the server leaves the worker its transactions for so long.
        worker = bench.worker(outbox, SENDERS, lease_seconds=SETTLE_SECONDS)
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while quiet < QUIET_ROUNDS:
            assert time.monotonic() < deadline, (outbox.counts(), outbox.status())
            progress = worker.step()
            self._next_base_fee(GWEI)
            bench.mine()
            quiet = quiet + 1 if not progress and is_final(outbox) else 0
        ended = bench.check(outbox, self._keys)
        assert set(ended) <= {State.CONFIRMED, State.CANCELLED}
        self.counts.update({f"records {state}": count for state, count in ended.items()})

    # ------------------------------------------------------------------ the actions

    def submit(self) -> None:
        rng = self._random
        count, sender = rng.randint(1, 6), rng.choice(SENDERS)
        intents = self._bench.intents(count, sender, f"part-{len(self._keys)}")
        self._outbox.submit_many(intents)
        self._keys += [intent.key for intent in intents]

    def mine(self) -> None:
        self._bench.mine(self._random.randint(1, 3))

    def kill(self) -> None:
        self._processes[0].kill()
        self._processes[0] = WorkerProcess(self._orders)

    def stop(self) -> None:
        self._bench.proxy.heal()
        self._processes[0].stop()
        self._processes[0] = WorkerProcess(self._orders)

    def reorg(self) -> None:
        if blocks := self._blocks_to_take():
            self._bench.rpc.call("anvil_reorg", blocks, [])

    def reorg_with_transactions(self) -> None:
        """Some of what was in the blocks taken back is in the new ones."""
        blocks = self._blocks_to_take()
        if not blocks:
            return
        head = self._bench.head()
        raws = []
        for number in range(head - blocks + 1, head + 1):
            block = self._bench.rpc.call("eth_getBlockByNumber", hex(number), False)
            raws += [self._bench.rpc.call("eth_getRawTransactionByHash", found) for found in block["transactions"]]
        kept = raws[: self._random.randint(0, len(raws))]
        self._bench.rpc.batch([("anvil_reorg", [blocks, [[raw, self._random.randrange(blocks)] for raw in kept]])])

    def rollback(self) -> None:
        if blocks := self._blocks_to_take():
            self._bench.rpc.call("anvil_rollback", blocks)

    def snapshot(self) -> None:
        self._snapshots.append(self._bench.rpc.call("evm_snapshot"))

    def revert(self) -> None:
        if self._snapshots:
            assert self._bench.rpc.call("evm_revert", self._snapshots.pop())

    def drop(self) -> None:
        if pending := self._bench.pending():
            self._bench.rpc.call("anvil_dropTransaction", self._random.choice(pending))

    def restart(self) -> None:
        self._bench.restart()
        self._snapshots.clear()

    def base_fee(self) -> None:
        self._next_base_fee(self._random.choice((1, 5, 30, 80)) * GWEI)

    def lose_answer(self) -> None:
        self._bench.proxy.lose_answers(self._random.choice((SEND, "*")), times=self._random.randint(1, 3))

    def lose_request(self) -> None:
        self._bench.proxy.lose_requests(self._random.choice((SEND, "*")), times=self._random.randint(1, 3))

    def too_many(self) -> None:
        self._bench.proxy.respond(429, times=self._random.randint(1, 3))

    def unavailable(self) -> None:
        self._bench.proxy.respond(503, times=self._random.randint(1, 3), reaches=self._random.random() < 0.5)

    def error(self) -> None:
        rng = self._random
        self._bench.proxy.fail(SEND, rng.choice(TEXTS), times=rng.randint(1, 4), reaches=rng.random() < 0.5)

    def lag(self) -> None:
        self._bench.proxy.lag(self._random.choice((0, 1, 3)))

    def cancel(self) -> None:
        open_keys = [record.key for record in self._outbox.records() if record.state not in FINAL]
        if open_keys:
            try:
                self._outbox.cancel(self._random.choice(open_keys))
            except WrongState:
                self.counts["cancelled too late"] += 1

    # ------------------------------------------------------------------ inner

    def _blocks_to_take(self) -> int:
        """How many blocks to take away: not the contract's.

        Snapshots from before are forgotten: Anvil would restore their state, and not the blocks taken away.
        """
        self._snapshots.clear()
        most = min(MOST_BLOCKS_BACK, self._bench.head() - self._bench.first_block)
        return self._random.randint(1, most) if most > 0 else 0

    def _next_base_fee(self, wei: int) -> None:
        self._bench.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))
