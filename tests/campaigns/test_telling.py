"""Webhooks hear what becomes of messages: each thing once, and of people, not of machines."""

import json

from benchmarks.campaign_world import SECRET

from campaigns.test_sending import NOW, bench
from vizsla.campaigns.campaign import pause
from vizsla.campaigns.events import find_sent
from vizsla.campaigns.facts import Ground, note_click, note_open, note_reply
from vizsla.campaigns.starting import resume
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.webhooks.endpoints import create_endpoint
from vizsla.webhooks.events import EVENTS


async def heard(stores: Stores) -> list[tuple[str, dict[str, object]]]:
    rows = await stores.app.fetch_all(statement("SELECT event, body FROM webhook_delivery ORDER BY id"))
    return [(event, json.loads(body)["data"]) for event, body in rows]


async def test_each_thing_is_told_once(stores: Stores) -> None:
    ground = Ground(stores.index, Claims(SECRET))
    async with bench(stores) as world:
        account_id = world.made.account_id
        async with stores.app.write() as conn:
            await create_endpoint(conn, account_id, "https://a.example/hook", EVENTS, key=SECRET, now=NOW)
        await world.do()
        ((message_id, campaign_id, address),) = await world.all(
            "SELECT message.id, message.campaign_id, email FROM message JOIN recipient ON recipient.id = recipient_id"
        )
        sent = await find_sent(stores.app, account_id, message_id)
        assert sent is not None
        for at, actor in ((60, "bot"), (120, "human"), (180, "human")):
            async with stores.app.write() as conn:
                await note_open(conn, sent, at=NOW + at, actor=actor)  # type: ignore[arg-type]
        for at in (240, 300):
            async with stores.app.write() as conn:
                await note_click(conn, sent, 1, at=NOW + at)
        for _ in range(2):
            async with stores.app.write() as conn:
                await note_reply(conn, ground, sent, at=NOW + 400, by=sent.email, key="<a@b>")
        for act in (pause, resume):
            for _ in range(2):
                async with stores.app.write() as conn:
                    await act(conn, account_id, campaign_id, NOW + 500)

    told = await heard(stores)
    assert [event for event, _ in told] == [
        "message.sent", "message.read", "message.clicked", "message.replied", "sequence.paused", "sequence.resumed",
    ]  # fmt: skip
    wanted = {"id": message_id, "sequence_id": campaign_id, "step": 0, "email": address}
    assert all(wanted.items() <= data.items() for _, data in told[:4])
    assert told[-1][1] == {"id": campaign_id}
