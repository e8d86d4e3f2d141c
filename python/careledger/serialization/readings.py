"""A sensor's readings: their mean kinetic temperature, and the Merkle root of a window of them.

    readings = parse_readings(Path("readings.csv").read_bytes())
    window = WindowReadings(readings, secret)  # 32 random bytes, kept with the readings
    window.root, window.lowest, window.highest, window.mean
    window.proof(7).leads_to(window.root)

Times are Unix seconds, temperatures hundredths of a degree Celsius, both integers: 4.25 °C is 425.

The tree is that of `careledger.anchoring.merkle`, as OpenZeppelin's StandardMerkleTree over `(uint256 index, bytes32
leaf)` without sorted leaves: pairs are sorted, and a leaf is bound to its place by its index. The leaf of a reading is
`keccak256(abi.encode(TAG, uint256 time, int256 temperature, bytes32 salt))` with TAG the hash of
`careledger.serialization.reading.v1`. There are few temperatures to guess from, so each reading has a salt of its own:
HMAC-SHA256 under the window's secret, of `careledger.serialization.reading-salt.v1` and the index in four bytes. Who is
shown one reading learns nothing of the others.

The mean kinetic temperature follows USP <1079.2>, with an activation energy of 83.144 kJ/mol and a gas constant of
8.314e-3 kJ/(mol K):

    T = (dH / R) / -ln(sum(t_i * exp(-dH / (R * T_i))) / sum(t_i))

It is the one place that needs more than integers. `decimal` rounds every operation, `exp` and `ln` included, correctly
to the digits of its context, as the General Decimal Arithmetic specification asks; binary floating point leaves `exp`
and `log` to the machine's mathematical library. So every machine finds the same hundredth.
"""

from __future__ import annotations

import csv
import hmac
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import Enum
from functools import cached_property
from hashlib import sha256

from tiny_keccak import keccak256

from careledger.anchoring.canonical_json import Number, parse
from careledger.anchoring.merkle import MerkleTree, verify
from careledger.errors import InvalidInput

__all__ = [
    "HIGHEST_TEMPERATURE",
    "LOWEST_TEMPERATURE",
    "MeanOver",
    "Reading",
    "ReadingProof",
    "StorageCondition",
    "Stretch",
    "WindowReadings",
    "kinetic_mean",
    "mean_over",
    "parse_readings",
    "stretches",
]

WORD = 32
DAY_SECONDS = 24 * 3600
TIME_LIMIT = 2**40
CELSIUS_ZERO = 27_315
"""0 °C in hundredths of a kelvin."""

LOWEST_TEMPERATURE = 1 - CELSIUS_ZERO
HIGHEST_TEMPERATURE = 2**15 - 1
"""What a contract's `int16` holds: 327.67 °C."""

READING_TAG = keccak256(b"careledger.serialization.reading.v1")
SALT_LABEL = b"careledger.serialization.reading-salt.v1"
INDEX_BYTES = 4
COLUMNS = ("time", "temperature")
INTEGER = re.compile("-?(0|[1-9][0-9]{0,14})")

ARITHMETIC = Context(
    prec=40,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[DivisionByZero, InvalidOperation, Overflow],
)
"""Stated in full, so that no setting of the process counts. The rate at a hundredth of a kelvin, exp(-1,000,058), is
still in its range."""

ACTIVATION = ARITHMETIC.divide(Decimal("-8314.4"), Decimal("8.314e-3"))
"""-dH / R, in hundredths of a kelvin."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A temperature at a time. Raises InvalidInput for one below absolute zero or over 327.67 °C."""

    time: int
    temperature: int

    def __post_init__(self) -> None:
        if not 0 < self.time < TIME_LIMIT:
            raise InvalidInput("time", str(self.time), "must be Unix seconds, before 2^40")
        if not LOWEST_TEMPERATURE <= self.temperature <= HIGHEST_TEMPERATURE:
            problem = f"must be {LOWEST_TEMPERATURE} to {HIGHEST_TEMPERATURE} hundredths of a degree Celsius"
            raise InvalidInput("temperature", str(self.temperature), problem)


# ------------------------------------------------------------------ files


def parse_readings(content: bytes) -> tuple[Reading, ...]:
    """The readings of a file, in the order of their times: CSV (RFC 4180) with a first line that names the columns
    `time` and `temperature`, or a JSON list of objects with those names. Both are integers.

    Raises InvalidInput naming the line, or of JSON the item (from 1), and the value: what is no integer, a temperature
    that cannot be, a time that is not after the one before.
    """
    return tuple(_ordered(_json_rows(content) if content.lstrip()[:1] == b"[" else _csv_rows(content)))


