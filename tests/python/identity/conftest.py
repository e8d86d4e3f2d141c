from __future__ import annotations

import pytest
from careledger.chain.connection import Connection
from identity.suite import Suite, deploy_suite


@pytest.fixture(scope="session")
def suite(chain: Connection) -> Suite:
    """A suite on each kind of chain; rules wait a second."""
    return deploy_suite(chain)


@pytest.fixture(scope="module")
def travelling_suite(travelling_chain: Connection) -> Suite:
    """The same where the clock may be moved."""
    return deploy_suite(travelling_chain)
