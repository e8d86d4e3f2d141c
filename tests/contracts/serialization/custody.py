"""What the tests of custody share: units as a call names them, and containers as the contract tells of them."""

from __future__ import annotations

from typing import Any

from ..support import MemberRole, bits
from .lots import NO_CONTAINER, ContainerState, Lot

REDISTRIBUTORS = bits(MemberRole.MANUFACTURER, MemberRole.REPACKAGER, MemberRole.WHOLESALER)
"""Who verifies what was returned."""

HOLDERS = REDISTRIBUTORS | bits(MemberRole.DISPENSER, MemberRole.PROVIDER)
"""Who may hold medicine."""


def unit(lot: Lot, index: int, container: bytes = NO_CONTAINER) -> tuple[bytes, int, bytes]:
    """A unit as a call names it."""
    return lot.id, index, container


def place(custody: Any, container: bytes) -> tuple[ContainerState, bytes]:
    """A container's state and its holder."""
    found = custody.containerOf(container)
    return ContainerState(found.state), bytes(found.holder)


def finds(custody: Any, lot: Lot, index: int, container: bytes = NO_CONTAINER) -> bytes:
    """Who holds a unit; zero if it is not in the container."""
    holder, _ = custody.find(lot.id, index, container)
    return bytes(holder)
