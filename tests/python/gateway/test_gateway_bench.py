"""What the gateway's bench counts by: its clients, and its book of what was promised."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from gateway_stage import Served, free_port

sys.path.append(str(Path(__file__).resolve().parents[3]))

from bench.gateway_load import NO_ANSWER, Call, Load, load
from bench.gateway_promises import Outcome, Promises

FINAL = Outcome("final", "0xa")


def test_every_call_is_sent_once_and_its_answer_counted(gateway: Served) -> None:
    calls = [Call("GET", "/health"), Call("GET", "/nowhere")] * 10
    seen: list[int] = []
    found = load(gateway.url, calls, 4, lambda status, _: seen.append(status))
    assert found.statuses == {"200": 10, "404": 10} == {str(status): n for status, n in Counter(seen).items()}
    assert len(found.milliseconds) == 20
    assert 0 < found.percentile(50) <= found.percentile(99) == max(found.milliseconds)
    assert found.per_second == pytest.approx(10 / found.seconds)


def test_a_server_that_is_not_there_gives_no_answers() -> None:
    found = load(f"http://127.0.0.1:{free_port()}", [Call("GET", "/")] * 3, 2)
    assert found.statuses == {NO_ANSWER: 3}
    assert found.per_second == 0
    with pytest.raises(ValueError, match="nothing was answered"):
        found.percentile(50)


@pytest.mark.parametrize(("percent", "milliseconds"), [(0, 1.0), (50, 2.0), (51, 3.0), (75, 3.0), (99, 4.0)])
def test_percentiles_are_by_nearest_rank(percent: float, milliseconds: float) -> None:
    assert Load(1, (1.0, 2.0, 3.0, 4.0), Counter()).percentile(percent) == milliseconds


def promised(*jobs: str) -> Promises:
    """A book with the keys `key-JOB`, accepted in the second 100."""
    promises = Promises()
    for job in jobs:
        promises.sending(f"key-{job}")
        assert promises.answered(f"key-{job}", 202, 100, job, 100)
    return promises


def test_what_was_kept_is_no_violation() -> None:
    promises = promised("a")
    promises.sending("key-a")
    assert promises.answered("key-a", 201, 101, "a", 100)
    assert list(promises.violations({"a": FINAL}, {"0xa": 1})) == []
    assert promises.counts == {"requests sent": 2, "answers 202": 1, "answers 201": 1, "accepted": 1}


@pytest.mark.parametrize(
    ("outcomes", "anchored", "violation"),
    [
        pytest.param({}, {}, "key-a was accepted, and is lost", id="lost"),
        pytest.param({"a": Outcome("failed", None)}, {}, "key-a was accepted, and is failed", id="failed"),
        pytest.param({"a": Outcome("included", "0xa")}, {"0xa": 1}, "key-a was accepted, and is included", id="open"),
        pytest.param({"a": FINAL}, {}, "key-a is final, and was anchored 0 times", id="not-on-chain"),
        pytest.param({"a": FINAL}, {"0xa": 2}, "key-a is final, and was anchored 2 times", id="doubled"),
        pytest.param(
            {"a": FINAL},
            {"0xa": 1, "0xb": 1},
            "1 documents were anchored that nobody was promised",
            id="of-nobody",
        ),
    ],
)
def test_a_promise_that_was_broken_is_told(
    outcomes: dict[str, Outcome], anchored: dict[str, int], violation: str
) -> None:
    assert list(promised("a").violations(outcomes, anchored)) == [violation]


def test_two_keys_never_have_one_document_or_a_key_two_jobs() -> None:
    promises = promised("a", "b")
    assert list(promises.violations({"a": FINAL, "b": FINAL}, {"0xa": 1})) == ["2 keys have one leaf, 0xa"]
    promises = promised("a")
    assert promises.answered("key-a", 202, 102, "c", 102)
    assert list(promises.violations({"a": FINAL}, {"0xa": 1})) == ["key-a was the job a, and is c"]


@pytest.mark.parametrize(("created_at", "count"), [(100, 1), (101, 0)], ids=["before", "after"])
def test_a_request_that_was_answered_5xx_must_not_have_been_stored(created_at: int, count: int) -> None:
    promises = Promises()
    promises.sending("key-a")
    assert not promises.answered("key-a", 503, 100)
    assert promises.answered("key-a", 202, 102, "a", created_at)
    assert len(list(promises.violations({"a": FINAL}, {"0xa": 1}))) == count


def test_a_request_without_an_answer_may_have_been_stored_or_not() -> None:
    promises = Promises()
    promises.sending("key-a")
    promises.unanswered("key-a")
    assert list(promises.violations({}, {})) == []
    assert list(promises.violations({}, {"0xa": 1})) == []
    assert list(promises.violations({}, {"0xa": 1, "0xb": 1})) == ["2 documents were anchored that nobody was promised"]


def test_a_refusal_of_what_is_in_order_is_a_violation() -> None:
    promises = Promises()
    promises.sending("key-a")
    assert not promises.answered("key-a", 422, 100)
    assert list(promises.violations({}, {})) == ["key-a was answered 422"]
