"""A model of the supply chain against the contracts: random steps, a third of them forbidden, each foretold.

`supply_model` is written from the documents. It says of each step whether it is taken, and why not; the client sends
the step to an Anvil, and both have to agree. Every so often all that they tell is compared.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

import pytest
from careledger.chain.connection import Connection, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.development import Node
from careledger.chain.reverts import decode_revert
from careledger.chain.rpc import HttpRpc, RpcError
from careledger.chain.signers import Signer
from careledger.chain.values import decode_outputs
from careledger.contract_enums import (
    ContainerState,
    MemberRole,
    PackFinding,
    Reason,
    RecallClass,
    RecallReason,
    UnitStatus,
)
from careledger.errors import ContractError
from careledger.identity import Organizations
from careledger.identity.identifiers import to_padded
from careledger.serialization.custody import Custody
from careledger.serialization.identifiers import container_id, lot_id, lot_reference
from careledger.serialization.lots import ENDS, Lots
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import Answer, Container, LotTerms, Pack, UnitState
from careledger.serialization.types import Unit as UnitAt
from careledger.serialization.units import LotSecret, UnitTree, inner_hash
from identity.suite import DAY, new_key
from serialization.supply_model import NOBODY, At, Box, In, LotBook, Member, SupplyModel, Unit, Verdict
from serialization.supply_stage import SupplyStage, supply_stage

GENESIS = 1_800_000_000
HOUR = 3600
GAS = 3_000_000
PRODUCT = "gtin:00300010000015"
TRANCHES = 2
RECENT = 60
"""Containers and lots that most steps are about are among the last ones."""

TAKEN_SHARE = 0.66
ATTEMPTS = 12
"""To propose a step that is taken, or one that is refused, as it was drawn."""

SPOILING = 2
"""So many times as often, something about a step is wrong where a refusal is wanted."""

REASON = "0x" + 64 * "7"
T = TypeVar("T")


class QuickConnection(Connection):
    """Sends without estimates and signatures, to an Anvil whose next block is at `clock`. What is foretold to be
    refused is only asked."""

    clock = 0
    foretold = True
    quick: HttpRpc | None = None

    def send(
        self, signer: Signer, to: str | None, data: bytes = b"", value_wei: int = 0, gas: int | None = None
    ) -> TransactionReceipt:
        if self.quick is None:
            return super().send(signer, to, data, value_wei, gas)
        call = {"from": signer.address, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS)}
        if not self.foretold:
            (answer,) = self.quick.batch([("eth_call", [call, "latest", None, {"time": hex(self.clock)}])])
            if isinstance(answer, RpcError):
                raise decode_revert(bytes.fromhex(str(answer.data)[2:]))
        at = ("evm_setNextBlockTimestamp", [self.clock])
        self.clock += 1
        _, sent = self.quick.batch([at, ("eth_sendTransaction", [call])])
        assert isinstance(sent, str), sent
        return self.wait(sent)

    def mine(self) -> None:
        """A block, so that what is read is as of the clock."""
        assert self.quick is not None
        self.quick.batch([("evm_setNextBlockTimestamp", [self.clock])])
        self.quick.batch([("evm_mine", [])])
        self.clock += 1


@dataclass(frozen=True)
class Batch:
    """A lot with the trees of its tranches, commissioned or not."""

    id: str
    maker: Member
    reference: bytes
    secret: LotSecret
    terms: LotTerms
    trees: tuple[UnitTree, ...]

    @property
    def numbers(self) -> int:
        return TRANCHES << self.terms.depth

    def inner(self, index: int) -> bytes:
        return inner_hash(f"SN{index:05}", self.secret.salt(index))

    def proof(self, index: int) -> list[bytes]:
        return self.trees[index >> self.terms.depth].proof(index)


@dataclass(frozen=True)
class Step:
    by: Member
    about: Any
    verdict: Verdict
    send: Callable[[], object]


class Walk:
    """Attributes that tests read: `taken` and `refused`, steps by kind; `reasons`, how often each was given; `sharp`,
    how many refusals were foretold by one reason; `compared`, answers; `unmet`, kinds never taken or never refused."""

    def __init__(self, node: Node, seed: int) -> None:
        self.random, self.sampling = Random(seed), Random(seed)
        opened = QuickConnection.open(node.url)
        assert isinstance(opened, QuickConnection)
        self.connection = opened
        self.rpc = HttpRpc(node.url)
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.compared = self.sharp = 0
        self.unmet: list[str] = []
        self.wanted = True
        self.ends: dict[Unit, UnitStatus] = {}
        self.batches: dict[str, Batch] = {}
        self.references: list[tuple[bytes, str]] = []
        self._open(supply_stage(self.connection))

    # ------------------------------------------------------------------ the stage

    def _open(self, stage: SupplyStage) -> None:
        suite = self.suite = stage.suite
        self.signers: dict[str, Signer] = {}
        self.rpc.call("anvil_autoImpersonateAccount", True)

        def member(*roles: MemberRole) -> Member:
            licence = suite.now + 10_000 * DAY
            name = suite.admit(member_roles=frozenset(roles), licence_expiry=licence)
            made = Member(name, suite.organizations().known(name), frozenset(roles))
            self.signers[made.id] = suite.add_key(name)
            return made

        stage.publish(stage.deploy())
        self.makers = [member(MemberRole.MANUFACTURER), member(MemberRole.MANUFACTURER)]
        self.wholesalers = [member(MemberRole.WHOLESALER), member(MemberRole.WHOLESALER, MemberRole.REPACKAGER)]
        self.pharmacies = [member(MemberRole.DISPENSER), member(MemberRole.DISPENSER)]
        self.clinic = member(MemberRole.PROVIDER)
        self.carriers = [member(MemberRole.CARRIER), member(MemberRole.CARRIER)]
        self.regulator = member(MemberRole.REGULATOR)
        self.stranger = Member("stranger", "0x" + 24 * "e", frozenset(), known=False)
        self.signers[self.stranger.id] = new_key()
        self.holders = [*self.makers, *self.wholesalers, *self.pharmacies, self.clinic]
        self.everyone = [*self.holders, *self.carriers, self.regulator, self.stranger]
        for key in self.signers.values():
            self.rpc.call("anvil_setBalance", key.address, hex(10**24))
        self.supply = stage.as_(None)
        for maker in self.makers:
            Lots(stage.as_(suite.registrar)).assign_product(PRODUCT, maker.name)
        self.registrar: Organizations = suite.organizations(suite.registrar)
        self.guardian = stage.as_(suite.guardian).governance
        self.administrator = stage.as_(suite.policy_administrator).governance
        self.connection.quick = self.rpc
        self.connection.clock = (self.connection.block_time() // DAY + 2) * DAY + HOUR // 2
        members = [member for member in self.everyone if member.known]
        self.model = SupplyModel(members, self.connection.clock)

    def _as(self, by: Member) -> SupplyChain:
        return replace(self.supply, signer=self.signers[by.id])

    def lots(self, by: Member) -> Lots:
        return Lots(self._as(by))

    def custody(self, by: Member) -> Custody:
        return Custody(self._as(by))

    # ------------------------------------------------------------------ walking

    def play(self, steps: int, compare_every: int) -> None:
        kinds = [kind for kind, (_, weight) in self.ways().items() for _ in range(weight)]
        started = time.monotonic()
        for number in range(1, steps + 1):
            self._circumstances()
            self.carry_out(*self._drawn(kinds))
            if number % compare_every == 0:
                self.compare(everything=number == steps)
        self.unmet = [kind for kind in self.ways() if not (self.taken[kind] and self.refused[kind])]
        print(f"{steps} steps, {self.sharp} refusals foretold by one reason, in {time.monotonic() - started:.1f} s")
        print(f"{self.compared} answers compared; taken and refused:")
        print(", ".join(f"{kind} {self.taken[kind]}/{self.refused[kind]}" for kind in self.ways()))
        print(", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common()))

    def _drawn(self, kinds: list[str]) -> tuple[str, Step]:
        """A step that is taken, or one that is refused, as drawn, with its kind."""
        self.wanted, ways = self.random.random() < TAKEN_SHARE, self.ways()
        while True:
            kind = self.random.choice(kinds)
            for _ in range(ATTEMPTS):
                self.model.now = self.connection.clock
                step = ways[kind][0]()
                if step is not None and step.verdict.taken == self.wanted:
                    return kind, step

    def carry_out(self, kind: str, step: Step) -> None:
        self.connection.foretold = step.verdict.taken
        said: ContractError | None = None
        try:
            step.send()
        except ContractError as error:
            said = error
        expected = sorted(reason.__name__ for reason in step.verdict.refusals)
        number = self.taken.total() + self.refused.total()
        told = f"step {number}, {kind} by {step.by.name}, {step.about}: {said!r}, the model says {expected}"
        self.sharp += len(expected) == 1
        if said is None:
            assert step.verdict.taken, told
            if kind in {"dispense", "dispense many"}:
                self._check_dispensed(step.about[0], step.about[1])
            step.verdict.effect()
            self.taken[kind] += 1
        else:
            assert type(said) in step.verdict.refusals, told
            assert said.fields().get("caller", step.by.id) == step.by.id, told
            self.refused[kind] += 1
            self.reasons[type(said).__name__] += 1
        self.connection.foretold = True

    def _circumstances(self) -> None:
        """Time passes; organizations are suspended and reinstated; contracts are halted and resumed."""
        chance = self.random.random()
        if chance < 0.12:
            self.connection.clock += self.random.choice((1, 1, 6, 6, 24, 24, 24 * 3)) * HOUR
        elif chance < 0.127:
            self.connection.clock += 11 * DAY
        suspended = [member for member in self.everyone if member.suspended]
        if suspended and self.random.random() < 0.08:
            self.registrar.reinstate(suspended[0].name)
            suspended[0].suspended = False
        elif not suspended and self.random.random() < 0.03:
            member = self.random.choice([member for member in self.everyone if member.known])
            self.registrar.suspend(member.name, Reason.CONTRACT_BREACH)
            member.suspended = True
        halted = self.model.custody_halted or self.model.lots_halted
        if halted and self.random.random() < 0.1:
            self._resume(self.supply.custody if self.model.custody_halted else self.supply.lots)
            self.model.custody_halted = self.model.lots_halted = False
        elif not halted and self.random.random() < 0.008:
            self.model.custody_halted = self.random.random() < 0.6
            self.model.lots_halted = not self.model.custody_halted
            self.guardian.halt(self.supply.custody if self.model.custody_halted else self.supply.lots)

    def _resume(self, contract: Contract) -> None:
        operation, _ = self.administrator.schedule(contract, "resume")
        self.connection.clock += 60
        self.administrator.execute(operation)

    # ------------------------------------------------------------------ what to draw from

    def _sometimes(self, usual: T, others: Sequence[T], share: float = 0.12) -> T:
        """What is usual, or one of the others: more often where a refusal is wanted."""
        share = share if self.wanted else share * SPOILING
        return self.random.choice(others) if others and self.random.random() < share else usual

    def _by(self, usual: str) -> Member:
        others = self._sometimes(self.holders, [self.everyone])
        return self._sometimes(self.model.members.get(usual, self.stranger), others, 0.08)

    def _box(self, fits: Callable[[Box], bool] = lambda _: True) -> Box | None:
        """One of the last containers that fit; now and then any."""
        recent = list(self.model.boxes.values())[-RECENT:]
        if not recent:
            return None
        fitting = [box for box in recent if fits(box)]
        return self._sometimes(self.random.choice(fitting or recent), list(self.model.boxes.values()), 0.1)

    def _name(self, box: Box) -> str:
        """A container's id; seldom one that nobody knows."""
        return self._sometimes(box.id, ["0x" + self.random.randbytes(12).hex()], 0.02)

    def _outermost(self, *states: ContainerState) -> Callable[[Box], bool]:
        return lambda box: box.parent == NOBODY and box.state in states

    def _held(self, box: Box) -> bool:
        return self.model.top(box).state is ContainerState.HELD

    def _stale(self, unit: Unit) -> list[str]:
        """Where a unit may have been before, or never."""
        ranges = [box.id for box in self.model.boxes.values() if box.lot == unit[0]]
        return [NOBODY, *ranges[-5:], *list(self.model.boxes)[-5:]]

    def _place(self, unit: Unit) -> str:
        place = self.model.where.get(unit)
        return place.container if isinstance(place, In) else NOBODY

    def _named(self, unit: Unit, share: float = 0.08) -> tuple[str, int, str]:
        named = (*unit, self._sometimes(self._place(unit), self._stale(unit), share))
        if self.random.random() < 0.02:  # a number that stands for another lot's, if lot and number were put together
            return (NOBODY, int(unit[0], 16) << 160 | unit[1], named[2])
        return named

    def _units_in(self, box: Box, most: int = 3) -> list[Unit]:
        """Some units in a container, ascending, or of its range."""
        inside = sorted(box.units)
        if box.count and self.random.random() < 0.1:
            inside = [(box.lot, index) for index in range(box.first, box.first + box.count)]
        return sorted(self.random.sample(inside, min(len(inside), self.random.randint(1, most))))

    def _unit(self, fits: Callable[[Unit], bool] = lambda _: True) -> Unit | None:
        """A unit of one of the last lots."""
        for _ in range(30):
            lot = self._lot()
            if lot is None:
                return None
            unit = (lot.id, self.random.randrange(lot.numbers + (self.random.random() < 0.05) * 3))
            if fits(unit):
                return unit
        return None

    def _lot(self) -> LotBook | None:
        lots = list(self.model.lots.values())
        return self._sometimes(self.random.choice(lots[-8:]), lots) if lots else None

    def _reference(self, by: Member) -> tuple[bytes, str]:
        """Of a new container, and its id."""
        reference = self.random.randbytes(32)
        return reference, container_id(by.id, reference)

    def _used_or_new(self, by: Member) -> tuple[bytes, str]:
        made = self._sometimes(self._reference(by), [pair for pair in self.references if pair[1] in self.model.boxes])
        mine = (made[0], container_id(by.id, made[0]))
        self.references.append(mine)
        del self.references[:-20]
        return mine

    # ------------------------------------------------------------------ steps

    def ways(self) -> dict[str, tuple[Callable[[], Step | None], int]]:
        """The kinds of steps: what proposes one, and how often."""
        return {
            "commission": (self._commission, 6),
            "add tranche": (self._add_tranche, 5),
            "pack range": (self._pack_range, 20),
            "pack mixed": (self._pack, 14),
            "add": (self._add, 10),
            "unpack": (self._unpack, 10),
            "unpack cases": (self._unpack_cases, 14),
            "unpack units": (self._unpack_units, 12),
            "open": (self._open_box, 4),
            "ship": (self._ship, 44),
            "hand over": (self._hand_over, 10),
            "receive": (self._receive, 50),
            "receive in part": (self._receive_in_part, 12),
            "reject": (self._reject, 6),
            "confirm return": (self._confirm_return, 14),
            "report missing": (self._report_missing, 6),
            "verify return": (self._verify_return, 14),
            "end": (self._end, 3),
            "dispense": (self._dispense, 50),
            "dispense many": (self._dispense_many, 30),
            "undo": (self._undo, 24),
            "suspect": (self._suspect, 8),
            "clear": (self._clear, 8),
            "illegitimate": (self._illegitimate, 4),
            "notice": (self._notice, 6),
            "end units": (self._end_units, 6),
            "recall": (self._recall, 2),
        }

    def _commission(self) -> Step | None:
        by = self._sometimes(self.random.choice(self.makers), self.everyone, 0.2)
        if self.model.lots and self.random.random() < 0.15:  # once more, with the same content or another
            batch = self.batches[self.random.choice(list(self.model.lots))]
            by, root = batch.maker, self._sometimes(batch.trees[0].root, [self.random.randbytes(32)], 0.5)
        else:
            batch = self._batch(by)
            root = self._sometimes(batch.trees[0].root, [bytes(32)], 0.05)
        terms = (batch.terms.expiry_day, batch.terms.depth, int(batch.terms.kind))
        verdict = self.model.commission(by, batch.id, terms, root)
        self.batches[batch.id] = batch
        return Step(
            *(by, (batch.id, batch.terms), verdict),
            lambda: self.lots(by).commission(batch.reference, batch.terms, root),
        )

    def _batch(self, maker: Member) -> Batch:
        secret, depth = LotSecret(self.random.randbytes(32)), self.random.choice((4, 5, 6))
        reference = lot_reference(PRODUCT, f"L{self.random.randrange(10**8)}", secret.lot_salt())
        lot = lot_id(maker.id, reference)
        chain = self.connection.chain_id
        registry = self.supply.lots.address

        def tree(tranche: int) -> UnitTree:
            units = ((index, f"SN{index:05}") for index in range(tranche << depth, (tranche + 1) << depth))
            return UnitTree.of(units, secret, depth, tranche, chain_id=chain, registry=registry, lot=lot)

        days = self.random.choice((20, 60, 200, 400, 0 if self.random.random() < 0.1 else 400))
        terms = LotTerms(self.model.today + days, depth)
        return Batch(lot, maker, reference, secret, terms, tuple(tree(number) for number in range(TRANCHES)))

    def _add_tranche(self) -> Step | None:
        lot = self._lot()
        if lot is None:
            return None
        by = self._by(lot.maker)
        number = self._sometimes(1, (0, 2, 3))
        root = self._sometimes(self.batches[lot.id].trees[min(number, 1)].root, (bytes(32), self.random.randbytes(32)))
        name = self._sometimes(lot.id, ["0x" + 24 * "d"], 0.03)
        verdict = self.model.add_tranche(by, name, number, root)
        if verdict.taken and (number >= TRANCHES or root != self.batches[lot.id].trees[number].root):
            return None  # a tree that nobody could prove anything of
        return Step(by, (name, number), verdict, lambda: self.lots(by).add_tranche(name, number, root))

    def _recall(self) -> Step | None:
        lot = self._lot()
        if lot is None:
            return None
        by = self._sometimes(self.regulator, [self.model.members[lot.maker]], 0.5)
        by = self._sometimes(by, self.everyone)
        recall_class = self.random.choice(list(RecallClass))
        reason = self.random.choice(
            (RecallReason.UNSPECIFIED, RecallReason.POTENCY, RecallReason.POTENCY, lot.recall_reason)
        )
        name = self._sometimes(lot.id, ["0x" + 24 * "d"], 0.03)
        verdict = self.model.recall(by, name, recall_class, reason)
        return Step(
            *(by, (name, recall_class, reason), verdict),
            lambda: self.lots(by).recall(name, recall_class, reason),
        )

    def _pack_range(self) -> Step | None:
        lot = self._lot()
        if lot is None:
            return None
        by = self._by(lot.maker)
        reference, container = self._used_or_new(by)
        count, cases = self.random.choice(((4, 2), (8, 4), (8, 2), (6, 0), (12, 3), (4, 1), (2, 0), (16, 4)))
        count, cases = self._sometimes((count, cases), ((0, 0), (0, 2), (5, 2), (200, 0)), 0.06)
        first = lot.packed + self._sometimes(0, (1, 2, 40), 0.1)
        first = self._sometimes(first, (max(0, lot.packed - 1), 0), 0.08)
        name = self._sometimes(lot.id, ["0x" + 24 * "d"], 0.02)
        verdict = self.model.pack_range(by, container, name, first, count, cases)
        return Step(
            *(by, (name, first, count, cases), verdict),
            lambda: self.custody(by).pack_range(reference, name, first, count, cases),
        )

    def _contents(self, by: Member) -> tuple[list[str], list[tuple[str, int, str]]]:
        """Containers and units that a member may have."""

        def mine(box: Box) -> bool:
            return self._held(box) and self.model.top(box).holder == by.id

        found = [self._box(lambda box: mine(box) and not box.opened) for _ in range(self.random.choice((0, 1, 1, 2)))]
        containers = list(dict.fromkeys(self._name(box) for box in found if box is not None))
        units: list[Unit] = []
        source = self._box(lambda box: mine(box) and bool(box.units))
        if source is not None and self.random.random() < 0.6:
            units += self._units_in(source, 2)
        loose = [unit for unit, place in self.model.where.items() if place == At(by.id)]
        if loose and self.random.random() < 0.5:
            units += self.random.sample(loose, min(len(loose), 2))
        named = [self._named(unit) for unit in dict.fromkeys(units)]
        return containers, self._sometimes(named, [[*named, *named[:1]]], 0.03)

    def _pack(self) -> Step | None:
        by = self._sometimes(self.random.choice(self.holders), self.everyone)
        reference, container = self._used_or_new(by)
        containers, units = self._contents(by)
        if not containers and not units:
            return None
        containers = self._sometimes(containers, [[*containers, container]], 0.02)
        if self._mingled(containers, units):
            return None
        verdict = self.model.pack(by, container, containers, units)
        return Step(
            *(by, (container, containers, units), verdict),
            lambda: self.custody(by).pack(reference, containers, [UnitAt(*unit) for unit in units]),
        )

    def _mingled(self, containers: Sequence[str], units: Sequence[tuple[str, int, str]]) -> bool:
        """Whether what is named is inside of what is named too: the order would count."""
        boxes = [self.model.boxes[name] for name in containers if name in self.model.boxes]
        inside = [self.model.boxes[unit[2]] for unit in units if unit[2] in self.model.boxes]
        over = [each.id for box in boxes for each in self.model.chain_of(box) if each is not box]
        over += [each.id for box in inside for each in self.model.chain_of(box)]
        return bool(set(over) & set(containers))

    def _add(self) -> Step | None:
        box = self._box(lambda box: box.mixed and self._held(box))
        if box is None:
            return None
        by = self._by(self.model.top(box).holder)
        containers, units = self._contents(by)
        if not containers and not units:
            return None
        if self.random.random() < 0.05:
            containers = [*containers, self.model.top(box).id]
        if self._mingled(containers, units):
            return None
        name = self._name(box)
        verdict = self.model.add(by, name, containers, units)
        return Step(
            *(by, (name, containers, units), verdict),
            lambda: self.custody(by).add(name, containers, [UnitAt(*unit) for unit in units]),
        )

    def _unpack(self) -> Step | None:
        child = self._box(lambda box: box.parent != NOBODY and self._held(box))
        if child is None:
            return None
        parent = self.model.boxes[child.parent] if child.parent != NOBODY else self._box()
        assert parent is not None
        by = self._by(self.model.top(parent).holder)
        children = [each.id for each in self.model.children(parent)][:2] or [child.id]
        children = self._sometimes(children, [[child.id, self._name(self._box() or child)]])
        name = self._name(parent)
        verdict = self.model.unpack(by, name, children)
        return Step(by, (name, children), verdict, lambda: self.custody(by).unpack(name, children))

    def _unpack_cases(self) -> Step | None:
        box = self._box(lambda box: len(box.taken_out) < box.cases and self._held(box))
        if box is None:
            return None
        by = self._by(self.model.top(box).holder)
        left = [number for number in range(box.cases) if number not in box.taken_out] or [0]
        numbers = self.random.sample(left, min(len(left), self.random.choice((1, 1, 2))))
        numbers = self._sometimes(numbers, [[box.cases], sorted(box.taken_out)[:1], [left[0], left[0]]], 0.1)
        if not numbers:
            return None
        made = [self._reference(by) for _ in numbers]
        made = self._sometimes(made, [[self._used_or_new(by) for _ in numbers], made[1:]], 0.06)
        cases = self._sometimes(0, (1, 2, 2, 3), 0.4)
        name = self._name(box)
        names = [container for _, container in made]
        verdict = self.model.unpack_cases(by, name, names, numbers, cases)
        return Step(
            *(by, (name, names, numbers, cases), verdict),
            lambda: self.custody(by).unpack_cases(name, [reference for reference, _ in made], numbers, cases),
        )

    def _unpack_units(self) -> Step | None:
        box = self._box(lambda box: bool(box.units) and self._held(box))
        if box is None:
            return None
        by = self._by(self.model.top(box).holder)
        units = [self._named(unit) for unit in self._units_in(box)]
        if not units:
            return None
        verdict = self.model.unpack_units(by, units)
        return Step(
            *(by, units, verdict),
            lambda: self.custody(by).unpack_units([UnitAt(*unit) for unit in units]),
        )

    def _open_box(self) -> Step | None:
        box = self._box(self._held)
        if box is None:
            return None
        by, name = self._by(self.model.top(box).holder), self._name(box)
        return Step(by, name, self.model.open(by, name), lambda: self.custody(by).open(name))

    def _ship(self) -> Step | None:
        box = self._box(self._outermost(ContainerState.HELD))
        if box is None:
            return None
        by = self._by(self.model.top(box).holder)
        likely = self._sometimes(self.random.choice(self.holders), self.pharmacies, 0.5)
        receiver = self._sometimes(likely.id, [member.id for member in self.everyone] + [NOBODY, by.id], 0.06)
        carrier = self._sometimes(NOBODY, [carrier.id for carrier in self.carriers], 0.5)
        now = self.connection.clock
        deadline = now + self.random.choice((6, 24, 48, 120)) * HOUR
        deadline = self._sometimes(deadline, (now - HOUR, now), 0.03)
        back = self._sometimes(box.returned or box.opened, (True, False), 0.2)
        name = self._name(box)
        verdict = self.model.ship(by, name, receiver, deadline, carrier, back)
        return Step(
            *(by, (name, receiver, deadline, carrier, back), verdict),
            lambda: self.custody(by).ship(name, receiver, deadline, carrier, back, REASON),
        )

    def _hand_over(self) -> Step | None:
        box = self._box(self._outermost(ContainerState.IN_TRANSIT))
        if box is None:
            return None
        by, name = self._by(box.holder if box.carrier == NOBODY else box.carrier), self._name(box)
        to = self._sometimes(self.random.choice(self.carriers).id, [each.id for each in self.everyone] + [NOBODY], 0.3)
        verdict = self.model.hand_over(by, name, to)
        return Step(by, (name, to), verdict, lambda: self.custody(by).hand_over(name, to))

    def _arriving(self) -> tuple[Box, Member, str] | None:
        box = self._box(self._outermost(ContainerState.IN_TRANSIT))
        return None if box is None else (box, self._by(box.receiver), self._name(box))

    def _receive(self) -> Step | None:
        found = self._arriving()
        if found is None:
            return None
        _, by, name = found
        return Step(by, name, self.model.receive(by, name), lambda: self.custody(by).receive(name))

    def _receive_in_part(self) -> Step | None:
        found = self._arriving()
        if found is None:
            return None
        box, by, name = found
        reference, rejected = self._used_or_new(by)
        inside = [each for each in list(self.model.boxes.values())[-RECENT:] if self.model.top(each) is box]
        children = [each.id for each in inside if each is not box]
        containers = self.random.sample(children, min(len(children), self.random.choice((0, 1, 1))))
        containers = self._sometimes(containers, [[each] for each in list(self.model.boxes)[-10:]], 0.08)
        source = self.random.choice(inside) if inside else box
        units = [self._named(unit) for unit in self._units_in(source, 2)] if self.random.random() < 0.8 else []
        if self._mingled(containers, units):
            return None
        verdict = self.model.receive_in_part(by, name, rejected, containers, units)
        return Step(
            *(by, (name, rejected, containers, units), verdict),
            lambda: self.custody(by).receive_in_part(
                name, reference, containers, [UnitAt(*unit) for unit in units], reason=REASON
            ),
        )

    def _reject(self) -> Step | None:
        found = self._arriving()
        if found is None:
            return None
        _, by, name = found
        return Step(by, name, self.model.reject(by, name), lambda: self.custody(by).reject(name, REASON))

    def _coming_back(self, *states: ContainerState) -> tuple[Member, str] | None:
        def fits(box: Box) -> bool:
            waits = box.state is ContainerState.IN_TRANSIT and box.deadline >= self.model.now
            return self._outermost(*states)(box) and not waits

        box = self._box(self._sometimes(fits, [self._outermost(*states)]))
        return None if box is None else (self._by(box.holder), self._name(box))

    def _confirm_return(self) -> Step | None:
        found = self._coming_back(ContainerState.REJECTED, ContainerState.MISSING, ContainerState.IN_TRANSIT)
        if found is None:
            return None
        by, name = found
        verdict = self.model.confirm_return(by, name)
        return Step(by, name, verdict, lambda: self.custody(by).confirm_return(name))

    def _report_missing(self) -> Step | None:
        found = self._coming_back(ContainerState.REJECTED, ContainerState.IN_TRANSIT)
        if found is None:
            return None
        by, name = found
        verdict = self.model.report_missing(by, name)
        return Step(by, name, verdict, lambda: self.custody(by).report_missing(name))

    def _verify_return(self) -> Step | None:
        box = self._box(lambda box: box.returned and self._held(box))
        if box is None:
            return None
        by, name = self._by(self.model.top(box).holder), self._name(box)
        verdict = self.model.verify_return(by, name)
        return Step(by, name, verdict, lambda: self.custody(by).verify_return(name))

    def _end(self) -> Step | None:
        box = self._box(self._outermost(ContainerState.HELD, ContainerState.MISSING))
        if box is None:
            return None
        by, name = self._by(self.model.top(box).holder), self._name(box)
        status = self.random.choice(sorted(ENDS))
        verdict = self.model.end(by, name, status)
        return Step(by, (name, status), verdict, lambda: self.custody(by).end(name, status, REASON))

    # ------------------------------------------------------------------ steps of units

    def _at_dispenser(self) -> tuple[Member, list[Unit]] | None:
        """Units that a pharmacy holds, in one container or in none."""
        pharmacies = {pharmacy.id for pharmacy in self.pharmacies}

        def fits(box: Box) -> bool:
            """Whether something in it may be dispensed."""
            verified = any(self.model.finding(unit, box.id) is PackFinding.VERIFIED for unit in box.units)
            return verified and self._held(box) and self.model.top(box).holder in pharmacies

        box = self._box(fits)
        loose = [unit for unit, place in self.model.where.items() if isinstance(place, At)]
        if box is None or (loose and self.random.random() < 0.2):
            units = self.random.sample(loose, 1) if loose else []
        else:
            units = self._units_in(box)
        return (self._by(self.model.holder_of(units[0])), units) if units and units[0] in self.model.where else None

    def _forged(self, batch: Batch, index: int) -> tuple[bytes, list[bytes], str]:
        """Inner hash and proof that are not the unit's."""
        inner, proof = batch.inner(index), batch.proof(index)
        other = batch.numbers - 1 - index
        foreign = self.batches[self.random.choice(list(self.model.lots))]
        ways = {
            "an ancestor as a unit": (proof[0], proof[1:]),
            "another's hash": (batch.inner(other), proof),
            "another number's proof": (batch.inner(other), batch.proof(other)),
            "a level too many": (inner, [*proof, self.random.randbytes(32)]),
            "a level too few": (inner, proof[:-1]),
            "no proof": (inner, []),
        }
        if foreign is not batch:
            ways["another lot's"] = (foreign.inner(index % foreign.numbers), foreign.proof(index % foreign.numbers))
        how = self.random.choice(list(ways))
        return (*ways[how], how)

    def _dispense(self) -> Step | None:
        found = self._at_dispenser()
        if found is None:
            return None
        by, units = found
        lot, index, container = self._named(units[0])
        batch = self.batches[units[0][0]]
        forged = self._sometimes(False, [True], 0.15)
        number = index if index < batch.numbers else 0
        inner, proof, how = self._forged(batch, number) if forged else (batch.inner(number), batch.proof(number), "")
        verdict = self.model.dispense(by, (lot, index), container, not forged and self._is_commissioned((lot, index)))
        return Step(
            *(by, (lot, index, container, how), verdict),
            lambda: self.lots(by).dispense(lot, index, inner, proof, container),
        )

    def _is_commissioned(self, unit: Unit) -> bool:
        return unit[0] in self.model.lots and unit[1] < self.model.lots[unit[0]].numbers

    def _dispense_many(self) -> Step | None:
        found = self._at_dispenser()
        if found is None:
            return None
        by, units = found
        lot = units[0][0]
        indices = [index for of, index in units if of == lot]
        batch = self.batches[lot]
        container = self._sometimes(self._place(units[0]), self._stale(units[0]), 0.06)
        tree = batch.trees[indices[0] >> batch.terms.depth]
        of_tree = [index for index in indices if index >> batch.terms.depth == tree.first >> batch.terms.depth]
        if self.random.random() < 0.9:
            indices = of_tree
        proof, proves = tree.multiproof(of_tree), True
        sent = list(indices)
        if self._sometimes(False, [True], 0.15):
            how = self.random.choice(("reversed", "empty", "short proof", "long proof", "others"))
            if how == "reversed" and len(sent) > 1:
                sent.reverse()
            elif how == "empty":
                sent = []
            elif how == "short proof" and proof:
                proof, proves = proof[:-1], False
            elif how == "long proof":
                proof, proves = [*proof, bytes(32)], False
            elif how == "others":
                proof, proves = tree.multiproof([tree.first + (of_tree[0] + 1) % (1 << batch.terms.depth)]), False
        inners = [batch.inner(index) for index in sent]
        if inners and self.random.random() < 0.03:
            inners.pop()
        verdict = self.model.dispense_many(by, lot, sent, container, proves, len(inners))
        return Step(
            *(by, (lot, sent, container, proves), verdict),
            lambda: self.lots(by).dispense_many(lot, sent, inners, proof, container),
        )

    def _undo(self) -> Step | None:
        unit = self._of_cell(lambda lot, index: lot.cell(index).status is UnitStatus.DISPENSED)
        if unit is None:
            return None
        by = self._by(self.model.holder_of(unit) if unit in self.model.where else self.pharmacies[0].id)
        lot, index, container = self._named(unit)
        verdict = self.model.undo_dispense(by, (lot, index), container)
        return Step(
            *(by, (lot, index, container), verdict),
            lambda: self.lots(by).undo_dispense(lot, index, container),
        )

    def _of_cell(self, fits: Callable[[LotBook, int], bool]) -> Unit | None:
        """A unit of which something was said, and which fits; now and then any."""
        lots = list(self.model.lots.values())[-15:]
        fitting = [(lot.id, index) for lot in lots for index in sorted(lot.cells) if fits(lot, index)]
        unit = self._unit()
        if not fitting or (unit is not None and self.random.random() < 0.15):
            return unit
        return self.random.choice(fitting[-30:])

    def _suspect(self) -> Step | None:
        unit = self._unit(lambda unit: unit in self.model.where)
        if unit is None:
            return None
        by = self._judge(unit)
        lot, index, container = self._named(unit)
        verdict = self.model.suspect(by, (lot, index), container)
        return Step(
            *(by, (lot, index, container), verdict),
            lambda: self.lots(by).suspect(lot, index, container, REASON),
        )

    def _judge(self, unit: Unit) -> Member:
        """The holder, the maker or a regulator, or another."""
        place = self.model.where.get(unit)
        holder = self.model.holder_of(unit) if place is not None else NOBODY
        maker = self.model.lots[unit[0]].maker
        return self._by(self.random.choice((holder, holder, maker, self.regulator.id)))

    def _settle(self, method: str, fits: Callable[[LotBook, int], bool]) -> Step | None:
        unit = self._of_cell(fits)
        if unit is None:
            return None
        finder = self.model.lots[unit[0]].cell(unit[1]).finder
        by = self._by(self.random.choice((finder, self.regulator.id)))
        verdict = getattr(self.model, method)(by, unit)
        return Step(by, unit, verdict, lambda: getattr(self.lots(by), method)(*unit, REASON))

    def _clear(self) -> Step | None:
        return self._settle("clear", lambda lot, index: lot.cell(index).suspect)

    def _illegitimate(self) -> Step | None:
        return self._settle("determine_illegitimate", lambda lot, index: lot.cell(index).suspect)

    def _notice(self) -> Step | None:
        def due(lot: LotBook, index: int) -> bool:
            cell = lot.cell(index)
            return cell.status is UnitStatus.ILLEGITIMATE and not cell.notified

        return self._settle("record_notice", due)

    def _end_units(self) -> Step | None:
        box = self._box(lambda box: bool(box.units))
        if box is None:
            return None
        units = [unit for unit in self._units_in(box) if unit[0] in self.model.lots]
        if not units:
            return None
        lot = units[0][0]
        indices = [index for of, index in units if of == lot]
        indices = self._sometimes(indices, [[], indices[::-1], [*indices, 10**6]], 0.06)
        by = self._judge(units[0])
        container = self._sometimes(self._place(units[0]), self._stale(units[0]))
        status = self.random.choice(sorted(ENDS))
        verdict = self.model.end_units(by, lot, container, indices, status)
        return Step(
            *(by, (lot, container, indices, status), verdict),
            lambda: self.lots(by).end_units(lot, indices, status, container, REASON),
        )

    # ------------------------------------------------------------------ comparing

    def compare(self, everything: bool) -> None:
        """What the contracts tell against the model's, and the model against the invariants."""
        self.connection.mine()
        self.model.now = self.connection.block_time()
        units = [(lot.id, index) for lot in self.model.lots.values() for index in range(lot.numbers)]
        boxes = list(self.model.boxes.values())
        if not everything:
            units = self.sampling.sample(units, min(len(units), 60))
            boxes = [*boxes[-30:], *self.sampling.sample(boxes, min(len(boxes), 20))]
        asked = [*self._asked_of_units(units), *self._asked_of_boxes(boxes)]
        for start in range(0, len(asked), 400):
            self._ask(asked[start : start + 400])
        self.compared += len(asked)
        self._check_invariants()

    def _asked_of_units(self, units: Iterable[Unit]) -> Iterator[tuple[Contract, str, tuple[Any, ...], Any]]:
        """Contract, function and arguments, and the answer that is expected."""
        lots, custody = self.supply.lots, self.supply.custody
        for unit in units:
            cell = self.model.lots[unit[0]].cell(unit[1])
            yield lots, "unitOf", unit, UnitState(cell.status, cell.suspect, cell.day)
            place = self._place(unit)
            for container in {place, NOBODY, *self.sampling.sample(self._stale(unit), 2)}:
                yield custody, "find", (*unit, container), self._found(unit, container)
            pack = self._pack_of(unit, place)
            yield lots, "verify", (pack.to_abi(),), self._answer(unit, place)

    def _pack_of(self, unit: Unit, container: str) -> Pack:
        batch, index = self.batches[unit[0]], unit[1]
        return Pack(
            product=to_padded(PRODUCT),
            maker=batch.maker.id,
            reference=batch.reference,
            expiry_day=batch.terms.expiry_day,
            index=index,
            inner=batch.inner(index),
            proof=tuple(batch.proof(index)),
            container=container,
        )

    def _found(self, unit: Unit, container: str) -> tuple[str, Any]:
        """Who has it, and what it is in."""
        if not self.model.is_in(unit, container):
            return NOBODY, None
        return self.model.holder_of(unit), self._told(container) if container != NOBODY else None

    def _answer(self, unit: Unit, container: str) -> tuple[Any, ...]:
        lot = self.model.lots[unit[0]]
        holder = self.model.found_with(unit, container)
        cell = lot.cell(unit[1])
        ended = self.model.top(self.model.boxes[container]).ended if container != NOBODY else UnitStatus.IN_SUPPLY
        state = UnitState(cell.status or ended, cell.suspect, cell.day)
        return self.model.finding(unit, container), holder, lot.recall_class, lot.recall_reason, state

    def _told(self, name: str) -> Container:
        box = self.model.boxes[name]
        top = self.model.top(box)
        return Container(
            state=top.state,
            holder=top.holder,
            receiver=top.receiver,
            parent=box.parent,
            lot=box.lot,
            first=box.first,
            count=box.count,
            cases=box.cases,
            opened=box.opened,
            returned=self.model.is_returned(box),
            excursion=False,
            ended=top.ended,
        )

    def _asked_of_boxes(self, boxes: Iterable[Box]) -> Iterator[tuple[Contract, str, tuple[Any, ...], Any]]:
        custody = self.supply.custody
        for box in boxes:
            yield custody, "containerOf", (box.id,), self._told(box.id)
            yield custody, "inHand", (box.id,), (self.model.in_hand(box), box.lot)
            yield custody, "lastShippedDay", (box.id,), self.model.last_shipped_day(box)

    def _ask(self, asked: Sequence[tuple[Contract, str, tuple[Any, ...], Any]]) -> None:
        calls: list[tuple[str, list[Any]]] = []
        for contract, function, given, _ in asked:
            data = "0x" + contract.encode(function, *given).hex()
            calls.append(("eth_call", [{"to": contract.address, "data": data}, "latest"]))
        for (contract, function, given, expected), result in zip(asked, self.rpc.batch(calls), strict=True):
            assert isinstance(result, str), (function, given, result)
            told = decode_outputs(contract.artifact.function(function), bytes.fromhex(result[2:]))
            found: Any = told
            if function == "unitOf":
                found = UnitState(UnitStatus(told[0]), told[1], told[2])
                self._check_end((given[0], given[1]), found.status)
            elif function == "find":
                found = told[0], Container.from_abi(told[1]) if expected[1] is not None else None
            elif function == "containerOf":
                found = Container.from_abi(told)
            elif function == "verify":
                answer = Answer.from_abi(told)
                found = answer.finding, answer.holder, answer.recall_class, answer.recall_reason, answer.state
            assert found == expected, f"{function}{given}: {found}, the model says {expected}"

    def _check_end(self, unit: Unit, status: UnitStatus) -> None:
        """What the chain said to be final stays; what was decommissioned is at most destroyed."""
        before = self.ends.get(unit)
        if before is not None and before is not status:
            assert (before, status) == (UnitStatus.DECOMMISSIONED, UnitStatus.DESTROYED), (unit, before, status)
        if status not in {UnitStatus.IN_SUPPLY, UnitStatus.DISPENSED}:
            self.ends[unit] = status

    def _check_dispensed(self, name: str, numbers: int | list[int]) -> None:
        """Nothing that is recalled, past its expiry or suspect was dispensed, and nothing twice."""
        lot = self.model.lots[name]
        assert not lot.recall_class
        assert lot.expiry_day >= self.model.today
        for number in [numbers] if isinstance(numbers, int) else numbers:
            assert not lot.cell(number).suspect
            assert lot.cell(number).status is UnitStatus.IN_SUPPLY

    def _check_invariants(self) -> None:
        """Every packed unit is in one place, which has one holder, and none gets lost."""
        model = self.model
        assert len(model.where) == model.packed_in_ranges
        assert sum(len(box.units) for box in model.boxes.values()) == sum(
            isinstance(place, In) for place in model.where.values()
        )
        for unit, place in model.where.items():
            assert unit[1] < model.lots[unit[0]].packed
            assert not isinstance(place, In) or unit in model.boxes[place.container].units
            assert model.holder_of(unit) in model.members


@contextmanager
def walk(seed: int) -> Iterator[Walk]:
    print(f"seed {seed}")
    with Node(options=("--timestamp", str(GENESIS))) as node:
        yield Walk(node, seed)


RecordProperty = Callable[[str, object], None]


def test_random_steps_go_as_the_documents_say(record_property: RecordProperty) -> None:
    with walk(1) as walked:
        walked.play(400, 80)
    assert walked.refused.total() > 100
    record_property("counted: supply-chain steps against the model", 400)


@pytest.mark.full
def test_five_thousand_random_steps_go_as_the_documents_say(record_property: RecordProperty) -> None:
    """Each kind of step is both taken and refused."""
    with walk(2) as walked:
        walked.play(5_000, 100)
    assert not walked.unmet
    assert walked.sharp > walked.refused.total() // 2
    record_property("counted: supply-chain steps against the model", 5_000)
    record_property("counted: answers of lots and custody equal to the model's", walked.compared)
