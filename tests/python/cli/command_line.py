"""Runs the command line in this process, as the program does: arguments in, exit code and both outputs out."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from careledger.cli import main

__all__ = ["CommandLine", "Result"]


@dataclass(frozen=True)
class Result:
    exit_code: int
    out: str
    err: str

    @property
    def body(self) -> Any:
        """The answer in JSON, which is all of standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error in JSON: the end of standard error, after what was said on the way."""
        body: dict[str, Any] = json.loads(self.err[self.err.index('{\n  "error"') :])["error"]
        return body


@dataclass(frozen=True)
class CommandLine:
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Result:
        self.monkeypatch.setattr(sys, "argv", ["careledger", *map(str, arguments)])
        self.capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = 0 if end.code is None else int(end.code)
        printed = self.capsys.readouterr()
        return Result(code, printed.out, printed.err)
