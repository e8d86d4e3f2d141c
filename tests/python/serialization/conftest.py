"""A supply chain's contracts on each kind of chain, and who trades there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from careledger.chain.connection import Connection
from serialization.supply_stage import SupplyStage, supply_stage


def published_stage(connection: Connection) -> SupplyStage:
    stage = supply_stage(connection)
    stage.publish(stage.deploy())
    return stage


@pytest.fixture(scope="session")
def supply(chain: Connection) -> SupplyStage:
    """Published, on each kind of chain in turn."""
    return published_stage(chain)


@pytest.fixture(scope="session")
def supply_on_anvil(chains: Callable[[str], Connection]) -> SupplyStage:
    """Published, on an Anvil."""
    return published_stage(chains("anvil"))
