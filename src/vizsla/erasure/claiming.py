"""
What happens when somebody says stop?

The claim is committed before anything is deleted: from then on no harvest adds the address again and no answer shows it, whatever
happens to the deletion. `finish_erasures` completes what a dead process left. What was done, and on whose word, is in the ledger.
"""

import asyncio
from collections import Counter
from pathlib import Path

from vizsla.erasure.rooms import ROOMS
from vizsla.index.erase import names_of
from vizsla.kit.clock import Clock
from vizsla.kit.whom import Counts, Whom
from vizsla.mail.post import forget_letters
from vizsla.privacy.claims import Claimed, Claims, add_claim, has_pending, load_claims, record_erased, remove_claim
from vizsla.privacy.ledger import Word, record_event
from vizsla.storage.open import Stores


async def claim(
    stores: Stores, claims: Claims, claimed: Claimed, clock: Clock, *, word: Word, outbox: Path | None = None
) -> bool:
    """
    Stop showing and keeping *claimed*, on *word*. False if it was claimed already; it is erased again all the same.

    *outbox* is the folder of mails that no relay took: those to whoever is claimed go as well.
    """
    async with stores.app.write() as conn:
        is_new = await add_claim(conn, claims, claimed, clock.now())
        await record_event(conn, claims, claimed, what="claimed", word=word, now=clock.now())
    await erase(stores, claims, claimed, clock, word=word, outbox=outbox)
    return is_new


async def erase(
    stores: Stores, claims: Claims, claimed: Claimed, clock: Clock, *, word: Word, outbox: Path | None = None
) -> Counts:
    """Delete all that is held about *claimed*, whose claim is committed."""
    local = claimed.local or None
    names = await names_of(stores.index, claimed.domain, local) if local else frozenset[str]()
    whom, erased = Whom(claimed.domain, local, names), Counter[str]()
    for store in ("app", "index"):
        async with getattr(stores, store).write() as conn:
            for room in ROOMS:
                if room.store == store:
                    erased.update(await room.forget(conn, whom, clock.now()))
    if outbox is not None:
        erased["outbox"] = await asyncio.to_thread(forget_letters, outbox, whom.is_in)
    async with stores.app.write() as conn:
        await record_erased(conn, claims, claimed, clock.now())
        await record_event(conn, claims, claimed, what="erased", word=word, now=clock.now(), erased=erased)
    for database in (stores.app, stores.index):
        await database.settle()
    return erased


async def unclaim(stores: Stores, claims: Claims, claimed: Claimed, clock: Clock, *, word: Word) -> bool:
    """Take a claim back. What was forgotten stays forgotten until a page with it is read again."""
    async with stores.app.write() as conn:
        was_claimed = await remove_claim(conn, claims, claimed)
        if was_claimed:
            await record_event(conn, claims, claimed, what="removed", word=word, now=clock.now())
    return was_claimed


async def finish_erasures(stores: Stores, secret: bytes, clock: Clock, *, outbox: Path | None = None) -> int:
    """
    Erase what was claimed but not yet erased; the number of domains and addresses that went.

    Claims hold hashes alone, so everybody of whom something is held has to be asked about. Run at a start and now and then, and
    only if needed.
    """
    if not await has_pending(stores.app):
        return 0
    started = clock.now()
    claims = await load_claims(stores.app, secret)
    found: dict[Claimed, None] = {}
    for room in ROOMS:
        async for pairs in room.candidates(getattr(stores, room.store)):
            for domain, local in pairs:
                if claims.is_claimed(domain):
                    found[Claimed("domain", domain)] = None
                elif local and claims.is_address_claimed(domain, local):
                    found[Claimed("email", domain, local)] = None
    for claimed in found:
        await erase(stores, claims, claimed, clock, word=Word("restart"), outbox=outbox)
    async with stores.app.write() as conn:
        await record_erased(conn, claims, None, started)
    return len(found)
