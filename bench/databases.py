"""Fresh databases for the contestants."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["postgres", "sqlite"]

POSTGRES = Path(__file__).resolve().parent.parent / "tests" / "python" / "postgres.py"


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a file that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="careledger-bench-") as folder:
        yield f"sqlite:///{folder}/bench.db"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database on a server that forces commits to the disk."""
    with _servers().postgres(durable=True) as url:
        yield url


@cache
def _servers() -> Any:
    """The tests' PostgreSQL. Their folder is no package."""
    spec = importlib.util.spec_from_file_location("careledger_bench_postgres", POSTGRES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
