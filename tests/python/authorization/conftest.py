"""The provider's world, started once for the files that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from careledger.chain.development import Node
from careledger.vault import ScryptCost, Vault

if TYPE_CHECKING:
    from provider_world import ProviderWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderWorld]:
    """An insurer and a hospital on an Anvil of their own."""
    from provider_world import ProviderWorld  # takes time to import, and few files need it

    with Node() as node:
        yield ProviderWorld(node.connect(), tmp_path_factory.mktemp("deployments"))


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The hospital's."""
    path: Path = tmp_path_factory.mktemp("vault") / "vault.db"
    with Vault.create(path, "passphrase", cost=ScryptCost(n=2)) as opened:
        yield opened
