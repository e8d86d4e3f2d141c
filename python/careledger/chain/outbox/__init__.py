"""The durable outbox: what is to be sent is stored first, then signed, sent, watched, and sent again if need be.

with Outbox.open("sqlite:///outbox.db", connection) as outbox:
    outbox.submit(Intent("admit-42", signer.address, registry, data))
    with Worker(outbox, HttpRpc(url), [signer]) as worker:
        worker.drain()
    outbox.get("admit-42").state
"""

from careledger.chain.outbox.delivery import deliver
from careledger.chain.outbox.outbox import Outbox, receipt
from careledger.chain.outbox.states import FINAL, IN_FLIGHT, TRANSITIONS, State
from careledger.chain.outbox.types import (
    NO_OP_KEY,
    Alert,
    Attempt,
    Intent,
    OutboxStatus,
    Policy,
    Progress,
    Record,
    SenderStatus,
    Spent,
    Summary,
)
from careledger.chain.outbox.worker import Worker

__all__ = [
    "FINAL",
    "IN_FLIGHT",
    "NO_OP_KEY",
    "TRANSITIONS",
    "Alert",
    "Attempt",
    "Intent",
    "Outbox",
    "OutboxStatus",
    "Policy",
    "Progress",
    "Record",
    "SenderStatus",
    "Spent",
    "State",
    "Summary",
    "Worker",
    "deliver",
    "receipt",
]
