"""The word for a recipient is made of facts, whatever came first; and a lead's of all the campaigns they are in."""

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.conftest import NOW
from vizsla.accounts.store import Member
from vizsla.campaigns.status import Facts, put_status, sending_status
from vizsla.leads.lead import draft
from vizsla.leads.store import get_lead, upsert_lead
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

EVENTS = ("sent_at", "opened_at", "clicked_at", "replied_at", "bounced_at", "unsubscribed_at", "error_at")
_CAMPAIGN = statement("""
    INSERT INTO campaign (account_id, id, member_id, name, timezone, days, start_second, end_second, created_at, tracks_opens,
        tracks_clicks, adds_unsubscribe, stops_company, absence_days, max_lateness, uncertain, version, recipients_count)
    VALUES (:account_id, :id, 1, 'x', 'UTC', 127, 0, 86400, 0, 0, 0, 0, 0, 0, 1, 'hold', 0, 0)
""")
_RECIPIENT = statement("""
    INSERT INTO recipient (account_id, id, campaign_id, lead_id, email, address, step, state, soft_bounces, added_at)
    VALUES (:account_id, :id, :campaign_id, :lead_id, 'a@b.test', 'a@b.test', 0, 'scheduled', 0, 0)
""")


def facts(events: Sequence[str], **more: bool) -> Facts:
    known: dict[str, int] = {}
    for at, event in enumerate(events):
        known.setdefault(event, at)
    return Facts(**known, **more)  # type: ignore[arg-type]


def test_one_word_for_each_set_of_events_in_whatever_order() -> None:
    for size in range(4):
        for events in itertools.combinations_with_replacement(EVENTS, size):
            said = {sending_status(facts(order)) for order in itertools.permutations(events)}
            assert len(said) == 1


def test_what_stands_above_what() -> None:
    assert sending_status(Facts()) is None
    assert sending_status(facts(["sent_at"])) == "sent"
    assert sending_status(facts(["sent_at", "opened_at"])) == "opened"
    assert sending_status(facts(["sent_at", "clicked_at"])) == "clicked"
    # A follow-up that is to come stands above what became of the message before; what ends the writing above that.
    assert sending_status(facts(["sent_at", "opened_at", "clicked_at"], is_scheduled=True)) == "pending"
    assert sending_status(facts(["sent_at"], has_open_message=True)) == "pending"
    assert sending_status(facts(["error_at"], is_scheduled=True)) == "error"
    assert sending_status(facts(["error_at", "replied_at"])) == "replied"
    assert sending_status(facts(["replied_at", "bounced_at"])) == "bounced"
    assert sending_status(facts(EVENTS)) == "unsubscribed"


@settings(max_examples=60, deadline=None)
@given(st.permutations(EVENTS), st.integers(0, len(EVENTS)), st.booleans())
def test_repeating_an_event_changes_nothing(events: list[str], count: int, is_scheduled: bool) -> None:
    some = events[:count]

    assert sending_status(facts(some, is_scheduled=is_scheduled)) == sending_status(
        facts(some + some[::-1], is_scheduled=is_scheduled)
    )


async def test_a_lead_is_told_of_all_its_campaigns(stores: Stores, owner: Member) -> None:
    account_id = owner.account_id
    async with stores.app.write() as conn:
        lead, _ = await upsert_lead(conn, account_id, draft({"email": "a@b.test"}), NOW)
        for id_ in (501, 502):
            await conn.execute(_CAMPAIGN, {"account_id": account_id, "id": id_})
            named = {"account_id": account_id, "id": 100 + id_, "campaign_id": id_, "lead_id": lead.id}
            await conn.execute(_RECIPIENT, named)

    async def happens(recipient: int, column: str, at: int) -> tuple[str | None, int | None, int | None]:
        async with stores.app.write() as conn:
            named = {"account_id": account_id, "id": recipient, "at": at}
            await conn.execute(
                statement(f"UPDATE recipient SET {column} = :at WHERE account_id = :account_id AND id = :id"), named
            )
            await put_status(conn, account_id, recipient)
        known = await get_lead(stores.app, account_id, lead.id)
        return known.sending_status, known.last_contacted_at, known.last_activity_at

    assert await happens(601, "sent_at", NOW) == (None, NOW, None)  # the newest campaign has sent nothing yet
    assert await happens(602, "due", NOW + 9) == ("pending", NOW, None)
    assert await happens(601, "opened_at", NOW + 1) == ("pending", NOW, NOW + 1)
    assert await happens(602, "sent_at", NOW + 2) == ("pending", NOW + 2, NOW + 1)
    # Who left one left all.
    assert await happens(601, "unsubscribed_at", NOW + 5) == ("unsubscribed", NOW + 2, NOW + 5)
    assert await happens(602, "replied_at", NOW + 4) == ("unsubscribed", NOW + 2, NOW + 5)
