"""Runs the command line in a process of its own that kills itself at a moment of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

__all__ = ["Moment", "killed_at"]

Moment = tuple[str, str, int]
"""A method, as `Job.add`; `before` or `after` it; and of which call."""

PROGRAM = """
import os, signal, sys
from careledger.anchoring.bulk import ReceiptFolder
from careledger.anchoring.documents import Documents
from careledger.anchoring.job import Job
from careledger.cli import main
from careledger.vault import Vault

point, when, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind, name = point.split(".")
owner = {"Job": Job, "Documents": Documents, "ReceiptFolder": ReceiptFolder, "Vault": Vault}[kind]
real = getattr(owner, name)

def reached(*arguments, **options):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **options)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, reached)
sys.argv = ["careledger", *sys.argv[4:]]
main()
"""


def killed_at(moment: Moment, arguments: Sequence[object], settings: Mapping[str, str]) -> bool:
    """Whether the command was killed; if not, it was done before that moment came. It must not fail."""
    command = [sys.executable, "-c", PROGRAM, *map(str, moment), *map(str, arguments)]
    ended = subprocess.run(command, env={**os.environ, **settings}, capture_output=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode != 0
