"""Structured logs: one event per line with named values, through Python's `logging` under `careledger`.

A library says nothing unless it is asked to: `to_stderr()` has the command line print the lines as JSON, and any other
program attaches a handler of its own. Payloads (calldata, documents, secrets) are never among the values.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

__all__ = ["ROOT", "logger", "to_stderr"]

ROOT = "careledger"

logging.getLogger(ROOT).addHandler(logging.NullHandler())


def logger(component: str) -> Any:
    """The structlog logger of a component: `logger("outbox").info("record.included", key=..., block_number=...)`."""
    return structlog.wrap_logger(
        logging.getLogger(f"{ROOT}.{component}"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        context_class=dict,
        cache_logger_on_first_use=True,
    )


def to_stderr(level: int = logging.INFO) -> None:
    """Prints the events from a level on to standard error, one JSON object per line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger(ROOT)
    root.handlers = [handler]
    root.setLevel(level)
    root.propagate = False
