"""A supply chain on a fresh Anvil that takes no transaction over 2^24 gas, for the bench of serialization."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from careledger.serialization.deployment import SupplyParameters, publications
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.lots import Lots
from careledger.serialization.stock import EPOCH, Stock
from careledger.serialization.supply import SupplyChain
from careledger.vault import ScryptCost, Vault
from eth_account import Account
from eth_utils.crypto import keccak
from web3.types import RPCEndpoint

__all__ = ["GTIN", "PRODUCT", "Market", "Trader", "market", "private_key", "serials", "vault_in"]

GTIN = "00300010000015"
PRODUCT = f"gtin:{GTIN}"
OPERATOR, MAKER = "medicines-agency", "sundial-pharma"
DAY = 24 * 3600
YEAR = 365 * DAY
ETHER_WEI = 10**20
BLOCK_SECONDS = 12
"""Between transactions, however fast they follow: what is written with a time costs the same in every run."""


@dataclass(frozen=True)
class Trader:
    """An organization with one key, which has ether."""

    name: str
    id: str
    key: Signer


@dataclass(frozen=True)
class Market:
    """A published supply chain and a maker, to whom the product is assigned. Development account 0 rules all."""

    node: Node
    ledger: CareLedger
    operator: str
    found: SupplyChain
    maker: Trader
    expires: dt.date

    @property
    def connection(self) -> Connection:
        return self.ledger.connection

    @property
    def expiry_day(self) -> int:
        return (self.expires - EPOCH).days

    @property
    def deadline(self) -> int:
        """For shipments, Unix seconds."""
        return int(time.time()) + 30 * DAY

    def supply(self, trader: Trader) -> SupplyChain:
        """The supply chain's contracts with a trader's key."""
        return replace(self.found, signer=trader.key)

    def stock(self, trader: Trader, vault: Vault) -> Stock:
        """A trader's, with its book in a vault."""
        supply = self.supply(trader)
        return Stock(supply, LotBook(vault, SupplyId.of(supply), trader.name))

    def dispensers(self, count: int, prefix: str = "pharmacy") -> list[Trader]:
        """New pharmacies, admitted in bulk."""
        return _traders(self.ledger, [f"{prefix}-{number}" for number in range(count)], MemberRole.DISPENSER)


@contextmanager
def market() -> Iterator[Market]:
    """On a fresh chain."""
    with Node(options=("--enable-tx-gas-limit",)) as node:
        connection, signer = node.connect(), development_signer(0)
        suite = suite_plan(
            Parameters(
                admin=signer.address,
                registrar=signer.address,
                policy_administrator=signer.address,
                guardian=signer.address,
                rule_delay_seconds=1,
                admin_delay_seconds=0,
            )
        )
        ledger = CareLedger(connection, Deployer(connection, signer, suite).run(), signer)
        _admit(ledger, [OPERATOR], MemberRole.REGULATOR)
        parameters = SupplyParameters(
            operator=OPERATOR,
            registry=ledger.organizations.address,
            admin=signer.address,
            registrar=signer.address,
            policy_administrator=signer.address,
            guardian=signer.address,
            rule_delay_seconds=1,
            admin_delay_seconds=0,
        )
        deployer = Deployer(connection, signer, parameters.plan())
        deployment = deployer.run()
        deployer.carry_out(publications(connection, deployment).values(), signer)
        (maker,) = _traders(ledger, [MAKER], MemberRole.MANUFACTURER)
        found = ledger.supply(OPERATOR)
        Lots(found).assign_product(PRODUCT, maker.name)
        _request(ledger, "anvil_setBlockTimestampInterval", BLOCK_SECONDS)
        expires = EPOCH + dt.timedelta(days=int(time.time()) // DAY + 700)
        yield Market(node, ledger, OPERATOR, found, maker, expires)


@contextmanager
def vault_in(folder: Path) -> Iterator[Vault]:
    """A new vault; opening it costs next to nothing, as that is not measured."""
    with Vault.create(folder / "vault.db", "a passphrase", cost=ScryptCost(2**10, 8, 1)) as vault:
        yield vault


def private_key(name: str) -> bytes:
    """That of a trader, by its name."""
    return keccak(text=f"a key of {name}")


def serials(count: int) -> list[str]:
    """Of a lot's units, in the order of their numbers."""
    return [f"SN{number:010}" for number in range(count)]


def _admit(ledger: CareLedger, names: Sequence[str], role: MemberRole) -> None:
    signer = ledger.signer
    assert signer is not None
    until = int(time.time()) + YEAR
    ledger.organizations.admit_many([Admission(name, signer.address, frozenset({role}), until) for name in names])


def _traders(ledger: CareLedger, names: Sequence[str], role: MemberRole) -> list[Trader]:
    _admit(ledger, names, role)
    traders = []
    for name in names:
        key = LocalSigner(Account.from_key(private_key(name)))
        _request(ledger, "anvil_setBalance", key.address, hex(ETHER_WEI))
        proof = ledger.organizations.prove_possession(name, key, int(time.time()) + YEAR)
        ledger.organizations.add_key(proof)
        traders.append(Trader(name, ledger.organizations.known(name), key))
    return traders


def _request(ledger: CareLedger, method: str, *parameters: Any) -> None:
    """One of Anvil's own calls."""
    ledger.connection.web3.manager.request_blocking(RPCEndpoint(method), list(parameters))
