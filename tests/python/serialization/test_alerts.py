"""Alerts of packs: each kind, each likelier cause, and what is said when nothing can be said."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from careledger.errors import InvalidInput
from careledger.serialization.alerts import (
    AlertKind,
    Assessment,
    Cause,
    Limits,
    NotAssessed,
    Sighting,
    assess,
    distance_metres,
)
from careledger.serialization.barcodes import BarcodeFault, Finding, Pack
from hypothesis import given, settings
from hypothesis import strategies as st

GTIN = "00300010000015"
PACK = Pack(GTIN, "SN1a", "L-42")
BERLIN, PARIS, NEAR_BERLIN = (52_520_000, 13_405_000), (48_856_600, 2_352_200), (52_530_000, 13_405_000)
MAKER, DISTRIBUTOR, PHARMACY, STRANGER = "demo-manufacturer", "demo-distributor", "demo-hospital", "demo-stranger"
START = 1_800_000_000
HOUR, DAY = 3600, 86_400
WRONG_CASE = (Finding(BarcodeFault.WRONG_CASE, ""),)
LOST = (Finding(BarcodeFault.LOST_SEPARATOR, ""),)


def seen(party: str, after: int = 0, *, holder: str | None = MAKER, pack: Pack = PACK) -> Sighting:
    return Sighting(pack, START + after, party, f"{party}'s dock", holder)


def at(sighting: Sighting, place: tuple[int, int] | None) -> Sighting:
    return replace(sighting, coordinates=place)


def told(found: Assessment) -> list[tuple[AlertKind, Cause]]:
    return [(alert.kind, alert.cause) for alert in found.alerts]


def open_questions(found: Assessment) -> list[tuple[AlertKind, str]]:
    return [(question.kind, question.reason) for question in found.not_assessed]


def test_a_pack_on_its_usual_way_raises_nothing() -> None:
    found = assess(
        [
            at(seen(MAKER), BERLIN),
            at(replace(seen("demo-carrier", HOUR), carrier="demo-carrier", receiver=DISTRIBUTOR), BERLIN),
            at(replace(seen(DISTRIBUTOR, DAY), receiver=DISTRIBUTOR), PARIS),
            at(seen(DISTRIBUTOR, 2 * DAY, holder=DISTRIBUTOR), PARIS),
            at(seen(PHARMACY, 3 * DAY, holder=PHARMACY), BERLIN),
            at(replace(seen(PHARMACY, 4 * DAY, holder=PHARMACY), dispensed_at=START + 4 * DAY), BERLIN),
        ]
    )
    assert found == Assessment([], [])


# --------------------------------------------------- out of place, duplicate


def test_a_scan_away_from_the_holder_is_out_of_place() -> None:
    found = assess([seen(STRANGER)])
    assert told(found) == [(AlertKind.OUT_OF_PLACE, Cause.COUNTERFEIT)]
    assert STRANGER in found.alerts[0].judged
    assert MAKER in found.alerts[0].judged


@pytest.mark.parametrize("order", [(0, HOUR), (HOUR, 0)])
def test_seen_with_its_holder_and_elsewhere_is_a_duplicate(order: tuple[int, int]) -> None:
    found = assess([seen(MAKER, order[0]), seen(STRANGER, order[1])])
    assert told(found) == [(AlertKind.OUT_OF_PLACE, Cause.COUNTERFEIT), (AlertKind.DUPLICATE, Cause.COUNTERFEIT)]
    assert [one.time for one in found.alerts[1].sightings] == [START, START + HOUR]


def test_a_duplicate_is_told_with_the_scan_at_the_holder_that_is_nearest_in_time() -> None:
    found = assess([seen(MAKER), seen(MAKER, DAY), seen(STRANGER, DAY + 1)])
    assert [one.time - START for one in found.alerts[1].sightings] == [DAY, DAY + 1]


def test_without_a_holder_nothing_is_told_and_that_is_said() -> None:
    alone = assess([seen(STRANGER, holder=None)])
    assert (alone.alerts, open_questions(alone)) == ([], [(AlertKind.OUT_OF_PLACE, "the chain names no holder")])
    two = assess([seen(MAKER), seen(STRANGER, 2 * DAY, holder=None)])
    assert two.alerts == []
    assert {kind for kind, _ in open_questions(two)} == {
        AlertKind.OUT_OF_PLACE,
        AlertKind.DUPLICATE,
        AlertKind.IMPOSSIBLE_TRAVEL,
    }


def test_a_handover_that_is_seen_soon_after_was_recorded_late() -> None:
    late = assess([seen(DISTRIBUTOR), seen(DISTRIBUTOR, HOUR, holder=DISTRIBUTOR)])
    assert told(late) == [(AlertKind.OUT_OF_PLACE, Cause.LATE_DATA)]
    just_in_time = assess([seen(DISTRIBUTOR), seen(DISTRIBUTOR, DAY, holder=DISTRIBUTOR)])
    assert told(just_in_time) == [(AlertKind.OUT_OF_PLACE, Cause.LATE_DATA)]
    too_late = assess([seen(DISTRIBUTOR), seen(DISTRIBUTOR, DAY + 1, holder=DISTRIBUTOR)])
    assert told(too_late) == [(AlertKind.OUT_OF_PLACE, Cause.COUNTERFEIT)]
    another = assess([seen(DISTRIBUTOR), seen(PHARMACY, HOUR, holder=PHARMACY)])
    assert told(another) == [(AlertKind.OUT_OF_PLACE, Cause.COUNTERFEIT)]


def test_the_barcode_s_own_fault_is_the_likelier_cause() -> None:
    for findings, cause in ((WRONG_CASE, Cause.SWAPPED_CASE), (LOST, Cause.LOST_SEPARATOR)):
        found = assess([seen(MAKER), replace(seen(STRANGER, HOUR), findings=findings)])
        assert [one for _, one in told(found)] == [cause, cause]


def test_who_holds_a_pack_that_differs_by_case_had_caps_lock_on() -> None:
    own = Pack(GTIN, "sn1A", "l-42")
    found = assess([seen(MAKER), seen(PHARMACY, holder=PHARMACY, pack=own), seen(PHARMACY, HOUR)])
    assert told(found) == [(AlertKind.OUT_OF_PLACE, Cause.SWAPPED_CASE), (AlertKind.DUPLICATE, Cause.SWAPPED_CASE)]
    other = assess([seen(MAKER), seen(PHARMACY, holder=PHARMACY, pack=Pack(GTIN, "sn2A")), seen(PHARMACY, HOUR)])
    assert {cause for _, cause in told(other)} == {Cause.COUNTERFEIT}


@pytest.mark.parametrize(
    ("lot", "cause"),
    [
        ("L-43", Cause.COUNTERFEIT),
        ("L-421", Cause.COUNTERFEIT),
        ("L-4221", Cause.COUNTERFEIT),
        ("l-42", Cause.SWAPPED_CASE),
        ("L-4221SN1a", Cause.LOST_SEPARATOR),
        ("L-4217270531", Cause.LOST_SEPARATOR),
    ],
)
def test_two_lots_that_claim_one_serial(lot: str, cause: Cause) -> None:
    found = assess([seen(MAKER), seen(MAKER, HOUR), seen(MAKER, DAY, pack=replace(PACK, lot=lot))])
    assert told(found) == [(AlertKind.DUPLICATE, cause)]
    assert [one.pack.lot for one in found.alerts[0].sightings] == ["L-42", lot]


def test_one_serial_of_two_products_or_without_lot_claims_nothing() -> None:
    other = Pack("04012345678901", "SN1a", "X")
    assert told(assess([seen(MAKER), seen(MAKER, pack=other), seen(MAKER, pack=Pack(GTIN, "SN1a"))])) == []


# ---------------------------------------------------------- impossible travel


def test_two_places_too_far_apart_for_the_time() -> None:
    metres = distance_metres(BERLIN, PARIS)
    least = -(-metres * 3600 // 900_000)
    for seconds, expected in ((least, []), (least - 1, [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.COUNTERFEIT)])):
        pair = [at(seen(MAKER), BERLIN), at(replace(seen(MAKER, seconds), read_point="elsewhere"), PARIS)]
        found = assess(pair)
        assert (told(found), found.not_assessed) == (expected, [])
    assert f"{metres} m apart within {least - 1} s" in found.alerts[0].judged
    assert told(assess(pair, Limits(speed_kmh=1000))) == []


def test_the_speed_itself_is_possible() -> None:
    assert distance_metres((0, 0), (0, 10_000_000)) == 1_113_195
    pair = [at(seen(MAKER), (0, 0)), at(replace(seen(MAKER, 18), read_point="elsewhere"), (0, 10_000_000))]
    assert told(assess(pair, Limits(speed_kmh=222_639))) == []
    assert [kind for kind, _ in told(assess(pair, Limits(speed_kmh=222_638)))] == [AlertKind.IMPOSSIBLE_TRAVEL]


def test_places_near_each_other_are_one() -> None:
    pair = [at(seen(MAKER), BERLIN), at(replace(seen(MAKER), read_point="hall 2"), NEAR_BERLIN)]
    assert 1_000 < distance_metres(BERLIN, NEAR_BERLIN) < 2_000
    assert told(assess(pair)) == []
    assert told(assess(pair, Limits(near_metres=0))) == [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.SCANNED_TWICE)]


def test_travel_that_the_chain_confirms_has_a_wrong_time() -> None:
    found = assess([at(seen(MAKER), BERLIN), at(seen(DISTRIBUTOR, 300, holder=DISTRIBUTOR), PARIS)])
    assert told(found) == [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.LATE_DATA)]


def test_travel_to_who_held_it_all_along_is_not_explained_by_a_handover() -> None:
    pair = [at(seen(STRANGER, holder=DISTRIBUTOR), BERLIN), at(seen(DISTRIBUTOR, 300, holder=DISTRIBUTOR), PARIS)]
    assert (AlertKind.IMPOSSIBLE_TRAVEL, Cause.COUNTERFEIT) in told(assess(pair))


def test_who_holds_both_packs_that_differ_by_case_mistook_none() -> None:
    pair = [at(seen(MAKER), BERLIN), at(replace(seen(MAKER, 300), read_point="elsewhere"), PARIS)]
    found = assess([*pair, seen(MAKER, pack=Pack(GTIN, "sn1A", "l-42"))])
    assert told(found) == [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.COUNTERFEIT)]


def test_travel_with_a_faulty_scan_is_likelier_the_scanner_s() -> None:
    for first, second in ((WRONG_CASE, ()), ((), WRONG_CASE)):
        pair = [
            at(replace(seen(MAKER), findings=first), BERLIN),
            at(replace(seen(MAKER, 300), read_point="elsewhere", findings=second), PARIS),
        ]
        assert told(assess(pair)) == [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.SWAPPED_CASE)]


@pytest.mark.parametrize(("first", "second"), [(None, BERLIN), (BERLIN, None), (None, None)])
def test_travel_without_coordinates_is_not_assessed(
    first: tuple[int, int] | None, second: tuple[int, int] | None
) -> None:
    pair = [at(seen(MAKER), first), at(seen(DISTRIBUTOR, 1, holder=DISTRIBUTOR), second)]
    found = assess(pair)
    assert found.alerts == []
    (question,) = found.not_assessed
    assert isinstance(question, NotAssessed)
    assert (question.kind, question.sightings) == (AlertKind.IMPOSSIBLE_TRAVEL, tuple(pair))
    for one, place in zip(pair, (first, second), strict=True):
        assert (one.read_point in question.reason) == (place is None)


def test_a_scan_without_coordinates_hides_no_travel() -> None:
    found = assess(
        [
            at(seen(MAKER), BERLIN),
            at(replace(seen(MAKER, 100), read_point="unknown"), None),
            at(replace(seen(MAKER, 200), read_point="elsewhere"), PARIS),
        ]
    )
    assert told(found) == [(AlertKind.IMPOSSIBLE_TRAVEL, Cause.COUNTERFEIT)]
    assert len(found.not_assessed) == 2


def test_one_read_point_needs_no_coordinates() -> None:
    assert assess([seen(MAKER), seen(MAKER, 5)]) == Assessment([], [])


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((0, 0), (0, 1_000_000), 111_319),
        ((0, 0), (90_000_000, 0), 10_001_966),
        ((0, 179_999_999), (0, -180_000_000), 0),
    ],
)
def test_distances_are_those_of_the_ellipsoid(one: tuple[int, int], other: tuple[int, int], metres: int) -> None:
    assert distance_metres(one, other) == metres


places = st.tuples(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))


@settings(max_examples=100, deadline=None)
@given(places, places)
def test_distances_are_near_those_on_a_sphere(one: tuple[int, int], other: tuple[int, int]) -> None:
    """Haversine, sphere of 6,371 km: within 1 % of the ellipsoid."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(a / 1e6), math.radians(b / 1e6)) for a, b in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    sphere = 2 * 6_371_000 * math.asin(min(1.0, math.sqrt(half)))
    assert math.isclose(distance_metres(one, other), sphere, rel_tol=0.01, abs_tol=1)
    assert distance_metres(one, other) == distance_metres(other, one)


