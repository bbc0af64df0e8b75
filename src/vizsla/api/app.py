"""
What answers at which path?

`/v2/…` and `/trial/v2/…` are the API's, `/healthz`, `/readyz`, `/metrics` and `/openapi.json` are for those who run and
integrate it; everything else goes to *fallback*, the dashboard, or is a 404.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from typing import TextIO

import msgspec
from starlette.types import ASGIApp

from vizsla.accounts.idempotency import forget_answers
from vizsla.api.door import Door, Receive, Scope, Send
from vizsla.api.errors import Forbidden, MethodNotAllowed, RouteNotFound
from vizsla.api.journal import Journal
from vizsla.api.openapi import describe
from vizsla.api.protocol import Stop
from vizsla.api.registry import normalise_path
from vizsla.api.replica_metrics import ReplicaMetrics
from vizsla.api.v2 import all_calls
from vizsla.desk.services import Services
from vizsla.finder.finding import FindExchangers
from vizsla.kit.clock import Clock, time_text
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import LOOK, Claims, find_version
from vizsla.storage.database import Database
from vizsla.storage.migrate import Which, is_outgrown
from vizsla.storage.open import Stores
from vizsla.verifier.egress import WayOut
from vizsla.verifier.waiting import Waiting

_JSON = b"application/json"
_LOOPBACK = ("127.0.0.1", "::1")
_TIDY_SECONDS = 3_600.0


def create_app(
    settings: Settings,
    stores: Stores,
    claims: Claims,
    *,
    clock: Clock | None = None,
    load_claims: Callable[[], Awaitable[Claims]] | None = None,
    waiting: Waiting | None = None,
    way_out: WayOut | None = None,
    find_exchangers: FindExchangers | None = None,
    fallback: ASGIApp | None = None,
    log_stream: TextIO | None = None,
) -> "App":
    """
    The server's ASGI app on open *stores*.

    *load_claims* reads the claims anew; it is called whenever one was made while the app runs. *waiting* are the bells that the
    loops of this process ring and hear, *way_out* is what they know of the way to mail servers. *find_exchangers* asks DNS where
    mail for a domain goes; without it the finder does not. *fallback* answers all paths that are not the API's.
    """
    services = Services(
        settings,
        stores,
        claims,
        clock=clock,
        load_claims=load_claims,
        waiting=waiting,
        way_out=way_out,
        find_exchangers=find_exchangers,
    )
    return App(services, Journal(log_stream, settings.log), fallback)


class App:
    """An ASGI app."""

    def __init__(self, services: Services, journal: Journal, fallback: ASGIApp | None) -> None:
        self.services = services
        self.journal = journal
        services.requests.on_fault = lambda error: journal.event(
            "request_log", level="warning", error=f"{type(error).__name__}: {error}"
        )
        if (replicas := services.stores.replicas) is not None:
            journal.also(ReplicaMetrics(replicas))
        self.routes = all_calls(trial=services.settings.trial)
        self._door = Door(services, self.routes, journal)
        self._fallback = fallback
        self._openapi: bytes | None = None
        self.stop = Stop()
        self._tending: list[asyncio.Task[None]] = []
        self._pages: dict[str, Callable[[Scope], Awaitable[tuple[int, bytes, bytes]]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/openapi.json": self._describe,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            if not await self._door.answer(scope, receive, send):
                await self._answer_other(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = normalise_path(scope["path"])
        page = self._pages.get(path)
        if page is not None:
            if scope["method"] not in ("GET", "HEAD"):
                await self._door.refuse(scope, send, MethodNotAllowed("Use GET."))
                return
            try:
                status, body, content_type = await page(scope)
            except VizslaError as error:
                await self._door.refuse(scope, send, error)
            except Exception as error:
                self.journal.fault(error, request_id="", name=path)
                await self._door.refuse(scope, send, VizslaError())
            else:
                await self._door.reply(scope, send, (status, body), content_type)
        elif self._fallback is None or path.startswith(("/v2/", "/trial/")) or path in ("/v2", "/trial"):
            await self._door.refuse(scope, send, RouteNotFound())
        else:
            await self._fallback(scope, receive, send)

    async def _healthz(self, scope: Scope) -> tuple[int, bytes, bytes]:
        """The process answers."""
        return 200, b'{"status":"ok"}', _JSON

    async def _readyz(self, scope: Scope) -> tuple[int, bytes, bytes]:
        """The process can do its work: both databases answer. And whether mail servers can be asked, for that comes and goes."""
        stores = self.services.stores
        states = (
            ("stopping",) if self.stop.is_near else (await _look(stores.app, "app"), await _look(stores.index, "index"))
        )
        for state in states:
            if state != "ready":
                return 503, msgspec.json.encode({"status": state}), _JSON
        if not self.services.settings.probe:
            return 200, b'{"status":"ready"}', _JSON
        return 200, msgspec.json.encode({"status": "ready", "egress": _describe_egress(self.services.way_out)}), _JSON

    async def _metrics(self, scope: Scope) -> tuple[int, bytes, bytes]:
        headers = dict(scope["headers"])
        token = self.services.settings.metrics_token
        if token:
            given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            allowed = hmac.compare_digest(given, token.encode())
        else:
            # A proxy on this machine connects from loopback for everyone; what it adds gives it away.
            client = scope["client"]
            allowed = client is not None and client[0] in _LOOPBACK
            allowed = allowed and b"x-forwarded-for" not in headers and b"forwarded" not in headers
        if not allowed:
            raise Forbidden("Metrics need VIZSLA_METRICS_TOKEN as a Bearer token, or a client on this machine.")
        return 200, self.journal.render_metrics(), b"text/plain; version=0.0.4; charset=utf-8"

    async def _describe(self, scope: Scope) -> tuple[int, bytes, bytes]:
        if self._openapi is None:
            self._openapi = msgspec.json.encode(describe(self.routes, self.services.settings.base_url))
        return 200, self._openapi, _JSON

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._tending = [asyncio.create_task(self._follow_claims()), asyncio.create_task(self._tidy_up())]
                await send({"type": "lifespan.startup.complete"})
            else:
                for task in self._tending:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                await self.services.requests.close()
                self.journal.flush()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _follow_claims(self) -> None:
        """Read the claims anew whenever one was made or taken back."""
        known: int | None = None
        services = self.services

        async def follow() -> None:
            nonlocal known
            # One row by its key: what is asked so often must cost nothing.
            version = await find_version(services.stores.app)
            if services.load_claims is not None and version != known:
                services.claims = await services.load_claims()
                known = version

        await self._again_and_again(follow, LOOK)

    async def _tidy_up(self) -> None:
        """Drop rows that have served their time."""
        await self._again_and_again(self._tidy, _TIDY_SECONDS)

    async def _again_and_again(self, act: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await act()
            except StoreError as error:
                self.journal.event("tend", level="warning", error=error.details)
            except Exception as error:
                self.journal.fault(error, request_id="", name="tend")
            await asyncio.sleep(pause)

    async def _tidy(self) -> None:
        now = self.services.clock.now()
        async with self.services.stores.app.write() as conn:
            await forget_answers(conn, now)


def _describe_egress(way_out: WayOut) -> dict[str, object]:
    """The colours alone: what they rest on names this server's address, and is for `vizsla doctor` and the log."""
    report = way_out.report
    if report is None:
        return {"state": "open"}
    checks = {check.what: check.state for check in report.checks}
    return {"state": report.state, "checked_at": time_text(report.at), "checks": checks}


async def _look(database: Database, which: Which) -> str:
    """`ready`, `unavailable`, or `outdated`: a newer version has changed it, and is to take this one's place."""
    try:
        async with asyncio.timeout(2.0):
            return "outdated" if await is_outgrown(database, which) else "ready"
    except (StoreError, TimeoutError):
        return "unavailable"
