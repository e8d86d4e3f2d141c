"""What befalls organizations and keys while their documents stay, and wallets of all manners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from eth_utils.crypto import keccak

from ..support import Reason, chain_time, send, travel
from .documents import put_code


@pytest.fixture
def befall(
    registry: Any,
    registrar: Any,
    hospital: Any,
    hospital_key: Any,
    new_controller: Any,
    as_policy_administrator: Callable[..., Any],
) -> Callable[[str], None]:
    """Lets something happen to the hospital, or to its first key."""

    def call(event: str) -> None:
        if event == "suspended":
            send(registry.suspend, hospital.id, Reason.FRAUD, sender=registrar)
        elif event == "expelled":
            as_policy_administrator(registry.expel, hospital.id, Reason.FRAUD)
        elif event == "frozen":
            send(registry.startRecovery, hospital.id, new_controller, Reason.CONTROLLER_LOST, sender=registrar)
            send(registry.contestRecovery, hospital.id, new_controller, sender=hospital.controller)
        elif event == "retired":
            send(registry.retireKey, hospital_key, sender=hospital.controller)
        else:
            assert event == "compromised"
            send(registry.reportCompromise, hospital_key, chain_time(), sender=hospital.controller)
        travel(1)

    return call


@pytest.fixture
def wallet_with(anchors: Any) -> Callable[[bytes], str]:
    """Puts a contract of this code where nobody is."""

    def call(code: bytes) -> str:
        address = ape.networks.ethereum.decode_address(keccak(code)[:20])
        put_code(address, code)
        return str(address)

    return call
