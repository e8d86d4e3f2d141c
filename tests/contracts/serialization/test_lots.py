"""assignProduct, commission, addTranche, open and takeRange."""

from __future__ import annotations

from dataclasses import replace

import ape
import pytest
from eth_utils.crypto import keccak

from ..support import (
    DAY,
    ZERO_HASH,
    ZERO_ID,
    MemberRole,
    Standing,
    bits,
    events,
    mine_together,
    padded,
    refusal,
    send,
    time_of,
    travel_to,
)
from .lots import (
    DEPTH,
    EXPIRY_DAY,
    NO_CONTAINER,
    OTHER_PRODUCT,
    PRODUCT,
    UNITS,
    LotKind,
    PackFinding,
    UnitStatus,
    lot_id,
    lot_terms,
    today,
)

MANUFACTURER = bits(MemberRole.MANUFACTURER)
ROOT = keccak(text="another root")
MAX_DEPTH = 20
NOT_MAKERS = ["repackager", "wholesaler", "pharmacy", "carrier", "regulator"]


# ---------------------------------------------------------------------- assignProduct


def test_assign_product_tells_its_makers(supply, maker, other_maker, registrar):
    for assigned, makers in ((True, (maker, other_maker)), (False, (maker,))):
        for one in makers:
            receipt = send(supply.lots.assignProduct, OTHER_PRODUCT, one.id, assigned, sender=registrar)
            assert events(receipt, supply.lots) == [("ProductAssigned", OTHER_PRODUCT, one.id, assigned)]
    known = [supply.lots.isMakerOf(OTHER_PRODUCT, one.id) for one in (maker, other_maker)]
    assert known == [False, True]


def test_assign_product_reverts_without_product_or_maker(supply, maker, registrar):
    for product, one in ((ZERO_HASH, maker.id), (PRODUCT, ZERO_ID), (ZERO_HASH, ZERO_ID)):
        refused = refusal(supply.lots.assignProduct, product, one, True, sender=registrar)
        assert refused == ("LotRegistryInvalidProduct", product, one)


@pytest.mark.parametrize("who", ["admin", "policy_administrator", "guardian", "stranger"])
def test_assign_product_reverts_for_all_but_the_registrar(request, supply, maker, who):
    caller = request.getfixturevalue(who)
    refused = refusal(supply.lots.assignProduct, PRODUCT, maker.id, True, sender=caller)
    assert refused == ("AccessManagedUnauthorized", caller.address)


def test_assign_product_reverts_for_makers(supply, maker, other_maker):
    """Nobody makes itself a product's maker."""
    for one in (maker, other_maker):
        refused = refusal(supply.lots.assignProduct, PRODUCT, one.id, True, sender=one.key)
        assert refused == ("AccessManagedUnauthorized", one.key.address)


# ---------------------------------------------------------------------- commission


@pytest.fixture
def refuses(supply, maker):
    """What a commissioning is refused with."""

    def call(lot, by=maker, **changes):
        fields = {"reference": lot.reference, "terms": lot.terms, "root": lot.tree.root, **changes}
        return refusal(supply.lots.commission, *fields.values(), sender=by.key)

    return call


def test_commission_begins_a_lot(supply, lot, maker):
    made = supply.made(maker)
    receipt = supply.commission(made)
    wanted = ("LotCommissioned", made.id, maker.id, maker.key.address, made.terms, made.tree.root)
    assert events(receipt, supply.lots) == [wanted]
    held = (maker.id, today(), EXPIRY_DAY, 0, DEPTH, 1, LotKind.MEDICINE, 0, 0)
    assert tuple(supply.lots.lotOf(made.id)) == held
    assert bytes(supply.lots.rootOf(made.id, 0)) == made.tree.root
    assert {supply.finding(made, index) for index in (0, 31, UNITS - 1)} == {PackFinding.VERIFIED}


