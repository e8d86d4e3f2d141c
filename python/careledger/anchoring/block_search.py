"""The blocks of a time: found by halving, since blocks' times never fall."""

from __future__ import annotations

from collections.abc import Iterator

from careledger.chain.connection import Connection

__all__ = ["blocks_at"]


def blocks_at(connection: Connection, time: int, first: int, last: int) -> Iterator[int]:
    """The numbers of the blocks, from `first` to `last`, whose time is `time`, Unix seconds."""
    number, high = first, last
    while number < high:
        middle = (number + high) // 2
        if connection.block_time(middle) < time:
            number = middle + 1
        else:
            high = middle
    while number <= last and connection.block_time(number) == time:
        yield number
        number += 1
