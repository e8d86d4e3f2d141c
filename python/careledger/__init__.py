"""careledger: anchor medical documents, authorize and pay care, and follow medicines, on Ethereum.

Start with `CareLedger.local()`, `CareLedger.embedded()` or `CareLedger.connect(url, signer=...)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from careledger._version import __version__
from careledger.errors import CareLedgerError

if TYPE_CHECKING:
    from careledger.client import CareLedger
    from careledger.identity import Admission, Identifier, MemberRole, Reason, Standing

__all__ = [
    "Admission",
    "CareLedger",
    "CareLedgerError",
    "Identifier",
    "MemberRole",
    "Reason",
    "Standing",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """The names above that take a second to import, when they are first asked for (PEP 562)."""
    if name == "CareLedger":
        return import_module("careledger.client").CareLedger
    if name in __all__:
        return getattr(import_module("careledger.identity"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
