"""The book of lots: what is kept is found again, in parts, by another process and after a crash."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from biip.checksums import gs1_standard_check_digit
from careledger.contract_enums import LotKind
from careledger.errors import BookConflict, InvalidInput, NotInBook, VaultError
from careledger.identity import organization_id
from careledger.serialization import LotSecret, UnitTree, lot_id, lot_reference
from careledger.serialization.lot_book import BLOCK, BUNDLE_KIND, PAGE_KIND, PART_KIND, LotBook
from careledger.serialization.lot_book_entries import (
    Contents,
    Disclosure,
    HandedOn,
    KeptContainer,
    KeptLot,
    ReceivedBundle,
    SupplyId,
    UnitRange,
    WholeTranche,
)
from careledger.serialization.partial_tree import PartialTree, Tranche, Unit
from careledger.vault import ScryptCost, Vault

SUPPLY = SupplyId(31337, "0x5fbdb2315678afecb367f032d93f642f64180aa3")
PRODUCT, LOT_NUMBER = "gtin:00300010000018", "L-0042"
MAKER, WHOLESALER, PHARMACY = "sundial-pharma", "corner-wholesale", "corner-pharmacy"
DEPTH, EXPIRY_DAY = 8, 22_000
SERIALS = [(index, f"SN{index:06}") for index in range(200) if index % 9]
SSCCS = ("106141412345678908", "006141411234567890", "106141410000000002")
CASES = ("106141410000000019", "106141410000000026")
PASSPHRASE = "correct horse"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(tmp_path / "vault.db", PASSPHRASE, cost=ScryptCost(2**10, 8, 1)) as made:
        yield made


@pytest.fixture
def book(vault: Vault) -> LotBook:
    return LotBook(vault, SUPPLY, MAKER)


@pytest.fixture
def holder(vault: Vault) -> LotBook:
    """Of another organization; books of several may lie in one vault."""
    return LotBook(vault, SUPPLY, PHARMACY)


def made_lot(book: LotBook, number: str = LOT_NUMBER) -> KeptLot:
    lot = book.make_lot(PRODUCT, number, EXPIRY_DAY, DEPTH)
    book.keep_tranche(lot.id, 0, SERIALS)
    return lot


def tree_of(book: LotBook, lot: KeptLot, serials: list[tuple[int, str]] = SERIALS, tranche: int = 0) -> UnitTree:
    place = {"chain_id": SUPPLY.chain_id, "registry": SUPPLY.registry, "lot": lot.id}
    return UnitTree.of(serials, book.secret(lot.id), lot.depth, tranche, **place)  # type: ignore[arg-type]


def bundle_of(name: str, found: HandedOn) -> ReceivedBundle:
    lots, containers = tuple(lot.id for lot in found.lots), tuple(one.id for one in found.containers)
    return ReceivedBundle(name, organization_id(MAKER), 1_900_000_000, "", lots, containers)


def reopened(book: LotBook) -> LotBook:
    return LotBook(book._vault, book.supply_id, book.organization)


# ---------------------------------------------------------------------- a maker's lots


def test_a_lot_is_made_once(book: LotBook) -> None:
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    secret = book.secret(lot.id)
    assert lot.id == lot_id(MAKER, lot_reference(PRODUCT, LOT_NUMBER, secret.lot_salt()))
    for again in (book, reopened(book)):
        assert again.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH) == lot
        assert again.secret(lot.id) == secret
        assert again.lots() == (lot,) == again.lots_numbered(PRODUCT, LOT_NUMBER)
        assert again.lot(lot.id) == lot
    assert (lot.kind, lot.expiry_day, lot.depth) == (LotKind.MEDICINE, EXPIRY_DAY, DEPTH)


def test_a_lot_with_other_terms_is_another(book: LotBook) -> None:
    """What was refused with wrong terms is commissioned with the right ones under an id of its own."""
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    other = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY + 1, DEPTH)
    assert other.id != lot.id
    assert book.secret(other.id) != book.secret(lot.id)
    assert book.lots_numbered(PRODUCT, LOT_NUMBER) == (lot, other)


@pytest.mark.parametrize("depth", [3, 6, 8])
@pytest.mark.parametrize("tranche", [0, 2])
def test_a_part_is_made_as_from_the_whole_tree(book: LotBook, depth: int, tranche: int) -> None:
    lot, chance = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, depth), random.Random(5)
    serials = [((tranche << depth) + index, serial) for index, serial in SERIALS if index < 1 << depth]
    root = book.keep_tranche(lot.id, tranche, reversed(serials))
    tree = tree_of(book, lot, serials, tranche)
    assert root == tree.root == book.roots(lot.id)[tranche]
    fresh = reopened(book)
    place = Tranche(SUPPLY.chain_id, SUPPLY.registry, lot.id, depth, tranche)
    for _ in range(20):
        chosen = chance.sample(serials, chance.randint(1, len(serials)))
        units = {index: Unit(serial, book.secret(lot.id).salt(index)) for index, serial in chosen}
        assert fresh.part(lot.id, units) == (PartialTree.of(tree, place, units),)
        assert fresh.proof(lot.id, chosen[0][0]) == tree.proof(chosen[0][0])
        assert fresh.multiproof(lot.id, sorted(units)) == tree.multiproof(sorted(units))


def test_units_are_found_by_number_and_serial(book: LotBook) -> None:
    lot = made_lot(book)
    fresh = reopened(book)
    assert list(fresh.serials(lot.id, 0)) == SERIALS
    assert fresh.unit(lot.id, 10) == Unit("SN000010", book.secret(lot.id).salt(10))
    assert fresh.number_of(lot.id, "SN000010") == 10
    assert fresh.numbers(lot.id, 5, 7) == [5, 6, 7, 8, 10, 11]
    for call in (
        lambda: fresh.unit(lot.id, 9),
        lambda: fresh.unit(lot.id, 300),
        lambda: fresh.number_of(lot.id, "SN000009"),
        lambda: fresh.part(lot.id, [10, 9]),
        lambda: fresh.part(lot.id, [300]),
        lambda: fresh.serials(lot.id, 1),
        lambda: fresh.lot("0x" + "00" * 12),
        lambda: fresh.secret("0x" + "00" * 12),
    ):
        with pytest.raises(NotInBook):
            call()


def test_a_lot_spans_blocks_and_tranches(book: LotBook) -> None:
    depth = 15
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, depth)
    first = [(BLOCK - 1, "A"), (BLOCK, "B"), (BLOCK + 5, "C")]
    second = [((1 << depth) + 3, "D")]
    book.keep_tranche(lot.id, 0, first)
    book.keep_tranche(lot.id, 1, second)
    fresh = reopened(book)
    assert list(fresh.serials(lot.id, 0)) == first
    assert fresh.numbers(lot.id, 0, 2 << depth) == [BLOCK - 1, BLOCK, BLOCK + 5, (1 << depth) + 3]
    parts = fresh.part(lot.id, [BLOCK, (1 << depth) + 3])
    assert [part.root for part in parts] == list(fresh.roots(lot.id).values())
    assert fresh.number_of(lot.id, "D") == (1 << depth) + 3
    with pytest.raises(InvalidInput, match="one tranche"):
        fresh.multiproof(lot.id, [BLOCK, (1 << depth) + 3])


def test_a_tranche_kept_again_with_other_serials_holds(book: LotBook) -> None:
    """The former was never commissioned. Its root still names it."""
    lot = made_lot(book)
    former = book.roots(lot.id)[0]
    pages = book._known.next_page
    assert book.keep_tranche(lot.id, 0, SERIALS) == former
    assert book._known.next_page == pages
    latter = book.keep_tranche(lot.id, 0, SERIALS[:5])
    assert book.roots(lot.id) == {0: latter}
    assert list(book.serials(lot.id, 0)) == SERIALS[:5]
    assert list(book.serials(lot.id, 0, former)) == SERIALS
    book.keep_tranche(lot.id, 0, SERIALS)
    assert reopened(book).roots(lot.id) == {0: former}
    assert list(reopened(book).serials(lot.id, 0)) == SERIALS


@pytest.mark.parametrize("serials", [[(256, "A")], [(1, "A"), (1, "B")], [(1, "A" * 21)], [(-1, "A")]])
def test_what_is_no_tranche_is_refused(book: LotBook, serials: list[tuple[int, str]]) -> None:
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    with pytest.raises(InvalidInput):
        book.keep_tranche(lot.id, 0, serials)
    assert book.roots(lot.id) == {}


@pytest.mark.parametrize(("expiry_day", "depth"), [(-1, 3), (2**16, 3), (5, 21), (5, -1)])
def test_terms_that_no_lot_has_are_refused(book: LotBook, expiry_day: int, depth: int) -> None:
    with pytest.raises(InvalidInput):
        book.make_lot(PRODUCT, LOT_NUMBER, expiry_day, depth)


# ---------------------------------------------------------------------- containers and places


def test_an_sscc_is_opened_once(book: LotBook, holder: LotBook) -> None:
    case = book.keep_container(SSCCS[0])
    assert book.keep_container(SSCCS[0]) == case == reopened(book).container(case.id)
    assert book.containers_with(SSCCS[0]) == (case,)
    assert holder.keep_container(SSCCS[0]).id != case.id
    with pytest.raises(InvalidInput):
        book.keep_container("106141412345678909")
    with pytest.raises(NotInBook):
        holder.container(case.id)


def test_units_lie_where_they_were_moved_last(book: LotBook) -> None:
    lot = made_lot(book)
    pallet, case, tote = (book.keep_container(sscc).id for sscc in SSCCS)
    book.move(pallet, [UnitRange(lot.id, 0, 100)])
    book.move(case, [UnitRange(lot.id, 20, 10)], ())
    book.move(None, [UnitRange(lot.id, 25, 1)])
    book.move(tote, [UnitRange(lot.id, 99, 3)], [case])
    for known in (book, reopened(book)):
        assert [known.place_of(lot.id, index) for index in (0, 19, 20, 24, 25, 26, 29, 30, 98, 99, 101)] == [
            *[pallet] * 2,
            *[case] * 2,
            None,
            *[case] * 2,
            *[pallet] * 2,
            *[tote] * 2,
        ]
        with pytest.raises(NotInBook):
            known.place_of(lot.id, 102)
        assert known.contents(case) == Contents((UnitRange(lot.id, 20, 5), UnitRange(lot.id, 26, 4)))
        assert known.contents(tote) == Contents((UnitRange(lot.id, 99, 3),), (case,))
        assert (known.parent_of(case), known.parent_of(tote)) == (tote, None)
    book.move(None, (), [case])
    assert book.parent_of(case) is None
    assert book.contents(tote).containers == ()


def test_places_agree_with_a_list() -> None:
    """Random moves, against a plain list of where each number is."""
    from careledger.serialization.lot_book import NOWHERE, _Places

    chance = random.Random(9)
    for _ in range(50):
        places, plain = _Places(), [NOWHERE] * 60
        for _ in range(chance.randint(1, 25)):
            first = chance.randrange(59)
            end = chance.randint(first + 1, 60)
            into = chance.choice(["a", "b", "c", None])
            if all(place == into for place in plain[first:end]):
                assert places.are_all(first, end, into)
            else:
                assert not places.are_all(first, end, into)
            places.put(first, end, into)
            plain[first:end] = [into] * (end - first)  # type: ignore[list-item]
            assert [places.at(index) for index in range(60)] == plain
        for container in "abc":
            told = {index for first, count in places.ranges_in(container) for index in range(first, first + count)}
            assert told == {index for index in range(60) if plain[index] == container}


def test_what_is_known_already_is_not_kept_again(book: LotBook, vault: Vault) -> None:
    lot = made_lot(book)
    pallet, case = (book.keep_container(sscc).id for sscc in SSCCS[:2])
    for _ in range(2):
        book.move(pallet, [UnitRange(lot.id, 0, 100)], [case])
        book.keep_cases(pallet, CASES)
        count = len(list(vault.names(PAGE_KIND)))
    assert len(list(vault.names(PAGE_KIND))) == count == 6
    assert reopened(book).cases(pallet) == CASES
    assert book.cases(case) == ()
    with pytest.raises(InvalidInput):
        book.keep_cases(pallet, ["106141412345678909"])


def test_no_container_lies_in_itself(book: LotBook) -> None:
    outer, middle, inner = (book.keep_container(sscc).id for sscc in SSCCS)
    book.move(outer, (), [middle])
    book.move(middle, (), [inner])
    for wrong in (inner, outer):
        with pytest.raises(InvalidInput, match="lie in itself"):
            book.move(inner, (), [wrong])
    with pytest.raises(InvalidInput):
        UnitRange("0x00", 0, 0)


# ---------------------------------------------------------------------- handing on


def packed(book: LotBook) -> tuple[KeptLot, KeptContainer, KeptContainer]:
    """A tote with ten units, in it a case with five numbers of which four have a unit."""
    lot = made_lot(book)
    tote, case = (book.keep_container(sscc) for sscc in SSCCS[:2])
    book.move(case.id, [UnitRange(lot.id, 9, 5)])
    book.move(tote.id, [UnitRange(lot.id, 30, 2), UnitRange(lot.id, 40, 1)], [case.id])
    book.keep_cases(case.id, CASES)
    return lot, tote, case


def test_a_shipment_s_receiver_proves_its_units_and_hands_a_part_on(book: LotBook, holder: LotBook) -> None:
    lot, tote, case = packed(book)
    found = book.with_shipment([tote.id])
    assert sorted(found.parts[0].units) == [10, 11, 12, 13, 30, 31, 40]
    assert holder.take_over(found, bundle_of("0x01", found), b"file")
    known, tree = reopened(holder), tree_of(book, lot)
    assert known.lots() == (lot,)
    assert known.proof(lot.id, 11) == tree.proof(11)
    assert known.multiproof(lot.id, [11, 30, 40]) == tree.multiproof([11, 30, 40])
    assert known.number_of(lot.id, "SN000040") == 40
    assert known.unit(lot.id, 40) == book.unit(lot.id, 40)
    assert (known.place_of(lot.id, 11), known.place_of(lot.id, 30)) == (case.id, tote.id)
    assert known.parent_of(case.id) == tote.id
    assert known.cases(case.id) == CASES
    assert known.containers_with(case.sscc) == (case,)
    onward = known.with_shipment([case.id])
    assert sorted(onward.parts[0].units) == [10, 11, 12, 13]
    assert onward.parts == book.part(lot.id, [10, 11, 12, 13])
    for call in (
        lambda: known.secret(lot.id),
        lambda: known.unit(lot.id, 14),
        lambda: known.part(lot.id, [11, 14]),
        lambda: known.number_of(lot.id, "SN000014"),
        lambda: known.with_shipment(["0x" + "00" * 12]),
    ):
        with pytest.raises(NotInBook):
            call()


def test_several_shipments_of_a_lot_are_one_knowledge(book: LotBook, holder: LotBook) -> None:
    lot = made_lot(book)
    for name, sscc, first in (("0x01", SSCCS[0], 1), ("0x02", SSCCS[1], 4), ("0x03", SSCCS[2], 100)):
        container = book.keep_container(sscc).id
        book.move(container, [UnitRange(lot.id, first, 3)])
        found = book.with_shipment([container])
        assert holder.take_over(found, bundle_of(name, found), b"file")
        assert holder.part(lot.id, [first, 1]) == book.part(lot.id, [first, 1])
    assert reopened(holder).part(lot.id, [1, 4, 101]) == book.part(lot.id, [1, 4, 101])


def test_a_bundle_is_kept_once(book: LotBook, holder: LotBook, vault: Vault) -> None:
    found = book.with_shipment([packed(book)[1].id])
    bundle = bundle_of("0x01", found)
    assert holder.take_over(found, bundle, b"file")
    assert not reopened(holder).take_over(found, bundle, b"file")
    assert [one.digest for one in holder.bundles()] == ["0x01"]
    assert holder.bundle_file(reopened(holder).bundles()[0]) == b"file"
    assert holder.take_over(found, bundle_of("0x02", found), b"other file")
    assert len(list(vault.names(PART_KIND))) == 1, "the second bundle told nothing new of units"
    assert len(list(vault.names(BUNDLE_KIND))) == 2


def test_goods_that_come_back_tell_their_maker_nothing_new(book: LotBook, holder: LotBook, vault: Vault) -> None:
    _, tote, _ = packed(book)
    found = book.with_shipment([tote.id])
    holder.take_over(found, bundle_of("0x01", found), b"file")
    back = holder.with_shipment([tote.id])
    assert book.take_over(back, bundle_of("0x02", back), b"file back")
    assert len(list(vault.names(PART_KIND))) == 1


def test_another_root_or_other_terms_are_a_conflict(book: LotBook, holder: LotBook) -> None:
    lot, tote, _ = packed(book)
    found = book.with_shipment([tote.id])
    holder.take_over(found, bundle_of("0x01", found), b"file")
    pages = holder._known.next_page
    part = found.parts[0]
    changed = PartialTree(part.tranche, part.units, [bytes(32), *part.siblings[1:]])
    for wrong in (
        HandedOn((lot,), (changed,)),
        HandedOn((KeptLot(lot.maker, PRODUCT, LOT_NUMBER, lot.salt, EXPIRY_DAY + 1, DEPTH),)),
    ):
        with pytest.raises(BookConflict) as caught:
            holder.take_over(wrong, bundle_of("0x02", wrong), b"file")
        assert caught.value.subject == lot.id
    with pytest.raises(BookConflict):
        book.take_over(HandedOn((lot,), (changed,)), bundle_of("0x02", found), b"file")
    assert holder._known.next_page == pages
    assert reopened(holder).bundles() == holder.bundles()


def test_a_whole_lot_is_disclosed_with_its_secret(book: LotBook, holder: LotBook) -> None:
    lot = made_lot(book)
    book.keep_tranche(lot.id, 1, [(256 + index, serial) for index, serial in SERIALS])
    found = book.disclosure_of(lot.id)
    assert {whole.root for whole in found.tranches} == set(book.roots(lot.id).values())
    holder.take_over(found, bundle_of("0x01", found), b"file")
    known = reopened(holder)
    assert known.secret(lot.id) == book.secret(lot.id)
    assert list(known.serials(lot.id, 1)) == list(book.serials(lot.id, 1))
    assert known.part(lot.id, [10, 300]) == book.part(lot.id, [10, 300])
    again = known.disclosure_of(lot.id)
    assert book.take_over(again, bundle_of("0x02", again), b"file back")
    assert book.roots(lot.id) == known.roots(lot.id)


def test_a_part_of_a_lot_is_disclosed_without(book: LotBook, holder: LotBook) -> None:
    lot = made_lot(book)
    found = book.disclosure_of(lot.id, [10, 12])
    assert (found.tranches, sorted(found.parts[0].units)) == ((), [10, 12])
    holder.take_over(found, bundle_of("0x01", found), b"file")
    assert holder.disclosure_of(lot.id).parts == found.parts
    with pytest.raises(NotInBook):
        holder.secret(lot.id)


def test_disclosures_are_read_back(book: LotBook) -> None:
    lot, other = made_lot(book), made_lot(book, "L-0043")
    told = [
        Disclosure(1_900_000_000, organization_id("agency"), lot.id, None, "inspection 2031-7", "0x01"),
        Disclosure(1_900_000_001, organization_id("agency"), other.id, ((3, 2), (9, 1)), "complaint", "0x02"),
    ]
    for one in told:
        book.log_disclosure(one)
    assert reopened(book).disclosures() == tuple(told)
    assert book.disclosures(other.id) == (told[1],)


# ---------------------------------------------------------------------- the vault


def test_two_books_of_one_organization_write_one_after_the_other(book: LotBook, vault: Vault) -> None:
    """Neither loses a page; each sees the other's once it writes."""
    other = reopened(book)
    assert (book.lots(), other.lots()) == ((), ())
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    assert other.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH) == lot
    case = other.keep_container(SSCCS[0])
    book.keep_tranche(lot.id, 0, SERIALS)
    assert book.container(case.id) == case
    other.refresh()
    assert other.roots(lot.id) == book.roots(lot.id)
    assert sorted(vault.names(PAGE_KIND)) == [f"{SUPPLY}/{organization_id(MAKER)}/{page}" for page in range(3)]


