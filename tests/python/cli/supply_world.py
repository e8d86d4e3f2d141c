"""A supply chain on an Anvil with a maker, a wholesaler, a pharmacy, a carrier and a regulator, each with a vault of
its own, for the tests of the commands."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.chain.development import Node, development_signer
from careledger.client import CareLedger
from careledger.identity import MemberRole
from careledger.serialization.lots import Lots
from careledger.vault import ScryptCost, Vault
from cli.command_line import CommandLine, Result
from identity.suite import DAY
from serialization.supply_stage import SupplyStage, supply_stage
from serialization.trade_stage import GTIN, PRODUCT, sscc

__all__ = [
    "CARRIER",
    "EXPIRY",
    "MAKER",
    "PHARMACY",
    "REGULATOR",
    "ROLES",
    "WHOLESALER",
    "Made",
    "SupplyWorld",
    "set_up",
]

EXPIRY = "2050-01-31"
PASSPHRASE = "correct horse"

MAKER, WHOLESALER, PHARMACY, CARRIER, REGULATOR = "maker", "wholesaler", "pharmacy", "carrier", "regulator"

ROLES = {
    MAKER: (8, MemberRole.MANUFACTURER),
    WHOLESALER: (9, MemberRole.WHOLESALER),
    PHARMACY: (6, MemberRole.DISPENSER),
    CARRIER: (5, MemberRole.CARRIER),
    REGULATOR: (3, MemberRole.REGULATOR),
}
"""The development account whose key is each one's, and its role."""

FURTHER_ROLES = {MAKER: {MemberRole.DEVICE_OPERATOR}, WHOLESALER: {MemberRole.REPACKAGER}}


@dataclass
class Made:
    """A lot that was commissioned by the commands, and the codes of its packs."""

    lot: str
    number: str
    serials: list[str]

    def code(self, index: int, **changes: str) -> str:
        """The bracketed line on a pack."""
        values = {"serial": self.serials[index], "expiry": "500131", "lot": self.number, **changes}
        return f"(01){GTIN}(21){values['serial']}(17){values['expiry']}(10){values['lot']}"


@dataclass
class SupplyWorld:
    """Runs commands with the settings of one of these organizations."""

    careledger: CommandLine
    stage: SupplyStage
    names: dict[str, str]
    url: str
    deployments: Path
    vaults: Path
    folder: Path

    def __call__(
        self, who: str, *arguments: object, scanned: Sequence[str] | None = None, as_json: bool = True
    ) -> Result:
        for name, value in self.settings(who).items():
            self.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
        if scanned is not None:
            self.careledger.monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in scanned)))
        return self.careledger(*arguments, *(["--json"] if as_json else []))

    def ok(self, who: str, *arguments: object, scanned: Sequence[str] | None = None) -> Any:
        result = self(who, *arguments, scanned=scanned)
        assert result.exit_code == 0, result.err + result.out
        return result.body

    def shown(self, who: str, *arguments: object, exit_code: int = 0) -> str:
        """As a person sees it."""
        result = self(who, *arguments, as_json=False)
        assert result.exit_code == exit_code, result.err + result.out
        return result.out

    def settings(self, who: str) -> dict[str, str]:
        return {
            "SIGNER": f"development:{ROLES[who][0]}",
            "RPC": self.url,
            "DEPLOYMENTS": str(self.deployments),
            "SUPPLY": self.stage.operator,
            "VAULT": str(self.vaults / f"{who}.db"),
            "VAULT_PASSPHRASE": PASSPHRASE,
        }

    @property
    def ledger(self) -> CareLedger:
        return self.stage.suite.ledger

    def id_of(self, who: str) -> str:
        return self.ledger.organizations.known(self.names[who])

    def sent_by(self, who: str) -> int:
        """How many transactions."""
        return self.stage.connection.nonce(development_signer(ROLES[who][0]).address)

    @property
    def deadline(self) -> int:
        return self.stage.suite.soon + DAY

    # ------------------------------------------------------------------ what most tests begin with

    def lot(self, count: int = 40, *options: object) -> Made:
        """A new lot of the maker's."""
        number, serials = f"L{os.urandom(4).hex()}", [f"SN{index:04}a" for index in range(count)]
        file = self.folder / f"{number}.txt"
        file.write_text("\n".join(serials) + "\n")
        arguments = ("lot", "commission", PRODUCT, number, "--serials", file, *options)
        expiry = () if "--device" in options else ("--expiry", EXPIRY)
        return Made(self.ok(MAKER, *arguments, *expiry)["lot"], number, serials)

    def carton(self, made: Made, count: int = 10) -> str:
        """A new container with the next numbers of a lot: its SSCC."""
        found = sscc()
        self.ok(MAKER, "container", "pack", found, "--lot", made.lot, "--count", count)
        return found

    def card(self, who: str) -> Path:
        path = self.vaults / f"{who}.card.json"
        if not path.exists():
            self.ok(who, "bundle", "card", "--out", path)
        return path

    def ship(self, container: str, sender: str, receiver: str, *options: object) -> Path:
        """Returns the bundle."""
        out = self.folder / f"{os.urandom(4).hex()}.bundle.json"
        arguments = ("ship", container, "--card", self.card(receiver), "--deadline", self.deadline, "--out", out)
        self.ok(sender, *arguments, *options)
        return out

    def deliver(self, container: str, sender: str, receiver: str) -> Any:
        return self.ok(receiver, "receive", container, "--bundle", self.ship(container, sender, receiver))

    def delivered(self, count: int = 10) -> Made:
        """A new lot of which the pharmacy has the first numbers."""
        made = self.lot()
        self.deliver(self.carton(made, count), MAKER, PHARMACY)
        return made


def set_up(node: Node, folder: Path) -> tuple[SupplyStage, dict[str, str]]:
    """The contracts, the organizations by what they are called here, and their vaults in the folder."""
    stage = supply_stage(node.connect())
    stage.publish(stage.deploy(folder))
    stage.suite.ledger.deployment.save(folder)
    names = {}
    for who, (account, role) in ROLES.items():
        names[who] = stage.suite.admit(member_roles=frozenset({role, *FURTHER_ROLES.get(who, ())}))
        stage.suite.add_key(names[who], development_signer(account))
        with Vault.create(folder / f"{who}.db", PASSPHRASE, cost=ScryptCost(2**10, 8, 1)):
            pass
    for maker in (MAKER, WHOLESALER):
        Lots(stage.as_(stage.suite.registrar)).assign_product(PRODUCT, names[maker])
    return stage, names
