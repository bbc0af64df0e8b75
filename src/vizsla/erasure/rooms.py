"""
Which rooms hold something about people, and how do they forget it?

A room that comes to hold people is entered here, in `ROOMS`, and its columns that hold none are named in `NO_PERSON` beside its tables.
tests/test_erasure.py reads the catalogue of both databases and fails for a text column that is neither declared nor emptied.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import msgspec

from vizsla.accounts.forgetting import candidates as uploaded_addresses
from vizsla.accounts.forgetting import forget as forget_in_accounts
from vizsla.accounts.lists import forget_names
from vizsla.campaigns.forgetting import candidates as recipients_addresses
from vizsla.campaigns.forgetting import forget as forget_campaigned
from vizsla.crawl.forgetting import forget as forget_crawled
from vizsla.crawl.forgetting import forget_asks
from vizsla.finder.forgetting import candidates as found_addresses
from vizsla.finder.forgetting import forget as forget_found
from vizsla.finder.forgetting import forget_searched
from vizsla.index.erase import EVERY_ADDRESS, EVERY_DOMAIN
from vizsla.index.erase import forget as forget_indexed
from vizsla.kit.whom import Counts, Whom
from vizsla.leads.erase import candidates as leads_addresses
from vizsla.leads.erase import forget as forget_leads
from vizsla.privacy.suppression import candidates as suppressed_addresses
from vizsla.privacy.suppression import forget as forget_suppressed
from vizsla.storage.database import Connection, Database
from vizsla.storage.statement import Statement
from vizsla.verifier.forgetting import candidates as verified_addresses
from vizsla.verifier.forgetting import forget as forget_verified
from vizsla.webhooks.forgetting import candidates as told_addresses
from vizsla.webhooks.forgetting import forget as forget_told

_LISTS = ("bulk_list", "bulk_finding", "bulk_search")
Pairs = list[tuple[str, str | None]]
"""Domains and local parts; None for a whole domain."""


async def _nobody(_: Database) -> AsyncIterator[Pairs]:
    for nothing in list[Pairs]():
        yield nothing


def _rows_of(*queries: Statement) -> Callable[[Database], AsyncIterator[Pairs]]:
    async def stream(database: Database) -> AsyncIterator[Pairs]:
        for query in queries:
            async for rows in database.stream(query):
                yield [(domain, local) for domain, local in rows]

    return stream


class Room(msgspec.Struct, frozen=True):
    """How one room forgets."""

    name: str
    store: Literal["app", "index"]
    forget: Callable[[Connection, Whom, int], Awaitable[Counts]]
    """Forget somebody, now (seconds since 1970), in one transaction: how many rows of each table went or were emptied."""
    candidates: Callable[[Database], AsyncIterator[Pairs]] = _nobody
    """Everybody whom the room holds something about under an address or domain; claims, being hashes, cannot be searched for."""


async def _forget_in_accounts(conn: Connection, whom: Whom, _: int) -> Counts:
    return await forget_in_accounts(conn, whom) | await forget_names(conn, _LISTS, whom)


async def _forget_found(conn: Connection, whom: Whom, _: int) -> Counts:
    return await forget_found(conn, whom) | await forget_searched(conn, whom)


async def _forget_asks(conn: Connection, whom: Whom, _: int) -> Counts:
    return await forget_asks(conn, whom)


async def _forget_crawled(conn: Connection, whom: Whom, _: int) -> Counts:
    return await forget_crawled(conn, whom)


async def _forget_indexed(conn: Connection, whom: Whom, now: int) -> Counts:
    return await forget_indexed(conn, whom, today=now)


ROOMS = (
    Room("accounts", "app", _forget_in_accounts, uploaded_addresses),
    Room("verifier", "app", forget_verified, verified_addresses),
    Room("finder", "app", _forget_found, found_addresses),
    Room("leads", "app", forget_leads, leads_addresses),
    Room("webhooks", "app", forget_told, told_addresses),
    Room("campaigns", "app", forget_campaigned, recipients_addresses),
    Room("whom accounts do not write to", "app", forget_suppressed, suppressed_addresses),
    Room("who asked for crawls", "app", _forget_asks),
    Room("crawl", "index", _forget_crawled),
    # Last: what others know by name alone is recognised by what the index knows.
    Room("index", "index", _forget_indexed, _rows_of(EVERY_DOMAIN, EVERY_ADDRESS)),
)