def test_writers_at_the_same_time_lose_nothing(vault: Vault) -> None:
    """Three threads, each with the file opened by itself as another process would."""

    def keep(writer: int) -> None:
        with Vault.open(vault.path, PASSPHRASE, busy_seconds=60) as opened:
            own = LotBook(opened, SUPPLY, MAKER)
            for number in range(12):
                own.keep_container(f"{(body := f'0061414{writer}{number:09}')}{gs1_standard_check_digit(body)}")

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(keep, range(3)))
    book = LotBook(vault, SUPPLY, MAKER)
    assert len(book._known.containers) == len(book._known.by_sscc) == 36
    assert len(list(vault.names(PAGE_KIND))) == book._known.next_page == 36


def test_names_tell_nothing(book: LotBook, holder: LotBook, vault: Vault) -> None:
    found = book.with_shipment([packed(book)[1].id])
    holder.take_over(found, bundle_of("0x01", found), b"file")
    names = " ".join(name for kind in vault.kinds() for name in vault.names(kind))
    for secret in ("0300010000018", LOT_NUMBER, "SN0000", *SSCCS, *CASES, found.lots[0].id):
        assert secret not in names
    assert found.lots[0].salt.hex() not in repr(found)
    assert str(found.lots[0].salt) not in repr(found)


