"""An insurer's contracts, found by what it published in the registry."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.authorization.deployment import (
    DESK,
    INTAKE,
    PANEL,
    POLICY,
    PRIOR_AUTHORIZATION,
    PUBLISHED,
    SETTLEMENT,
    UNITS,
    VAULT,
    payer_facts,
)
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.plan import MANAGER, built_in, resolved
from careledger.chain.deployment.published import require_told
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.deployment.verify import known_code
from careledger.chain.signers import Signer
from careledger.errors import ContractUnpublished
from careledger.identity import Governance, Organizations

__all__ = ["Payer", "find_payer"]


@dataclass(frozen=True)
class Payer:
    """An insurer's contracts on a chain. `insurer` is its id in the registry of `organizations`, `first_block` a block
    before which none of its contracts stood, `governance` that of its own manager, `signer` who acts, or None."""

    name: str
    insurer: str
    policy: Contract
    units: Contract
    panel: Contract
    authorizations: Contract
    vault: Contract
    settlement: Contract
    manager: Contract
    governance: Governance
    organizations: Organizations
    first_block: int
    signer: Signer | None


def find_payer(
    connection: Connection,
    organizations: Organizations,
    name: str,
    first_block: int,
    signer: Signer | None = None,
    anchors: str | None = None,
) -> Payer:
    """The contracts that an organization, by name or id, has published, with their code checked against the wheel's.
    `anchors` is the suite's `DocumentAnchor`; without it, any of this version that asks the same registry will do.

    Raises UnknownOrganization; ContractUnpublished if it has not published them all; NotAContract or BytecodeMismatch
    if one, or a part of one, is not of this version; DeploymentChanged if one is another insurer's, has another manager
    than the others, or knows other contracts than these.
    """
    insurer = organizations.known(name)
    addresses: dict[str, str] = {}
    for kind in PUBLISHED:
        address = organizations.contract_of(insurer, kind)
        if address is None:
            raise ContractUnpublished(name, kind)
        addresses[kind] = address
    codes = {kind: known_code(connection, kind, kind, address) for kind, address in addresses.items()}
    authorizations = Contract(connection, PRIOR_AUTHORIZATION, addresses[PRIOR_AUTHORIZATION])
    for part, immutable in ((INTAKE, "_intake"), (DESK, "_desk")):
        addresses[part] = built_in(immutable)(authorizations, codes[PRIOR_AUTHORIZATION])
        codes[part] = known_code(connection, part, part, addresses[part])
    contracts = {kind: Contract(connection, kind, address) for kind, address in addresses.items()}
    if anchors is None:
        anchors = built_in("_anchors")(contracts[INTAKE], codes[INTAKE])
        known_code(connection, ANCHOR, ANCHOR, anchors)
        asked = Contract(connection, ANCHOR, anchors)
        require_told(asked, "registry", organizations.address, asked.read("registry"))
    for fact in payer_facts(insurer, organizations.address, anchors):
        contract = contracts[fact.contract]
        told, expected = fact.tell(contract, codes[fact.contract]), resolved(fact.expected, addresses)
        require_told(contract, fact.subject, expected, told)
    ruling = contracts[POLICY].read("authority")
    for contract in contracts.values():
        require_told(contract, "authority", ruling, contract.read("authority"))
    known_code(connection, MANAGER, MANAGER, ruling)
    manager = contracts[MANAGER] = Contract(connection, MANAGER, ruling)
    return Payer(
        name=name,
        insurer=insurer,
        policy=contracts[POLICY],
        units=contracts[UNITS],
        panel=contracts[PANEL],
        authorizations=authorizations,
        vault=contracts[VAULT],
        settlement=contracts[SETTLEMENT],
        manager=manager,
        governance=Governance(manager, contracts, first_block, signer),
        organizations=organizations,
        first_block=first_block,
        signer=signer,
    )
