"""Random acts beside a model: the count of work under way, and the units of every member, never drift."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from ..support import DAY, chain_time, travel_to
from .claims import MEMBER, OTHER_MEMBER
from .payer import UNIT
from .requests import (
    COVERED,
    EXCLUDED,
    FREE,
    NO_LINE,
    OVERDUE_APPROVES,
    PARTLY,
    REVIEWED,
    TWO_OPINIONS,
    UNVERIFIED,
    Action,
    Line,
)

ACTS = 120
FULL_ACTS = 600
CLASSES = COVERED, FREE, EXCLUDED, REVIEWED, PARTLY, TWO_OPINIONS, OVERDUE_APPROVES
PERIOD_LIMIT = 20 * UNIT
GRANTS = "approved", "partial", "modified"


@dataclass
class Modelled:
    """A line as the model keeps it. Nothing here is read from the chain."""

    request: bytes
    number: int
    benefit_class: int
    status: str
    asked: int
    left: int = 0
    used: int = 0
    appeal: str = "none"
    decider: str = ""
    opinion: str = ""
    adverse: bool = False
    before: str = ""

    @property
    def under_way(self):
        return self.status in (*GRANTS, "pended", "asked") or self.appeal == "open"


class Model:
    """What should be: by the documentation, not by the contract's code."""

    def __init__(self):
        self.lines = []
        self.members = {}
        self.used = Counter()

    def taken(self, member, benefit_class):
        held = sum(
            line.left
            for line in self.lines
            if line.benefit_class == benefit_class and line.status in GRANTS and self.members[line.request] == member
        )
        return held + self.used[member, benefit_class]

    def decide(self, line):
        """By the rules."""
        member = self.members[line.request]
        free = PERIOD_LIMIT - (self.taken(member, line.benefit_class) if member else 0)
        if not member or line.benefit_class in (REVIEWED, TWO_OPINIONS, OVERDUE_APPROVES):
            line.status = "pended"
        elif line.benefit_class == FREE:
            line.status = "not required"
        elif line.benefit_class == EXCLUDED:
            line.status, line.adverse = "denied", True
        elif line.asked <= free:
            line.status, line.left = "approved", line.asked
        elif line.benefit_class == PARTLY and free > 0:
            line.status, line.left, line.adverse = "partial", free, True
        else:
            line.status = "pended"
        self.lines.append(line)


