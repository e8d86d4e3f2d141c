"""A lot or serial that swallowed what follows it, because the separator (FNC1) between them was lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from biip import ParseError
from biip.gs1_element_strings import GS1ElementString

from careledger.serialization.barcodes.items import TEXT, Elements

__all__ = ["SWALLOWING", "likelier_split"]

SWALLOWING = ("10", "21")
EXPIRY = "17"
PLAUSIBLE_YEARS = 10
"""No medicine is past its use so many years away from now: what reads as such a date is part of a serial."""


def likelier_split(ai: str, field: str, absent: frozenset[str]) -> Elements | None:
    """The one reading of a field of AI 10 or 21 in which AIs follow that the barcode does not have otherwise; None if
    there is none, or several as likely.

    A reading with an expiry in it is likelier than one without. Without one, it counts only if the field is longer
    than the 20 characters that it may have. The more of serial, lot number and expiry a reading has, the likelier: a
    pack's code has all three.
    """
    readings = [reading for reading in _readings(ai, field, absent - {ai}) if len(reading) > 1]
    dated = [reading for reading in readings if any(part == EXPIRY for part, _ in reading)]
    candidates = dated or (readings if not TEXT.fullmatch(field) else [])
    most = max(map(len, candidates), default=0)
    best = [reading for reading in candidates if len(reading) == most]
    return best[0] if len(best) == 1 else None


def _readings(ai: str, text: str, absent: frozenset[str]) -> Iterator[Elements]:
    ends = [6] if ai == EXPIRY else range(1, 21)
    for end in ends:
        value, rest = text[:end], text[end:]
        if len(value) < end or (ai == EXPIRY and not _is_plausible(value)):
            return
        if not rest:
            yield ((ai, value),)
        for following in absent:
            if rest.startswith(following):
                for others in _readings(following, rest[len(following) :], absent - {following}):
                    yield ((ai, value), *others)


def _is_plausible(value: str) -> bool:
    try:
        day = GS1ElementString.parse(EXPIRY + value).date
    except ParseError:
        return False
    return day is not None and abs(day.year - dt.datetime.now(dt.UTC).year) <= PLAUSIBLE_YEARS
