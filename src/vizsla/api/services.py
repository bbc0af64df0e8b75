"""What do all calls of one server share? Stores, claims, the clock, and what is counted in memory."""

from collections.abc import Awaitable, Callable

from vizsla.accounts.idempotency import InFlight
from vizsla.accounts.keys import KeyRing
from vizsla.accounts.quota import Meter
from vizsla.accounts.rate import LocalLimiter, SharedLimiter, parse_limits
from vizsla.kit.clock import Clock, SystemClock
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores


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
    ) -> None:
        self.settings = settings
        self.stores = stores
        self.claims = claims
        self.clock = clock or SystemClock()
        self.load_claims = load_claims
        self.keys = KeyRing(stores.app, settings)
        self.meter = Meter(stores.app)
        self.in_flight = InFlight()
        self.local = LocalLimiter()
        # SQLite has one server on a home, so its own memory is the whole truth; nodes on PostgreSQL share theirs.
        self.shared = SharedLimiter(stores.app) if stores.app.dialect == "postgresql" else None
        # Of callers without a key; a wrong setting stops the start here.
        self.rates = {
            "search": parse_limits(settings.rate_search, "VIZSLA_RATE_SEARCH"),
            "count": parse_limits(settings.rate_count, "VIZSLA_RATE_COUNT"),
            "trial": parse_limits("1/s", "trial"),
        }
