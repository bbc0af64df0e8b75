"""
How does a person have a domain crawled, watch it, and stop it?

A domain is crawled once, whoever asks; each account sees those it asked for. That a person asked is enough: whether a search that
finds nothing starts a crawl (VIZSLA_CRAWL_ON_MISS) is another matter.
"""

import msgspec

from vizsla.accounts.store import next_id
from vizsla.crawl.asks import Ask, find_ask, is_wanted, list_asks, record_ask, withdraw_ask
from vizsla.crawl.requests import AGAIN, Crawl, ask_crawl, find_crawl, list_crawls, stop_crawl
from vizsla.desk.services import Services
from vizsla.kit.domain_name import parse_domain, registrable_domain
from vizsla.kit.errors import InvalidDomain, VizslaError

MOST_WAITING = 20
"""Crawls of one account that may wait or run."""
_LOOK = 200
"""Of the newest asks of an account so many are looked at for what still waits: older ones have long ended."""


class TooManyCrawls(VizslaError):
    """Twenty of your crawls wait already. Each is polite, so they take their time: ask again when some are done."""

    id = "too_many_requests"


class DomainClaimed(VizslaError):
    """The owner of this domain asked that it be left alone, so it is not crawled."""

    id = "claimed_email"


class AskedCrawl(msgspec.Struct, frozen=True):
    """A crawl, and that this account asked for it."""

    ask: Ask
    crawl: Crawl | None
    """None when it was so long ago that only what was read is left."""

    @property
    def state(self) -> str:
        """Waiting, running, done, failed or cancelled, as this account is to see it."""
        if self.ask.cancelled_at is not None:
            return "cancelled"
        return self.crawl.state if self.crawl else "done"

    @property
    def is_on(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in ("waiting", "running")


class Begun(msgspec.Struct, frozen=True):
    """What came of asking."""

    domain: str
    """The registrable domain that is crawled."""
    is_new: bool
    """False if it waits or runs already, or was crawled within the hour."""


def crawlable(text: str) -> str:
    """The registrable domain that *text* (a domain or an address of a page) belongs to. Raises InvalidDomain."""
    name = registrable_domain(parse_domain(text))
    if name is None:
        raise InvalidDomain(f"{text} is no domain that somebody can register. Give a name such as stripe.com.")
    return name


async def ask_for_crawl(services: Services, account_id: int, member_id: int | None, text: str, now: int) -> Begun:
    """Have the company's site that *text* names crawled. Raises InvalidDomain, DomainClaimed, TooManyCrawls."""
    domain = crawlable(text)
    if services.claims.is_claimed(domain):
        raise DomainClaimed
    stores = services.stores
    async with stores.app.write() as app:
        # Locks the account, so that of many at once each counts those before it.
        await next_id(app, account_id)
        await record_ask(app, account_id, domain, member_id=member_id, now=now)
        asks = [ask for ask in await list_asks(app, account_id, most=_LOOK) if ask.cancelled_at is None]
        crawls = await list_crawls(stores.index, [ask.domain for ask in asks])
        # An ask without a crawl is one whose crawl is about to be written down, or forgotten since.
        waiting = sum(ask.domain in crawls and crawls[ask.domain].is_on for ask in asks if ask.domain != domain)
        if waiting >= MOST_WAITING:
            raise TooManyCrawls
        async with stores.index.write() as index:
            is_new = await ask_crawl(index, domain, now)
    return Begun(domain, is_new)


async def list_asked(services: Services, account_id: int) -> list[AskedCrawl]:
    """The crawls that *account_id* asked for, the newest first."""
    asks = await list_asks(services.stores.app, account_id)
    crawls = await list_crawls(services.stores.index, [ask.domain for ask in asks])
    return [AskedCrawl(ask, crawls.get(ask.domain)) for ask in asks]


async def find_asked(services: Services, account_id: int, domain: str) -> AskedCrawl | None:
    """That of *domain* (registrable), if *account_id* asked for it."""
    ask = await find_ask(services.stores.app, account_id, domain)
    return AskedCrawl(ask, await find_crawl(services.stores.index, domain)) if ask else None


async def cancel_crawl(services: Services, account_id: int, domain: str, now: int) -> bool:
    """
    Stop what *account_id* asked for; what was read is kept. False if there is nothing to stop.

    A crawl that another account waits for goes on, unseen.
    """
    stores = services.stores
    asked = await find_asked(services, account_id, domain)
    if asked is None or not asked.is_on:
        return False
    async with stores.app.write() as app:
        await withdraw_ask(app, account_id, domain, now)
        is_wanted_still = await is_wanted(app, domain, now - AGAIN)
    if not is_wanted_still:
        async with stores.index.write() as index:
            await stop_crawl(index, domain, now)
    return True
