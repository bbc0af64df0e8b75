"""
When may a message leave?

A window is hours of the day on days of the week, as the clocks of one place show them. What those clocks skip in spring cannot be
met, and what they show twice in autumn counts both times: a second is inside if the clock on the wall says so.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from vizsla.kit.clock import DAY
from vizsla.kit.errors import VizslaError

EVERY_DAY = 0b111_1111
WEEKDAYS = 0b011_1110
_EPOCH = date(1970, 1, 1)
_LOOKED_AT = 22
"""Days: a window of one day a week may fall into a gap, and a week without that day exists (Samoa, December 2011)."""

_TRIES = 30
"""Days that two windows may miss each other before it is said that they never meet."""


class WrongWindow(VizslaError):
    """The hours are wrong."""

    id = "validation_failed"


class Window(msgspec.Struct, frozen=True):
    """Hours of the day on some days of the week."""

    timezone: str
    """IANA name."""
    days: int
    """Bits, bit 0 is Sunday."""
    start_second: int
    """Of the day, as the clock shows it."""
    end_second: int
    """The first that is outside; 86,400 at most."""


def check_window(window: Window) -> Window:
    """*window*, if there can be a second inside; raises WrongWindow."""
    if window.timezone not in _zones():
        raise WrongWindow(f"There is no time zone {window.timezone[:60]!r}. Give an IANA name such as Europe/Paris.")
    if not 0 < window.days <= EVERY_DAY:
        raise WrongWindow("Choose at least one day of the week.")
    if not 0 <= window.start_second < window.end_second <= DAY:
        raise WrongWindow("The hours must begin before they end, within one day.")
    return window


def days_of(bits: int) -> list[int]:
    """The days in *bits*, 0 is Sunday."""
    return [day for day in range(7) if bits >> day & 1]


def bits_of(days: list[int] | tuple[int, ...]) -> int:
    """The days, 0 is Sunday, as `Window.days`."""
    return sum(1 << day for day in set(days))


def is_inside(at: int, window: Window) -> bool:
    """Whether *at* (seconds since 1970) is in the window."""
    return _is_inside(at, window, _zone(window.timezone))


@lru_cache(4_096)
def next_slot(at: int, window: Window) -> int:
    """The earliest second from *at* on that is inside. Raises ValueError of a window that `check_window` refuses."""
    zone = _zone(window.timezone)
    if _is_inside(at, window, zone):
        return at
    first = datetime.fromtimestamp(at, zone).date()
    for ahead in range(-1, _LOOKED_AT):
        day = first + timedelta(days=ahead)
        candidates = [_seconds(day, window.start_second, zone, fold) for fold in (0, 1)]
        candidates += [second for second in _changes(day, zone) if datetime.fromtimestamp(second, zone).date() == day]
        inside = [second for second in candidates if second >= at and _is_inside(second, window, zone)]
        if inside:
            return min(inside)
    raise ValueError(f"no second is in {window}")


def due_of_step(sent_at: int, wait_days: int, window: Window) -> int:
    """When a step may leave that waits for *wait_days*: at the same time of day, or when the window opens next."""
    if not wait_days:
        return next_slot(sent_at, window)
    zone = _zone(window.timezone)
    then = datetime.fromtimestamp(sent_at, zone)
    second = then.hour * 3_600 + then.minute * 60 + then.second
    return next_slot(max(sent_at, _seconds(then.date() + timedelta(days=wait_days), second, zone, then.fold)), window)


def next_in_both(at: int, one: Window, other: Window) -> int | None:
    """The earliest second from *at* on that is inside both; None if there is none soon."""
    for _ in range(_TRIES):
        later = next_slot(next_slot(at, one), other)
        if later == at:
            return at
        at = later
    return None


def next_slots(at: int, one: Window, other: Window, count: int, gap: int) -> list[int]:
    """The next *count* seconds inside both that keep *gap* seconds between them; fewer where the two hardly ever meet."""
    slots: list[int] = []
    while len(slots) < count and (slot := next_in_both(at, one, other)) is not None:
        slots.append(slot)
        at = slot + max(1, gap)
    return slots


def local_midnight(day: str, timezone: str) -> int:
    """When the day `YYYY-MM-DD` begins at that place; raises WrongWindow."""
    if timezone not in _zones():
        raise WrongWindow(f"There is no time zone {timezone[:60]!r}. Give an IANA name such as Europe/Paris.")
    try:
        return _seconds(date.fromisoformat(day[:11]), 0, _zone(timezone), 0)
    except (ValueError, OverflowError):
        raise WrongWindow("A day is written as YYYY-MM-DD.") from None


def local_date(at: int, timezone: str) -> str:
    """The day of *at* at that place as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(at, _zone(timezone)).date().isoformat()


def local_day(at: int, timezone: str) -> int:
    """The day of *at* at that place, in days since 1970-01-01."""
    return (datetime.fromtimestamp(at, _zone(timezone)).date() - _EPOCH).days


def _is_inside(at: int, window: Window, zone: ZoneInfo) -> bool:
    wall = datetime.fromtimestamp(at, zone)
    if not window.days >> wall.isoweekday() % 7 & 1:
        return False
    return window.start_second <= wall.hour * 3_600 + wall.minute * 60 + wall.second < window.end_second


def _seconds(day: date, second: int, zone: ZoneInfo, fold: int) -> int:
    """When the clock shows *second* of *day*; what it skips is as long after the gap as it would be within."""
    wall = datetime.combine(day, time(), zone) + timedelta(seconds=second)
    return int(wall.replace(fold=fold).timestamp())


@lru_cache(4_096)
def _changes(day: date, zone: ZoneInfo) -> tuple[int, ...]:
    """When the clocks are changed round *day*: the first second that each change leads to."""
    midnight = _seconds(day, 0, zone, 0)
    hours = range(midnight - DAY, midnight + 2 * DAY + 1, 3_600)
    offsets = [_offset(second, zone) for second in hours]
    return tuple(
        within[bisect_left(within, True, key=lambda second, old=before: _offset(second, zone) != old)]  # type: ignore[misc]
        for hour, before, after in zip(hours, offsets, offsets[1:], strict=False)
        if before != after and (within := range(hour, hour + 3_601))
    )


def _offset(second: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()


@lru_cache(1_024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(1)
def _zones() -> frozenset[str]:
    # Names of no place: each machine means its own by the one, and the other says that nobody has set it up.
    return frozenset(available_timezones() - {"localtime", "Factory"})
