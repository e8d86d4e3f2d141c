"""What was submitted is nowhere but in the vault, and there encrypted: marked data are looked for in all that is
written."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from careledger.anchoring import Receipt
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import Served, serve

LOGGERS = ("careledger", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "fastapi", "starlette", "web3")


class Lines(logging.Handler):
    """Every line that is logged, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler.lines
    for name, level in before.items():
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(level)


class Markers:
    """A text of its own for each place where something personal may stand."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self.of.setdefault(place, f"ROE{uuid.uuid4().hex}")


def submit_all(gateway: Served, mark: Markers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked data in every place, well and badly formed, taken and refused."""
    file = (mark("file name") + ".pdf", mark("content").encode(), "text/" + mark("content type"))
    headers = {"Idempotency-Key": mark("key"), "User-Agent": mark("agent"), "Referer": "https://x/" + mark("referer")}
    headers |= {"X-Patient": mark("header"), "Cookie": "a=" + mark("cookie")}
    job = gateway.call("POST", "/documents", "documents.write", files={"file": file}, headers=headers)
    assert job.status_code == 201, job.text
    gateway.job(job.json()["href"], "documents.read")
    large = {"file": (mark("large name"), mark("large content").encode() * 100_000)}
    assert gateway.call("POST", "/documents", "documents.write", files=large).status_code == 201
    for body in (
        {"digest": mark("wrong digest")},
        {"digest": "0x" + 64 * "a", mark("unknown field"): mark("its value")},
        {"digest": "0x" + 64 * "a", "kind": mark("wrong type")},
        [mark("array")],
    ):
        assert gateway.call("POST", "/documents/digests", "documents.write", json=body).status_code == 422
    bad = f'{{"receipt": "{mark("cut JSON")}'.encode()
    json_type = {"Content-Type": "application/json"}
    assert gateway.call("POST", "/documents/verify", data=bad, headers=json_type).status_code == 422
    receipt = {"receipt": {"format": mark("receipt"), mark("name in receipt"): 1}}
    assert gateway.call("POST", "/documents/verify", json=receipt).status_code == 422
    gateway.call("GET", "/" + mark("path"))
    gateway.call("GET", f"/documents/{mark('leaf')}/receipt?patient={mark('query')}", "documents.read")
    requests.get(f"{gateway.url}/jobs", headers={"Authorization": f"Bearer {mark('token')}"}, timeout=60)
    requests.post(f"{gateway.url}/token", data={"client_assertion": mark("assertion"), "scope": "x"}, timeout=60)
    requests.get(f"{gateway.url}/health", headers={"X-Request-Id": mark("request id") + "<"}, timeout=60)

    def crash(*_: object) -> None:
        raise KeyError(mark("crash"))

    with monkeypatch.context() as patched:
        patched.setattr(Receipt, "load", crash)
        answer = gateway.call("POST", "/documents/verify", json={"receipt": {"a": mark("crashing receipt")}})
        assert answer.status_code == 500
        assert "ROE" not in answer.text
    with monkeypatch.context() as patched:
        patched.setattr(type(gateway.app.state.services.ledger.documents), "anchor", crash)
        key = {"Idempotency-Key": mark("key of a crash")}
        asked = {"file": (mark("name of a crash"), mark("content of a crash"))}
        answer = gateway.call("POST", "/documents", "documents.write", files=asked, headers=key)
        assert answer.status_code in {202, 500}
        if answer.status_code == 202:
            gateway.job(answer.json()["href"], "documents.read", "failed")


def test_marked_data_are_found_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], record_property: pytest.RecordProperty
) -> None:
    mark = Markers()
    with local_settings(tmp_path) as settings:
        with serve(tmp_path, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **settings) as gateway:
            for name in LOGGERS:  # the server sets levels of its own
                logging.getLogger(name).setLevel(logging.DEBUG)
            submit_all(gateway, mark, monkeypatch)
            places = {"metrics": gateway.call("GET", "/metrics").text.encode()}
            places["ready"] = gateway.call("GET", "/ready").content
            listed = gateway.call("GET", "/jobs?limit=200", "documents.read").json()
            places["URLs of jobs"] = json.dumps([job["href"] for job in listed]).encode()
            places |= files_of(tmp_path, "while it runs")
        places |= files_of(tmp_path, "at its end")
    places["logs"] = "\n".join(lines).encode()
    assert any("request.answered" in line for line in lines)
    assert any("crashed" in line for line in lines)
    found = {
        (place, name) for place, text in places.items() for name, marker in mark.of.items() if marker.encode() in text
    }
    assert not found
    assert len(mark.of) >= 25
    record_property("counted: markers of personal data looked for", len(mark.of))


def files_of(folder: Path, when: str) -> dict[str, bytes]:
    """All that the gateway wrote, the vault included."""
    return {f"{path.name} {when}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