class Walk:
    """Makes random acts on both. Acts are chosen so that each is taken: refusals have tests of their own."""

    def __init__(self, office, keys, seed):
        self.office, self.keys, self.random, self.model = office, keys, random.Random(seed), Model()
        self.done = Counter()
        self.until = chain_time() + 300 * DAY  # while licences last

    def line(self, request, number):
        asked = self.random.choice([UNIT, 3 * UNIT, 7 * UNIT, 10 * UNIT])
        return Modelled(request, number, self.random.choice(CLASSES), "", asked)

    def submit(self):
        request = self.office.request_id()
        member = self.random.choice([MEMBER, MEMBER, OTHER_MEMBER, None])
        lines = [self.line(request, number) for number in range(self.random.randint(1, 3))]
        shown = self.office.eligibility(member) if member else UNVERIFIED
        stated = [Line(line.benefit_class, line.asked, 0) for line in lines]
        self.office.submit(*stated, request=request, eligibility=shown)
        self.model.members[request] = member
        for line in lines:
            self.model.decide(line)
        return True

    def some(self, wanted):
        found = [line for line in self.model.lines if wanted(line)]
        return self.random.choice(found) if found else None

    def update(self):
        line = self.some(lambda line: line.status not in ("superseded", "cancelled", "expired"))
        if line is None:
            return False
        number = sum(1 for other in self.model.lines if other.request == line.request)
        added = self.line(line.request, number)
        member = self.model.members[line.request]
        shown = self.office.eligibility(member) if member else UNVERIFIED
        supersedes = self.random.choice([line.number, NO_LINE])
        change = (supersedes, Line(added.benefit_class, added.asked, 0))
        self.office.update(line.request, change, eligibility=shown)
        if supersedes != NO_LINE:
            line.status, line.left, line.appeal = "superseded", 0, "none"
        self.model.decide(added)
        return True

    def cancel(self):
        line = self.some(lambda line: line.status in (*GRANTS, "pended", "asked"))
        if line is None:
            return False
        self.office.cancel(line.request, 1 << line.number)
        line.status, line.left, line.appeal = "cancelled", 0, "none"
        return True

    def ask(self):
        line = self.some(lambda line: line.status == "pended")
        if line is None:
            return False
        self.office.ask(line.request, line.number)
        line.status = "asked"
        return True

    def supply(self):
        line = self.some(lambda line: line.status == "asked")
        if line is None:
            return False
        self.office.supply(line.request, line.number)
        line.status = "pended"
        return True

    def review(self):
        line = self.some(lambda line: line.status in ("pended", "asked"))
        if line is None:
            return False
        member = self.model.members[line.request]
        free = PERIOD_LIMIT - self.model.taken(member, line.benefit_class) if member else 0
        reviewer = self.random.choice([name for name in self.keys if name != line.opinion])
        choices = [(Action.DENIED, 0, "denied")]
        if free >= line.asked:
            choices += 2 * [(Action.IN_FULL, line.asked, "approved")]
        if free >= 1:
            choices.append((Action.MODIFIED, min(free, line.asked), "modified"))
        if free >= 1 and line.asked > 1:
            choices.append((Action.IN_PART, min(free, line.asked - 1), "partial"))
        action, units, status = self.random.choice(choices)
        stated = {"line": line.number, "key": self.keys[reviewer]}
        self.office.decide(line.request, action, units, 0, **stated)
        if line.benefit_class == TWO_OPINIONS and not line.opinion and action != Action.IN_FULL:
            line.opinion = reviewer
            return True
        line.status, line.left, line.decider = status, units, reviewer
        line.adverse = action != Action.IN_FULL
        return True

    def appeal(self):
        stands = ("denied", "exhausted", *GRANTS)
        line = self.some(lambda line: line.adverse and line.appeal == "none" and line.status in stands)
        if line is None or self.late(line):
            return False
        self.office.appeal(line.request, line.number)
        line.appeal = "open"
        return True

    def decide_appeal(self):
        line = self.some(lambda line: line.appeal == "open")
        if line is None:
            return False
        reviewer = self.random.choice([name for name in self.keys if name not in (line.decider, line.opinion)])
        stated = {"line": line.number, "key": self.keys[reviewer]}
        member = self.model.members[line.request]
        free = PERIOD_LIMIT - self.model.taken(member, line.benefit_class) if member else 0
        if free == 0 or self.random.random() < 0.5:
            self.office.decide(line.request, Action.DENIED, **stated)
            line.appeal = "upheld"
        else:
            units = self.random.randint(1, free)
            self.office.decide(line.request, Action.MODIFIED, units, 0, **stated)
            line.appeal, line.status, line.adverse = "overturned", "modified", True
            line.left += units
        line.decider = reviewer
        return True

    def draw(self):
        line = self.some(lambda line: line.status in GRANTS)
        if line is None:
            return False
        units = self.random.choice([1, line.left, max(1, line.left // 2)])
        self.office.draw(line.request, units, 0, line=line.number, day=self.day(line))
        line.left -= units
        line.used += units
        self.model.used[self.model.members[line.request], line.benefit_class] += units
        if line.left == 0:
            line.before, line.status = line.status, "exhausted"
        return True

    def put_back(self):
        line = self.some(lambda line: line.used > 0)
        if line is None:
            return False
        units = self.random.choice([1, line.used])
        self.office.put_back(line.request, units, 0, line=line.number)
        line.used -= units
        self.model.used[self.model.members[line.request], line.benefit_class] -= units
        if line.status == "exhausted":
            line.status = line.before
        if line.status in GRANTS:
            line.left += units
        return True

    def day(self, line):
        return self.office.state(line.request, line.number).valid_from

    def mark_overdue(self):
        """A week on, of a line that pends since before."""
        line = self.some(lambda line: line.status in ("pended", "asked"))
        if line is None or self.random.random() < 0.7 or chain_time() > self.until or self.marked(line):
            return False
        travel_to(chain_time() + 7 * DAY + 1)
        self.office.mark_overdue(line.request, line.number)
        member = self.model.members[line.request]
        if line.benefit_class == OVERDUE_APPROVES and member:
            free = PERIOD_LIMIT - self.model.taken(member, line.benefit_class)
            if line.asked <= free:
                line.status, line.left = "approved", line.asked
        return True

    def late(self, line):
        """For an appeal, which has 60 days."""
        return chain_time() > self.office.state(line.request, line.number).decided_at + 59 * DAY

    def marked(self, line):
        return self.office.deliberation(line.request, line.number).overdue

    def expire(self):
        line = self.some(lambda line: line.status in GRANTS and line.appeal != "open")
        if line is None or self.random.random() < 0.8:
            return False
        time = (self.office.state(line.request, line.number).valid_to + 91) * DAY
        if time > self.until:
            return False
        travel_to(max(chain_time() + 1, time))
        self.office.expire(line.request, line.number)
        line.status, line.left = "expired", 0
        return True

    def check(self):
        assert self.office.under_way() == sum(line.under_way for line in self.model.lines)
        for member in (MEMBER, OTHER_MEMBER):
            for benefit_class in CLASSES:
                used = self.model.used[member, benefit_class]
                reserved = self.model.taken(member, benefit_class) - used
                assert self.office.balance(benefit_class, member) == (reserved, used)

    def run(self, acts):
        weights = {
            self.submit: 4,
            self.update: 3,
            self.cancel: 1,
            self.ask: 1,
            self.supply: 1,
            self.review: 5,
            self.appeal: 3,
            self.decide_appeal: 3,
            self.draw: 5,
            self.put_back: 3,
            self.mark_overdue: 1,
            self.expire: 1,
        }
        while sum(self.done.values()) < acts:
            act = self.random.choices(list(weights), list(weights.values()))[0]
            if act():
                self.done[act.__name__] += 1
                self.check()


def walk(office, keys, seed, acts, record_property):
    one = Walk(office, keys, seed)
    one.run(acts)
    record_property("counted: random acts on authorizations", acts)
    assert len(one.done) >= 11


@pytest.fixture
def reviewers(office, other_reviewer_key, third_reviewer_key):
    """The keys of three persons."""
    return {"one": office.reviewer_key, "two": other_reviewer_key, "three": third_reviewer_key}


@pytest.mark.parametrize("seed", [1])
def test_work_under_way_and_units_never_drift(office, reviewers, record_property, seed):
    walk(office, reviewers, seed, ACTS, record_property)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2, 6))
def test_work_under_way_and_units_never_drift_for_long(office, reviewers, record_property, seed):
    walk(office, reviewers, seed, FULL_ACTS, record_property)
