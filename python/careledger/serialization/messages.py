"""The EIP-712 messages of serialization: what data loggers and who services a device sign, for whoever sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from careledger.chain.typed_data import Message, typed_message

if TYPE_CHECKING:
    from careledger.serialization.cold_chain import Window
    from careledger.serialization.service_history import Service

__all__ = ["service_message", "window_message"]


def window_message(chain_id: int, cold_chain: str, window: Window) -> Message:
    """What a data logger signs. `cold_chain` is the contract's address."""
    return typed_message(
        "ColdChain",
        chain_id,
        cold_chain,
        "Window",
        device=("bytes32", window.device),
        container=("bytes12", window.container),
        sequence=("uint32", window.sequence),
        start=("uint40", window.start),
        end=("uint40", window.end),
        lowest=("int16", window.lowest),
        highest=("int16", window.highest),
        mean=("int16", window.mean),
        root=("bytes32", window.root),
    )


def service_message(chain_id: int, services: str, service: Service) -> Message:
    """What the one who serviced a device signs. `services` is the address of the ServiceHistory."""
    lot, index, sequence, kind, serviced_at, part_lot, part_index, content = service.to_abi()
    return typed_message(
        "ServiceHistory",
        chain_id,
        services,
        "Service",
        lot=("bytes12", lot),
        index=("uint256", index),
        sequence=("uint32", sequence),
        kind=("uint8", kind),
        servicedAt=("uint40", serviced_at),
        partLot=("bytes12", part_lot),
        partIndex=("uint256", part_index),
        content=("bytes32", content),
    )
