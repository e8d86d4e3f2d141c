"""Jobs under reorganizations, refusals, crashes and other processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import development_signer
from careledger.chain.outbox import State
from careledger.chain.rpc import HttpRpc
from careledger.errors import CareLedgerError, ConfigurationError
from careledger.gateway import Settings
from careledger.gateway.access import SCOPES
from careledger.gateway.jobs import Handler, Job, JobState
from careledger.gateway.jobs.store import MOST_WAITING
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services, open_services
from careledger.gateway.tables import JOB
from careledger.vault import Vault
from gateway_stage import serve
from outbox.counting import CountingContract, call_of
from rpc_proxy import RpcProxy

SECONDS = 60
REVERTS = "0x60006000fd"
SECRET = "Jane Roe, born 1961-02-03"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with local_settings(tmp_path_factory.mktemp("chain")) as settings:
        yield settings


@pytest.fixture(scope="module")
def contract(chain: dict[str, str]) -> CountingContract:
    return CountingContract.deploy(Connection.open(chain["rpc"]), development_signer(9), chain["rpc"])


@contextmanager
def opened(chain: dict[str, str], folder: Path, database_url: str | None = None) -> Iterator[Services]:
    """With a database and a vault of its own."""
    vault = folder / "vault-of-test.db"
    if not vault.exists():
        Vault.create(vault, chain["passphrase"]).close()
    database = database_url or f"sqlite:///{folder / 'jobs.db'}"
    settings: dict[str, Any] = {**chain, "vault": vault, "database": database}
    with open_services(Settings.load(**settings)) as services:
        yield services


def until(services: Services, job: Job, state: JobState) -> Job:
    deadline = time.monotonic() + SECONDS
    while (found := services.jobs.get(job.job_id)).state is not state:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def counting(services: Services, contract: CountingContract, **more: Any) -> dict[str, Handler]:
    """Handlers of the kind `count`: the payload's call is counted on chain."""

    def perform(payload: bytes) -> dict[str, Any]:
        services.connection.send(services.signer, contract.address, call_of(payload.decode()))
        return {"counted": True}

    return {"count": Handler(perform), **more}


def test_a_job_that_a_reorganization_takes_away_is_told_and_done_again(tmp_path: Path) -> None:
    with local_settings(tmp_path) as settings, RpcProxy(settings["rpc"]) as proxy:
        node = HttpRpc(settings["rpc"])
        changed = {**settings, "rpc": proxy.url, "confirmations": "3"}
        with serve(tmp_path, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **changed) as gateway:
            snapshot = node.call("evm_snapshot")
            before = int(node.call("eth_blockNumber"), 16)
            asked = {"digest": "0x" + 64 * "b"}
            answer = gateway.call("POST", "/documents/digests", "documents.write", json=asked)
            assert (answer.status_code, answer.json()["final"]) == (201, False)
            proxy.lose_requests(times=float("inf"))
            assert node.call("evm_revert", snapshot)
            node.call("anvil_mine", hex(2))
            proxy.heal()
            deadline = time.monotonic() + SECONDS
            while (job := gateway.call("GET", answer.json()["href"], "documents.read").json())["state"] != "final":
                assert time.monotonic() < deadline, job
                node.call("evm_mine")
                time.sleep(0.1)
    names = [event["name"] for event in job["events"]]
    assert names[:5] == ["queued", "running", "included", "reorganized", "running"], names
    assert names[-2:] == ["included", "final"]
    assert job["block_number"] > before + 1
    assert job["result"]["block_number"] == job["block_number"]


def test_a_job_whose_transaction_fails_after_a_reorganization_is_told_as_failed(tmp_path: Path) -> None:
    with local_settings(tmp_path) as settings, RpcProxy(settings["rpc"]) as proxy:
        node = HttpRpc(settings["rpc"])
        contract = CountingContract.deploy(Connection.open(settings["rpc"]), development_signer(9), settings["rpc"])
        changed = {**settings, "rpc": proxy.url, "confirmations": "3"}
        with opened(changed, tmp_path) as services, services.runner(counting(services, contract)):
            snapshot = node.call("evm_snapshot")
            job = services.jobs.submit("count", "ehr", b"reverts")
            until(services, job, JobState.INCLUDED)
            proxy.lose_requests(times=float("inf"))
            assert node.call("evm_revert", snapshot)
            node.call("anvil_dropAllTransactions")
            node.call("anvil_setCode", contract.address, REVERTS)
            proxy.heal()
            deadline = time.monotonic() + SECONDS
            while (found := services.jobs.get(job.job_id)).state is not JobState.FAILED:
                assert time.monotonic() < deadline, found
                node.call("evm_mine")
                time.sleep(0.1)
            (key,) = services.outbox.keys(f"job/{job.job_id}/")
            assert services.outbox.get(key).state is State.REFUSED
        assert contract.calls(["reverts"]) == {"reverts": 0}
    assert [event.name for event in found.events][:4] == ["queued", "running", "included", "reorganized"]
    assert found.problem is not None
    assert found.problem["status"] == 409


