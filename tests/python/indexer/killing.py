"""An indexer in a process of its own, which kills itself where it is told to."""

from __future__ import annotations

import multiprocessing
import os
import signal

from careledger.chain.database import Database
from careledger.chain.indexer import engine
from careledger.chain.rpc import HttpRpc

__all__ = ["killed"]

# Imports once for all processes: one starts in milliseconds.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["careledger.chain.indexer.engine", "alembic.command", "psycopg"])


def killed(url: str, node: str, contract: str, first_block: int, point: str, turn: int) -> bool:
    """Runs an indexer that kills itself when it reaches a point for the nth time; False if it came to its end."""
    child = _context.Process(target=_run, args=(url, node, contract, first_block, point, turn))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def _run(url: str, node: str, contract: str, first_block: int, point: str, turn: int) -> None:
    left = turn

    def reached(here: str) -> None:
        nonlocal left
        if here == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    engine._reached = reached
    of = engine.Source([HttpRpc(node)], [contract], batch_logs=4, near_blocks=8)
    with engine.Indexer(Database(url, durable=False), of, first_block, lag_patience_seconds=0) as keeper:
        keeper.sync()
