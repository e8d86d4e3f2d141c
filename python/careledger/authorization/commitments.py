"""Salted commitments: what stands on chain for content that stays in the house.

A commitment is 32 bytes, keccak-256 of a tag, the SHA-256 of the content, and 32 random bytes. Who is shown content and
salt can check it; without the salt, not even a guess can be tested. The tag says what the content is, so that one
kind's commitment is never taken for another's.
"""

from __future__ import annotations

import hashlib
from enum import Enum

from tiny_keccak import keccak256

from careledger.errors import InvalidInput

__all__ = ["SALT_LENGTH", "Subject", "commitment"]

SALT_LENGTH = 32


class Subject(Enum):
    """What a commitment is to. The values are the tags."""

    REQUEST = "careledger.authorization.request.v1"
    """`AuthorizationRequest.content_bytes`."""
    LINE = "careledger.authorization.line.v1"
    """`RequestLine.content_bytes`."""
    STATEMENT = "careledger.authorization.statement.v1"
    """What a provider says with an appeal or an answer: the file's bytes."""
    CLAIM = "careledger.authorization.claim.v1"
    """`ClaimFile.content_bytes`."""
    SERVICE = "careledger.serialization.service.v1"
    """`ServiceContent.value`: what was done to a medical device."""


def commitment(subject: Subject, content: bytes, salt: bytes) -> str:
    """The commitment as 0x-prefixed text: keccak256(keccak256(tag) + SHA-256(content) + salt). Raises InvalidInput for
    a salt that is not 32 bytes."""
    if len(salt) != SALT_LENGTH:
        raise InvalidInput("salt", f"{len(salt)} bytes", f"must be {SALT_LENGTH} bytes")
    tag = keccak256(subject.value.encode())
    return "0x" + keccak256(tag + hashlib.sha256(content).digest() + salt).hex()
