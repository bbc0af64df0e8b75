"""
What time is it?

Times are whole seconds since 1970 in UTC, days are `YYYY-MM-DD`. Code that judges takes the time as an argument;
only doors and loops ask a clock.
"""

import time
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Protocol

DAY = 86_400


class Clock(Protocol):
    """Tells the time; tests bring their own."""

    def now(self) -> int:
        """Whole seconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return int(time.time())


def day(seconds: int) -> str:
    """The UTC day of *seconds* as `YYYY-MM-DD`; days outside of year 1 to 9999 are clamped to them."""
    return _day(seconds // DAY)


@lru_cache(4_096)
def _day(number: int) -> str:
    try:
        return datetime.fromtimestamp(number * DAY, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return (date.max if number > 0 else date.min).isoformat()


def midnight(seconds: int) -> int:
    """The first second of the UTC day of *seconds*."""
    return seconds - seconds % DAY


def time_text(seconds: int) -> str:
    """*seconds* as the API writes times: `YYYY-MM-DD HH:MM:SS UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso_text(seconds: int) -> str:
    """*seconds* as RFC 3339 writes times: `YYYY-MM-DDTHH:MM:SSZ`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
