"""`vizsla claim`: who said stop."""

import asyncio

from vizsla import erasure
from vizsla.cli.output import put_json, put_table, talk
from vizsla.kit.clock import day
from vizsla.privacy.claims import list_claims, parse_claimed
from vizsla.work.workplace import open_workplace


def add(email_or_domain: str, /) -> None:
    """
    Forget an address or a whole domain, and never keep or show it again.

    Parameters
    ----------
    email_or_domain
        jane@acme.com, or acme.com for everybody there.
    """

    async def run() -> None:
        claimed = parse_claimed(email_or_domain)
        async with open_workplace() as place:
            is_new = await erasure.claim(place.stores, await place.claims(), claimed, place.clock)
            talk(
                f"{claimed.text} is claimed: forgotten, and not taken up again."
                if is_new
                else "It was claimed already."
            )

    asyncio.run(run())


def list_all(*, json: bool = False) -> None:
    """List claims, as far as they can be shown: addresses are kept as hashes alone."""

    async def run() -> None:
        async with open_workplace() as place:
            claims = await list_claims(place.stores.app)
        if json:
            put_json(claims)
        elif not claims:
            talk("Nobody has said stop. `vizsla claim add EMAIL-or-DOMAIN` keeps one.")
        else:
            put_table(("kind", "who", "since"), [(c.kind, c.label, day(c.created_at)) for c in claims])

    asyncio.run(run())


def remove(email_or_domain: str, /) -> int:
    """Let an address or a domain be kept and shown again."""

    async def run() -> int:
        claimed = parse_claimed(email_or_domain)
        async with open_workplace() as place:
            was_claimed = await erasure.unclaim(place.stores, await place.claims(), claimed)
        talk(
            f"{claimed.text} may be kept again, when a page with it is next read."
            if was_claimed
            else "It was not claimed."
        )
        return 0 if was_claimed else 1

    return asyncio.run(run())
