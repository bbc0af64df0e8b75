"""
Forget one person, or one domain, everywhere.

The claim is committed before anything is deleted: from then on no harvest adds the address again and no answer shows it,
whatever happens to the deletion. `finish_erasures` completes what a dead process left.
"""

from vizsla.accounts.uploads import forget_in_uploads
from vizsla.finder.bulk import EVERY_FOUND, forget_found
from vizsla.finder.bulk_searches import EVERY_FOUND as EVERY_SEARCHED
from vizsla.finder.bulk_searches import forget_searched, pairs_of
from vizsla.index.erase import forget
from vizsla.kit.clock import Clock
from vizsla.kit.email_address import parse_email
from vizsla.leads.erase import EVERY_LEAD
from vizsla.leads.erase import forget as forget_leads
from vizsla.privacy.claims import Claimed, Claims, add_claim, has_pending, load_claims, record_erased, remove_claim
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.verifier.bulk import Ending
from vizsla.verifier.bulk_store import forget_texts
from vizsla.verifier.store import EVERY_ADDRESS as EVERY_VERIFIED
from vizsla.verifier.store import forget as forget_verifications
from vizsla.verifier.syntax import Address, parse_address

_EVERY_DOMAIN = statement("SELECT domain FROM domain ORDER BY domain")
_EVERY_ADDRESS = statement("SELECT domain, local FROM email ORDER BY domain, local")


async def claim(stores: Stores, claims: Claims, claimed: Claimed, clock: Clock) -> bool:
    """Stop showing and keeping *claimed*. False if it was claimed already; it is erased again all the same."""
    async with stores.app.write() as conn:
        is_new = await add_claim(conn, claims, claimed, clock.now())
    async with stores.index.write() as conn:
        await forget(conn, claimed.domain, claimed.local or None)
    async with stores.app.write() as conn:
        await forget_verifications(conn, claimed.domain, claimed.local or None)
    await forget_texts(stores.app, lambda text: _is_of(claimed, text), Ending("claimed", clock.now()))
    await forget_in_uploads(stores.app, lambda text: _is_of(claimed, text))
    async with stores.app.write() as conn:
        await forget_found(conn, claimed.domain, claimed.local or None)
    async with stores.app.write() as conn:
        await forget_leads(conn, claimed.domain, claimed.local or None, now=clock.now())
        await forget_searched(conn, claimed.domain, claimed.local or None)
        await record_erased(conn, claims, claimed, clock.now())
    return is_new


def _is_of(claimed: Claimed, text: str) -> bool:
    """Whether *text*, of a row of somebody's list, is an address that *claimed* names."""
    if text.isascii() and claimed.domain not in text.lower():
        return False
    address = parse_address(text)
    if not isinstance(address, Address) or (claimed.local and address.local != claimed.local):
        return False
    return address.domain == claimed.domain or (not claimed.local and address.domain.endswith(f".{claimed.domain}"))


async def unclaim(stores: Stores, claims: Claims, claimed: Claimed) -> bool:
    """Take a claim back. What was forgotten stays forgotten until a page with it is read again."""
    async with stores.app.write() as conn:
        return await remove_claim(conn, claims, claimed)


async def finish_erasures(stores: Stores, secret: bytes, clock: Clock) -> int:
    """
    Erase what was claimed but not yet erased; the number of domains and addresses that went.

    Claims hold hashes alone, so every address that is kept has to be asked about. Run at a start, and only if needed.
    """
    if not await has_pending(stores.app):
        return 0
    claims = await load_claims(stores.app, secret)
    forgotten = 0
    async for rows in stores.index.stream(_EVERY_DOMAIN):
        for (domain,) in rows:
            if claims.is_claimed(domain):
                async with stores.index.write() as conn:
                    await forget(conn, domain)
                forgotten += 1
    async for rows in stores.index.stream(_EVERY_ADDRESS):
        claimed = [(domain, local) for domain, local in rows if claims.is_claimed(domain, local)]
        if claimed:
            async with stores.index.write() as conn:
                for domain, local in claimed:
                    await forget(conn, domain, local)
            forgotten += len(claimed)
    async for rows in stores.app.stream(EVERY_VERIFIED):
        claimed = [(domain, local) for domain, local in rows if claims.is_claimed(domain, local)]
        if claimed:
            async with stores.app.write() as conn:
                for domain, local in claimed:
                    await forget_verifications(conn, domain, local)

    def is_claimed(text: str) -> bool:
        address = parse_address(text)
        return isinstance(address, Address) and claims.is_claimed(address.domain, address.local)

    await forget_texts(stores.app, is_claimed, Ending("claimed", clock.now()))
    await forget_in_uploads(stores.app, is_claimed)
    async for rows in stores.app.stream(EVERY_FOUND):
        claimed = [(domain, local) for domain, local in rows if claims.is_claimed(domain, local)]
        if claimed:
            async with stores.app.write() as conn:
                for domain, local in claimed:
                    await forget_found(conn, domain, local)
    async for rows in stores.app.stream(EVERY_LEAD):
        addresses = [parse_email(email) for (email,) in rows if is_claimed(email)]
        if addresses:
            async with stores.app.write() as conn:
                for address in addresses:
                    await forget_leads(conn, address.domain, address.local, now=clock.now())
    async for rows in stores.app.stream(EVERY_SEARCHED):
        claimed = [pair for pair in pairs_of(rows) if claims.is_claimed(*pair)]
        if claimed:
            async with stores.app.write() as conn:
                for domain, local in claimed:
                    await forget_searched(conn, domain, local)
    async with stores.app.write() as conn:
        await record_erased(conn, claims, None, clock.now())
    return forgotten
