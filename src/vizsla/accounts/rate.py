"""
Is this caller asking too often?

The generic cell rate algorithm (GCRA): of `15/s` at most fifteen at once, and one more each 1/15 s. It needs one number a
limit, the theoretical arrival time of the next request, and its allowance over any stretch of time is exact.

One process counts in memory, on a clock that does not jump. Several nodes on PostgreSQL share a row a limit and lease
tokens from it in blocks of a tenth of the limit, so that a limit of 500 a minute costs one round trip in fifty calls; a
node that goes away takes at most one block with it, and a block kept for later is the most by which a node can exceed the
limit in a window. Each node counts in memory as well: if the shared rows cannot be reached, that is the limit.
"""

import asyncio
import re
import time
from collections.abc import Callable

import msgspec

from vizsla.kit.errors import SettingsError, StoreError
from vizsla.storage.database import Database
from vizsla.storage.statement import statement

_SECOND = 1_000_000_000
_UNITS = {"s": _SECOND, "min": 60 * _SECOND, "h": 3_600 * _SECOND, "d": 86_400 * _SECOND}
_LIMIT = re.compile(r"([1-9][0-9]{0,8})/(s|min|h|d)\Z")
MOST_BUCKETS = 100_000
"""Callers remembered in memory; a flood of client addresses must not grow it."""
PATIENCE = 0.5
"""Seconds that the shared rows may take before this node counts alone."""
_ALONE = 1.0
"""Seconds that it then does."""

_LEASE = statement(
    "",
    postgresql="""
    INSERT INTO rate_limit AS r (account_id, bucket, arrival, granted)
    SELECT :account, :bucket, clock.now + :wanted * :interval::bigint, :wanted::bigint
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 AS now) AS clock
    ON CONFLICT (account_id, bucket) DO UPDATE SET (arrival, granted) = (
        SELECT start.at + given.n * :interval::bigint, given.n
        FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 AS now) AS clock,
        -- An arrival further ahead than the window means that the clock was set back: forgiven, or it would lock out for hours.
        LATERAL (SELECT greatest(clock.now, least(r.arrival, clock.now + :window::bigint)) AS at) AS start,
        LATERAL (SELECT least(:wanted::bigint, (clock.now + :window::bigint - start.at) / :interval::bigint) AS n) AS given
    )
    RETURNING granted, arrival - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
    """,
)


