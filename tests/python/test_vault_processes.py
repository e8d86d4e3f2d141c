"""The vault between processes: killed at any point, used by two at once, and with 100,000 entries."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from careledger.vault import ScryptCost, Vault, WrongPassphrase

PASSPHRASES = ("a hospital's passphrase", "the passphrase after that")
QUICK = ScryptCost(n=2)
SEEDED = 2500
"""Entries of 4 KiB each: more than SQLite keeps in memory, so that a transaction writes before it ends."""

LONGEST_PAUSE_SECONDS = 16.0

WORKER = """
import os, sys
from careledger.vault import Vault

path, work, times, *passphrases = sys.argv[1:]
with Vault.open(path, passphrases[0], busy_seconds=30) as vault:
    print("ready", flush=True)
    for number in range(int(times)):
        name = f"{os.getpid()}-{number}"
        if work == "put":
            vault.put("new", name, b"v" * 64)
        elif work == "put_many":
            vault.put_many(("new", f"{name}-{i}", os.urandom(4096)) for i in range(1500))
        elif work == "forget":
            vault.forget("salt", f"claim-{number}")
        elif work == "rotate":
            vault.rotate(passphrases[(number + 1) % 2])
        elif work == "backup":
            vault.backup(f"{path}.backup-{number}")
        print(name, flush=True)
"""

LARGE = """
import json, os, resource, sys, time
from careledger.vault import ScryptCost, Vault

count = int(sys.argv[2])
with Vault.create(sys.argv[1], "a hospital's passphrase", cost=ScryptCost(n=2)) as vault:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    vault.put_many(("salt", f"claim-{i}", os.urandom(32)) for i in range(count))
    put = time.perf_counter() - started
    listed = sum(1 for _ in vault.names("salt"))
    seconds = time.perf_counter() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"listed": listed, "put_seconds": put, "list_seconds": seconds - put, "grown_kib": grown}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vault.db"
    with Vault.create(path, PASSPHRASES[0], cost=QUICK) as vault:
        vault.put_many(("salt", f"claim-{number}", b"s" * 4096) for number in range(SEEDED))
    return path


def start(
    path: Path, work: str, passphrases: tuple[str, ...] = PASSPHRASES, times: int = 10**9
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(path), work, str(times), *passphrases]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def kill(worker: subprocess.Popen[str]) -> list[str]:
    """Kills a worker; gives the names of what it had finished."""
    worker.send_signal(signal.SIGKILL)
    output, _ = worker.communicate(timeout=30)
    return [line for line in output.split("\n")[:-1] if line]


def passphrases_now(path: Path) -> tuple[str, ...]:
    """The two passphrases, the one that opens the vault first."""
    with contextlib.suppress(WrongPassphrase):
        Vault.open(path, PASSPHRASES[0]).close()
        return PASSPHRASES
    return PASSPHRASES[::-1]


def kill_and_check(path: Path, work: str, pause: float) -> tuple[int, bool]:
    """Kills a worker after a pause; checks that all it had finished is there, and that the vault is whole.

    Gives how much it had finished, and whether it was killed within a transaction.
    """
    worker = start(path, work, passphrases_now(path))
    time.sleep(pause)
    done = kill(worker)
    interrupted = path.with_name(path.name + "-journal").exists()
    with Vault.open(path, passphrases_now(path)[0]) as vault:
        entries = vault.verify()
        new = set(vault.names("new"))
        salts = set(vault.names("salt"))
        assert entries == len(new) + len(salts)
        if work == "put":
            assert new >= set(done)
        if work == "put_many":
            assert len(new) % 1500 == 0
            assert {f"{name}-{i}" for name in done for i in range(1500)} <= new
        if work == "forget":
            assert SEEDED - len(salts) >= len(done)
            assert not salts & {f"claim-{number}" for number in range(len(done))}
        else:
            assert len(salts) == SEEDED
    if work == "backup":
        backups = list(path.parent.glob("*.backup-*"))
        assert len([file for file in backups if not file.name.startswith(".")]) >= len(done)
        for file in backups:
            if not file.name.startswith("."):
                with Vault.open(file, PASSPHRASES[0], read_only=True) as backup:
                    assert backup.verify() == SEEDED
            file.unlink()
    return len(done), interrupted


def kill_often(path: Path, work: str, times: int) -> None:
    """So often, and then after longer pauses until one kill shows something: the machine may be busy."""
    pauses, longest = random.Random(work), 0.25
    shows = is_interrupted if work in ("rotate", "put_many") else has_done
    results = [kill_and_check(path, work, pauses.uniform(0.0, longest)) for _ in range(times)]
    while not any(map(shows, results)) and longest < LONGEST_PAUSE_SECONDS:
        longest *= 2
        results.append(kill_and_check(path, work, pauses.uniform(0.0, longest)))
    with Vault.open(path, passphrases_now(path)[0]) as vault:
        vault.put("after", "the kills", b"")
    assert not path.with_name(path.name + "-journal").exists()  # the next write leaves one file again
    assert any(map(shows, results)), "no kill met a transaction or what was done: the test shows nothing"


def has_done(result: tuple[int, bool]) -> bool:
    return result[0] > 0


def is_interrupted(result: tuple[int, bool]) -> bool:
    return result[1]


@pytest.mark.parametrize("work", ["put", "put_many", "forget", "rotate", "backup"])
def test_a_vault_killed_at_work_opens_whole_with_all_that_was_finished(
    path: Path, work: str, record_property: Callable[[str, object], None]
) -> None:
    kill_often(path, work, times=5)
    record_property("counted: vault processes killed at work", 5)


@pytest.mark.full
@pytest.mark.parametrize("work", ["put", "put_many", "forget", "rotate", "backup"])
def test_a_vault_killed_at_work_many_times_opens_whole_with_all_that_was_finished(
    path: Path, work: str, record_property: Callable[[str, object], None]
) -> None:
    kill_often(path, work, times=40)
    record_property("counted: vault processes killed at work", 40)


def test_two_processes_put_at_once_and_nothing_is_lost(path: Path) -> None:
    workers = [start(path, "put", times=60) for _ in range(2)]
    done = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert [len(names) for names in done] == [60, 60]
    with Vault.open(path, PASSPHRASES[0]) as vault:
        assert sorted(vault.names("new")) == sorted(name for names in done for name in names)
        vault.verify()


def test_100_000_entries_are_put_and_listed_in_seconds_and_flat_memory(tmp_path: Path) -> None:
    measured = {}
    for count in (20_000, 100_000):
        command = [sys.executable, "-c", LARGE, str(tmp_path / f"{count}.db"), str(count)]
        measured[count] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert measured[count]["listed"] == count
    print(json.dumps(measured))
    assert measured[100_000]["put_seconds"] < 20
    assert measured[100_000]["list_seconds"] < 10
    # SQLite's page cache fills up to its 8 MiB; five times the entries take no more than that.
    assert measured[100_000]["grown_kib"] < measured[20_000]["grown_kib"] + 10 * 1024
