"""Writes the vectors that are computed, without any code of careledger: see README.md."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

FOLDER = Path(__file__).resolve().parent
ORGANIZATION = "0x" + keccak(text="general-hospital")[:12].hex()
SUBJECT = "0x" + 20 * "5a"
FIELDS = (
    ("code.text", '"Discharge summary"'),
    ("result[0].value", "1.00"),
    ("result[1]", "[]"),
    ("status", '"final"'),
)


def word(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def text_of(value: bytes) -> str:
    return "0x" + value.hex()


def javascript(request: object) -> Any:
    command = ["node", str(FOLDER / "openzeppelin_tree.js")]
    ran = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def leaf_vectors() -> list[dict[str, Any]]:
    found = []
    for number, (kind, name, subject) in enumerate(((0, "raw", None), (7, "jcs", None), (65535, "raw", SUBJECT))):
        digest, salt = word(f"digest {number}"), word(f"salt {number}")
        padded = name.encode().ljust(32, b"\0")
        tag = keccak(text="careledger.document.content.v1")
        types = ["bytes32", "bytes12", "uint16", "bytes32", "bytes32", "bytes32"]
        content = keccak(encode(types, [tag, bytes.fromhex(ORGANIZATION[2:]), kind, padded, digest, salt]))
        who = subject or "0x" + 40 * "0"
        leaf = keccak(
            encode(["bytes32", "bytes32", "address"], [keccak(text="careledger.document.leaf.v1"), content, who])
        )
        found.append(
            {
                "organization": ORGANIZATION,
                "kind": kind,
                "canonicalization": name,
                "digest": text_of(digest),
                "salt": text_of(salt),
                "subject": subject,
                "content": text_of(content),
                "leaf": text_of(leaf),
                "index": number,
                "batch_leaf": text_of(keccak(keccak(encode(["uint256", "bytes32"], [number, leaf])))),
            }
        )
    return found


def merkle_vectors() -> list[dict[str, Any]]:
    found = []
    for count in (1, 2, 3, 5, 8, 11):
        leaves = [text_of(word(f"leaf {i}")) for i in range(count)]
        found.append({"leaves": leaves, **javascript({"build": leaves})})
    return found


def field_vector() -> dict[str, Any]:
    salts = [word(f"field salt {i}") for i in range(len(FIELDS))]
    tag = keccak(text="careledger.document.field.v1")
    leaves = [
        text_of(keccak(tag + keccak(text=path) + keccak(text=value) + salt))
        for (path, value), salt in zip(FIELDS, salts, strict=True)
    ]
    tree = javascript({"build": leaves})
    count = len(FIELDS).to_bytes(32, "big")
    digest = keccak(keccak(text="careledger.document.fields.v1") + bytes.fromhex(tree["root"][2:]) + count)
    kept = [
        {"path": path, "value": value, "salt": text_of(salt)} for (path, value), salt in zip(FIELDS, salts, strict=True)
    ]
    head = {"version": 1, "canonicalization": "json-fields"}
    shown = [{"index": i, **kept[i], "proof": tree["proofs"][i]} for i in (1, 3)]
    return {
        "kept": {**head, "fields": kept},
        "digest": text_of(digest),
        "disclosure": {**head, "count": len(FIELDS), "fields": shown},
    }


def fill_records(name: str) -> None:
    """Canonical texts of EPCIS events, of the texts that their hashes are of."""
    path = FOLDER / name
    vectors = json.loads(path.read_text())
    for vector in vectors["accepted"]:
        event_hash = hashlib.sha256(vector["pre_hash"].encode()).hexdigest()
        strict_hash = hashlib.sha256(vector["strict"].encode()).hexdigest()
        record = {"eventHash": f"ni:///sha-256;{event_hash}?ver=CBV2.0", "strictHash": f"0x{strict_hash}"}
        vector["canonical"] = json.dumps(record, separators=(",", ":"))
    store(name, vectors)


def fill_digests(name: str) -> None:
    path = FOLDER / name
    vectors = json.loads(path.read_text())
    for vector in vectors["accepted"]:
        vector["sha256"] = text_of(hashlib.sha256(vector["canonical"].encode()).digest())
    store(name, vectors)


def store(name: str, value: object) -> None:
    (FOLDER / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    store("leaf.json", leaf_vectors())
    store("merkle.json", merkle_vectors())
    store("json-fields.json", field_vector())
    fill_records("epcis-event.json")
    for named in ("jcs.json", "fhir-json-static.json", "dicom-dataset.json", "epcis-event.json"):
        fill_digests(named)
