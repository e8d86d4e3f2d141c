"""Times of events: xsd:dateTimeStamp, kept as text and reckoned in whole milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["instant_ms", "is_offset", "is_time", "utc_text"]

TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,32}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
OFFSET = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
FIRST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND
END = (datetime(9999, 12, 31, tzinfo=UTC) + timedelta(hours=23) - EPOCH) // MILLISECOND + 3_600_000


def is_time(text: str) -> bool:
    """Whether it is a date and time with a UTC offset, in the years 1 to 9999 of UTC."""
    try:
        instant_ms(text)
    except ValueError:
        return False
    return True


def is_offset(text: str) -> bool:
    """Whether it is an offset as `eventTimeZoneOffset` has it: `+01:00`, up to 14 hours."""
    return OFFSET.fullmatch(text) is not None


def instant_ms(text: str) -> int:
    """Milliseconds since 1970 UTC, rounded half up: 12.1415 s are 12.142 s (CBV 2.0, 8.9.2).

    Raises ValueError for what is no time.
    """
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError("no date and time with an offset")
    seconds, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    if offset > timedelta(hours=14) or (minutes and int(minutes) > 59):
        raise ValueError("no offset")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=timezone(-offset if sign == "-" else offset))
    places = (fraction or "").ljust(4, "0")
    milliseconds = (moment - EPOCH) // MILLISECOND + int(places[:3]) + (places[3] >= "5")
    if not FIRST <= milliseconds < END:
        raise ValueError("not in the years 1 to 9999 of UTC")
    return milliseconds


def utc_text(milliseconds: int) -> str:
    """A moment as `2020-03-04T10:00:30.000Z`."""
    return (EPOCH + milliseconds * MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")
