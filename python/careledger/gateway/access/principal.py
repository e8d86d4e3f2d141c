"""Who acts in a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PERSON", "Principal"]

PERSON = "person-"
"""How pseudonyms begin."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A system or a person, and the organization of the register for which it acts. `subject` is a client's id or a
    person's pseudonym: fit for logs."""

    subject: str
    organization: str
    scopes: frozenset[str]
    kind: Literal["system", "person"] = "system"
