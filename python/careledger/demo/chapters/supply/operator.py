"""The supply chain's contracts, which the regulator deploys for all, and publishes."""

from __future__ import annotations

import dataclasses
from functools import cached_property

from careledger.chain.artifacts import artifact
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment.deployer import require_chain_named
from careledger.chain.deployment.plan import MANAGER, Plan, Setting, resolved
from careledger.chain.deployment.suite import REGISTRY
from careledger.demo.cast import DISTRIBUTOR, MANUFACTURER, REGISTRAR, REGULATOR
from careledger.demo.chapters.supply.goods import PRODUCT
from careledger.demo.stage import Stage, creation_gas
from careledger.identity import MemberRole
from careledger.serialization.deployment import (
    COLD_CHAIN,
    CUSTODY,
    ESCROW,
    LOTS,
    PUBLISHED,
    SERVICES,
    SupplyParameters,
)
from careledger.serialization.lots import Lots
from careledger.serialization.supply import SupplyChain

__all__ = ["Operator"]

CREATOR = REGULATOR.key(1)
CONTROLLER = REGULATOR.controller
CONTRACTS = (MANAGER, CUSTODY, LOTS, ESCROW, COLD_CHAIN, SERVICES)
"""Those of the plan in their order."""

SETTINGS_GAS = 900_000
PUBLISH_GAS = 100_000
ASSIGN_GAS = 80_000
LICENSE_GAS = 120_000


class Operator:
    """The supply chain on a stage. What reads the chain is only for functions that the stage calls."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._found: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        """The address of a contract that the regulator's key created, or None."""
        if name not in self._found:
            address = self.stage.contract_created_by(CREATOR, name)
            if address is None:
                return None
            self._found[name] = address
        return self._found[name]

    @cached_property
    def supply(self) -> SupplyChain:
        """Once all is published; without a signer."""
        return self.stage.suite.supply(REGULATOR.organization)

    def acting_as(self, actor: str) -> SupplyChain:
        """The supply chain with an actor as its signer."""
        return dataclasses.replace(self.supply, signer=self.stage.actor(actor).signer)

    @property
    def _addresses(self) -> dict[str, str]:
        """Of what stands, by name."""
        found = {name: self.find(name) for name in CONTRACTS}
        return {name: address for name, address in found.items() if address is not None}

    @cached_property
    def _plan(self) -> Plan:
        """One account has all roles, and acts at once."""
        controller = self.stage.actor(CONTROLLER).address
        return SupplyParameters(
            operator=REGULATOR.organization,
            registry=self.stage.suite.deployment.addresses[REGISTRY],
            admin=controller,
            registrar=controller,
            policy_administrator=controller,
            guardian=controller,
            rule_delay_seconds=0,
            admin_delay_seconds=0,
        ).plan()

    def set_up(self) -> None:
        """All steps until a maker can commission."""
        for name in CONTRACTS:
            self._create(name)
        self._set()
        for kind in PUBLISHED:
            self._publish(kind)
        self._license()

    def _create(self, name: str) -> None:
        def act() -> TransactionReceipt:
            # Named, because all that this chain's readers learn from it is made up.
            require_chain_named(self.stage.connection, self._plan.shows, self.stage.connection.chain_id)
            (step,) = (one for one in self._plan.contracts if one.name == name)
            code = artifact(name).creation_code(resolved(step.arguments, self._addresses))
            return self.stage.connection.send(self.stage.actor(CREATOR).signer, None, code)

        self.stage.step(
            f"deploy the supply chain's {name}",
            actor=CREATOR,
            gas=creation_gas(name),
            done=lambda: self.find(name) is not None,
            act=act,
        )

    def _set(self) -> None:
        def settings(first_block: int = 0) -> list[Setting]:
            return self._plan.settings(self._addresses, first_block)

        def manager() -> Contract:
            return Contract(self.stage.connection, MANAGER, str(self.find(MANAGER)))

        def act() -> TransactionReceipt:
            calls = [
                manager().encode(setting.function, *setting.arguments)
                for setting in settings(self.stage.suite.deployment.first_block)
            ]
            return manager().send(self.stage.actor(CONTROLLER).signer, "multicall", calls)

        self.stage.step(
            "set who may do what in the supply chain's contracts",
            actor=CONTROLLER,
            gas=SETTINGS_GAS,
            done=lambda: settings()[-1].holds(manager()),  # one transaction makes all hold
            act=act,
        )

    def _publish(self, kind: str) -> None:
        operator = REGULATOR.organization
        self.stage.step(
            f"publish the supply chain's {kind} in the registry",
            actor=CONTROLLER,
            gas=PUBLISH_GAS,
            done=lambda: self.stage.suite.organizations.contract_of(operator, kind) is not None,
            act=lambda: self.stage.acting_as(CONTROLLER).organizations.publish_contract(
                operator, kind, str(self.find(kind))
            ),
        )

    def _license(self) -> None:
        """Who makes the product, and who has data loggers."""

        def assign() -> TransactionReceipt:
            supply = self.stage.acting_as(CONTROLLER).supply(REGULATOR.organization)
            return Lots(supply).assign_product(PRODUCT, MANUFACTURER.organization)

        def is_licensed() -> bool:
            membership = self.stage.suite.organizations.membership(DISTRIBUTOR.organization)
            return MemberRole.DEVICE_OPERATOR in membership.member_roles

        self.stage.step(
            "say that the manufacturer makes the product",
            actor=CONTROLLER,
            gas=ASSIGN_GAS,
            done=lambda: Lots(self.supply).is_maker(PRODUCT, MANUFACTURER.organization),
            act=assign,
        )
        self.stage.step(
            "license the distributor to operate data loggers",
            actor=REGISTRAR,
            gas=LICENSE_GAS,
            done=is_licensed,
            act=lambda: self.stage.acting_as(REGISTRAR).organizations.add_member_roles(
                DISTRIBUTOR.organization, {MemberRole.DEVICE_OPERATOR}
            ),
        )
