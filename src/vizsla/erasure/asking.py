"""
How does a person say stop, with nobody at the terminal?

They ask for an address and get a link by mail, or ask for a domain and publish a DNS record. Whether anything is held is not looked at
until that proof is there, so an answer, and the time it takes, tells nothing.
"""

import asyncio
from pathlib import Path

from vizsla.erasure.claiming import erase
from vizsla.erasure.holdings import Holdings, hold
from vizsla.kit.clock import Clock
from vizsla.kit.email_address import EmailAddress
from vizsla.mail.messages import claim_link
from vizsla.mail.outgoing import queue_mail
from vizsla.net.dns import DnsClient
from vizsla.privacy.claims import Claimed, Claims, add_claim
from vizsla.privacy.ledger import Word, record_event
from vizsla.privacy.requests import LINK_LASTS, ClaimRequest, count_request, find_proof, open_request, use_request
from vizsla.storage.database import Connection
from vizsla.storage.open import Stores

_under_way: set[asyncio.Task[None]] = set()
"""Held, for the event loop alone would let them be collected."""


async def ask_by_mail(
    conn: Connection, claims: Claims, claimed: Claimed, *, client: str, base_url: str, secret: bytes, now: int
) -> None:
    """
    Mail a link to the address *claimed*, unless it had its mails for today.

    *client* is the numeric address of whoever asks; *base_url* is how people reach this server, by its settings. Raises
    TooManyClaimRequests.
    """
    if not await count_request(conn, claims, claimed, client=client, now=now):
        return
    token = await open_request(conn, claimed, secret=secret, now=now)
    letter = claim_link(claimed.text, link=f"{base_url.rstrip('/')}/claim/{token}", until=now + LINK_LASTS)
    await queue_mail(conn, letter, secret=secret, now=now, lasts=LINK_LASTS)


async def ask_by_dns(
    conn: Connection, claims: Claims, claimed: Claimed, *, client: str, secret: bytes, now: int
) -> str | None:
    """The token of the page that says which record to publish; None if the domain had its requests for today."""
    if not await count_request(conn, claims, claimed, client=client, now=now):
        return None
    return await open_request(conn, claimed, secret=secret, now=now)


async def show(stores: Stores, claims: Claims, request: ClaimRequest, now: int) -> Holdings:
    """What is held about whoever came with a mailed link."""
    return await hold(stores, claims, EmailAddress(request.claimed.domain, request.claimed.local), now)


async def claim_by_mail(
    stores: Stores, claims: Claims, request: ClaimRequest, clock: Clock, *, outbox: Path | None = None
) -> None:
    """Erase what the link was mailed for. Raises LinkGone if it has been used, or is too old."""
    await _use_and_erase(stores, claims, request, clock, word=Word("mail"), outbox=outbox)


async def claim_by_dns(
    stores: Stores,
    claims: Claims,
    request: ClaimRequest,
    dns: DnsClient,
    clock: Clock,
    *,
    secret: bytes,
    outbox: Path | None = None,
) -> bool:
    """Erase the domain if its record is there now; whether it was. *dns* should remember nothing. Raises LinkGone."""
    proof = await find_proof(dns, request, secret)
    if proof is None:
        return False
    await _use_and_erase(stores, claims, request, clock, word=Word("dns", proof), outbox=outbox)
    return True


async def _use_and_erase(
    stores: Stores, claims: Claims, request: ClaimRequest, clock: Clock, *, word: Word, outbox: Path | None
) -> None:
    async def act() -> None:
        now = clock.now()
        async with stores.app.write() as conn:
            await use_request(conn, request, now)
            await add_claim(conn, claims, request.claimed, now)
            await record_event(conn, claims, request.claimed, what="claimed", word=word, now=now)
        await erase(stores, claims, request.claimed, clock, word=word, outbox=outbox)

    # A reader who goes away must not stop it half way.
    task = asyncio.create_task(act())
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    await asyncio.shield(task)
