"""The demo: the whole suite at work, on a chain of its own or on a testnet.

A domain takes part with one `Chapter` in `careledger.demo.chapters`. `perform` deploys the suite, gives every actor
what its steps cost, plays the chapters, and returns a `Performance`: what stands where, what happened, the answers.
"""

from careledger.demo.cast import MEMBERS, Actor, Cast, Member
from careledger.demo.chapters import CHAPTERS
from careledger.demo.performance import Audience, ChainFacts, ContractFacts, Leftover, Performance
from careledger.demo.runner import perform
from careledger.demo.settings import Settings
from careledger.demo.stage import Answer, Chapter, Figures, Stage, StepRecord

__all__ = [
    "CHAPTERS",
    "MEMBERS",
    "Actor",
    "Answer",
    "Audience",
    "Cast",
    "ChainFacts",
    "Chapter",
    "ContractFacts",
    "Figures",
    "Leftover",
    "Member",
    "Performance",
    "Settings",
    "Stage",
    "StepRecord",
    "perform",
]
