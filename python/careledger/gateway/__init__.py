"""The gateway: one organization's HTTP front to the contracts, for its own systems, its partners' and its people.

    app = create_app(Settings(organization="general-hospital", ...))

It needs `pip install careledger[gateway]`; `careledger gateway` starts it.
"""

from careledger.gateway.app import create_app
from careledger.gateway.settings import Settings

__all__ = ["Settings", "create_app"]
