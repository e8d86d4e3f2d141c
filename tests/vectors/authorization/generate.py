"""Writes request-id.json, and the digests in canonical.json, without careledger."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

HERE = Path(__file__).parent
TAG = b"careledger.authorization.request-id.v1"
SECRET = bytes(range(32))
PAIRS = [
    ("https://hospital.example/requests", "2026-17"),
    ("https://hospital.example/requests2", "026-17"),
    ("a|b", "c"),
    ("a", "b|c"),
    ("urn:ietf:rfc:3986", "urn:uuid:00000000-0000-4000-8000-000000000001"),
    ("https://hospital.example/é", "日本"),
]


def request_id(system: str, value: str) -> str:
    message = b""
    for part in (TAG, system.encode(), value.encode()):
        message += len(part).to_bytes(4, "big") + part
    return "0x" + hmac.new(SECRET, message, hashlib.sha256).hexdigest()


def main() -> None:
    ids = [{"system": system, "value": value, "id": request_id(system, value)} for system, value in PAIRS]
    write("request-id.json", {"secret": "0x" + SECRET.hex(), "requests": ids})
    canonical = json.loads((HERE / "canonical.json").read_text())
    for vector in canonical.values():
        text = json.dumps(vector["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        vector["sha256"] = "0x" + hashlib.sha256(text.encode()).hexdigest()
    write("canonical.json", canonical)


def write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
