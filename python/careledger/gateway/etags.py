"""Answers that a client may keep: the same content has the same tag, whatever block it was read at."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header, Response
from pydantic import BaseModel

from careledger.gateway.indexed import AsOf

__all__ = ["IfNoneMatch", "MinBlock", "tagged"]

IfNoneMatch = Annotated[
    str | None, Header(max_length=1_000, description="The `ETag` of an answer that the client has: 304 if it holds.")
]
MinBlock = Annotated[
    int,
    Header(
        alias="Careledger-Min-Block",
        ge=0,
        lt=2**63,
        description="Answer as of this block or a later one, such as a job's `block_number`; it is waited for.",
    ),
]


def tagged(body: BaseModel, as_of: AsOf, if_none_match: str | None) -> Response:
    """The answer with its tag, made of all but `as_of`; 304 without a body if the client has it. Which block it is as
    of is in the headers too."""
    content = body.model_dump_json(exclude={"as_of"}).encode()
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "no-cache",
        "Careledger-Block": str(as_of.block_number),
        "Careledger-Block-Hash": as_of.block_hash,
    }
    known = {one.strip() for one in (if_none_match or "").split(",")}
    if "*" in known or tag in known or tag.removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    return Response(body.model_dump_json(), headers=headers, media_type="application/json")
