"""Readings of a sensor: their files, the mean kinetic temperature, roots and proofs, and time without any."""

from __future__ import annotations

import _pydecimal  # type: ignore[import-not-found, unused-ignore]
import decimal
import hmac
import math
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from careledger.errors import InvalidInput
from careledger.serialization import readings as module
from careledger.serialization.readings import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    Reading,
    StorageCondition,
    Stretch,
    WindowReadings,
    kinetic_mean,
    mean_over,
    parse_readings,
    stretches,
)
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600
START = 1_900_000_000
SECRET = bytes(range(32))
TEMPERATURES = st.integers(LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE)
SERIES = st.dictionaries(st.integers(START, START + 10**6), TEMPERATURES, min_size=1, max_size=30).map(
    lambda found: [Reading(time, found[time]) for time in sorted(found)]
)


def hourly(*temperatures: int, start: int = START) -> tuple[Reading, ...]:
    return tuple(Reading(start + number * HOUR, each) for number, each in enumerate(temperatures, start=1))


MONTH = hourly(*[2200] * 29 * 24, *[4000] * 24)
"""The example of USP <1079.2>: 29 days at 22 °C and 24 hours at 40 °C."""


# ---------------------------------------------------------------------- the mean kinetic temperature


def test_mean_is_that_of_the_example() -> None:
    assert kinetic_mean(MONTH) == 2360
    assert kinetic_mean(MONTH[::-1][:24][::-1]) == 4000


def test_mean_is_that_of_the_constants_stated() -> None:
    """mpmath, with 30 digits: 1167.50187606 and 1403.50797341. With 8.3144e-3 both fall below the half."""
    assert kinetic_mean(hourly(200, 1609)) == 1168
    assert kinetic_mean(hourly(200, 1888)) == 1404


def test_mean_of_unequal_intervals_counts_by_their_length() -> None:
    """Each moment has the nearest reading: the first reaches 100 s, the second 200 s, the third 300 s."""
    a, b, c = 200, 1900, 3500
    unequal = [Reading(START, a), Reading(START + 100, b), Reading(START + 400, c)]
    assert kinetic_mean(unequal) == kinetic_mean(hourly(a, b, b, c, c, c))
    assert kinetic_mean(unequal) != kinetic_mean(hourly(a, b, c))


@given(SERIES)
def test_mean_lies_between_the_least_and_the_greatest(series: list[Reading]) -> None:
    temperatures = [reading.temperature for reading in series]
    assert min(temperatures) <= kinetic_mean(series) <= max(temperatures)


@given(st.dictionaries(st.integers(START, START + 10**6), st.integers(-5_000, 6_000), min_size=2, max_size=40))
def test_mean_is_that_of_another_implementation(found: dict[int, int]) -> None:
    """In binary floating point, with a duration to each reading that ends half-way to the next."""
    times = sorted(found)
    middles = [(a + b) / 2 for a, b in pairwise(times)]
    first, last = 2 * times[0] - middles[0], 2 * times[-1] - middles[-1]
    durations = [b - a for a, b in pairwise([first, *middles, last])]
    ratio = 83.144 / 8.314e-3
    rates = [math.exp(-ratio / (found[time] / 100 + 273.15)) for time in times]
    weighted = sum(rate * duration for rate, duration in zip(rates, durations, strict=True)) / sum(durations)
    expected = (ratio / -math.log(weighted) - 273.15) * 100
    assert abs(kinetic_mean([Reading(time, found[time]) for time in times]) - expected) < 0.5 + 1e-6


@given(SERIES)
def test_mean_does_not_depend_on_the_process_s_decimals(series: list[Reading]) -> None:
    expected = kinetic_mean(series)
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_DOWN, Emax=9, Emin=-9):
        assert kinetic_mean(series) == expected