# ------------------------------------------------------ dispensed then scanned


@pytest.mark.parametrize(
    ("party", "after", "cause"),
    [
        (PHARMACY, 1, Cause.SCANNED_TWICE),
        (PHARMACY, 60, Cause.SCANNED_TWICE),
        (PHARMACY, 61, Cause.LATE_DATA),
        (PHARMACY, 10 * DAY, Cause.LATE_DATA),
        (PHARMACY, 10 * DAY + 1, Cause.COUNTERFEIT),
        (STRANGER, 1, Cause.COUNTERFEIT),
    ],
)
def test_a_scan_after_dispensing(party: str, after: int, cause: Cause) -> None:
    sighting = replace(seen(party, after, holder=PHARMACY), dispensed_at=START)
    alerts = {alert.kind: alert for alert in assess([sighting]).alerts}
    assert alerts[AlertKind.DISPENSED_THEN_SCANNED].cause == cause
    assert (AlertKind.OUT_OF_PLACE in alerts) == (party == STRANGER)


def test_the_scan_of_the_dispensing_itself_is_none_after_it() -> None:
    assert told(assess([replace(seen(PHARMACY, holder=PHARMACY), dispensed_at=START)])) == []


def test_a_fault_of_the_scanner_comes_before_other_causes() -> None:
    sighting = replace(seen(PHARMACY, DAY, holder=PHARMACY), dispensed_at=START, findings=LOST)
    assert told(assess([sighting])) == [(AlertKind.DISPENSED_THEN_SCANNED, Cause.LOST_SEPARATOR)]


# --------------------------------------------------------------------- input


def test_the_order_of_the_list_does_not_matter() -> None:
    sightings = [at(seen(MAKER), BERLIN), at(seen(STRANGER, 60), PARIS), at(seen(MAKER, DAY), BERLIN)]
    assert assess(sightings) == assess(reversed(sightings))


def test_what_cannot_be_a_sighting_is_refused() -> None:
    with pytest.raises(InvalidInput, match="serial"):
        seen(MAKER, pack=Pack(GTIN))
    for place in ((90_000_001, 0), (0, -180_000_001)):
        with pytest.raises(InvalidInput, match="microdegrees"):
            at(seen(MAKER), place)
    for wrong in ({"speed_kmh": 0}, {"near_metres": -1}):
        with pytest.raises(InvalidInput, match="positive"):
            Limits(**wrong)
