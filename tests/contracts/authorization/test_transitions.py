"""Every call in every status of a line: what it does, or with which error it is refused."""

from __future__ import annotations

import dataclasses

import ape
import pytest
from web3.exceptions import ContractCustomError

from ..support import DAY, chain_time, refusal, travel_to
from .payer import UNIT
from .requests import (
    ANSWER,
    QUESTION,
    REASON,
    REVIEWED,
    Action,
    Line,
    LineStatus,
    appealed,
    approved,
    cancelled,
    denied,
    exhausted,
    exhausted_in_part,
    expired,
    information_requested,
    modified,
    not_required,
    partial,
    pended,
    superseded,
    unknown,
)

STATES = {
    "unknown": unknown,
    "pended": pended,
    "information requested": information_requested,
    "approved": approved,
    "partial": partial,
    "modified": modified,
    "denied": denied,
    "not required": not_required,
    "superseded": superseded,
    "cancelled": cancelled,
    "exhausted": exhausted,
    "exhausted in part": exhausted_in_part,
    "expired": expired,
    "denied, appealed": appealed(denied),
    "partial, appealed": appealed(partial),
    "modified, appealed": appealed(modified),
    "exhausted, appealed": appealed(exhausted_in_part),
}

GRANTED = {"approved", "partial", "modified", "partial, appealed", "modified, appealed"}
EXHAUSTED = {"exhausted", "exhausted in part", "exhausted, appealed"}
WAITING = {"pended", "information requested"}
OPEN_APPEALS = {name for name in STATES if name.endswith("appealed")}
REFUSED = {"partial", "modified", "denied", "exhausted in part"}

ALLOWED = {
    "update": set(STATES) - {"unknown", "superseded", "cancelled", "expired"},
    "cancel": GRANTED | WAITING | {"cancelled"},
    "supplyInformation": {"information requested"},
    "appeal": REFUSED | OPEN_APPEALS,
    "review": WAITING | OPEN_APPEALS,
    "requestInformation": {"pended"},
    "extendDeadline": WAITING,
    "markOverdue": WAITING | OPEN_APPEALS,
    "expire": GRANTED - OPEN_APPEALS,
    "draw": GRANTED,
    "putBack": GRANTED | EXHAUSTED | {"superseded", "cancelled", "expired"},
}
"""The call -> the states in which it is taken. Cancelled lines stay cancelled, and an open appeal open: there a call
changes nothing. `putBack` is taken wherever claims may have drawn before."""

NEVER_DRAWN = {"pended", "information requested", "denied", "not required", "denied, appealed"}
"""Nothing can be put back there, as the ledger has nothing used; unless another line of the member's drew."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A call about a request's first line, and when it is tried."""

    arguments: list
    sender: object
    at: int | None = None


def calls(office, request, other_reviewer_key):
    """Every call, as right as it can be in the line's state."""
    provider, held = office.provider.id, office.state(request)
    due_at, filed_until = office.deliberation(request).due_at, (held.valid_to + 91) * DAY
    action = Action.MODIFIED
    units = held.milli_units or UNIT
    signed = office.review(request, action, units, held.amount, key=other_reviewer_key)
    later = max(due_at + 1, chain_time() + 1)
    insurer = office.insurer_key
    return {
        "update": Call(office.amendment(request, (0, Line(REVIEWED))), office.key),
        "cancel": Call([request, 1], office.key),
        "supplyInformation": Call([request, 0, ANSWER, []], office.key),
        "appeal": Call(office.appeal_call(request), office.key),
        "review": Call(signed, office.sender),
        "requestInformation": Call([provider, request, 0, QUESTION], insurer),
        "extendDeadline": Call([provider, request, 0, REASON], insurer),
        "draw": Call([provider, request, 0, held.valid_from, units, 0], office.settlement),
        "putBack": Call([provider, request, 0, 1, 0], office.settlement),
        "markOverdue": Call([provider, request, 0], office.sender, later),
        "expire": Call([provider, request, 0], office.sender, max(filed_until, later + 1)),
    }


def expected(office, name, request):
    """With what a call is refused that the state does not allow."""
    held = office.state(request)
    if name == "draw":
        units = held.milli_units or UNIT
        return "PriorAuthorizationNotDrawable", office.provider.id, request, 0, units, 0, held.valid_from
    if held.status == LineStatus.UNKNOWN:
        return office.unknown(request)
    return office.forbidden(request, held.status)


@pytest.mark.parametrize("state", STATES)
def test_every_call_in_every_state_is_taken_or_refused(office, other_reviewer_key, state):
    request = STATES[state](office)
    if state in GRANTED:
        office.draw(request, 1)
    elif state in ("superseded", "cancelled", "expired"):
        office.draw(office.submit().id, 1)
    for name, call in calls(office, request, other_reviewer_key).items():
        if call.at is not None:
            travel_to(call.at)
        method = getattr(office.authorizations, name)
        if state in ALLOWED[name]:
            _takes(method, call)
            continue
        found = refusal(method, *call.arguments, sender=call.sender)
        if name == "putBack" and state in NEVER_DRAWN:
            assert found[0] == "UnitLedgerNotReserved"
        else:
            assert found == expected(office, name, request), name


def _takes(method, call):
    request = {
        "to": method.contract.address,
        "data": method.encode_input(*call.arguments),
        "from": str(call.sender),
    }
    try:
        ape.networks.provider.web3.eth.call(request)
    except ContractCustomError as error:
        raise AssertionError(f"{method} was refused: {error.data}") from None
