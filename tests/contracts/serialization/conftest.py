"""Custody and the register of lots under the suite's manager, and the organizations of a supply chain by role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from careledger.chain.deployment import GUARDIAN, POLICY_ADMINISTRATOR, REGISTRAR

from ..conftest import Member, further_account
from ..support import DAY, MemberRole, Reason, selector, send, travel_to
from .lots import PALLET_CASES, PALLET_UNITS, PRODUCT, Lot, Organization, Supply, today

GAS_OF_A_DEPLOYMENT = 8_000_000

MEMBERS = {
    "maker": ("sundial-pharma", MemberRole.MANUFACTURER),
    "other_maker": ("moonrise-pharma", MemberRole.MANUFACTURER),
    "repackager": ("small-packs", MemberRole.REPACKAGER),
    "wholesaler": ("midway-wholesale", MemberRole.WHOLESALER),
    "pharmacy": ("riverside-pharmacy", MemberRole.DISPENSER),
    "other_pharmacy": ("harbour-pharmacy", MemberRole.DISPENSER),
    "carrier": ("northbound-freight", MemberRole.CARRIER),
    "regulator": ("medicines-agency", MemberRole.REGULATOR),
}
"""Role in the tests -> name and member role."""


def funded(index: int) -> Any:
    """An account beyond those that the node funds, with coins. 40 to 69 are this folder's."""
    owner = further_account(index)
    ape.networks.provider.set_balance(owner.address, 10**20)
    return owner


# ---------------------------------------------------------------------- organizations


@pytest.fixture(scope="session")
def organizations(admit: Callable[..., Member], add_key: Callable[..., Any]) -> dict[str, Organization]:
    """All of `MEMBERS`, admitted in one go: a test may ask for any of them while it runs."""
    found = {}
    for position, (role, (name, member_role)) in enumerate(MEMBERS.items()):
        member, key = admit(name, funded(40 + 2 * position), member_role), funded(41 + 2 * position)
        add_key(member, key)
        found[role] = Organization(member.id, key, member.controller, member.licence_expiry)
    return found


@pytest.fixture(scope="session")
def maker(organizations: dict[str, Organization]) -> Organization:
    """The manufacturer of `lot`."""
    return organizations["maker"]


@pytest.fixture(scope="session")
def other_maker(organizations: dict[str, Organization]) -> Organization:
    """Its rival."""
    return organizations["other_maker"]


@pytest.fixture(scope="session")
def repackager(organizations: dict[str, Organization]) -> Organization:
    return organizations["repackager"]


@pytest.fixture(scope="session")
def wholesaler(organizations: dict[str, Organization]) -> Organization:
    return organizations["wholesaler"]


@pytest.fixture(scope="session")
def pharmacy(organizations: dict[str, Organization]) -> Organization:
    return organizations["pharmacy"]


@pytest.fixture(scope="session")
def other_pharmacy(organizations: dict[str, Organization]) -> Organization:
    return organizations["other_pharmacy"]


@pytest.fixture(scope="session")
def carrier(organizations: dict[str, Organization]) -> Organization:
    return organizations["carrier"]


@pytest.fixture(scope="session")
def regulator(organizations: dict[str, Organization]) -> Organization:
    return organizations["regulator"]


# ---------------------------------------------------------------------- contracts


@pytest.fixture(scope="session")
def deploy(contracts: Any, admin: Any) -> Callable[..., Any]:
    """Deploys a contract by name."""

    def call(name: str, *arguments: Any) -> Any:
        return admin.deploy(contracts[name], *arguments, gas=GAS_OF_A_DEPLOYMENT, gas_price=10**10)

    return call


@pytest.fixture(scope="session")
def govern(manager: Any, admin: Any) -> Callable[..., None]:
    """Gives a contract's functions to a role of the suite's manager."""

    def call(role: int, *methods: Any) -> None:
        chosen = [selector(method) for method in methods]
        send(manager.setTargetFunctionRole, methods[0].contract, chosen, role, sender=admin)

    return call


@pytest.fixture(scope="session")
def custody(deploy: Callable[..., Any], govern: Callable[..., None], manager: Any, registry: Any) -> Any:
    """Without a register of lots: `lots` sets it."""
    contract = deploy("Custody", manager, registry)
    govern(GUARDIAN, contract.halt)
    govern(POLICY_ADMINISTRATOR, contract.resume, contract.setLots, contract.setColdChain, contract.setEscrow)
    return contract


