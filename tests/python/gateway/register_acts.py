"""What happens on a gateway's chain besides the gateway: other organizations of the register, and what they do."""

from __future__ import annotations

import itertools
import time
from typing import Any

from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from gateway_stage import SECONDS, Served

__all__ = ["CONTROLLER", "RULER", "acting", "admitted", "answered"]

RULER, CONTROLLER = 0, 1
LICENCE_SECONDS = 365 * 86_400

_numbers = itertools.count()


def acting(gateway: Served, signer: Signer | None = None) -> CareLedger:
    """The chain of a gateway, for someone else."""
    return CareLedger.connect(gateway.settings.rpc, signer, gateway.settings.deployments)


def admitted(gateway: Served, key: Signer) -> str:
    """A new organization with a key; returns its name."""
    name = f"clinic-{next(_numbers)}"
    ruler, controller = (acting(gateway, development_signer(number)) for number in (RULER, CONTROLLER))
    now = ruler.connection.now()
    admission = Admission(
        name, development_signer(CONTROLLER).address, frozenset({MemberRole.PROVIDER}), now + LICENCE_SECONDS
    )
    ruler.organizations.admit(admission)
    controller.organizations.add_key(controller.organizations.prove_possession(name, key, now + 3600))
    return name


def answered(gateway: Served, path: str, scope: str | None = None, **options: Any) -> Any:
    """An answer as of the chain's head, waited for as long as the index is on its way."""
    end = time.monotonic() + 2 * SECONDS
    while True:
        block = gateway.app.state.services.connection.block_number()
        answer = gateway.call("GET", path, scope, headers={"Careledger-Min-Block": str(block)}, **options)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return answer.json()
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)