def _ordered(rows: Iterable[tuple[str, str, str]]) -> Iterator[Reading]:
    last = 0
    for place, time, temperature in rows:
        try:
            reading = Reading(_integer("time", time), _integer("temperature", temperature))
        except InvalidInput as problem:
            raise InvalidInput(f"{place}, {problem.name}", problem.value, problem.problem) from None
        if reading.time <= last:
            raise InvalidInput(f"{place}, time", time, f"must be after {last}, the time of the reading before")
        last = reading.time
        yield reading


def _integer(name: str, text: str) -> int:
    if not INTEGER.fullmatch(text):
        example = "hundredths of a degree Celsius, 425 for 4.25 °C" if name == "temperature" else "Unix seconds"
        raise InvalidInput(name, text, f"must be an integer: {example}")
    return int(text)


def _csv_rows(content: bytes) -> Iterator[tuple[str, str, str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        found = content[problem.start : problem.start + 1].hex()
        raise InvalidInput(f"line {line}", f"0x{found}", "is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise InvalidInput("line 1", ",".join(header), "must name the columns time,temperature")
        time, temperature = map(header.index, COLUMNS)
        for row in reader:
            place = f"line {reader.line_num}"
            if not row:
                continue
            if len(row) != len(COLUMNS):
                raise InvalidInput(place, ",".join(row), "must have a time and a temperature")
            yield place, row[time].strip(), row[temperature].strip()
    except csv.Error as problem:
        raise InvalidInput(f"line {reader.line_num}", str(problem), "is not CSV") from None


def _json_rows(content: bytes) -> Iterator[tuple[str, str, str]]:
    rows = parse(content)
    assert isinstance(rows, list)
    for number, row in enumerate(rows, start=1):
        place = f"item {number}"
        if not isinstance(row, dict) or row.keys() != set(COLUMNS):
            found = ",".join(row) if isinstance(row, dict) else type(row).__name__
            raise InvalidInput(place, found, "must be an object with time and temperature")
        for name in COLUMNS:
            if not isinstance(row[name], Number):
                raise InvalidInput(f"{place}, {name}", str(row[name]), "must be a number")
        yield place, row["time"], row["temperature"]


# ------------------------------------------------------------------ the mean kinetic temperature


def kinetic_mean(readings: Sequence[Reading]) -> int:
    """The mean kinetic temperature in hundredths of a degree Celsius, to the nearest one, half of one upwards.

    Each moment counts with the reading that is nearest to it, and the first and the last one reach outwards as far as
    inwards. So equal intervals count alike, and others by how long they are.

    Raises InvalidInput for no readings, or times that do not ascend.
    """
    durations: Counter[int] = Counter()
    for reading, duration in zip(readings, _doubled_durations(readings), strict=True):
        durations[reading.temperature] += duration
    rates = Decimal(0)
    for temperature, duration in durations.items():
        rate = ARITHMETIC.exp(ARITHMETIC.divide(ACTIVATION, Decimal(temperature + CELSIUS_ZERO)))
        rates = ARITHMETIC.add(rates, ARITHMETIC.multiply(rate, Decimal(duration)))
    mean_rate = ARITHMETIC.divide(rates, Decimal(durations.total()))
    kelvin = ARITHMETIC.divide(ACTIVATION, ARITHMETIC.ln(mean_rate))
    return int(kelvin.to_integral_value(ROUND_HALF_UP, ARITHMETIC)) - CELSIUS_ZERO


def _doubled_durations(readings: Sequence[Reading]) -> list[int]:
    """How long each reading counts, in half seconds; of a single one, 1."""
    _check_order(readings)
    times = [reading.time for reading in readings]
    if len(times) == 1:
        return [1]
    around = [2 * times[0] - times[1], *times, 2 * times[-1] - times[-2]]
    return [after - before for before, after in zip(around, around[2:], strict=False)]


def _check_order(readings: Sequence[Reading]) -> None:
    if not readings:
        raise InvalidInput("readings", "none", "must be at least one")
    last = 0
    for number, reading in enumerate(readings, start=1):
        if reading.time <= last:
            raise InvalidInput(f"reading {number}, time", str(reading.time), f"must be after {last}, the one before")
        last = reading.time


class StorageCondition(Enum):
    """How a product is stored. USP <1079.2> asks for the mean kinetic temperature of 30 consecutive days of readings
    at controlled room temperature, of 24 consecutive hours at controlled cold temperature; an excursion that is judged
    by it is among them. Over a longer time, cooler days would hide it."""

    CONTROLLED_ROOM = "controlled room temperature"
    CONTROLLED_COLD = "controlled cold temperature"

    @property
    def asked_seconds(self) -> int:
        """How long a time the mean has to be of."""
        return DAY_SECONDS * (30 if self is StorageCondition.CONTROLLED_ROOM else 1)


@dataclass(frozen=True)
class MeanOver:
    """A mean kinetic temperature, and how long a time it is of, in seconds."""

    condition: StorageCondition
    mean: int
    covered_seconds: int

    @property
    def long_enough(self) -> bool:
        """Whether it is of as long a time as USP <1079.2> asks for; else it may not excuse an excursion."""
        return self.covered_seconds >= self.condition.asked_seconds


def mean_over(readings: Sequence[Reading], condition: StorageCondition) -> MeanOver:
    """The mean kinetic temperature of the last 30 days or 24 hours of readings, which may be of several windows.

    Raises InvalidInput as `kinetic_mean` does.
    """
    _check_order(readings)
    since = readings[-1].time - condition.asked_seconds
    counted = [reading for reading in readings if reading.time > since]
    covered = sum(_doubled_durations(counted)) // 2
    return MeanOver(condition, kinetic_mean(counted), covered)


# ------------------------------------------------------------------ windows


@dataclass(frozen=True)
class ReadingProof:
    """A reading of a window, for who is not to see the others. `siblings` are 32 bytes each, `index` is from 0."""

    index: int
    reading: Reading
    salt: bytes
    siblings: tuple[bytes, ...]

    def leads_to(self, root: str) -> bool:
        """Whether the window with this root, 0x and 64 hex digits, has the reading at its place."""
        return verify(bytes.fromhex(root[2:]), self.index, _leaf(self.reading, self.salt), self.siblings)


@dataclass(frozen=True)
class WindowReadings:
    """The readings of one window, at least one, and the secret that their salts follow from: 32 random bytes, another
    for each window. Raises InvalidInput for another length, and times that do not ascend."""

    readings: tuple[Reading, ...]
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_order(self.readings)
        if len(self.secret) != WORD:
            raise InvalidInput("window secret", f"{len(self.secret)} bytes", f"must be {WORD} bytes")

    @property
    def lowest(self) -> int:
        return min(reading.temperature for reading in self.readings)

    @property
    def highest(self) -> int:
        return max(reading.temperature for reading in self.readings)

    @cached_property
    def mean(self) -> int:
        """Kinetic."""
        return kinetic_mean(self.readings)

    @property
    def root(self) -> str:
        """Of the readings, 0x and 64 hex digits."""
        return "0x" + self._tree.root.hex()

    def proof(self, index: int) -> ReadingProof:
        """The proof of one reading, from 0. Raises InvalidInput for an index too high."""
        siblings = self._tree.proof(index)
        return ReadingProof(index, self.readings[index], self._salt(index), tuple(siblings))

    @cached_property
    def _tree(self) -> MerkleTree:
        return MerkleTree.of(_leaf(reading, self._salt(index)) for index, reading in enumerate(self.readings))

    def _salt(self, index: int) -> bytes:
        return hmac.digest(self.secret, SALT_LABEL + index.to_bytes(INDEX_BYTES, "big"), sha256)


def _leaf(reading: Reading, salt: bytes) -> bytes:
    time = reading.time.to_bytes(WORD, "big")
    return keccak256(READING_TAG + time + reading.temperature.to_bytes(WORD, "big", signed=True) + salt)


@dataclass(frozen=True)
class Stretch:
    """A time after `start` up to `end`, with the readings in it; without any, it is a gap."""

    start: int
    end: int
    readings: tuple[Reading, ...]


def stretches(readings: Sequence[Reading], start: int, end: int, longest_gap: int) -> list[Stretch]:
    """A time, cut so that readings of one stretch are at most `longest_gap` seconds apart. Stretches follow one another
    without a gap, as windows do: those without readings are windows without a root. A reading stands for at most
    `longest_gap` seconds before it, and after it up to the next one or the gap.

    Raises InvalidInput for readings outside the time or not ascending, and a `longest_gap` below 1.
    """
    if longest_gap < 1:
        raise InvalidInput("longest gap", str(longest_gap), "must be at least one second")
    if end <= start:
        raise InvalidInput("end", str(end), f"must be after the start, {start}")
    if not readings:
        return [Stretch(start, end, ())]
    _check_order(readings)
    check_within(readings, start, end)
    found: list[Stretch] = []
    inside: list[Reading] = []
    begun = last = start
    for reading in readings:
        if reading.time - last > longest_gap:
            resumed = reading.time - longest_gap
            if inside:
                found.append(Stretch(begun, last, tuple(inside)))
            found.append(Stretch(last, resumed, ()))
            begun, inside = resumed, []
        inside.append(reading)
        last = reading.time
    if end - last > longest_gap:
        return [*found, Stretch(begun, last, tuple(inside)), Stretch(last, end, ())]
    return [*found, Stretch(begun, end, tuple(inside))]


def check_within(readings: Sequence[Reading], start: int, end: int) -> None:
    """Raises InvalidInput naming the first of the readings that is not after `start` and up to `end`."""
    for number, reading in enumerate(readings, start=1):
        if not start < reading.time <= end:
            problem = f"is outside the window, which is of the time after {start} up to {end}"
            raise InvalidInput(f"reading {number}, time", str(reading.time), problem)
