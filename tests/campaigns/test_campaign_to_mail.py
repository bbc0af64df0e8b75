"""From a draft to a mail in somebody's hands, with nothing between but what `vizsla work` runs."""

import asyncio
import base64
import email
import email.policy
import time

import msgspec
import pytest

from vizsla.accounts.store import Member
from vizsla.campaigns.campaign import Changes, create_campaign
from vizsla.campaigns.recipients import add_recipients
from vizsla.campaigns.senders import Draft, Secrets, create_sender, put_dkim
from vizsla.campaigns.starting import start_campaign
from vizsla.campaigns.steps import add_step
from vizsla.campaigns.window import EVERY_DAY, Window
from vizsla.kit.clock import SystemClock
from vizsla.kit.settings import Settings
from vizsla.mail.dkim import generate_key
from vizsla.mail.server import Server
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.campaign_tasks import work_on_campaign_tasks
from vizsla.work.campaigns import send_campaigns
from vizsla.work.workplace import Workplace
from worlds.smtp import AcceptsAll, Session, smtp

_LEFT = statement("SELECT count(*) FROM message WHERE state = 'sent'")


class Account(AcceptsAll):
    """A person's own server: it wants a login, and takes mail for anybody."""

    keywords = ("PIPELINING", "8BITMIME", "AUTH PLAIN")

    async def auth(self, session: Session, line: str) -> None:
        assert line == "AUTH PLAIN " + base64.b64encode(b"\0ada\0s3cret").decode()
        await session.say("235 2.7.0 Welcome")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_started_campaign_arrives(stores: Stores, settings: Settings, owner: Member) -> None:
    settings = msgspec.structs.replace(settings, egress_allow=("127.0.0.0/8",), base_url="https://vizsla.example")
    secret, now, always = b"0" * 64, int(time.time()), Window("UTC", EVERY_DAY, 0, 86_400)
    place = Workplace(settings, stores, secret, SystemClock())
    told: list[str] = []

    def tell(event: str, *, level: str = "info", **values: object) -> None:
        told.append(f"{level} {event} {values}")

    async with smtp(Account()) as server:
        async with stores.app.write() as conn:
            made = Draft(
                email="ada@acme.test", name="Ada", smtp=Server("127.0.0.1", server.port, "none"), login="ada", gap=0,
                daily_cap=100, window=always, signature="Ada, Acme",
            )  # fmt: skip
            sender = await create_sender(
                conn,
                owner.account_id,
                owner.id,
                made,
                Secrets(password="s3cret"),
                secret=secret,
                now=now,
            )
            await put_dkim(conn, sender, "vizsla1", generate_key("ed25519"), secret=secret)
            changes = Changes(
                name="Roofs", sender_ids=(sender.id,), timezone="UTC", days=EVERY_DAY, start_second=0, end_second=86_400,
                tracks_opens=True, tracks_clicks=True, adds_unsubscribe=True,
            )  # fmt: skip
            campaign = await create_campaign(conn, owner.account_id, owner.id, changes, now)
            await add_step(
                conn, owner.account_id, campaign.id, subject="About {{ email }}",
                body='<p>See <a href="https://acme.example/roofs">our roofs</a>.</p>',
            )  # fmt: skip
            claims = await place.claims()
            emails = [f"person{n}@target.test" for n in range(3)]
            await add_recipients(conn, claims, owner.account_id, campaign.id, emails=emails, now=now)
            await start_campaign(conn, claims, owner.account_id, campaign.id, now)
        await work_on_campaign_tasks(place, "w")
        working = asyncio.create_task(send_campaigns(place, tell))
        try:
            async with asyncio.timeout(20):
                while (await stores.app.fetch_one(_LEFT)) != (3,):
                    assert not working.done(), told
                    await asyncio.sleep(0.05)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        received = [message for session in server.sessions for message in session.data]

    assert [line for line in told if not line.startswith("info")] == []
    messages = [email.message_from_bytes(message, policy=email.policy.default) for message in received]
    assert {message["To"].strip("<>") for message in messages} == set(emails)
    first = messages[0]
    assert first["From"] == "Ada <ada@acme.test>"
    assert first["Subject"].startswith("About person")
    assert "d=acme.test; s=vizsla1" in first["DKIM-Signature"].replace("\r\n", "")
    assert "list-unsubscribe-post" in first["DKIM-Signature"]
    html = first.get_body(("html",)).get_content()
    assert "https://vizsla.example/t/c/" in html
    assert "acme.example" not in html
    assert "Ada, Acme" in first.get_body(("plain",)).get_content()
