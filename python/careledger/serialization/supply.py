"""A supply chain's contracts, found by what their operator published in the registry."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.plan import MANAGER, resolved
from careledger.chain.deployment.published import require_told
from careledger.chain.deployment.verify import known_code
from careledger.chain.signers import Signer
from careledger.errors import ContractUnpublished
from careledger.identity import Governance, Organizations
from careledger.serialization.deployment import (
    COLD_CHAIN,
    CUSTODY,
    ESCROW,
    LOTS,
    PUBLISHED,
    SERVICES,
    WIRED,
    supply_facts,
)

__all__ = ["SupplyChain", "find_supply"]


@dataclass(frozen=True)
class SupplyChain:
    """A supply chain's contracts. `operator` is the id of who published them in the registry of `organizations`,
    `first_block` a block before which none of them stood, `governance` that of their manager, `signer` who acts, or
    None."""

    name: str
    operator: str
    custody: Contract
    lots: Contract
    escrow: Contract
    cold_chain: Contract
    services: Contract
    manager: Contract
    governance: Governance
    organizations: Organizations
    first_block: int
    signer: Signer | None

    @property
    def connection(self) -> Connection:
        return self.lots.connection


def find_supply(
    connection: Connection, organizations: Organizations, name: str, first_block: int, signer: Signer | None = None
) -> SupplyChain:
    """The contracts that an organization, by name or id, has published, with their code checked against the wheel's.

    Raises UnknownOrganization; ContractUnpublished if it has not published them all; NotAContract or BytecodeMismatch
    if one is not of this version; DeploymentChanged if one knows other contracts than these, or has another manager.
    """
    operator = organizations.known(name)
    addresses: dict[str, str] = {}
    for kind in PUBLISHED:
        address = organizations.contract_of(operator, kind)
        if address is None:
            raise ContractUnpublished(name, kind)
        addresses[kind] = address
    codes = {kind: known_code(connection, kind, kind, address) for kind, address in addresses.items()}
    contracts = {kind: Contract(connection, kind, address) for kind, address in addresses.items()}
    for fact in supply_facts(organizations.address):
        contract = contracts[fact.contract]
        expected = resolved(fact.expected, addresses)
        require_told(contract, fact.subject, expected, fact.tell(contract, codes[fact.contract]))
    custody = contracts[CUSTODY]
    for _, view, kind in WIRED:
        require_told(custody, view, addresses[kind], custody.read(view))
    ruling = custody.read("authority")
    require_told(contracts[LOTS], "authority", ruling, contracts[LOTS].read("authority"))
    known_code(connection, MANAGER, MANAGER, ruling)
    manager = Contract(connection, MANAGER, ruling)
    ruled = {MANAGER: manager, CUSTODY: custody, LOTS: contracts[LOTS]}
    return SupplyChain(
        name=name,
        operator=operator,
        custody=custody,
        lots=contracts[LOTS],
        escrow=contracts[ESCROW],
        cold_chain=contracts[COLD_CHAIN],
        services=contracts[SERVICES],
        manager=manager,
        governance=Governance(manager, ruled, first_block, signer),
        organizations=organizations,
        first_block=first_block,
        signer=signer,
    )
