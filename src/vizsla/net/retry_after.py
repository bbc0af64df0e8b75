"""How long does a server ask to be left alone? The Retry-After header, which says it in seconds or as a date."""

from email.utils import parsedate_to_datetime

DEFAULT_RETRY_AFTER = 30.0


def retry_after(value: str, now: int) -> float:
    """The seconds of a Retry-After header, a number or a date (RFC 9110 10.2.3); 30 when it says nothing we can read."""
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return DEFAULT_RETRY_AFTER
