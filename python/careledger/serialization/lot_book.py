"""What an organization keeps at home of a supply chain's lots, units and containers, in the vault.

    book = LotBook(vault, SupplyId.of(supply), "sundial-pharma")
    lot = book.make_lot("gtin:00300010000015", "L-0042", expiry_day=22_000, depth=14)
    root = book.keep_tranche(lot.id, 0, serials)

| kind | name | value |
|---|---|---|
| `lot-book` | supply/organization/page | a page: what became known by one act |
| `lot-serials` | supply/organization/page.part | the serials of 16,384 numbers of a tranche, compressed |
| `lot-crown` | supply/organization/page.part | nodes of a tranche's tree, so that a part is made of few leaves |
| `lot-part` | supply/organization/page.part | a partial tree that came with goods |
| `lot-bundle` | supply/organization/page.part | a sealed bundle as it came |

The book is appended to, and everything is found by reading its pages in order: no name tells a product, lot number,
serial or SSCC. A page and what belongs to it are written at once or not at all, and two processes never write the same
page. What is to be sent is kept before, so that whoever is interrupted and begins again sends the same.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from careledger.anchoring.leaf import new_salt
from careledger.contract_enums import LotKind
from careledger.errors import BookConflict, InvalidInput, NotInBook
from careledger.identity.identifiers import organization_id
from careledger.serialization.identifiers import sscc_reference
from careledger.serialization.lot_book_entries import (
    CROWN_LEVEL,
    Contents,
    Disclosure,
    HandedOn,
    KeptContainer,
    KeptLot,
    ReceivedBundle,
    SupplyId,
    UnitRange,
    WholeTranche,
    subtree,
)
from careledger.serialization.partial_tree import PartialTree, Tranche, Unit, missing_places
from careledger.serialization.units import LotSecret, levels_over
from careledger.vault import EntryConflict, EntryErased, EntryMissing, Vault

if TYPE_CHECKING:
    pass

__all__ = [
    "BUNDLE_KIND",
    "CROWN_KIND",
    "PAGE_KIND",
    "PART_KIND",
    "SERIALS_KIND",
    "LotBook",
]

PAGE_KIND = "lot-book"
SERIALS_KIND = "lot-serials"
CROWN_KIND = "lot-crown"
PART_KIND = "lot-part"
BUNDLE_KIND = "lot-bundle"

FORMAT = "careledger-lot-book-page"
VERSION = 1
WORD = 32
BLOCK = 1 << 14
"""How many numbers' serials are one entry."""
CACHED_BLOCKS = 64
NOWHERE = ""
"""The place of what nothing was said of."""
T = TypeVar("T")
Json = dict[str, Any]
Entry = tuple[str, str, bytes]


@dataclass
class _KeptTranche:
    """A tranche whose units are all known. `blocks` are entries of serials by number of the block."""

    root: bytes
    blocks: dict[int, str]
    crown: str


