"""The hash chain of a stream: whoever is handed all of it can tell that nothing is left out."""

from __future__ import annotations

from collections.abc import Iterable

from tiny_keccak import keccak256

__all__ = ["stream_head"]


def stream_head(first_head: str, anchor_ids: Iterable[str]) -> str:
    """The head after some anchors (leaves, and roots of batches) in their order, as DocumentAnchor computes it.

    All are 32 bytes, 0x-prefixed. Equal to the chain's head only if none is left out, added or moved.
    """
    head = bytes.fromhex(first_head[2:])
    for anchor_id in anchor_ids:
        head = keccak256(head + bytes.fromhex(anchor_id[2:]))
    return "0x" + head.hex()