def test_mean_is_that_of_decimals_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`decimal` is a library in C, `_pydecimal` the same specification in Python: all digits agree."""
    before = module.ARITHMETIC.ln(module.ARITHMETIC.exp(module.ACTIVATION))
    cases = (MONTH, hourly(-27_314, 32_767), hourly(-19_600, -18_000, -19_650), hourly(205, 417, 796))
    means = [kinetic_mean(case) for case in cases]
    plain = _pydecimal.Context(
        prec=40, rounding="ROUND_HALF_EVEN", Emin=-999_999, Emax=999_999, capitals=1, clamp=0, flags=[], traps=[]
    )
    monkeypatch.setattr(module, "Decimal", _pydecimal.Decimal)
    monkeypatch.setattr(module, "ARITHMETIC", plain)
    monkeypatch.setattr(module, "ACTIVATION", _pydecimal.Decimal(str(module.ACTIVATION)))
    assert [kinetic_mean(case) for case in cases] == means
    assert str(plain.ln(plain.exp(module.ACTIVATION))) == str(before)


@pytest.mark.parametrize("temperature", [LOWEST_TEMPERATURE, -19_600, 0, 1, 450, HIGHEST_TEMPERATURE])
def test_mean_of_one_temperature_is_it(temperature: int) -> None:
    assert kinetic_mean(hourly(temperature)) == kinetic_mean(hourly(*[temperature] * 7)) == temperature


@pytest.mark.parametrize("times", [(), (START, START), (START + 1, START)])
def test_mean_needs_readings_in_order(times: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        kinetic_mean([Reading(time, 500) for time in times])


def test_mean_is_of_the_time_that_usp_asks_for() -> None:
    room = mean_over(MONTH, StorageCondition.CONTROLLED_ROOM)
    assert (room.mean, room.covered_seconds, room.long_enough) == (2360, 30 * 24 * HOUR, True)
    cold = mean_over(MONTH, StorageCondition.CONTROLLED_COLD)
    assert (cold.mean, cold.covered_seconds, cold.long_enough) == (4000, 24 * HOUR, True)
    longer = mean_over((*hourly(*[3900] * 24, start=START - 24 * HOUR), *MONTH), StorageCondition.CONTROLLED_ROOM)
    assert (longer.mean, longer.covered_seconds) == (2360, 30 * 24 * HOUR)
    short = mean_over(MONTH[1:], StorageCondition.CONTROLLED_ROOM)
    assert (short.covered_seconds, short.long_enough) == (30 * 24 * HOUR - HOUR, False)
    assert not mean_over(hourly(500), StorageCondition.CONTROLLED_COLD).long_enough
    with pytest.raises(InvalidInput):
        mean_over((), StorageCondition.CONTROLLED_COLD)


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "content",
    [
        b"time,temperature\n1900003600,425\n1900007200,-80\n",
        b"\xef\xbb\xbftime,temperature\r\n1900003600,425\r\n1900007200,-80\r\n",
        b'temperature,time\n425,"1900003600"\n\n -80, 1900007200',
        b'[{"time": 1900003600, "temperature": 425}, {"temperature": -80, "time": 1900007200}]',
    ],
)
def test_readings_are_read(content: bytes) -> None:
    assert parse_readings(content) == (Reading(START + HOUR, 425), Reading(START + 2 * HOUR, -80))


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        (b"", "line 1", ""),
        (b"time,celsius\n", "line 1", "time,celsius"),
        (b"time,temperature\n10,425\n20\n", "line 3", "20"),
        (b"time,temperature\n10,425\n20,430,1\n", "line 3", "20,430,1"),
        (b"time,temperature\n10,4.25\n", "line 2, temperature", "4.25"),
        (b"time,temperature\n10,\n", "line 2, temperature", ""),
        (b"time,temperature\n2026-01-01T00:00:00Z,425\n", "line 2, time", "2026-01-01T00:00:00Z"),
        (b"time,temperature\n0,425\n", "line 2, time", "0"),
        (b"time,temperature\n1099511627776,425\n", "line 2, time", "1099511627776"),
        (b"time,temperature\n10,-27315\n", "line 2, temperature", "-27315"),
        (b"time,temperature\n10,32768\n", "line 2, temperature", "32768"),
        (b"time,temperature\n10,425\n\n10,426\n", "line 4, time", "10"),
        (b"time,temperature\n10,425\n9,426\n", "line 3, time", "9"),
        (b'time,temperature\n10,"4"25\n', "line 2", "',' expected after '\"'"),
        (b"time,temperature\n10,4\xff5\n", "line 2", "0xff"),
        (b'[{"time": 10, "temperature": 4.25}]', "item 1, temperature", "4.25"),
        (b'[{"time": 10, "temperature": 425}, {"time": 20}]', "item 2", "time"),
        (b'[{"time": 10, "temperature": "425"}]', "item 1, temperature", "425"),
        (b'[{"time": 10, "temperature": 425, "unit": "Cel"}]', "item 1", "time,temperature,unit"),
        (b'[{"time": 10, "temperature": null}]', "item 1, temperature", "None"),
        (b"[[10, 425]]", "item 1", "list"),
        (b'[{"time": 10, "temperature": 425}, {"time": 10, "temperature": 425}]', "item 2, time", "10"),
        (b'[{"time": 10, "time": 20, "temperature": 425}]', "name", "time"),
        (b'[{"time": 10, "temperature": 425}', "content", "line 1 column 34"),
    ],
)
def test_what_is_no_reading_is_named_with_its_line(content: bytes, name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_readings(content)
    assert (refused.value.name, refused.value.value) == (name, value)


def test_no_readings_are_none() -> None:
    assert parse_readings(b"time,temperature\n") == parse_readings(b"[]") == ()


# ---------------------------------------------------------------------- the root, and proofs


def test_root_is_that_of_the_formula() -> None:
    window = WindowReadings(hourly(425, -80), SECRET)
    hashed = []
    for index, reading in enumerate(window.readings):
        salt = hmac.digest(SECRET, b"careledger.serialization.reading-salt.v1" + index.to_bytes(4), sha256)
        tag = keccak(text="careledger.serialization.reading.v1")
        types = ["bytes32", "uint256", "int256", "bytes32"]
        leaf = keccak(encode(types, [tag, reading.time, reading.temperature, salt]))
        hashed.append(keccak(keccak(encode(["uint256", "bytes32"], [index, leaf]))))
    assert window.root == "0x" + keccak(b"".join(sorted(hashed))).hex()
    assert (window.lowest, window.highest) == (-80, 425)


@given(SERIES, st.data())
def test_reading_is_proved_by_itself(series: list[Reading], data: st.DataObject) -> None:
    window = WindowReadings(tuple(series), SECRET)
    index = data.draw(st.integers(0, len(series) - 1))
    proof = window.proof(index)
    assert proof.reading == series[index]
    assert proof.leads_to(window.root)
    forged: list[dict[str, Any]] = [
        {"reading": Reading(proof.reading.time, proof.reading.temperature ^ 1)},
        {"reading": Reading(proof.reading.time + 1, proof.reading.temperature)},
        {"index": index + 1},
        {"salt": bytes(32)},
        {"siblings": (*proof.siblings, bytes(32))},
    ]
    assert not any(replace(proof, **change).leads_to(window.root) for change in forged)
    assert not proof.leads_to(WindowReadings(tuple(series), bytes(32)).root)


def test_equal_readings_have_salts_of_their_own() -> None:
    window = WindowReadings(hourly(425, 425, 425), SECRET)
    assert len({window.proof(index).salt for index in range(3)}) == 3
    assert SECRET.hex() not in repr(window)
    assert "\\x01\\x02" not in repr(window)


@pytest.mark.parametrize(("readings", "secret"), [((), SECRET), (hourly(1)[::-1] * 2, SECRET), (hourly(1), SECRET[1:])])
def test_window_needs_readings_in_order_and_a_secret(readings: tuple[Reading, ...], secret: bytes) -> None:
    with pytest.raises(InvalidInput):
        WindowReadings(readings, secret)
    with pytest.raises(InvalidInput):
        WindowReadings(hourly(1), SECRET).proof(1)


# ---------------------------------------------------------------------- time without readings


def at(*seconds: int) -> tuple[Reading, ...]:
    return tuple(Reading(START + each, 500) for each in seconds)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((), [(0, 100, ())]),
        ((10, 20, 95), [(0, 20, (10, 20)), (20, 85, ()), (85, 100, (95,))]),
        ((10, 20, 30), [(0, 30, (10, 20, 30)), (30, 100, ())]),
        ((11, 21), [(0, 1, ()), (1, 21, (11, 21)), (21, 100, ())]),
        ((50, 61), [(0, 40, ()), (40, 50, (50,)), (50, 51, ()), (51, 61, (61,)), (61, 100, ())]),
        (tuple(range(10, 100, 10)), [(0, 100, tuple(range(10, 100, 10)))]),
        (tuple(range(5, 101, 5)), [(0, 100, tuple(range(5, 101, 5)))]),
    ],
)
def test_time_is_cut_where_readings_are_too_far_apart(times: tuple[int, ...], expected: list[Any]) -> None:
    found = stretches(at(*times), START, START + 100, 10)
    assert found == [Stretch(START + begin, START + end, at(*inside)) for begin, end, inside in expected]


@given(SERIES, st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10**6))
def test_stretches_follow_one_another(series: list[Reading], gap: int, before: int, after: int) -> None:
    start, end = series[0].time - before, series[-1].time + after
    found = stretches(series, start, end, gap)
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert [reading for each in found for reading in each.readings] == series
    for each in found:
        assert each.start < each.end
        times = [each.start, *(reading.time for reading in each.readings), each.end]
        if each.readings:
            assert all(b - a <= gap for a, b in pairwise(times))
            assert each.start < times[1]


@pytest.mark.parametrize(
    ("times", "end", "gap", "name"),
    [
        ((10,), 100, 0, "longest gap"),
        ((), 0, 10, "end"),
        ((0, 10), 100, 10, "reading 1, time"),
        ((10, 101), 100, 10, "reading 2, time"),
        ((10, 10), 100, 10, "reading 2, time"),
    ],
)
def test_stretches_refuse_what_is_outside(times: tuple[int, ...], end: int, gap: int, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        stretches(at(*times), START, START + end, gap)
    assert refused.value.name == name
