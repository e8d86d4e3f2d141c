"""A document's fingerprint: all that its leaf is made of. It stays at home; only the leaf goes on chain."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from careledger.anchoring.canonical import Canonicalization, digest
from careledger.anchoring.leaf import content_hash, leaf_hash, new_salt
from careledger.chain.values import account_address

__all__ = ["Fingerprint"]


@dataclass(frozen=True)
class Fingerprint:
    """`organization` is the id of the one that anchors, `kind` a number below 2^16 (`DocumentKind`), `digest` the
    SHA-256 of the canonical bytes; `subject` is the address of a key that may dispute the document, or None.

    Raises InvalidInput for a value that is not of its kind.
    """

    organization: str
    kind: int
    canonicalization: Canonicalization
    digest: bytes
    subject: str | None = None
    salt: bytes = field(default_factory=new_salt, repr=False)

    def __post_init__(self) -> None:
        if self.subject is not None:
            account_address("subject", self.subject)
        object.__setattr__(
            self, "_content", content_hash(self.organization, self.kind, self.canonicalization, self.digest, self.salt)
        )
        object.__setattr__(self, "_leaf", "0x" + leaf_hash(self._content, self.subject).hex())

    _content: bytes = field(init=False, repr=False, compare=False)
    _leaf: str = field(init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        source: bytes | Path | io.BufferedIOBase,
        organization: str,
        kind: int,
        canonicalization: Canonicalization = Canonicalization.RAW,
        subject: str | None = None,
    ) -> Fingerprint:
        """The fingerprint of a document, with a new salt. Raises what `canonical.digest` raises."""
        return cls(organization, kind, canonicalization, digest(canonicalization, source), subject)

    @property
    def content(self) -> bytes:
        """The content hash, which a subject shows with its dispute; it may be published."""
        return self._content

    @property
    def leaf(self) -> str:
        """What is anchored."""
        return self._leaf
