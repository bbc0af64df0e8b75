"""A person who says stop is nobody's lead."""

from accounts.conftest import NOW
from vizsla.accounts.store import Member, create_user
from vizsla.erasure.claiming import claim, finish_erasures
from vizsla.leads.filters import Filters
from vizsla.leads.lead import draft
from vizsla.leads.lists import page_of_lists
from vizsla.leads.mirror import Mirrors
from vizsla.leads.recording import Verified, record_verifications
from vizsla.leads.store import count_leads, leads_after, upsert_lead
from vizsla.privacy.claims import Claims, add_claim, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.open import Stores

SECRET = b"0" * 32
OPERATOR = Word("operator", "root")
EVERYBODY = ["jane@acme.com", "joe@acme.com", "jane@eu.acme.com", "jane@notacme.com", "info@globex.com"]


class At:
    def now(self) -> int:
        return NOW


async def fill(stores: Stores, owner: Member) -> list[int]:
    async with stores.app.write() as conn:
        other = (await create_user(conn, "other@b.example", now=NOW)).account_id
        for account_id in (owner.account_id, other):
            for email in EVERYBODY:
                await upsert_lead(conn, account_id, draft({"email": email}), NOW)
    return [owner.account_id, other]


async def left(stores: Stores, account_id: int) -> list[str]:
    leads = await leads_after(stores.app, account_id, 0, limit=99)
    (only,) = await page_of_lists(stores.app, account_id, limit=9)
    assert await count_leads(stores.app, account_id) == len(leads) == only.leads_count
    return [one.email for one in leads]


async def test_an_address_goes_from_every_account(stores: Stores, owner: Member, mirrors: Mirrors) -> None:
    accounts = await fill(stores, owner)
    assert (await mirrors.find(owner.account_id, Filters(query="jane"), limit=9)).count == 3

    await claim(stores, Claims(SECRET), parse_claimed("jane@acme.com"), At(), word=OPERATOR)

    for account_id in accounts:
        assert await left(stores, account_id) == EVERYBODY[1:]
    assert (await mirrors.find(owner.account_id, Filters(query="jane"), limit=9)).count == 2


async def test_a_domain_goes_with_those_below_it(stores: Stores, owner: Member) -> None:
    accounts = await fill(stores, owner)

    await claim(stores, Claims(SECRET), parse_claimed("acme.com"), At(), word=OPERATOR)

    for account_id in accounts:
        assert await left(stores, account_id) == EVERYBODY[3:]


async def test_what_a_dead_process_left_goes_at_the_next_start(stores: Stores, owner: Member) -> None:
    accounts = await fill(stores, owner)
    nobody = Claims(SECRET)
    async with stores.app.write() as conn:
        for claimed in ("jane@acme.com", "globex.com"):
            await add_claim(conn, nobody, parse_claimed(claimed), NOW)

    await finish_erasures(stores, SECRET, At())

    for account_id in accounts:
        assert await left(stores, account_id) == EVERYBODY[1:4]


async def test_a_verification_is_written_into_the_leads_of_who_asked(stores: Stores, owner: Member) -> None:
    mine, other = await fill(stores, owner)
    said = [
        Verified("jane@acme.com", "valid", NOW + 5), Verified("jane@acme.com", "unknown", NOW), Verified("x@acme.com", "valid", NOW),
    ]  # fmt: skip

    async with stores.app.write() as conn:
        assert await record_verifications(conn, mine, said) == 1
        assert await record_verifications(conn, mine, said) == 0
        assert await record_verifications(conn, mine, [Verified("jane@acme.com", "invalid", NOW + 1)]) == 0

    first, *rest = await leads_after(stores.app, mine, 0, limit=9)
    assert (first.verification_status, first.verified_at) == ("valid", NOW + 5)
    assert {one.verification_status for one in [*rest, *await leads_after(stores.app, other, 0, limit=9)]} == {None}
