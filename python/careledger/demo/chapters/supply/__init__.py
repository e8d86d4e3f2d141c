"""A lot from its maker to patients: packed, shipped with what proves it, dispensed, recalled, returned."""

from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory

from careledger.demo.chapters.supply.books import Books
from careledger.demo.chapters.supply.operator import Operator
from careledger.demo.chapters.supply.recall import Recall
from careledger.demo.chapters.supply.trade import Trade
from careledger.demo.stage import Chapter, Stage

__all__ = ["CHAPTER"]


def play(stage: Stage) -> None:
    with contextlib.ExitStack() as stack:
        folder = stage.settings.books
        if folder is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="careledger-demo-")))
        operator = Operator(stage)
        operator.set_up()
        books = stack.enter_context(Books(operator, folder))
        Trade(operator, books).play()
        Recall(operator, books).play()


CHAPTER = Chapter("supply", "A lot from maker to patients, and its recall", play)
