"""How a kind of job is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Handler"]


@dataclass(frozen=True)
class Handler:
    """`perform` gets what was submitted, and gives the result, without personal data. It is called again after a kill
    or a reorganization, and must then come to the same effect. `settle` is called when all is final, once or again
    after a kill, and keeps at home what can change no more."""

    perform: Callable[[bytes], dict[str, Any]]
    settle: Callable[[bytes], None] = lambda _: None