class Limit(msgspec.Struct, frozen=True):
    """*count* requests each *window* nanoseconds."""

    count: int
    window: int
    interval: int
    """Nanoseconds from one request to the next when all of the allowance is used evenly."""
    name: str


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """May the request go on, and what is left of the limit that stops this caller first."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    """Seconds until the allowance is whole again."""
    retry_after: float = 0.0


def parse_limits(text: str, setting: str = "a rate limit") -> tuple[Limit, ...]:
    """`15/s,500/min` as limits; SettingsError for anything else. Units are s, min, h and d."""
    limits = []
    for part in text.split(","):
        if (match := _LIMIT.match(part.strip())) is None:
            raise SettingsError(f"{setting}: {text!r} will not do: write limits as 15/s,500/min (units: s, min, h, d).")
        count, unit = int(match[1]), match[2]
        interval = -(-_UNITS[unit] // count)
        limits.append(Limit(count, interval * count, interval, unit))
    return tuple(limits)


class LocalLimiter:
    """Counts in the memory of this process."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._arrivals: dict[object, list[int]] = {}

    def take(self, caller: object, limits: tuple[Limit, ...]) -> Verdict:
        """One request of *caller*: counted if it is allowed by every limit."""
        now = self._clock()
        arrivals = self._arrivals.get(caller)
        if arrivals is None or len(arrivals) != len(limits):
            if len(self._arrivals) >= MOST_BUCKETS:
                self._forget(now)
            arrivals = self._arrivals[caller] = [0] * len(limits)
        # The limit that stops this caller first: the longest wait if any denies, else the one with the least left.
        tightest, wait, left = 0, 0, -1
        for at, limit in enumerate(limits):
            room = now + limit.window - max(arrivals[at], now) - limit.interval
            if -room > wait:
                tightest, wait = at, -room
            elif wait == 0 and (left < 0 or room // limit.interval < left):
                tightest, left = at, room // limit.interval
        if wait:
            reset = (arrivals[tightest] - now) / _SECOND
            return Verdict(False, limits[tightest].count, 0, reset, wait / _SECOND)
        for at, limit in enumerate(limits):
            arrivals[at] = max(arrivals[at], now) + limit.interval
        return Verdict(True, limits[tightest].count, left, (arrivals[tightest] - now) / _SECOND)

    def _forget(self, now: int) -> None:
        """Callers whose allowance is whole again; if that is not enough, the ones known longest."""
        self._arrivals = {caller: ends for caller, ends in self._arrivals.items() if max(ends) > now}
        for caller in list(self._arrivals)[: max(0, len(self._arrivals) - MOST_BUCKETS // 2)]:
            del self._arrivals[caller]


class _Block:
    """Tokens leased from a shared row."""

    __slots__ = ("denied_until", "expires", "left", "remaining", "reset_at", "turn")

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.left = 0
        self.expires = 0
        self.remaining = 0
        self.reset_at = 0
        self.denied_until = 0


class SharedLimiter:
    """Counts in PostgreSQL for all nodes, in memory for this one."""

    def __init__(self, database: Database, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._database = database
        self._clock = clock
        self._local = LocalLimiter(clock)
        self._blocks: dict[tuple[int, str, str], _Block] = {}
        self._alone_until = 0

    async def take(self, caller: tuple[int, str], limits: tuple[Limit, ...]) -> Verdict:
        """One request of *caller*, an account (0: none) and the name of what is limited."""
        verdict = self._local.take(caller, limits)
        if not verdict.allowed:
            return verdict
        blocks = [self._block(caller, limit) for limit in limits]
        while True:
            now = self._clock()
            if self._alone_until > now:
                return verdict
            for limit, block in zip(limits, blocks, strict=True):
                if block.left > 0 and block.expires > now:
                    continue
                async with block.turn:
                    if block.left <= 0 or block.expires <= now:
                        if block.denied_until <= now:
                            await self._lease(caller, limit, block)
                        if block.denied_until > now:
                            wait, reset = block.denied_until - now, max(block.reset_at - now, 0)
                            return Verdict(False, limit.count, 0, reset / _SECOND, wait / _SECOND)
                break  # others took tokens while this one waited: look at every limit again
            else:
                return self._spend(limits, blocks, now)

    def _spend(self, limits: tuple[Limit, ...], blocks: list["_Block"], now: int) -> Verdict:
        for block in blocks:
            block.left -= 1
        limit, block = min(zip(limits, blocks, strict=True), key=lambda pair: pair[1].left + pair[1].remaining)
        left = min(block.left + block.remaining, limit.count - 1)
        return Verdict(True, limit.count, left, max(block.reset_at - now, 0) / _SECOND)

    def _block(self, caller: tuple[int, str], limit: Limit) -> _Block:
        key = (*caller, limit.name)
        block = self._blocks.get(key)
        if block is None:
            if len(self._blocks) >= MOST_BUCKETS:
                now = self._clock()
                self._blocks = {key: block for key, block in self._blocks.items() if block.expires > now}
                if len(self._blocks) >= MOST_BUCKETS:
                    self._blocks.clear()  # the shared rows still count
            block = self._blocks[key] = _Block()
        return block

    async def _lease(self, caller: tuple[int, str], limit: Limit, block: _Block) -> None:
        wanted = max(1, limit.count // 10)
        account_id, bucket = caller
        params = {
            "account": account_id,
            "bucket": f"{bucket}/{limit.name}",
            "wanted": wanted,
            "interval": limit.interval,
            "window": limit.window,
        }
        try:
            async with asyncio.timeout(PATIENCE):
                row = await self._database.fetch_one(_LEASE, params)
        except (TimeoutError, StoreError):
            self._alone_until = self._clock() + int(_ALONE * _SECOND)
            return
        assert row is not None
        granted, ahead = int(row[0]), int(row[1])
        now = self._clock()
        block.left = granted
        block.expires = now + limit.window
        block.reset_at = now + max(ahead, 0)
        block.remaining = max(0, (limit.window - ahead) // limit.interval)
        block.denied_until = 0 if granted else now + max(1, ahead - limit.window + limit.interval)


def address_bucket(name: str, address: str) -> str:
    """The bucket of a client address: an IPv6 customer has a /64, not one address."""
    if ":" in address and "." not in address:
        head, _, tail = address.partition("%")[0].partition("::")
        parts = [part for part in head.split(":") if part]
        after = [part for part in tail.split(":") if part]
        whole = parts + ["0"] * (8 - len(parts) - len(after)) + after
        address = ":".join(whole[:4]) + "::"
    return f"{name}/{address}"
