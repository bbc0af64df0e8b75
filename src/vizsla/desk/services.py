"""What do all calls of one server share? Stores, claims, the clock, and what is counted in memory."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import cached_property

from vizsla.accounts.callers import KeyRing
from vizsla.accounts.idempotency import InFlight
from vizsla.accounts.plans import DEFAULT_RATE_VERIFY
from vizsla.accounts.quota import Meter
from vizsla.accounts.rate import LocalLimiter, SharedLimiter, parse_limits
from vizsla.accounts.request_log import RequestLog
from vizsla.crawl.requests import request_crawl
from vizsla.finder.finding import FindExchangers, Means
from vizsla.finder.learning import Learnt, load_learnt
from vizsla.finder.probing import VerifierProber
from vizsla.kit.clock import DAY, Clock, SystemClock
from vizsla.kit.domain_name import registrable_domain
from vizsla.kit.errors import StoreError
from vizsla.kit.settings import Settings
from vizsla.leads.mirror import Mirrors
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.verifier.egress import WayOut
from vizsla.verifier.waiting import Waiting

_MOST_REMEMBERED = 10_000
PATIENCE = 20.0
_UPLOADS = 4
"""Files that are read at once: so many times their largest size is what they may take of memory."""
_LEARNT_HOLDS = 300


class Services:
    """One server's means. `claims` is replaced as a whole when it is read anew."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        claims: Claims,
        *,
        clock: Clock | None = None,
        load_claims: Callable[[], Awaitable[Claims]] | None = None,
        waiting: Waiting | None = None,
        way_out: WayOut | None = None,
        find_exchangers: FindExchangers | None = None,
    ) -> None:
        self.settings = settings
        self.stores = stores
        self.claims = claims
        self.clock = clock or SystemClock()
        self.load_claims = load_claims
        self.keys = KeyRing(stores.app, settings)
        self.meter = Meter(stores.app)
        self.mirrors = Mirrors(stores.app)
        self.requests = RequestLog(stores.app)
        self.in_flight = InFlight()
        self.local = LocalLimiter()
        # SQLite has one server on a home, so its own memory is the whole truth; nodes on PostgreSQL share theirs.
        self.shared = SharedLimiter(stores.app) if stores.app.dialect == "postgresql" else None
        # Of callers without a key; a wrong setting stops the start here.
        self.rates = {
            "search": parse_limits(settings.rate_search, "VIZSLA_RATE_SEARCH"),
            "count": parse_limits(settings.rate_count, "VIZSLA_RATE_COUNT"),
            "verify": parse_limits(DEFAULT_RATE_VERIFY),
            "trial": parse_limits("1/s", "trial"),
        }
        self.waiting = waiting or Waiting()
        self.way_out = way_out or WayOut()
        self.patience = PATIENCE
        """Seconds that a request waits for its verification."""
        self.uploads = asyncio.Semaphore(_UPLOADS)
        self.find_exchangers = find_exchangers
        self._learnt: Learnt | None = None
        self._learnt_at = 0
        self._crawls_requested: dict[str, int] = {}

    @cached_property
    def secret(self) -> bytes:
        """What secrets of members are sealed under."""
        return find_secret(self.settings)

    async def finder_means(self, now: int, *, may_probe: bool = True) -> Means:
        """What the finder works with; what was learnt from earlier answers is a few minutes old at most."""
        if self._learnt is None or now - self._learnt_at >= _LEARNT_HOLDS:
            self._learnt, self._learnt_at = await load_learnt(self.stores.app), now
        prober = None
        if self.settings.probe and may_probe:
            prober = VerifierProber(
                self.stores.app, self.waiting, self.clock, per_domain=self.settings.verify_per_domain
            )
        return Means(
            stores=self.stores,
            claims=self.claims,
            prober=prober,
            find_exchangers=self.find_exchangers,
            likelihoods=self._learnt.likelihoods,
            calibrations=self._learnt.calibrations,
        )

    async def request_crawl(self, domain: str, now: int) -> None:
        """Let the company's site that *domain* belongs to be crawled; once a day is enough to ask."""
        name = registrable_domain(domain)
        if name is None or now - self._crawls_requested.get(name, 0) < DAY:
            return
        if len(self._crawls_requested) >= _MOST_REMEMBERED:
            self._crawls_requested.clear()
        self._crawls_requested[name] = now
        # The answer stands whether or not this can be written down.
        with contextlib.suppress(StoreError):
            async with self.stores.index.write() as conn:
                await request_crawl(conn, name, now)
