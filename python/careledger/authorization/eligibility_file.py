"""An eligibility as a file: what an insurer hands to a provider for a member, and the provider submits with.

    {"format": "careledger-eligibility", "version": 1, "member_key": "0x...", "plan": 1001, "period": 2027,
     "valid_until": 1830297600, "key": "0x...", "signature": "0x..."}

It names no person, but whoever knows whose it is can follow the member key on the chain: keep it as the request itself.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from careledger.authorization.text_files import Part, parse_text_file, read_file
from careledger.authorization.types import Eligibility
from careledger.chain.values import account_address

__all__ = ["FORMAT", "VERSION", "dump_eligibility", "parse_eligibility"]

FORMAT = "careledger-eligibility"
VERSION = 1


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


MemberKey = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{32}$")]
Signature = Annotated[str, StringConstraints(pattern="^0x([0-9a-fA-F]{2})+$")]
Address = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{40}$")]


class _File(Part):
    format: Literal["careledger-eligibility"]
    version: Annotated[Literal[1], BeforeValidator(_integer)]
    member_key: MemberKey
    plan: Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**32)]
    period: Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**16)]
    valid_until: Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=2**40)]
    key: Address
    signature: Signature


def parse_eligibility(content: bytes) -> Eligibility:
    """The eligibility of a YAML or JSON file. Raises InvalidInput that names the place of what is wrong."""
    file = read_file(_File, parse_text_file(content, "eligibility"), "eligibility")
    return Eligibility(
        member_key=file.member_key.lower(),
        plan=file.plan,
        period=file.period,
        valid_until=file.valid_until,
        key=account_address("key", file.key),
        signature=bytes.fromhex(file.signature[2:]),
    )


def dump_eligibility(eligibility: Eligibility) -> bytes:
    """The JSON file that `parse_eligibility` reads."""
    body = {
        "format": FORMAT,
        "version": VERSION,
        "member_key": eligibility.member_key,
        "plan": eligibility.plan,
        "period": eligibility.period,
        "valid_until": eligibility.valid_until,
        "key": eligibility.key,
        "signature": "0x" + eligibility.signature.hex(),
    }
    return json.dumps(body, indent=1).encode() + b"\n"
