"""Sending by the outbox and reading by the indexer, beside what others use, in one run.

python -m bench.chain [sending] [reading] [memory]      all three by default
"""

from __future__ import annotations

import sys

from bench.harness import Result, publish
from bench.peers.ponder import Ponder
from bench.reading import memory, read_models, reading
from bench.sending import sending

PARTS = ("sending", "reading", "memory")


def main(parts: list[str]) -> None:
    wanted = parts or list(PARTS)
    if not set(wanted) <= set(PARTS):
        raise SystemExit(f"bench chain: the parts are {', '.join(PARTS)}")
    results: list[Result] = []
    if "sending" in wanted:
        results += sending()
    if "reading" in wanted:
        results += reading(Ponder.install())
        results += read_models()
    if "memory" in wanted:
        results += memory()
    publish("chain", results)


if __name__ == "__main__":
    main(sys.argv[1:])
