"""A gateway of an organization on a chain of its own, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import Served, serve


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With one client, `ehr`, that may do everything."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with local_settings(folder) as settings, serve(folder, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **settings) as served:
        yield served