class _Places:
    """In which container each number of a lot lies: what was said last holds."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._places: list[str | None] = []
        """From each start on; NOWHERE where nothing was said."""

    def put(self, first: int, end: int, container: str | None) -> None:
        after = self.at(end)
        low, high = bisect_left(self._starts, first), bisect_right(self._starts, end)
        self._starts[low:high] = [first, end]
        self._places[low:high] = [container, after]

    def at(self, index: int) -> str | None:
        place = bisect_right(self._starts, index) - 1
        return NOWHERE if place < 0 else self._places[place]

    def are_all(self, first: int, end: int, container: str | None) -> bool:
        """Whether numbers from one up to another lie in a container."""
        low, high = bisect_right(self._starts, first) - 1, bisect_left(self._starts, end)
        return low >= 0 and all(place == container for place in self._places[low:high])

    def ranges_in(self, container: str) -> Iterator[tuple[int, int]]:
        """First and count, those that touch as one."""
        ends = [*self._starts[1:], 0]
        pieces = zip(self._places, self._starts, ends, strict=True)
        first = last = -1
        for place, start, end in pieces:
            if place != container:
                continue
            if start != last:
                if last >= 0:
                    yield first, last - first
                first = start
            last = end
        if last >= 0:
            yield first, last - first


class _State:
    """What the pages that were read say."""

    def __init__(self) -> None:
        self.next_page = 0
        self.lots: dict[str, KeptLot] = {}
        self.secrets: dict[str, LotSecret] = {}
        self.tranches: dict[tuple[str, int], dict[bytes, _KeptTranche]] = {}
        """By root, the last one kept at the end."""
        self.parts: dict[tuple[str, int], list[str]] = {}
        self.containers: dict[str, KeptContainer] = {}
        self.by_sscc: dict[str, list[str]] = {}
        self.places: dict[str, _Places] = {}
        self.lots_in: dict[str, dict[str, None]] = {}
        """Container -> lots of which units lay in it once."""
        self.parents: dict[str, str | None] = {}
        self.children: dict[str, dict[str, None]] = {}
        self.cases: dict[str, tuple[str, ...]] = {}
        self.bundles: dict[str, ReceivedBundle] = {}
        self.disclosures: list[Disclosure] = []

    def read(self, page: Json) -> None:
        for value in page.get("lots", ()):
            lot = KeptLot.from_json(value)
            self.lots[lot.id] = lot
        for lot_key, secret in page.get("secrets", {}).items():
            self.secrets[lot_key] = LotSecret(bytes.fromhex(secret))
        for value in page.get("tranches", ()):
            kept = _KeptTranche(bytes.fromhex(value["root"]), dict(map(tuple, value["blocks"])), value["crown"])
            of_number = self.tranches.setdefault((value["lot"], value["number"]), {})
            of_number.pop(kept.root, None)
            of_number[kept.root] = kept
        for lot_key, number, entry in page.get("parts", ()):
            self.parts.setdefault((lot_key, number), []).append(entry)
        for value in page.get("containers", ()):
            container = KeptContainer.from_json(value)
            self.containers[container.id] = container
            self.by_sscc.setdefault(container.sscc, []).append(container.id)
        for value in page.get("moves", ()):
            self._move(value["into"], value["ranges"], value["containers"])
        for container_key, ssccs in page.get("cases", {}).items():
            self.cases[container_key] = tuple(ssccs)
        if "bundle" in page:
            value = page["bundle"]
            bundle = ReceivedBundle(**{**value, **{name: tuple(value[name]) for name in ("lots", "containers")}})
            self.bundles[bundle.digest] = bundle
        if "disclosure" in page:
            value = page["disclosure"]
            numbers = None if value["numbers"] is None else tuple((first, count) for first, count in value["numbers"])
            self.disclosures.append(Disclosure(**{**value, "numbers": numbers}))

    def _move(self, into: str | None, ranges: Iterable[tuple[str, int, int]], containers: Iterable[str]) -> None:
        for lot_key, first, count in ranges:
            self.places.setdefault(lot_key, _Places()).put(first, first + count, into)
            if into is not None:
                self.lots_in.setdefault(into, {})[lot_key] = None
        for container in containers:
            former = self.parents.get(container)
            if former is not None:
                self.children[former].pop(container, None)
            self.parents[container] = into
            if into is not None:
                self.children.setdefault(into, {})[container] = None


class LotBook:
    """What one organization keeps of one supply chain. Methods raise VaultError besides what they say.

    A book reads its pages when it is first asked, and then sees what other processes write only once it writes itself,
    or when `refresh` is called. It is for one thread; others open books of their own over the same vault.
    """

    def __init__(self, vault: Vault, supply_id: SupplyId, organization: str) -> None:
        """`organization` is a name or id. Raises InvalidInput for what is neither."""
        self.supply_id = supply_id
        self.organization = organization_id(organization)
        self._vault = vault
        self._state: _State | None = None
        self._serials = lru_cache(CACHED_BLOCKS)(self._read_serials)
        self._crown = lru_cache(4)(self._read_crown)
        self._merged: dict[tuple[str, int], tuple[int, PartialTree]] = {}

    def refresh(self) -> None:
        """Reads what other processes have written since."""
        state = self._known if self._state is not None else _State()
        while True:
            try:
                page = self._vault.get(PAGE_KIND, self._name(state.next_page))
            except EntryErased:
                pass
            except EntryMissing:
                break
            else:
                state.read(json.loads(page))
            state.next_page += 1
        self._state = state

    # ------------------------------------------------------------------ lots

    def lots(self) -> tuple[KeptLot, ...]:
        """All lots, in the order in which they became known."""
        return tuple(self._known.lots.values())

    def lot(self, lot: str) -> KeptLot:
        """A lot by its id. Raises NotInBook."""
        found = self._known.lots.get(lot)
        if found is None:
            raise NotInBook("lot", lot)
        return found

    def lots_numbered(self, product: str, lot_number: str) -> tuple[KeptLot, ...]:
        """The lots of a product and lot number: of several makers, or made again with other terms since the first was
        refused. Which of them stand, the chain tells."""
        return tuple(lot for lot in self.lots() if (lot.product, lot.lot_number) == (product, lot_number))

    def make_lot(
        self, product: str, lot_number: str, expiry_day: int, depth: int, kind: LotKind = LotKind.MEDICINE
    ) -> KeptLot:
        """A lot of this organization's own, with a new secret, kept before it is commissioned. The same values give the
        same lot again. Raises InvalidInput."""

        def made() -> tuple[Json, list[Entry], KeptLot]:
            for lot in self.lots_numbered(product, lot_number):
                same = (lot.maker, lot.expiry_day, lot.depth, lot.kind) == (self.organization, expiry_day, depth, kind)
                if same and lot.id in self._known.secrets:
                    return {}, [], lot
            secret = LotSecret(new_salt())
            lot = KeptLot(self.organization, product, lot_number, secret.lot_salt(), expiry_day, depth, kind)
            return {"lots": [lot.to_json()], "secrets": {lot.id: secret.value.hex()}}, [], lot

        return self._write(made)

    def secret(self, lot: str) -> LotSecret:
        """A lot's secret: of one's own lot, or of one that was disclosed as a whole. Raises NotInBook."""
        found = self._known.secrets.get(lot)
        if found is None:
            raise NotInBook("secret of lot", lot)
        return found

    # ------------------------------------------------------------------ units

    def keep_tranche(self, lot: str, number: int, serials: Iterable[tuple[int, str]]) -> bytes:
        """Keeps all units of a tranche by their numbers in the lot, before it is commissioned; returns the root.

        The secret must be known. A tranche that is kept again with other serials holds from then on, as the first was
        never commissioned; `root` of the others names which does. Raises NotInBook, and InvalidInput for a number that
        is not the tranche's or comes twice, and for wrong serials.
        """
        whole = WholeTranche(self._tranche(lot, number), self.secret(lot), tuple(sorted(serials)))
        root = whole.root

        def made() -> tuple[Json, list[Entry], bytes]:
            kept = self._known.tranches.get((lot, number), {})
            if root in kept:
                if next(reversed(kept)) == root:
                    return {}, [], root
                return {"tranches": [_tranche_json(lot, number, kept[root])]}, [], root
            tranche, entries = _kept(whole, self._names())
            return {"tranches": [_tranche_json(lot, number, tranche)]}, entries, root

        return self._write(made)

    def roots(self, lot: str) -> dict[int, bytes]:
        """Root by number of each tranche of which all units are known: the one that was kept last."""
        return {
            number: next(reversed(kept)) for (of_lot, number), kept in self._known.tranches.items() if of_lot == lot
        }

    def serials(self, lot: str, number: int, root: bytes | None = None) -> Iterator[tuple[int, str]]:
        """All units of a tranche as (number, serial), ascending. Raises NotInBook if not all are known."""
        return self._units_in(self._whole(lot, number, root))

    def numbers(self, lot: str, first: int, count: int) -> list[int]:
        """The numbers of a range of which the units are known; the others are unused, or somebody else's."""
        self.lot(lot)
        found: list[int] = []
        for number, start, end in self._by_tranche(lot, first, first + count):
            if (lot, number) in self._known.tranches:
                found += [index for index, _ in self._units_in(self._whole(lot, number), start, end)]
            elif (lot, number) in self._known.parts:
                units = self._part_of(lot, number).units
                found += [index for index in range(start, end) if index in units]
        return found

    def unit(self, lot: str, index: int) -> Unit:
        """A unit by its number. Raises NotInBook."""
        number = index >> self.lot(lot).depth
        if (lot, number) in self._known.tranches:
            for _, serial in self._units_in(self._whole(lot, number), index, index + 1):
                return Unit(serial, self.secret(lot).salt(index))
        elif (lot, number) in self._known.parts and index in (units := self._part_of(lot, number).units):
            return units[index]
        raise NotInBook("unit", f"{index} of lot {lot}")

    def number_of(self, lot: str, serial: str) -> int:
        """A unit's number by its serial. Raises NotInBook. A whole tranche of 1,000,000 is searched in a second."""
        self.lot(lot)
        for (of_lot, _), kept in self._known.tranches.items():
            if of_lot == lot:
                for block, entry in next(reversed(kept.values())).blocks.items():
                    lines = self._serials(entry)
                    if serial in lines:
                        return block * BLOCK + lines.index(serial)
        for of_lot, number in self._known.parts:
            if of_lot == lot and (found := self._part_of(lot, number).number_of(serial)) is not None:
                return found
        raise NotInBook("serial", f"{serial} of lot {lot}")

    def part(self, lot: str, indices: Iterable[int]) -> tuple[PartialTree, ...]:
        """The least that proves any of these units, a partial tree for each tranche. Raises NotInBook if one is not
        known, and InvalidInput if there are none."""
        depth = self.lot(lot).depth
        chosen = sorted(set(indices))
        if not chosen:
            raise InvalidInput("units", "none", "must be one or more")
        return tuple(
            self._part(lot, number, list(group)) for number, group in groupby(chosen, lambda index: index >> depth)
        )

    def proof(self, lot: str, index: int) -> list[bytes]:
        """As `UnitTree.proof`. Raises NotInBook."""
        return self.part(lot, [index])[0].proof(index)

    def multiproof(self, lot: str, indices: Sequence[int]) -> list[bytes]:
        """As `UnitTree.multiproof`, for units of one tranche. Raises NotInBook, and InvalidInput if they are of
        several or do not ascend."""
        parts = self.part(lot, indices)
        if len(parts) > 1:
            raise InvalidInput("numbers", str(list(indices)), "must be of one tranche")
        return parts[0].multiproof(indices)

    # ------------------------------------------------------------------ containers

    def keep_container(self, sscc: str) -> KeptContainer:
        """The opening of a container that this organization packs, made before it is packed. The same SSCC gives the
        same one again. Raises InvalidInput."""

        def made() -> tuple[Json, list[Entry], KeptContainer]:
            for container in self.containers_with(sscc):
                if container.packer == self.organization:
                    return {}, [], container
            container = KeptContainer(self.organization, sscc, new_salt())
            return {"containers": [container.to_json()]}, [], container

        return self._write(made)

    def container(self, container: str) -> KeptContainer:
        """A container's opening by its id. Raises NotInBook."""
        found = self._known.containers.get(container)
        if found is None:
            raise NotInBook("container", container)
        return found

    def containers_with(self, sscc: str) -> tuple[KeptContainer, ...]:
        """The containers of an SSCC: more than one if several organizations packed under it."""
        return tuple(self._known.containers[found] for found in self._known.by_sscc.get(sscc, ()))

    def keep_cases(self, container: str, ssccs: Sequence[str]) -> None:
        """Keeps the SSCCs of a homogeneous container's cases in their order, for who takes them out. Raises NotInBook,
        and InvalidInput for what is no SSCC."""
        for sscc in ssccs:
            sscc_reference(sscc, bytes(WORD))

        def made() -> tuple[Json, list[Entry], None]:
            self.container(container)
            known = self._known.cases.get(container) == tuple(ssccs)
            return {} if known else {"cases": {container: list(ssccs)}}, [], None

        self._write(made)

    def cases(self, container: str) -> tuple[str, ...]:
        """The SSCCs of a homogeneous container's cases, in their order; none if they are not known."""
        return self._known.cases.get(container, ())

    def move(self, into: str | None, ranges: Sequence[UnitRange] = (), containers: Sequence[str] = ()) -> None:
        """Keeps that units and containers lie in a container from now on, as it stands on chain; None if they lie in
        none. A place that is known already is not kept again. Raises InvalidInput for a container inside itself."""

        def made() -> tuple[Json, list[Entry], None]:
            above = into
            while above is not None:
                if above in containers:
                    raise InvalidInput("container", above, "would lie in itself")
                above = self._known.parents.get(above)
            moves = self._moves([(into, Contents(tuple(ranges), tuple(containers)))])
            return {"moves": moves} if moves else {}, [], None

        self._write(made)

    def place_of(self, lot: str, index: int) -> str | None:
        """In which container a unit lies, by id, None if in none. Raises NotInBook if nothing was kept of it."""
        places = self._known.places.get(lot)
        found = NOWHERE if places is None else places.at(index)
        if found == NOWHERE:
            raise NotInBook("place of unit", f"{index} of lot {lot}")
        return found

    def parent_of(self, container: str) -> str | None:
        """In which container another lies, by id; None if in none, or nothing was kept of it."""
        return self._known.parents.get(container)

    def contents(self, container: str) -> Contents:
        """What lies in a container itself, as far as it is known."""
        state = self._known
        ranges = tuple(
            UnitRange(lot, first, count)
            for lot in state.lots_in.get(container, ())
            for first, count in state.places[lot].ranges_in(container)
        )
        return Contents(ranges, tuple(state.children.get(container, ())))

    # ------------------------------------------------------------------ handing on

    def with_shipment(self, containers: Iterable[str]) -> HandedOn:
        """All that the receiver of containers needs: openings, contents, and what proves the units in them. Raises
        NotInBook for a container or lot that is not known."""
        openings: dict[str, KeptContainer] = {}
        contents: dict[str, Contents] = {}
        numbers: dict[str, set[int]] = {}
        waiting = list(containers)
        while waiting:
            container = waiting.pop()
            if container in openings:
                continue
            openings[container] = self.container(container)
            contents[container] = found = self.contents(container)
            waiting += found.containers
            for part in found.ranges:
                numbers.setdefault(part.lot, set()).update(self.numbers(part.lot, part.first, part.count))
        return HandedOn(
            lots=tuple(self.lot(lot) for lot in numbers),
            parts=tuple(part for lot, indices in numbers.items() if indices for part in self.part(lot, indices)),
            containers=tuple(openings.values()),
            contents=contents,
            cases={container: self.cases(container) for container in openings if self.cases(container)},
        )

    def disclosure_of(self, lot: str, indices: Iterable[int] | None = None) -> HandedOn:
        """What tells a lot: some of its units, or all that this book knows of it. Of a lot whose secret is known, that
        is the secret, and all serials. Raises NotInBook."""
        kept = self.lot(lot)
        if indices is not None:
            return HandedOn((kept,), self.part(lot, indices))
        if lot in self._known.secrets:
            secret = self.secret(lot)
            wholes = (
                WholeTranche(self._tranche(lot, number), secret, tuple(self.serials(lot, number)))
                for number in self.roots(lot)
            )
            return HandedOn((kept,), tranches=tuple(wholes))
        return HandedOn((kept,), tuple(self._part_of(lot, number) for of, number in self._known.parts if of == lot))

    def take_over(self, found: HandedOn, bundle: ReceivedBundle, file: bytes) -> bool:
        """Keeps all that was handed on, and the file in which it came; False if that was kept before.

        What stands on chain is for the caller to have checked. Raises BookConflict if something else is kept of a lot
        or tranche.
        """

        def made() -> tuple[Json, list[Entry], bool]:
            state = self._known
            if bundle.digest in state.bundles:
                return {}, [], False
            for lot in found.lots:
                if state.lots.get(lot.id, lot) != lot:
                    raise BookConflict("lot", lot.id, "is kept with other terms")
            names = self._names()
            entries: list[Entry] = [(BUNDLE_KIND, next(names), file)]
            page: Json = {
                "lots": [lot.to_json() for lot in found.lots if lot.id not in state.lots],
                "secrets": {
                    whole.tranche.lot: whole.secret.value.hex()
                    for whole in found.tranches
                    if whole.tranche.lot not in state.secrets
                },
                "containers": [one.to_json() for one in found.containers if one.id not in state.containers],
                "moves": self._moves(found.contents.items()),
                "cases": {container: list(ssccs) for container, ssccs in found.cases.items()},
                "parts": [],
                "tranches": [],
                "bundle": {**vars(bundle), "entry": entries[0][1]},
            }
            for part in found.parts:
                if self._adds(part):
                    entries.append((PART_KIND, next(names), json.dumps(part.to_json()).encode()))
                    page["parts"].append([part.tranche.lot, part.tranche.number, entries[-1][1]])
            for whole in found.tranches:
                key = whole.tranche.lot, whole.tranche.number
                if whole.root not in state.tranches.get(key, {}):
                    kept, more = _kept(whole, names)
                    entries += more
                    page["tranches"].append(_tranche_json(*key, kept))
            return page, entries, True

        return self._write(made)

    def bundles(self) -> tuple[ReceivedBundle, ...]:
        """The sealed bundles that were opened and kept, in that order."""
        return tuple(self._known.bundles.values())

    def bundle(self, digest: str) -> ReceivedBundle:
        """A sealed bundle that was kept, by its file's digest. Raises NotInBook."""
        found = self._known.bundles.get(digest)
        if found is None:
            raise NotInBook("sealed bundle", digest)
        return found

    def bundle_file(self, bundle: ReceivedBundle) -> bytes:
        """A sealed bundle as it came. Raises what `Vault.get` raises."""
        return self._vault.get(BUNDLE_KIND, bundle.entry)

    def log_disclosure(self, disclosure: Disclosure) -> None:
        """Appends to the list of what was disclosed, to whom and why."""
        self._write(lambda: ({"disclosure": vars(disclosure)}, [], None))

    def disclosures(self, lot: str | None = None) -> tuple[Disclosure, ...]:
        """What was disclosed, of a lot or of all, the oldest first."""
        return tuple(one for one in self._known.disclosures if lot in (None, one.lot))

    # ------------------------------------------------------------------ helpers

    @property
    def _known(self) -> _State:
        if self._state is None:
            self.refresh()
            assert self._state is not None
        return self._state

    def _name(self, page: int) -> str:
        return f"{self.supply_id}/{self.organization}/{page}"

    def _names(self) -> Iterator[str]:
        """For the entries that belong to the next page."""
        page, part = self._name(self._known.next_page), 0
        while True:
            yield f"{page}.{part}"
            part += 1

    def _write(self, made: Callable[[], tuple[Json, list[Entry], T]]) -> T:
        """Writes the next page, or none if there is nothing in it. Made anew if another process wrote it meanwhile."""
        while True:
            page, entries, answer = made()
            if not page:
                return answer
            state = self._known
            content = json.dumps({"format": FORMAT, "version": VERSION, **page}).encode()
            try:
                self._vault.put_many([*entries, (PAGE_KIND, self._name(state.next_page), content)])
            except (EntryConflict, EntryErased):
                before = state.next_page
                self.refresh()
                if self._known.next_page == before:
                    raise
                continue
            state.read(json.loads(content))
            state.next_page += 1
            return answer

    def _moves(self, contents: Iterable[tuple[str | None, Contents]]) -> list[Json]:
        """What of it is not known yet, as a page has it."""
        state, moves = self._known, []
        for into, found in contents:
            ranges = [
                [part.lot, part.first, part.count]
                for part in found.ranges
                if part.lot not in state.places or not state.places[part.lot].are_all(part.first, part.end, into)
            ]
            containers = [one for one in found.containers if state.parents.get(one, NOWHERE) != into]
            if ranges or containers:
                moves.append({"into": into, "ranges": ranges, "containers": containers})
        return moves

    def _adds(self, part: PartialTree) -> bool:
        """Whether a part has units that are not known. Raises BookConflict if it is of another tree."""
        key = part.tranche.lot, part.tranche.number
        whole = self._known.tranches.get(key)
        if whole is not None and part.root in whole:
            return False
        known = self._part_of(*key) if key in self._known.parts else None
        if whole is not None or (known is not None and known.root != part.root):
            raise BookConflict("lot", part.tranche.lot, f"tranche {part.tranche.number} is kept with another root")
        return known is None or not part.units.keys() <= known.units.keys()

    def _tranche(self, lot: str, number: int) -> Tranche:
        return Tranche(self.supply_id.chain_id, self.supply_id.registry, lot, self.lot(lot).depth, number)

    def _by_tranche(self, lot: str, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number of each tranche, and which numbers of it: first and end."""
        depth = self.lot(lot).depth
        for number in range(first >> depth, (end - 1 >> depth) + 1):
            yield number, max(first, number << depth), min(end, number + 1 << depth)

    def _whole(self, lot: str, number: int, root: bytes | None = None) -> _KeptTranche:
        kept = self._known.tranches.get((lot, number), {})
        found = kept.get(next(reversed(kept), b"") if root is None else root)
        if found is None:
            raise NotInBook("tranche", f"{number} of lot {lot} as a whole")
        return found

    def _units_in(self, kept: _KeptTranche, first: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
        """Units from one number to another, ascending."""
        for block in sorted(kept.blocks):
            start = block * BLOCK
            if start + BLOCK > first and (end is None or start < end):
                lines = self._serials(kept.blocks[block])
                low = max(first - start, 0)
                chosen = lines[low : None if end is None else end - start]
                yield from ((index, serial) for index, serial in enumerate(chosen, start + low) if serial)

    def _part(self, lot: str, number: int, indices: Sequence[int]) -> PartialTree:
        """A part of a tranche, made of the leaves that it needs and the crown."""
        if (lot, number) not in self._known.tranches:
            if (lot, number) not in self._known.parts:
                raise NotInBook("unit", f"{indices[0]} of lot {lot}")
            known = self._part_of(lot, number)
            for index in indices:
                if index not in known.units:
                    raise NotInBook("unit", f"{index} of lot {lot}")
            return known.part(indices)
        tranche, secret, kept = self._tranche(lot, number), self.secret(lot), self._whole(lot, number)
        height = min(CROWN_LEVEL, tranche.depth)
        upper = self._crown(kept.crown)
        nodes: dict[tuple[int, int], bytes] = {}
        units: dict[int, Unit] = {}
        for place, group in groupby(indices, lambda index: index >> height):
            serials = dict(self._units_in(kept, place << height, place + 1 << height))
            below = subtree(tranche, secret, height, place, serials.items())
            for index in group:
                if index not in serials:
                    raise NotInBook("unit", f"{index} of lot {lot}")
                units[index] = Unit(serials[index], secret.salt(index))
                proof = below.proof(index)
                nodes |= {(level, index - tranche.first >> level ^ 1): proof[level] for level in range(height)}
        siblings = [
            nodes[level, place] if level < height else bytes(upper[level - height][place * WORD : (place + 1) * WORD])
            for level, place in missing_places(tranche, indices)
        ]
        return PartialTree(tranche, units, siblings)

    def _part_of(self, lot: str, number: int) -> PartialTree:
        """All that is known of a tranche by its parts."""
        entries = self._known.parts[lot, number]
        cached = self._merged.get((lot, number))
        if cached is not None and cached[0] == len(entries):
            return cached[1]
        supply, depth = self.supply_id, self.lot(lot).depth
        parts = [
            PartialTree.from_json(
                supply.chain_id, supply.registry, lot, depth, json.loads(self._vault.get(PART_KIND, entry))
            )
            for entry in entries[0 if cached is None else cached[0] :]
        ]
        merged = PartialTree.merged(parts if cached is None else [cached[1], *parts])
        self._merged[lot, number] = len(entries), merged
        return merged

    def _read_serials(self, entry: str) -> tuple[str, ...]:
        """By place in the block; empty where there is no unit, up to the last one."""
        return tuple(zlib.decompress(self._vault.get(SERIALS_KIND, entry)).decode().split("\n"))

    def _read_crown(self, entry: str) -> list[bytearray]:
        return levels_over(bytearray(self._vault.get(CROWN_KIND, entry)))


def _kept(whole: WholeTranche, names: Iterator[str]) -> tuple[_KeptTranche, list[Entry]]:
    """A tranche for the vault, with the entries of its crown and serials."""
    entries: list[Entry] = [(CROWN_KIND, next(names), whole.crown)]
    kept = _KeptTranche(whole.root, {}, entries[0][1])
    for block, units in groupby(whole.serials, lambda unit: unit[0] // BLOCK):
        serials = dict(units)
        lines = (serials.get(index, "") for index in range(block * BLOCK, max(serials) + 1))
        kept.blocks[block] = next(names)
        entries.append((SERIALS_KIND, kept.blocks[block], zlib.compress("\n".join(lines).encode())))
    return kept, entries


def _tranche_json(lot: str, number: int, kept: _KeptTranche) -> Json:
    return {
        "lot": lot,
        "number": number,
        "root": kept.root.hex(),
        "blocks": list(kept.blocks.items()),
        "crown": kept.crown,
    }