def test_a_crash_is_tried_again_and_then_told_without_its_words(
    chain: dict[str, str], contract: CountingContract, tmp_path: Path
) -> None:
    tries: list[bytes] = []

    def perform(payload: bytes) -> dict[str, Any]:
        tries.append(payload)
        if payload == b"once" and tries.count(b"once") == 2:
            return {}
        raise KeyError(SECRET)

    with opened(chain, tmp_path) as services, services.runner({"crash": Handler(perform)}):
        healed, failed = (services.jobs.submit("crash", "ehr", payload) for payload in (b"once", b"always"))
        assert until(services, healed, JobState.FINAL).problem is None
        problem = until(services, failed, JobState.FAILED).problem
    assert problem is not None
    assert problem["status"] == 500
    assert SECRET not in str(problem)
    assert tries.count(b"always") == 3


def test_a_job_that_cannot_be_settled_stands_in_no_others_way(
    chain: dict[str, str], contract: CountingContract, tmp_path: Path
) -> None:
    def settle(payload: bytes) -> None:
        if payload == b"poison":
            raise KeyError(SECRET)

    with opened(chain, tmp_path) as services:
        perform = counting(services, contract)["count"].perform
        with services.runner({"count": Handler(perform, settle)}):
            poison, other = (services.jobs.submit("count", "ehr", payload) for payload in (b"poison", b"other"))
            until(services, other, JobState.FINAL)
            until(services, poison, JobState.INCLUDED)
        assert contract.calls(["poison", "other"]) == {"poison": 1, "other": 1}


def test_what_the_vault_says_of_itself_is_no_answer_about_a_job(
    chain: dict[str, str], contract: CountingContract, tmp_path: Path
) -> None:
    with opened(chain, tmp_path) as services, Vault.open(services.vault.path, chain["passphrase"]) as other:
        job = services.jobs.submit("count", "ehr", b"rotated")
        other.rotate("a passphrase of another day")
        with services.runner(counting(services, contract)):
            deadline = time.monotonic() + SECONDS
            while services.jobs.get(job.job_id).attempts < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert services.jobs.get(job.job_id).state is not JobState.FAILED
    changed = {**chain, "passphrase": "a passphrase of another day"}
    with opened(changed, tmp_path) as services, services.runner(counting(services, contract)):
        until(services, job, JobState.FINAL)
    assert contract.calls(["rotated"]) == {"rotated": 1}


def test_what_an_operator_cancels_is_not_sent_again(
    chain: dict[str, str], contract: CountingContract, tmp_path: Path
) -> None:
    node = HttpRpc(chain["rpc"])
    with opened(chain, tmp_path) as services:
        node.call("evm_setAutomine", False)
        try:
            with services.runner(counting(services, contract)):
                job = services.jobs.submit("count", "ehr", b"cancelled")
                deadline = time.monotonic() + SECONDS
                while not services.outbox.keys(f"job/{job.job_id}/"):
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                (key,) = services.outbox.keys(f"job/{job.job_id}/")
                services.outbox.cancel(key)
                while services.jobs.get(job.job_id).state is not JobState.FAILED:
                    assert time.monotonic() < deadline, services.outbox.get(key)
                    time.sleep(0.5)
                    node.call("evm_mine")
        finally:
            node.call("evm_setAutomine", True)
        problem = services.jobs.get(job.job_id).problem
        assert services.outbox.get(key).state is State.CANCELLED
    assert problem is not None
    assert problem["status"] == 409
    assert contract.calls(["cancelled"]) == {"cancelled": 0}


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """What threads that begin together return."""
    found: list[Any] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    return found


