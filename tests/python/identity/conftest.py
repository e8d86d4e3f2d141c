from __future__ import annotations

import pytest
from careledger.chain.connection import Connection
from identity.suite import Suite, deploy_suite


@pytest.fixture(scope="session")
def suites() -> dict[int, Suite]:
    """The suites deployed so far, by chain id."""
    return {}


@pytest.fixture(scope="session")
def suite(chain: Connection, suites: dict[int, Suite]) -> Suite:
    """A suite on each kind of chain; rules wait a second."""
    if chain.chain_id not in suites:
        suites[chain.chain_id] = deploy_suite(chain)
    return suites[chain.chain_id]


@pytest.fixture(scope="module")
def travelling_suite(travelling_chain: Connection) -> Suite:
    """The same where the clock may be moved."""
    return deploy_suite(travelling_chain)
