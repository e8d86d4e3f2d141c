"""careledger: anchor medical documents, authorize and pay care, and follow medicines, on Ethereum.

Start with `CareLedger.local()`, `CareLedger.embedded()` or `CareLedger.connect(url, signer=...)`.
"""

from careledger._version import __version__
from careledger.client import CareLedger
from careledger.errors import CareLedgerError
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
