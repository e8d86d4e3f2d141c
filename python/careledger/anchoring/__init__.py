"""Documents: anchored, amended, countersigned, disputed, revoked; and receipts that anyone can verify.

    ledger = CareLedger.connect(url, signer)
    fingerprint = ledger.documents.fingerprint(Path("summary.json"), DocumentKind.CLINICAL_DOCUMENT,
                                               Canonicalization.FHIR_JSON_STATIC)
    receipt = ledger.documents.anchor(fingerprint)
    Path("summary.json.receipt.json").write_bytes(receipt.dump())

A receipt holds the document's salt: keep it as the document itself.
"""

from careledger.anchoring.canonical import Canonicalization, canonical_bytes, digest
from careledger.anchoring.disclosure import Disclosure, FieldTree
from careledger.anchoring.documents import Documents, SignedAnchoring
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.state_proof import StateProof
from careledger.anchoring.streams import stream_head
from careledger.anchoring.types import (
    AmendmentReason,
    DisputeReason,
    DocumentKind,
    DocumentStatus,
    Location,
    RevocationReason,
    Terms,
)

__all__ = [
    "AmendmentReason",
    "Canonicalization",
    "Disclosure",
    "DisputeReason",
    "DocumentKind",
    "DocumentStatus",
    "Documents",
    "FieldTree",
    "Fingerprint",
    "Location",
    "MerkleTree",
    "Receipt",
    "RevocationReason",
    "SignedAnchoring",
    "StateProof",
    "Terms",
    "canonical_bytes",
    "digest",
    "stream_head",
]