def test_nothing_is_kept_if_the_page_is_not(book: LotBook, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault fails in the middle of a tranche: the serials are not there either."""
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    put: Callable[..., bool] = vault._put

    def failing(census: object, kind: str, name: str, value: bytes) -> bool:
        if kind == PAGE_KIND:
            raise VaultError(str(vault.path), "the disk is full")
        return put(census, kind, name, value)

    with monkeypatch.context() as broken:
        broken.setattr(vault, "_put", failing)
        with pytest.raises(VaultError, match="disk is full"):
            book.keep_tranche(lot.id, 0, SERIALS)
    assert vault.kinds() == {PAGE_KIND: 1}
    book.keep_tranche(lot.id, 0, SERIALS)
    assert reopened(book).roots(lot.id) == book.roots(lot.id)


def test_an_erased_page_is_passed_over(book: LotBook, vault: Vault) -> None:
    first = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, DEPTH)
    second = book.make_lot(PRODUCT, "L-0043", EXPIRY_DAY, DEPTH)
    vault.forget(PAGE_KIND, f"{SUPPLY}/{organization_id(MAKER)}/0")
    assert reopened(book).lots() == (second,)
    assert first != second


def test_a_million_serials_are_few_entries(book: LotBook, vault: Vault) -> None:
    """Held to a sixteenth of it here: 65,536 serials in four entries, of less than they take as text."""
    lot = book.make_lot(PRODUCT, LOT_NUMBER, EXPIRY_DAY, 16)
    chance = random.Random(2)
    serials = [(index, f"{chance.randrange(36**11):X}") for index in range(1 << 16)]
    book.keep_tranche(lot.id, 0, serials)
    assert vault.kinds() == {"lot-book": 2, "lot-crown": 1, "lot-serials": 4}
    kept = sum(len(vault.get("lot-serials", name)) for name in vault.names("lot-serials"))
    assert kept < sum(len(serial) for _, serial in serials)
    assert list(reopened(book).serials(lot.id, 0)) == serials


def test_a_whole_tranche_has_each_number_once() -> None:
    tranche = Tranche(31337, SUPPLY.registry, "0x" + "11" * 12, 3)
    for wrong in (((1, "A"), (1, "B")), ((2, "A"), (1, "B")), ((8, "A"),)):
        with pytest.raises(InvalidInput):
            WholeTranche(tranche, LotSecret(bytes(32)), wrong)