@pytest.mark.parametrize("depth", [0, 19, MAX_DEPTH])
def test_commission_takes_every_depth(supply, maker, depth):
    reference = supply.reference()
    send(supply.lots.commission, reference, lot_terms(depth=depth), ROOT, sender=maker.key)
    assert supply.lots.lotOf(lot_id(maker.id, reference)).depth == depth


@pytest.mark.parametrize("expiry_day", [0, 2**16 - 1])
def test_commission_takes_a_device_with_or_without_expiry(supply, maker, expiry_day):
    made = supply.commissioned(maker, kind=LotKind.DEVICE, expiry_day=expiry_day)
    held = supply.lots.lotOf(made.id)
    assert (held.kind, held.expiryDay) == (LotKind.DEVICE, expiry_day)


def test_commission_again_changes_nothing(supply, lot, pallet):
    """Whatever became of it meanwhile."""
    supply.recall(lot)
    before = tuple(supply.lots.lotOf(lot.id))
    travel_to((EXPIRY_DAY + 5) * DAY)
    assert supply.commission(lot).logs == []
    assert tuple(supply.lots.lotOf(lot.id)) == before
    assert before[3] == 40


@pytest.mark.parametrize(
    "changes",
    [
        {"root": ROOT},
        {"root": ZERO_HASH},
        {"terms": lot_terms(EXPIRY_DAY + 1)},
        {"terms": lot_terms(depth=DEPTH + 1)},
        {"terms": lot_terms(kind=LotKind.DEVICE)},
        {"terms": lot_terms() | 1 << 25},
        {"terms": lot_terms() | 1 << 40},
        {"terms": lot_terms() | 1 << 255},
        {"terms": 0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_commission_reverts_if_the_lot_is_another(lot, refuses, changes):
    assert refuses(lot, **changes) == ("LotRegistryLotExists", lot.id)


@pytest.mark.parametrize(
    "terms",
    [
        lot_terms(expiry_day=0),
        lot_terms(expiry_day=1),
        lot_terms(depth=MAX_DEPTH + 1),
        lot_terms(depth=255),
        lot_terms(kind=2),
        lot_terms(kind=255),
        lot_terms(kind=LotKind.DEVICE, expiry_day=1),
        lot_terms() | 1 << 32,
        lot_terms() | 1 << 255,
    ],
    ids=hex,
)
def test_commission_reverts_for_terms_that_mean_nothing(supply, lot, maker, refuses, terms):
    made = supply.made(maker)
    wanted = ("LotRegistryInvalidTerms", terms, made.tree.root)
    assert refuses(made, terms=terms) == wanted


def test_commission_reverts_unless_the_expiry_is_ahead(supply, lot, maker, refuses):
    for days, taken in ((-1, False), (0, False), (1, True)):
        terms = lot_terms(expiry_day=today() + days)
        made = replace(supply.made(maker), terms=terms)
        if taken:
            supply.commission(made)
        else:
            assert refuses(made) == ("LotRegistryInvalidTerms", terms, made.tree.root)


def test_commission_reverts_without_a_root(supply, lot, maker, refuses):
    made = supply.made(maker)
    assert refuses(made, root=ZERO_HASH) == ("LotRegistryInvalidTerms", made.terms, ZERO_HASH)


@pytest.mark.parametrize("who", NOT_MAKERS)
def test_commission_reverts_for_all_but_manufacturers(supply, lot, organizations, refuses, who):
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, MANUFACTURER)
    assert refuses(supply.made(caller), by=caller) == wanted


def test_commission_reverts_if_nobody_knows_the_caller(supply, lot, stranger):
    call = (lot.reference, lot.terms, lot.tree.root)
    refused = refusal(supply.lots.commission, *call, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


def test_commission_reverts_for_a_suspended_maker(supply, lot, maker, refuses, suspend):
    suspend(maker)
    wanted = ("OrganizationRegistryNotInGoodStanding", maker.id, Standing.SUSPENDED)
    assert refuses(supply.made(maker)) == refuses(lot) == wanted


def test_commission_reverts_past_the_licence(supply, lot, maker, refuses):
    travel_to(maker.licence_expiry)
    wanted = ("OrganizationRegistryLicenceExpired", maker.id, maker.licence_expiry)
    assert refuses(supply.made(maker, expiry_day=2**16 - 1)) == wanted


def test_rival_with_the_same_reference_has_a_lot_of_its_own(supply, lot, delivered, other_maker, pharmacy):
    """It takes nobody's id, and freezes nobody's stock."""
    copied = (lot.reference, lot.terms, lot.tree.root)
    send(supply.lots.commission, *copied, sender=other_maker.key)
    other = lot_id(other_maker.id, lot.reference)
    assert other != lot.id
    send(supply.custody.packRange, supply.reference(), other, 0, 40, 0, sender=other_maker.key)
    send(supply.lots.recall, other, 3, 1, sender=other_maker.key)
    assert supply.finding(lot, 3, delivered) == PackFinding.VERIFIED
    assert supply.finding(lot, 3, delivered, maker=other_maker.id) == PackFinding.NO_MATCH_PRODUCT
    supply.dispense(pharmacy, lot, 3, delivered)


def test_nothing_that_others_do_freezes_a_pack(supply, lot, delivered, organizations, pharmacy, stranger):
    """Every act on the lot and on its units, by each who has no part in them."""
    lots, custody = supply.lots, supply.custody
    made = supply.made(organizations["other_maker"])
    acts = [
        (lots.addTranche, lot.id, 1, ROOT),
        (lots.open, lot.id, lot.product, lot.number, lot.salt),
        (lots.recall, lot.id, 3, 1),
        (lots.dispense, *supply.dispensing(lot, 3, delivered)),
        (lots.dispenseMany, *supply.dispensing_many(lot, [3, 4], delivered)),
        (lots.undoDispense, lot.id, 3, delivered),
        *((lots.endUnits, lot.id, delivered, [3], status, ROOT) for status in UnitStatus),
        (lots.suspect, lot.id, 3, delivered, ROOT),
        (lots.clear, lot.id, 3, ROOT),
        (lots.determineIllegitimate, lot.id, 3, ROOT),
        (lots.recordNotice, lot.id, 3, ROOT),
        (lots.takeRange, lot.id, 40, 1, lot.maker.id),
        (lots.repackage, made.reference, made.terms, made.tree.root, [delivered]),
        (custody.packRange, ROOT, lot.id, 40, 1, 0),
        (custody.unpackUnits, [(lot.id, 3, delivered)]),
        (custody.pack, ROOT, [delivered], []),
    ]
    others = [
        organizations[who].key for who in ("other_maker", "repackager", "wholesaler", "other_pharmacy", "carrier")
    ]
    for act in acts:
        for caller in (*others, stranger):
            refusal(*act, sender=caller)
    assert supply.finding(lot, 3, delivered) == PackFinding.VERIFIED
    supply.dispense(pharmacy, lot, 3, delivered)


# ---------------------------------------------------------------------- addTranche


@pytest.fixture
def refuses_tranche(supply, maker):
    """What a tranche is refused with."""

    def call(lot, number, root=ROOT, by=maker):
        return refusal(supply.lots.addTranche, lot.id, number, root, sender=by.key)

    return call


def test_tranche_adds_units(supply, lot, maker):
    made = supply.made(maker, depth=3, tranches=3)
    supply.commission(made)
    for number in (1, 2):
        assert supply.finding(made, 8 * number) == PackFinding.NO_MATCH_SERIAL
        root = made.trees[number].root
        receipt = send(supply.lots.addTranche, made.id, number, root, sender=maker.key)
        assert events(receipt, supply.lots) == [("TrancheAdded", made.id, number, root, maker.key.address)]
        assert supply.lots.lotOf(made.id).tranches == number + 1
        assert bytes(supply.lots.rootOf(made.id, number)) == root
    assert {supply.finding(made, index) for index in range(24)} == {PackFinding.VERIFIED}


def test_tranche_is_added_after_shipments(supply, maker, pharmacy):
    made = supply.made(maker, depth=3, tranches=2)
    supply.commission(made)
    first = supply.packed_range(made, 0, 8)
    supply.deliver(first, maker, pharmacy)
    supply.dispense(pharmacy, made, 7, first)
    send(supply.lots.addTranche, made.id, 1, made.trees[1].root, sender=maker.key)
    second = supply.packed_range(made, 8, 8)
    supply.deliver(second, maker, pharmacy)
    supply.dispense(pharmacy, made, 8, second)
    assert [index for index, status in enumerate(supply.statuses(made, range(16))) if status] == [7, 8]


def test_range_goes_across_tranches(supply, maker, pharmacy):
    made = supply.commissioned(maker, depth=3, tranches=2)
    case = supply.packed_range(made, 4, 8)
    supply.deliver(case, maker, pharmacy)
    for index in (7, 8):
        supply.dispense(pharmacy, made, index, case)


def test_tranche_again_changes_nothing(supply, lot, maker):
    made = supply.commissioned(maker, depth=3, tranches=3)
    supply.recall(made)
    before = tuple(supply.lots.lotOf(made.id))
    for number, tree in enumerate(made.trees):
        assert send(supply.lots.addTranche, made.id, number, tree.root, sender=maker.key).logs == []
    assert tuple(supply.lots.lotOf(made.id)) == before


def test_tranche_reverts_unless_it_is_the_next(supply, maker, refuses_tranche):
    made = supply.commissioned(maker, depth=3, tranches=2)
    for number in (0, 1, 3, 4, 254, 255):
        assert refuses_tranche(made, number) == ("LotRegistryInvalidTranche", made.id, number, 2)


def test_tranche_reverts_without_a_root(lot, refuses_tranche):
    for number in (0, 1, 2):
        wanted = ("LotRegistryInvalidTranche", lot.id, number, 1)
        assert refuses_tranche(lot, number, ZERO_HASH) == wanted


@pytest.mark.parametrize(("depth", "tranches"), [(MAX_DEPTH, 1), (19, 2), (18, 4)])
def test_tranche_reverts_past_a_million_units(supply, lot, maker, refuses_tranche, depth, tranches):
    reference = supply.reference()
    made = replace(lot, id=lot_id(maker.id, reference))
    send(supply.lots.commission, reference, lot_terms(depth=depth), ROOT, sender=maker.key)
    for number in range(1, tranches):
        send(supply.lots.addTranche, made.id, number, keccak(bytes([number])), sender=maker.key)
    assert refuses_tranche(made, tranches) == ("LotRegistryInvalidTranche", made.id, tranches, tranches)
    wanted = ("LotRegistryInvalidRange", made.id, 0, 2**20 + 1, 0, 2**20)
    call = (supply.reference(), made.id, 0, 2**20 + 1, 0)
    assert refusal(supply.custody.packRange, *call, sender=maker.key) == wanted


def test_tranche_reverts_past_the_number_that_fits(supply, lot, maker, refuses_tranche):
    """A lot of single units has 255 of them."""
    made = supply.commissioned(maker, depth=0)
    ape.networks.provider.make_request("anvil_impersonateAccount", [maker.key.address])
    for numbers in (range(1, 128), range(128, 255)):
        with mine_together() as queue:
            for number in numbers:
                queue(supply.lots.addTranche, made.id, number, keccak(bytes([number])), sender=maker.key)
    ape.networks.provider.make_request("anvil_stopImpersonatingAccount", [maker.key.address])
    assert supply.lots.lotOf(made.id).tranches == 255
    assert refuses_tranche(made, 255) == ("LotRegistryInvalidTranche", made.id, 255, 255)
    held = supply.lots.lotOf(made.id)
    assert (held.kind, held.recallClass, held.depth) == (LotKind.MEDICINE, 0, 0)


def test_tranche_reverts_for_another_maker(supply, lot, maker, other_maker, refuses_tranche):
    wanted = ("LotRegistryNotTheMaker", lot.id, maker.id, other_maker.id)
    assert refuses_tranche(lot, 1, by=other_maker) == wanted


@pytest.mark.parametrize("who", NOT_MAKERS)
def test_tranche_reverts_for_all_but_manufacturers(lot, organizations, refuses_tranche, who):
    caller = organizations[who]
    wanted = ("OrganizationRegistryMissingMemberRole", caller.id, MANUFACTURER)
    assert refuses_tranche(lot, 1, by=caller) == wanted


def test_tranche_reverts_if_nobody_knows_the_caller(supply, lot, stranger):
    refused = refusal(supply.lots.addTranche, lot.id, 1, ROOT, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


def test_tranche_reverts_if_the_lot_is_unknown(supply, maker, refuses_tranche):
    unknown = supply.made(maker)
    assert refuses_tranche(unknown, 1) == ("LotRegistryUnknownLot", unknown.id)


def test_tranche_reverts_for_a_suspended_maker(lot, maker, refuses_tranche, suspend):
    suspend(maker)
    wanted = ("OrganizationRegistryNotInGoodStanding", maker.id, Standing.SUSPENDED)
    assert refuses_tranche(lot, 1) == wanted


# ---------------------------------------------------------------------- open


def test_open_tells_product_and_lot_number(supply, lot, maker, guardian, suspend):
    """As at a recall, which waits for nothing: not for a stop or a suspension to end."""
    send(supply.lots.halt, sender=guardian)
    suspend(maker)
    receipt = send(supply.lots.open, lot.id, lot.product, lot.number, lot.salt, sender=maker.key)
    assert events(receipt, supply.lots) == [("LotOpened", lot.id, lot.product, lot.number, lot.salt)]


def test_open_reverts_for_another_opening(supply, lot, maker):
    for changes in (
        {"product": OTHER_PRODUCT},
        {"number": padded("L-1")},
        {"salt": ZERO_HASH},
        {"product": lot.number, "number": lot.product},
    ):
        opening = {"product": lot.product, "number": lot.number, "salt": lot.salt, **changes}
        refused = refusal(supply.lots.open, lot.id, *opening.values(), sender=maker.key)
        assert refused == ("LotRegistryNotTheOpening", lot.id, opening["product"], opening["number"])


def test_open_reverts_for_an_opening_of_another_lot(supply, lot, maker):
    other = supply.commissioned(maker)
    refused = refusal(supply.lots.open, lot.id, other.product, other.number, other.salt, sender=maker.key)
    assert refused == ("LotRegistryNotTheOpening", lot.id, other.product, other.number)


@pytest.mark.parametrize("who", ["other_maker", *NOT_MAKERS])
def test_open_reverts_for_all_but_the_maker(supply, lot, maker, organizations, who):
    caller = organizations[who]
    refused = refusal(supply.lots.open, lot.id, lot.product, lot.number, lot.salt, sender=caller.key)
    assert refused == ("LotRegistryNotTheMaker", lot.id, maker.id, caller.id)


def test_open_reverts_if_the_lot_is_unknown(supply, lot, maker):
    unknown = supply.made(maker)
    refused = refusal(supply.lots.open, unknown.id, unknown.product, unknown.number, unknown.salt, sender=maker.key)
    assert refused == ("LotRegistryUnknownLot", unknown.id)


def test_open_reverts_if_nobody_knows_the_caller(supply, lot, stranger):
    refused = refusal(supply.lots.open, lot.id, lot.product, lot.number, lot.salt, sender=stranger)
    assert refused == ("OrganizationRegistryUnknownKey", stranger.address)


# ---------------------------------------------------------------------- takeRange


@pytest.fixture
def refuses_range(supply, maker):
    """What packing a range is refused with."""

    def call(lot, first, count, by=maker):
        return refusal(supply.custody.packRange, supply.reference(), lot.id, first, count, 0, sender=by.key)

    return call


def test_range_moves_what_is_packed(supply, lot, maker):
    """And leaves all else of the lot as it is."""
    before = tuple(supply.lots.lotOf(lot.id))
    for first, count in ((0, 10), (10, 1), (20, 44)):
        supply.packed_range(lot, first, count)
        wanted = (*before[:3], first + count, *before[4:])
        assert tuple(supply.lots.lotOf(lot.id)) == wanted


def test_range_reverts_if_some_are_packed_or_not_commissioned(supply, lot, refuses_range):
    supply.packed_range(lot, 0, 40)
    for first, count in ((0, 1), (39, 1), (39, 25), (0, 64), (40, 25), (63, 2), (64, 1), (2**32 - 1, 1)):
        wanted = ("LotRegistryInvalidRange", lot.id, first, count, 40, UNITS)
        assert refuses_range(lot, first, count) == wanted
    supply.packed_range(lot, 40, 24)
    assert refuses_range(lot, 64, 1) == ("LotRegistryInvalidRange", lot.id, 64, 1, 64, UNITS)


def test_range_is_never_packed_if_left_out(supply, lot, refuses_range):
    supply.packed_range(lot, 30, 10)
    assert refuses_range(lot, 0, 30) == ("LotRegistryInvalidRange", lot.id, 0, 30, 40, UNITS)
    assert supply.finding(lot, 5) == PackFinding.NOT_IN_CONTAINER


def test_range_reverts_for_another_maker(lot, maker, other_maker, refuses_range):
    wanted = ("LotRegistryNotTheMaker", lot.id, maker.id, other_maker.id)
    assert refuses_range(lot, 0, 1, by=other_maker) == wanted


def test_range_reverts_for_who_holds_some_of_it(supply, lot, delivered, maker, pharmacy, refuses_range):
    wanted = ("LotRegistryNotTheMaker", lot.id, maker.id, pharmacy.id)
    assert refuses_range(lot, 40, 1, by=pharmacy) == wanted


def test_range_reverts_if_the_lot_is_unknown(supply, maker, refuses_range):
    unknown = supply.made(maker)
    assert refuses_range(unknown, 0, 1) == ("LotRegistryUnknownLot", unknown.id)


def test_range_reverts_while_the_register_is_halted(supply, lot, guardian, refuses_range):
    at = time_of(send(supply.lots.halt, sender=guardian))
    assert refuses_range(lot, 0, 1) == ("HaltableHalted", at)


@pytest.mark.parametrize("who", ["maker", "regulator", "other_maker"])
def test_take_range_reverts_for_all_but_the_custody(supply, lot, maker, organizations, who):
    caller = organizations[who].key
    refused = refusal(supply.lots.takeRange, lot.id, 0, 1, maker.id, sender=caller)
    assert refused == ("LotRegistryNotTheCustody", caller.address)


def test_take_range_reverts_for_the_administrator(supply, lot, maker, admin, policy_administrator, registrar):
    for caller in (admin, policy_administrator, registrar):
        refused = refusal(supply.lots.takeRange, lot.id, 0, 1, maker.id, sender=caller)
        assert refused == ("LotRegistryNotTheCustody", caller.address)


def test_take_range_answers_to_the_custody_alone(supply, lot, maker):
    """Asked as the custody: its word of who calls is taken, and nobody else's."""
    custody = supply.custody.address
    wanted = ("LotRegistryNotTheMaker", lot.id, maker.id, ZERO_ID)
    assert refusal(supply.lots.takeRange, lot.id, 0, 1, ZERO_ID, sender=custody) == wanted
    wanted = ("LotRegistryInvalidRange", lot.id, 0, UNITS + 1, 0, UNITS)
    assert refusal(supply.lots.takeRange, lot.id, 0, UNITS + 1, maker.id, sender=custody) == wanted
    assert ape.networks.provider.web3.eth.get_code(custody)
    assert supply.finding(lot, 0, NO_CONTAINER) == PackFinding.VERIFIED
