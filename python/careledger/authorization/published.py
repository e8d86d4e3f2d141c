"""Which contracts of an insurer's an index follows: those that it published in the registry, then or now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_utils.address import to_checksum_address

from careledger.authorization.deployment import DESK, INTAKE, PRIOR_AUTHORIZATION, PUBLISHED, UNITS
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.contract_events import ContractPublished
from careledger.errors import BytecodeMismatch
from careledger.identity.identifiers import from_padded
from careledger.logs import logger

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["published_contracts"]

PARTS = {"_intake": INTAKE, "_desk": DESK}
"""Whose code runs for a `PriorAuthorization`, by the immutable that holds the address."""

log = logger("indexer")


def published_contracts(ledger: CareLedger, payer: str) -> tuple[str, ...]:
    """The addresses of an insurer's contracts, by its name or id, in the order of their publication: those that stand
    published, and those before them, so that what a replaced version decided is followed too.

    An index takes an event for what it says, whoever emitted it: so only contracts of this version's code, whose parts
    are too, are among them. Of an earlier publication that is none, the log tells.

    Raises what `CareLedger.payer` raises: UnknownOrganization, ContractUnpublished, NotAContract, BytecodeMismatch,
    DeploymentChanged.
    """
    connection, current = ledger.connection, ledger.payer(payer)
    standing = {contract.address for contract in (current.policy, current.units, current.panel)}
    standing |= {contract.address for contract in (current.authorizations, current.vault, current.settlement)}
    found: dict[str, None] = {}
    for entry in connection.logs(ledger.organizations.address, [ContractPublished], ledger.deployment.first_block):
        event = entry.event
        if not isinstance(event, ContractPublished) or event.organization != current.insurer:
            continue
        kind = from_padded(event.kind)
        if kind not in PUBLISHED or not int(event.published, 16):
            continue
        if _is_the_insurers(connection, kind, event.published, current.insurer):
            found[event.published] = None
        elif event.published in standing:
            raise BytecodeMismatch(kind, event.published)
        else:
            log.warning("contract.left_out", insurer=current.insurer, kind=kind, address=event.published)
    return tuple(found)


def _is_the_insurers(connection: Connection, kind: str, address: str, insurer: str) -> bool:
    code = connection.code(address)
    if not artifact(kind).matches(code):
        return False
    if kind == PRIOR_AUTHORIZATION:
        for immutable, part in PARTS.items():
            of_part = to_checksum_address(artifact(kind).immutable(immutable, code)[-20:])
            if not artifact(part).matches(connection.code(of_part)):
                return False
    return kind == UNITS or bool(Contract(connection, kind, address).read("insurer") == insurer)
