"""Requests and claims of the hospital's in the provider's world, straight to the contracts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from careledger.authorization.claim_types import Claim, ClaimLine
from careledger.authorization.claims import Claims
from careledger.authorization.decision import Line
from careledger.authorization.types import Request, RequestedLine
from careledger.contract_events import ClaimAdjudicated, ClaimPended
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from provider_world import ProviderWorld

__all__ = ["DOLLAR", "EQUIPMENT", "NUTRITION", "asked", "claimed"]

DOLLAR = 10**6
EQUIPMENT, NUTRITION = 20, 30
"""Benefit classes: decided by the rules; always by a person."""

UNITS = {EQUIPMENT: 2, NUTRITION: 3}
DAY = 86_400
_numbers = itertools.count(1)


def asked(world: ProviderWorld, *classes: int, amount: int = 200 * DOLLAR, **values: Any) -> str:
    """The id of a new request of two units of each class, for a member of its own."""
    number = next(_numbers)
    now = world.connection.block_time()
    identity = "0x" + keccak(text=f"asked {number}").hex()
    lines = [RequestedLine(Line(one, UNITS[one], 2000, amount, now // DAY), "0x" + 64 * "1") for one in classes]
    eligibility = world.eligibility("0x" + f"{number:032x}")
    stated = Request(identity, "0x" + 64 * "2", world.version, now - 60, **values)
    world.authorizations(world.hospital).submit(stated, lines, eligibility)
    return identity


def claimed(
    world: ProviderWorld,
    request: str | None,
    units: int = 1000,
    charge: int = 80 * DOLLAR,
    payer: str | None = None,
) -> str:
    """The key of a new claim's line, of the first line of a request, on the chain's day."""
    claims = Claims(world.payer_as(world.hospital))
    number = next(_numbers)
    receipt = world.anchored(f"claim {number}".encode())
    claim = Claim("0x" + keccak(text=f"claim {number}").hex(), "0x" + 64 * "3", payer)
    line = ClaimLine(request, 0, world.connection.block_time() // DAY, units, charge + number)
    sent = claims.submit(claim, [line], [receipt.location])
    (event,) = [one for one in sent.events if isinstance(one, ClaimAdjudicated | ClaimPended)]
    return event.key
