"""`careledger anchor --watch` in a process of its own: files that appear, grow, move in; and how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from careledger.anchoring import Receipt
from careledger.chain.development import Node
from cli.command_line import CommandLine
from cli.document_world import World, deploy

WAIT_SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "before.txt").write_text(f"before {tmp_path}")
    return folder


@pytest.fixture
def watching(world: World, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = world.start("anchor", folder, "--watch", "--settle", "0.6", "--json")
    wait_for(lambda: receipt(folder, "before.txt").exists(), process)
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def receipt(folder: Path, name: str) -> Path:
    return folder.with_name("inbox.receipts") / f"{name}.receipt.json"


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(process: subprocess.Popen[bytes], how: int = signal.SIGINT) -> tuple[int, dict[str, object], str]:
    process.send_signal(how)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, json.loads(out), err.decode()


def test_files_that_appear_are_anchored_until_ctrl_c(
    world: World, folder: Path, tmp_path: Path, watching: subprocess.Popen[bytes]
) -> None:
    (folder / "one.txt").write_text(f"one {tmp_path}")
    (folder / "deep" / "down").mkdir(parents=True)
    (folder / "deep" / "down" / "two.txt").write_text(f"two {tmp_path}")
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "sub" / "three.txt").write_text(f"three {tmp_path}")
    (outside / "sub").rename(folder / "moved")
    (folder / "link.txt").symlink_to(folder / "one.txt")
    (folder / "linked").symlink_to(outside)
    (folder / "brief.txt").write_text("gone at once")
    (folder / "brief.txt").unlink()
    for name in ("one.txt", "deep/down/two.txt", "moved/three.txt"):
        wait_for(receipt(folder, name).exists, watching)
    (outside / "behind.txt").write_text("behind a link")
    (folder / "last.txt").write_text(f"last {tmp_path}")
    wait_for(receipt(folder, "last.txt").exists, watching)
    code, body, err = ended(watching)
    assert code == 0, err
    assert (body["anchored"], body["failures"]) == (5, [])
    assert "Traceback" not in err
    found = {path.name for path in folder.with_name("inbox.receipts").rglob("*.receipt.json")}
    assert found == {f"{name}.txt.receipt.json" for name in ("before", "one", "two", "three", "last")}


def test_a_file_is_anchored_once_it_is_whole(
    world: World, folder: Path, tmp_path: Path, watching: subprocess.Popen[bytes]
) -> None:
    since = world.block() + 1
    with (folder / "scan.dcm").open("wb") as file:
        for _ in range(12):
            file.write(os.urandom(1000))
            file.flush()
            time.sleep(0.25)
            assert not receipt(folder, "scan.dcm").exists()
    wait_for(receipt(folder, "scan.dcm").exists, watching)
    code, _, _ = ended(watching, signal.SIGTERM)
    assert code == 0
    whole = hashlib.sha256((folder / "scan.dcm").read_bytes()).hexdigest()
    assert Receipt.load(receipt(folder, "scan.dcm")).digest == "0x" + whole
    assert world.anchored_documents(since) == 1
    again = world.ok("anchor", folder)
    assert (again["anchored"], again["known"]) == (0, 2)


def test_a_changed_file_is_anchored_anew(
    world: World, folder: Path, tmp_path: Path, watching: subprocess.Popen[bytes]
) -> None:
    (folder / "before.txt").write_text("changed")
    digest = "0x" + hashlib.sha256(b"changed").hexdigest()
    wait_for(lambda: Receipt.load(receipt(folder, "before.txt")).digest == digest, watching)
    code, body, _ = ended(watching)
    assert (code, body["anchored"]) == (0, 2)


def test_it_waits_while_the_node_is_away(careledger: CommandLine, tmp_path: Path, folder: Path) -> None:
    with Node() as node:
        world = World(careledger, node.url, deploy(node, tmp_path / "deployments"))
        process = world.start("anchor", folder, "--watch", "--settle", "0.3", "--json")
        try:
            wait_for(lambda: receipt(folder, "before.txt").exists(), process)
            os.kill(node.process_id, signal.SIGSTOP)
            (folder / "later.txt").write_text("later")
            time.sleep(5)
            assert process.poll() is None
            assert not receipt(folder, "later.txt").exists()
            os.kill(node.process_id, signal.SIGCONT)
            wait_for(lambda: receipt(folder, "later.txt").exists(), process)
            code, body, err = ended(process)
            assert (code, body["anchored"]) == (0, 2), err
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def test_a_killed_watch_goes_on(world: World, folder: Path, tmp_path: Path, watching: subprocess.Popen[bytes]) -> None:
    since = world.block() + 1
    for number in range(50):
        (folder / f"{number}.txt").write_text(f"{number} {tmp_path}")
    wait_for(lambda: world.anchored_documents(since) > 0, watching)
    watching.kill()
    watching.communicate()
    process = world.start("anchor", folder, "--watch", "--settle", "0", "--json")
    (folder / "later.txt").write_text(f"later {tmp_path}")  # its receipt says that this process is at work
    names = ["later.txt", *(f"{number}.txt" for number in range(50))]
    wait_for(lambda: all(receipt(folder, name).exists() for name in names), process)
    assert ended(process)[0] == 0
    assert world.anchored_documents(since) == 51
