"""
How often may somebody guess?

The generic cell rate algorithm of `rate.py`, but exact and slow: each guess is a row's conditional UPDATE, committed before the
guess is looked at, so that neither guessing on two nodes nor fifty times at once gains anything. What is guessed at and who
guesses are kept as hashes alone.
"""

import hashlib

import msgspec
from sqlalchemy import bindparam, delete, select

from vizsla.accounts.tables import guess
from vizsla.kit.errors import VizslaError
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

_TAKE = statement(
    "INSERT INTO guess (bucket, arrival) VALUES (:bucket, :now + :interval) ON CONFLICT (bucket) DO UPDATE SET "
    "arrival = CASE WHEN guess.arrival > :now THEN guess.arrival ELSE :now END + :interval "
    "WHERE guess.arrival + :interval <= :now + :window",
    postgresql="INSERT INTO guess (bucket, arrival) VALUES (:bucket, :now::bigint + :interval::bigint) "
    "ON CONFLICT (bucket) DO UPDATE SET "
    "arrival = CASE WHEN guess.arrival > :now::bigint THEN guess.arrival ELSE :now::bigint END + :interval::bigint "
    "WHERE guess.arrival + :interval::bigint <= :now::bigint + :window::bigint",
)
_RETURN = statement(
    "UPDATE guess SET arrival = arrival - :interval WHERE bucket = :bucket",
    postgresql="UPDATE guess SET arrival = arrival - :interval::bigint WHERE bucket = :bucket",
)
_FIND = statement(select(guess.c.arrival).where(guess.c.bucket == bindparam("bucket_")))
_CLEAR = statement(delete(guess).where(guess.c.bucket == bindparam("bucket_")))
_FORGET = statement(
    delete(guess).where(
        guess.c.bucket.in_(
            select(guess.c.bucket).where(guess.c.arrival <= bindparam("now_")).limit(bindparam("limit_"))
        )
    )
)


class TooManyGuesses(VizslaError):
    """That was tried too often. Wait a few minutes."""

    id = "too_many_requests"

    def __init__(self, details: str | None = None, *, retry_after: int = 60) -> None:
        super().__init__(details)
        self.retry_after = retry_after
        """Seconds."""


class Allowance(msgspec.Struct, frozen=True):
    """So many guesses at once, and one more each *interval* seconds."""

    name: str
    count: int
    interval: int


async def take_guess(conn: Connection, allowance: Allowance, what: str, now: int) -> None:
    """
    Count one guess at, or by, *what*; raises TooManyGuesses.

    The transaction must be committed before the guess is looked at, and whether or not it is right.
    """
    bucket = _bucket(allowance, what)
    values = {
        "bucket": bucket,
        "now": now,
        "interval": allowance.interval,
        "window": allowance.count * allowance.interval,
    }
    if await conn.execute(_TAKE, values):
        return
    row = await conn.fetch_one(_FIND, {"bucket_": bucket})
    ahead = row[0] - now if row else 0
    wait = max(1, ahead - (allowance.count - 1) * allowance.interval)
    raise TooManyGuesses(f"That was tried too often. Wait {_words(wait)} and try again.", retry_after=wait)


async def return_guess(conn: Connection, allowance: Allowance, what: str) -> None:
    """Take one guess back: it was right."""
    await conn.execute(_RETURN, {"bucket": _bucket(allowance, what), "interval": allowance.interval})


async def forgive_guesses(conn: Connection, allowance: Allowance, what: str) -> None:
    """Forget the guesses at *what*: one of them was right."""
    await conn.execute(_CLEAR, {"bucket_": _bucket(allowance, what)})


async def forget_guesses(conn: Connection, now: int, *, limit: int = 10_000) -> int:
    """Drop up to *limit* rows that hold nobody back any more."""
    return await conn.execute(_FORGET, {"now_": now, "limit_": limit})


def _bucket(allowance: Allowance, what: str) -> str:
    return hashlib.sha256(f"{allowance.name}\n{what}".encode("utf-8", "surrogatepass")).hexdigest()


def _words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 60 else "a minute" if minutes == 1 else f"{minutes} minutes"
