"""Which contracts of a supply chain an index follows: those that its operator published, then or now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from careledger.chain.artifacts import artifact
from careledger.contract_events import ContractPublished
from careledger.identity.identifiers import from_padded
from careledger.logs import logger
from careledger.serialization.deployment import PUBLISHED

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["supply_contracts"]

log = logger("indexer")


def supply_contracts(ledger: CareLedger, operator: str) -> tuple[str, ...]:
    """The addresses of a supply chain's contracts, by the name or id of its operator, in the order of their
    publication: those that stand published, and those before them, so that what happened on these is followed too.

    An index takes an event for what it says, whoever emitted it: so only contracts of this version's code are among
    them. Of an earlier publication that is none, the log tells.

    Raises what `CareLedger.supply` raises: UnknownOrganization, ContractUnpublished, NotAContract, BytecodeMismatch,
    DeploymentChanged.
    """
    connection, supply = ledger.connection, ledger.supply(operator)
    found: dict[str, None] = {}
    for entry in connection.logs(ledger.organizations.address, [ContractPublished], ledger.deployment.first_block):
        event = entry.event
        if not isinstance(event, ContractPublished) or event.organization != supply.operator:
            continue
        kind = from_padded(event.kind)
        if kind not in PUBLISHED or not int(event.published, 16):
            continue
        if artifact(kind).matches(connection.code(event.published)):
            found[event.published] = None
        else:
            log.warning("contract.left_out", operator=supply.operator, kind=kind, address=event.published)
    return tuple(found)
