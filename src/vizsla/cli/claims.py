"""`vizsla claim`: who said stop."""

import asyncio
import getpass
import os

from vizsla.cli.output import put_json, put_table, talk
from vizsla.erasure import claiming
from vizsla.kit.clock import day, time_text
from vizsla.mail.post import outbox_of
from vizsla.privacy.claims import list_claims, parse_claimed
from vizsla.privacy.ledger import LedgerLine, Word, list_ledger
from vizsla.work.workplace import open_workplace

_MOST_LINES = 10_000


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
            is_new = await claiming.claim(
                place.stores,
                await place.claims(),
                claimed,
                place.clock,
                word=_my_word(),
                outbox=outbox_of(place.settings),
            )
            talk(
                f"{claimed.text} is claimed: forgotten, and not taken up again."
                if is_new
                else "It was claimed already."
            )

    asyncio.run(run())


def list_all(*, history: bool = False, json: bool = False) -> None:
    """
    List claims, as far as they can be shown: addresses are kept as hashes alone.

    Parameters
    ----------
    history
        The ledger instead: what was done, when, on whose word, and how much went.
    """

    async def run() -> None:
        async with open_workplace() as place:
            lines = await list_ledger(place.stores.app, _MOST_LINES) if history else []
            claims = [] if history else await list_claims(place.stores.app)
        if json:
            put_json(lines if history else claims)
        elif not (lines or claims):
            talk("Nobody has said stop. `vizsla claim add EMAIL-or-DOMAIN` keeps one.")
        elif history:
            put_table(("when", "what", "kind", "who", "on the word of", "rows"), [_shown(line) for line in lines])
        else:
            put_table(("kind", "who", "since"), [(c.kind, c.label, day(c.created_at)) for c in claims])

    asyncio.run(run())


def remove(email_or_domain: str, /) -> int:
    """Let an address or a domain be kept and shown again."""

    async def run() -> int:
        claimed = parse_claimed(email_or_domain)
        async with open_workplace() as place:
            claims = await place.claims()
            was_claimed = await claiming.unclaim(place.stores, claims, claimed, place.clock, word=_my_word())
        talk(
            f"{claimed.text} may be kept again, when a page with it is next read."
            if was_claimed
            else "It was not claimed."
        )
        return 0 if was_claimed else 1

    return asyncio.run(run())


def _shown(line: LedgerLine) -> tuple[object, ...]:
    word = f"{line.who}: {line.proof}" if line.proof else line.who
    rows = ", ".join(f"{table} {count}" for table, count in line.erased.items())
    return time_text(line.at), line.what, line.kind, line.label, word, rows


def _my_word() -> Word:
    """Whoever sits at this terminal."""
    try:
        return Word("operator", getpass.getuser())
    except OSError:
        return Word("operator", f"uid {os.getuid()}")  # a container knows no names
