"""A claim is kept whatever dies in the middle: what was not yet forgotten is, at the next start."""

from vizsla.erasure.claiming import finish_erasures
from vizsla.harvest.records import Fact, Sighting
from vizsla.index.merge import merge
from vizsla.kit.clock import SystemClock
from vizsla.privacy.claims import Claims, add_claim, load_claims, parse_claimed
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

SECRET = b"0" * 32
NOW = 1_795_000_000


async def test_what_was_claimed_and_not_yet_erased_goes_at_the_next_start(stores: Stores) -> None:
    nobody = Claims(SECRET)
    async with stores.index.write() as conn:
        await merge(
            conn,
            sightings=[
                Sighting(domain, local, f"https://{domain}/", NOW, NOW, "mailto")
                for domain, local in [("acme.com", "jane"), ("acme.com", "joe"), ("globex.com", "info")]
            ],
            facts=[
                Fact(domain, "organization", "Someone", f"https://{domain}/", NOW, 1)
                for domain in ("acme.com", "globex.com", "silent.com")
            ],
            claims=nobody,
            today=NOW,
        )
    # The process died after the claims were committed.
    async with stores.app.write() as conn:
        for claimed in ("jane@acme.com", "globex.com", "silent.com"):
            await add_claim(conn, nobody, parse_claimed(claimed), NOW)

    assert await finish_erasures(stores, SECRET, SystemClock()) == 3
    assert await finish_erasures(stores, SECRET, SystemClock()) == 0

    emails = await stores.index.fetch_all(statement("SELECT domain, local FROM email"))
    known = await stores.index.fetch_all(statement("SELECT domain FROM domain"))
    said = await stores.index.fetch_all(statement("SELECT domain FROM fact"))
    assert [tuple(row) for row in emails] == [("acme.com", "joe")]
    assert [row[0] for row in known] == [row[0] for row in said] == ["acme.com"]
    assert (await load_claims(stores.app, SECRET)).is_claimed("silent.com")
