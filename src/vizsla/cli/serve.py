"""`vizsla serve`: everything on one machine. `vizsla work`: the loops alone."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial

from vizsla.accounts.sample import issue_sample_key
from vizsla.accounts.store import create_setup_token
from vizsla.api.app import App
from vizsla.api.journal import Journal
from vizsla.api.openapi import describe
from vizsla.api.server import run as run_loop
from vizsla.api.server import serve as listen
from vizsla.api.v2 import all_calls
from vizsla.cli.gather import load_sample
from vizsla.cli.output import put_line, talk
from vizsla.desk.services import Services
from vizsla.erasure.claiming import finish_erasures
from vizsla.harvest.sample import RICHEST_DOMAIN
from vizsla.kit.errors import VizslaError
from vizsla.kit.settings import Settings, load_settings
from vizsla.mail.post import outbox_of
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.storage.open import HomeLock
from vizsla.storage.statement import statement
from vizsla.verifier.exchangers import find_exchangers
from vizsla.web.app import create_web
from vizsla.web.house import House
from vizsla.work.loops import run_loops
from vizsla.work.workplace import Workplace, open_workplace

_ANY_DOMAIN = statement("SELECT domain FROM domain LIMIT 1")


LEAVES = 45.0
"""Seconds that the loops have to end: those that send wait for what is at the dot (work.campaigns.LEAVES)."""


def serve(*, host: str = "127.0.0.1", port: int = 8000, with_sample: bool = False, work: bool = True) -> None:
    """
    Run the API and the pages for people, until stopped.

    Parameters
    ----------
    host
        The address to listen on.
    port
        The port to listen on; 0 takes a free one.
    with_sample
        Load a sample of invented companies if the index is empty, and print a line that asks about one.
    work
        Do due work as well: verify, send, crawl …; without, `vizsla work` on the same PostgreSQL does it.
    """
    settings = load_settings()
    if not work and _is_sqlite(settings):
        raise NeedsPostgres
    # Ctrl-C is how a server is stopped: nothing was interrupted.
    with _one_server(settings), contextlib.suppress(KeyboardInterrupt):
        run_loop(_serve(settings, host, port, with_sample=with_sample, work=work))


def work() -> None:
    """Run the loops alone, beside servers on the same PostgreSQL, until stopped."""
    settings = load_settings()
    if _is_sqlite(settings):
        raise NeedsPostgres
    run_loop(_work(settings))


class NeedsPostgres(VizslaError):
    """On SQLite one `vizsla serve` does this work. Several nodes need PostgreSQL: set VIZSLA_DATABASE_URL and VIZSLA_INDEX_URL."""

    id = "needs_postgres"


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    journal = Journal(level=settings.log)
    async with open_workplace(settings) as place:
        put_line("Working. Stop it with Ctrl-C.")
        sys.stdout.flush()
        async with _working(place, journal) as loops:
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([loops, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if loops.done():
                loops.result()
    journal.flush()


@contextlib.asynccontextmanager
async def _working(place: Workplace, journal: Journal) -> AsyncIterator[asyncio.Task[None]]:
    """The loops, while inside."""
    loops = asyncio.create_task(run_loops(place, journal.event))
    try:
        yield loops
    finally:
        loops.cancel()
        await asyncio.wait([loops], timeout=LEAVES)
        if loops.done() and not loops.cancelled():
            loops.exception()  # it was said in the log


def _is_sqlite(settings: Settings) -> bool:
    return settings.app_url.startswith("sqlite:") or settings.index_database_url.startswith("sqlite:")


@contextlib.contextmanager
def _one_server(settings: Settings) -> Iterator[None]:
    """SQLite means one server on one home; PostgreSQL takes any number."""
    if _is_sqlite(settings):
        with HomeLock(settings.home):
            yield
    else:
        yield


async def _serve(settings: Settings, host: str, port: int, *, with_sample: bool, work: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(open_workplace(settings))
        if forgotten := await finish_erasures(place.stores, place.secret, place.clock, outbox=outbox_of(settings)):
            talk(f"Finished forgetting {forgotten} claimed addresses and domains.")
        if with_sample and await place.stores.index.fetch_one(_ANY_DOMAIN) is None:
            talk("The index is empty: loading the sample.")
            await load_sample(place)
        async with place.stores.app.write() as conn:
            token = await create_setup_token(conn, place.clock.now())
            sample_key = await issue_sample_key(conn, place.clock.now()) if with_sample else None
        dns = await stack.enter_async_context(DnsClient(settings.dns_servers))
        services = Services(
            settings,
            place.stores,
            await place.claims(),
            clock=place.clock,
            load_claims=place.claims,
            waiting=place.waiting,
            way_out=place.way_out,
            find_exchangers=partial(find_exchangers, dns, EgressGuard(settings.egress_allow)),
        )
        stack.callback(services.mirrors.close)
        journal = Journal(level=settings.log)
        house = House(services, place.secret, partial(describe, all_calls(trial=settings.trial)), journal.fault)
        stack.push_async_callback(house.sightings.close)
        app = App(services, journal, create_web(house))

        def announce(url: str) -> None:
            house.base_url = settings.base_url or url
            _announce(house.base_url, token, sample_key)

        if work:
            await stack.enter_async_context(_working(place, app.journal))
        await listen(
            app,
            host,
            port,
            journal=app.journal,
            started=announce,
            drain=settings.drain,
            stop=app.stop,
            proxies=settings.trusted_proxies,
        )


def _announce(url: str, token: str | None, sample_key: str | None) -> None:
    put_line(f"Vizsla is at {url}")
    if token is not None:
        put_line(f"Make the first account (this link works once): {url}/setup/{token}")
    if sample_key is not None:
        put_line(f'Ask it: curl "{url}/v2/domain-search?domain={RICHEST_DOMAIN}" -H "X-API-KEY: {sample_key}"')
    put_line("Stop it with Ctrl-C.")
    sys.stdout.flush()
