"""Prior authorization to payment: an insurer's contracts, requests, decisions, an appeal, claims, and the month."""

from __future__ import annotations

from careledger.demo.chapters.authorization.claims import Billing
from careledger.demo.chapters.authorization.payer import Insurer
from careledger.demo.chapters.authorization.requests import Papers, Requests
from careledger.demo.stage import Chapter, Stage

__all__ = ["CHAPTER"]


def play(stage: Stage) -> None:
    insurer = Insurer(stage)
    insurer.set_up()
    papers = Papers(insurer)
    papers.anchor()
    requests = Requests(insurer, papers)
    requests.play()
    Billing(insurer, requests, papers).play()


CHAPTER = Chapter("authorization", "Prior authorization to payment", play)
