"""What do the pages work with? The services they share with the API, and what the server that runs them brings."""

from collections.abc import Callable
from typing import Any, Protocol

from vizsla.accounts.callers import Caller, find_caller
from vizsla.accounts.roles import NotAllowed
from vizsla.accounts.sessions import Visitor
from vizsla.campaigns.sightings import Sightings
from vizsla.campaigns.tracking import Tokens
from vizsla.desk.backups import Backups
from vizsla.desk.services import Services
from vizsla.finder.calibration import Stratum, measure_calibration
from vizsla.web.misses import Misses

_CALIBRATION_HOLDS = 60


class Fault(Protocol):
    """Writes down what went wrong on our side."""

    def __call__(self, error: BaseException, *, request_id: str, name: str | None) -> None: ...


class House:
    """One server, as its pages see it."""

    def __init__(
        self,
        services: Services,
        secret: bytes,
        describe_api: Callable[[str], dict[str, Any]],
        fault: Fault,
    ) -> None:
        self.services = services
        self.backups = Backups(services.settings, services.clock)
        self.secret = secret
        self.base_url = services.settings.base_url
        """How people reach this server; the address it listens on, once that is known, if nothing else was set."""
        self.fault = fault
        self.tokens = Tokens(secret)
        self.misses = Misses()
        self.sightings = Sightings(
            services.stores.app, lambda error: fault(error, request_id="", name="what was seen of mails")
        )
        self._describe_api = describe_api
        self._api: dict[str, Any] | None = None
        self._calibration: tuple[int, list[Stratum]] | None = None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach this server over TLS, so that its cookie must not travel otherwise."""
        return self.base_url.startswith("https://")

    def describe_api(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self._api is None:
            self._api = self._describe_api(self.base_url)
        return self._api

    async def caller(self, visitor: Visitor) -> Caller:
        """*visitor* as one whose questions are counted."""
        services = self.services
        found = await find_caller(services.stores.app, services.settings, visitor.account_id, visitor.member_id)
        if found is None:
            raise NotAllowed("You are no longer a member of this team.")
        return found

    async def calibration(self, now: int) -> list[Stratum]:
        """How far the finder's probabilities hold; of ten thousand outcomes it takes a tenth of a second, so it is kept for a while."""
        if self._calibration is None or not 0 <= now - self._calibration[0] < _CALIBRATION_HOLDS:
            self._calibration = now, await measure_calibration(self.services.stores.app)
        return self._calibration[1]
