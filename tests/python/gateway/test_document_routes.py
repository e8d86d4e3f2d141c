"""Documents over HTTP: anchored once, verified in distinct answers, and their receipts."""

from __future__ import annotations

import hashlib

from gateway_stage import Served

LETTER = b"Discharge letter: all is well."


def anchor(gateway: Served, content: bytes, **headers: str) -> dict[str, object]:
    answer = gateway.call("POST", "/documents", "documents.write", files={"file": content}, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_an_anchored_document_is_active_and_its_receipt_verifies(gateway: Served) -> None:
    job = anchor(gateway, LETTER)
    final = gateway.job(str(job["href"]), "documents.read")
    receipt = gateway.call("GET", final["result"]["receipt"], "documents.read")
    assert receipt.headers["content-disposition"].endswith('.receipt.json"')
    found = gateway.call("POST", "/documents/verify/files", files={"file": LETTER, "receipt": receipt.content})
    assert (found.json()["answer"], found.json()["trusted"]) == ("active", True)
    assert [event["name"] for event in final["events"]] == ["queued", "running", "included", "final"]


def test_another_file_is_altered_and_a_digest_is_enough(gateway: Served) -> None:
    job = gateway.job(str(anchor(gateway, LETTER)["href"]), "documents.read")
    receipt = gateway.call("GET", job["result"]["receipt"], "documents.read").json()
    digests = {"active": hashlib.sha256(LETTER), "altered": hashlib.sha256(LETTER + b" ")}
    for expected, digest in digests.items():
        asked = {"receipt": receipt, "digest": "0x" + digest.hexdigest()}
        assert gateway.call("POST", "/documents/verify", json=asked).json()["answer"] == expected


def test_the_same_key_is_the_same_job_and_other_content_is_refused(gateway: Served) -> None:
    first = anchor(gateway, LETTER, **{"Idempotency-Key": "letter-1"})
    assert anchor(gateway, LETTER, **{"Idempotency-Key": "letter-1"})["job"] == first["job"]
    other = gateway.call(
        "POST", "/documents", "documents.write", files={"file": b"x"}, headers={"Idempotency-Key": "letter-1"}
    )
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"


def test_who_will_not_wait_gets_202_and_follows_the_job(gateway: Served) -> None:
    asked = {"digest": "0x" + 64 * "a"}
    answer = gateway.call(
        "POST", "/documents/digests", "documents.write", json=asked, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 202
    stream = gateway.call("GET", answer.headers["location"] + "/events", "documents.read")
    told = [line.removeprefix("event: ") for line in stream.text.splitlines() if line.startswith("event: ")]
    assert told == ["queued", "running", "included", "final"]