def test_one_key_at_the_same_moment_is_one_job(chain: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with opened(chain, tmp_path, database_url) as services:
        jobs = at_once(8, lambda: services.jobs.submit("count", "ehr", b"same", key="one"))
        assert len({job.job_id for job in jobs}) == 1
        assert list(services.vault.names("gateway-job")) == [jobs[0].job_id]
        other = services.jobs.submit("count", "portal", b"same", key="one")
        assert other.job_id != jobs[0].job_id
        with pytest.raises(Refused) as refused:
            services.jobs.submit("count", "ehr", b"other", key="one")
        assert refused.value.status == 409


def test_each_job_is_one_threads_at_a_time(chain: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with opened(chain, tmp_path, database_url) as services:
        for number in range(12):
            services.jobs.submit("count", "ehr", str(number).encode())

        def claim() -> list[str]:
            claimed = []
            while (job := services.jobs.claim(["count"])) is not None:
                claimed.append(job.job_id)
            return claimed

        claimed = [job_id for part in at_once(4, claim) for job_id in part]
        assert len(claimed) == len(set(claimed)) == 12
        assert services.jobs.claim(["another kind"]) is None


def test_when_too_many_wait_the_next_is_answered_at_once(chain: dict[str, str], tmp_path: Path) -> None:
    with opened(chain, tmp_path) as services:
        job = services.jobs.submit("count", "ehr", b"waits")
        for _ in range(MOST_WAITING):
            assert services.jobs._waiting.acquire(blocking=False)
        started = time.monotonic()
        assert services.jobs.wait(job.job_id, 600).state is JobState.QUEUED
        assert time.monotonic() - started < SECONDS


def test_a_page_goes_on_after_a_job_and_shows_one_clients_only(chain: dict[str, str], tmp_path: Path) -> None:
    with opened(chain, tmp_path) as services:
        mine = {services.jobs.submit("count", "ehr", str(number).encode()).job_id for number in range(5)}
        services.jobs.submit("count", "portal", b"x")
        first = services.jobs.page("ehr", limit=3)
        second = services.jobs.page("ehr", limit=3, after=first[-1].job_id)
        assert {job.job_id for job in (*first, *second)} == mine
        with pytest.raises(Refused):
            services.jobs.page("portal", after=first[0].job_id)


def test_jobs_that_ended_long_ago_are_forgotten_with_their_keys(
    chain: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    with opened(chain, tmp_path, database_url) as services:
        jobs = services.jobs
        with services.runner({"nothing": Handler(lambda _: {})}):
            old = until(services, jobs.submit("nothing", "ehr", b"1", "key"), JobState.FINAL)
            new = until(services, jobs.submit("nothing", "ehr", b"2"), JobState.FINAL)
        waiting = jobs.submit("later", "ehr", b"3")
        with services.database.write() as connection:
            for job in (old, waiting):
                earlier = {"updated_at": job.updated_at - 31 * 86_400}
                connection.execute(JOB.update().where(JOB.c.job_id == job.job_id).values(earlier))
        assert jobs.forget_ended(30) == 1
        assert {job.job_id for job in jobs.page()} == {new.job_id, waiting.job_id}
        assert jobs.submit("nothing", "ehr", b"something else", "key").job_id != old.job_id


def test_what_a_job_came_to_cannot_be_read_in_the_database(
    chain: dict[str, str], contract: CountingContract, tmp_path: Path
) -> None:
    def perform(_: bytes) -> dict[str, Any]:
        raise Refused(422, "Bad", SECRET)

    handlers = {"told": Handler(lambda _: {"note": SECRET}), "bad": Handler(perform)}
    with opened(chain, tmp_path) as services, services.runner(handlers):
        told, bad = services.jobs.submit("told", "ehr", b"1"), services.jobs.submit("bad", "ehr", b"2")
        assert until(services, told, JobState.FINAL).result == {"note": SECRET}
        assert (until(services, bad, JobState.FAILED).problem or {})["detail"] == SECRET
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path.name


def test_the_database_of_another_gateway_is_refused(chain: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with opened(chain, tmp_path, database_url):
        pass
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ConfigurationError, match="a gateway of another vault"), opened(chain, other, database_url):
        pass


def test_a_gateway_of_another_chain_on_the_database_is_refused(chain: dict[str, str], tmp_path: Path) -> None:
    with opened(chain, tmp_path):
        pass
    with local_settings(tmp_path / "another") as settings:
        changed = {**settings, "passphrase": chain["passphrase"]}
        with pytest.raises(CareLedgerError), opened(changed, tmp_path):
            pass