@pytest.fixture(scope="session")
def closed_lots(
    deploy: Callable[..., Any], govern: Callable[..., None], manager: Any, registry: Any, custody: Any
) -> Any:
    """The register of lots as it is deployed. `lots` is the same, open."""
    contract = deploy("LotRegistry", manager, registry, custody)
    govern(REGISTRAR, contract.assignProduct)
    govern(GUARDIAN, contract.halt)
    govern(POLICY_ADMINISTRATOR, contract.resume, contract.openToNewWork, contract.closeToNewWork)
    return contract


@pytest.fixture(scope="session")
def lots(
    closed_lots: Any,
    custody: Any,
    as_policy_administrator: Callable[..., Any],
    organizations: dict[str, Organization],
) -> Any:
    """The register of lots, known to the custody and open, with all organizations admitted."""
    as_policy_administrator(custody.setLots, closed_lots)
    as_policy_administrator(closed_lots.openToNewWork)
    return closed_lots


@pytest.fixture(scope="session")
def supply(lots: Any, custody: Any) -> Supply:
    return Supply(lots, custody)


# ---------------------------------------------------------------------- a lot and where it is


@pytest.fixture(scope="session")
def lot(supply: Supply, maker: Organization, registrar: Any) -> Lot:
    """A medicine of the maker's, whose product is assigned; nothing of it is packed."""
    send(supply.lots.assignProduct, PRODUCT, maker.id, True, sender=registrar)
    return supply.commissioned(maker)


@pytest.fixture
def pallet(supply: Supply, lot: Lot) -> bytes:
    """The lot's first 40 units in four cases, held by the maker."""
    return supply.packed_range(lot, 0, PALLET_UNITS, PALLET_CASES)


@pytest.fixture
def delivered(supply: Supply, pallet: bytes, maker: Organization, pharmacy: Organization) -> bytes:
    """The pallet, received by the pharmacy on the day before this one."""
    supply.deliver(pallet, maker, pharmacy)
    travel_to((today() + 1) * DAY + 3600)
    return pallet


@pytest.fixture
def suspend(registry: Any, registrar: Any) -> Callable[[Organization], Any]:
    """Suspends an organization."""
    return lambda organization: send(registry.suspend, organization.id, Reason.FRAUD, sender=registrar)


# ---------------------------------------------------------------------- payment, cold chain, service


@pytest.fixture(scope="session")
def escrow(
    deploy: Callable[..., Any], as_policy_administrator: Callable[..., Any], registry: Any, lots: Any, custody: Any
) -> Any:
    """What pays on receipt, known to the custody."""
    contract = deploy("PurchaseEscrow", registry, custody)
    as_policy_administrator(custody.setEscrow, contract)
    return contract


@pytest.fixture(scope="session")
def cold_chain(
    deploy: Callable[..., Any], as_policy_administrator: Callable[..., Any], registry: Any, lots: Any, custody: Any
) -> Any:
    """What flags excursions, known to the custody."""
    contract = deploy("ColdChain", registry, lots, custody)
    as_policy_administrator(custody.setColdChain, contract)
    return contract


@pytest.fixture(scope="session")
def service_history(deploy: Callable[..., Any], registry: Any, lots: Any, custody: Any) -> Any:
    return deploy("ServiceHistory", registry, lots, custody)


@pytest.fixture(scope="session")
def courier(admit: Callable[..., Member], add_key: Callable[..., Any]) -> Organization:
    """A carrier with sensors of its own."""
    member = admit("cold-couriers", funded(60), MemberRole.CARRIER, MemberRole.DEVICE_OPERATOR)
    add_key(member, funded(61))
    return Organization(member.id, funded(61), member.controller, member.licence_expiry)


@pytest.fixture(scope="session")
def clinic(admit: Callable[..., Member], add_key: Callable[..., Any]) -> Organization:
    """A provider, which has medical devices."""
    member = admit("lakeside-clinic", funded(62), MemberRole.PROVIDER)
    add_key(member, funded(63))
    return Organization(member.id, funded(63), member.controller, member.licence_expiry)
