"""People add sending accounts, see whether they work, and never see what they log in with."""

import re

import msgspec
import pytest

from vizsla.campaigns.campaign import Changes, create_campaign
from vizsla.storage.statement import statement
from web.conftest import Browser, Site
from worlds.dns import dns
from worlds.imap import Mailbox, serving
from worlds.smtp import AcceptsAll, Session, smtp

FORM = {
    "email": "ada@acme.test", "name": "Ada Lovelace", "signature": "Ada <b>", "login": "ada", "auth": "password", "password": "s3cret",
    "smtp_host": "smtp.acme.test", "smtp_port": "465", "smtp_security": "tls", "imap_host": "", "imap_port": "993", "imap_security": "tls",
    "journal": "copy", "daily_cap": "50", "gap": "60", "ramp_start": "", "ramp_step": "", "days": ["1", "2", "3", "4", "5"],
    "start": "09:00", "end": "18:00", "timezone": "Europe/Paris",
}  # fmt: skip


class TakesLogins(AcceptsAll):
    keywords = ("PIPELINING", "AUTH PLAIN")

    async def auth(self, session: Session, line: str) -> None:
        good = line == "AUTH PLAIN AGFkYQBzM2NyZXQ="
        await session.say("235 2.7.0 in" if good else "535 5.7.8 Username and Password not accepted")


async def add(browser: Browser, **changes: object) -> str:
    answer = await browser.post("/senders/new", FORM | changes)
    assert answer.status == 303, answer.words
    return answer.header("location")


async def test_an_account_is_added_seen_changed_and_deleted(site: Site) -> None:
    a = await site.person("a")
    empty = await a.get("/senders")
    assert "No sending account yet" in empty.words
    path = await add(a)

    page = await a.get(path)
    assert all(text in page.text for text in ("ada@acme.test", "Ada &lt;b&gt;", "Mon–Fri 09:00–18:00 Europe/Paris"))
    assert "smtp.acme.test, port 465, TLS" in page.words
    assert "ada@acme.test" in (await a.get("/senders")).words

    form = await a.get(f"{path}/edit")
    assert 'value="smtp.acme.test"' in form.text
    assert "s3cret" not in form.text + page.text
    saved = await a.post(f"{path}/edit", FORM | {"password": "", "daily_cap": "7", "ramp_start": "2", "ramp_step": "1"})
    assert "rising to 7" in (await a.get("/senders")).words, saved.words

    refused = await a.post(f"{path}/delete")
    assert (refused.status, "Tick the box" in refused.words) == (422, True)
    gone = await a.follow(await a.post(f"{path}/delete", {"sure": "yes"}))
    assert "is deleted" in gone.words
    assert (await a.get(path)).status == 404


async def test_its_campaigns_are_named(site: Site) -> None:
    a = await site.person("a")
    path = await add(a)
    assert "Campaigns none" in (await a.get(path)).words
    async with site.stores.app.write() as conn:
        account_id, sender_id = site.members["a"].account_id, int(path.rpartition("/")[2])
        changes = Changes(name="Spring <b>", sender_ids=(sender_id,))
        await create_campaign(conn, account_id, site.members["a"].id, changes, site.clock.now())
    assert "Spring &lt;b&gt;" in (await a.get(path)).text


async def test_a_pause_can_be_taken_back(site: Site) -> None:
    a = await site.person("a")
    path = await add(a)
    paused = await a.follow(await a.post(f"{path}/pause"))
    assert f'action="{path}/resume"' in paused.text
    assert "paused" in paused.words
    resumed = await a.follow(await a.post(f"{path}/resume"))
    assert f'action="{path}/pause"' in resumed.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"email": "nobody"}, "e-mail address"),
        ({"email": "ada@under_score.test"}, "e-mail address"),
        ({"password": ""}, "Type the password"),
        ({"smtp_host": "a b"}, "smtp.example.com"),
        ({"smtp_host": "127.0.0.1"}, "private or reserved"),
        ({"smtp_host": "169.254.169.254"}, "private or reserved"),
        ({"imap_host": "[::ffff:10.0.0.1]"}, "private or reserved"),
        ({"smtp_host": "93.184.216.34", "smtp_port": "22"}, "Port 22"),
        ({"smtp_host": "93.184.216.34", "smtp_security": "none"}, "without TLS"),
        ({"smtp_port": "x"}, "is a number"),
        ({"smtp_port": "99999"}, "not a port"),
        ({"smtp_security": "maybe"}, "encryption"),
        ({"daily_cap": "0"}, "cap"),
        ({"days": []}, "day of the week"),
        ({"start": "19:00"}, "begin before they end"),
        ({"start": "x"}, "09:00"),
        ({"timezone": "Mars"}, "time zone"),
        ({"auth": "xoauth2"}, "refresh token"),
        ({"auth": "xoauth2", "client_id": "c", "refresh_token": "r", "token_url": "http://x.test"}, "https://"),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_typed(site: Site, changes: dict[str, object], says: str) -> None:
    answer = await (await site.person("a")).post("/senders/new", FORM | changes)

    assert (answer.status, says in answer.words) == (422, True), answer.words
    assert 'value="Ada Lovelace"' in answer.text
    assert "s3cret" not in answer.text


async def test_servers_are_guessed_from_the_address(site: Site) -> None:
    a = await site.person("a")
    page = await a.get("/senders/new?email=ada@gmail.com")
    assert 'value="smtp.gmail.com"' in page.text
    assert "app password" in page.words
    assert "Give the e-mail address" in (await a.get("/senders/new?email=nonsense")).words


async def test_the_password_cannot_be_sent_elsewhere_without_typing_it(site: Site) -> None:
    a = await site.person("a")
    path = await add(a)
    answer = await a.post(f"{path}/edit", FORM | {"password": "", "smtp_host": "smtp.evil.test"})
    assert (answer.status, "type it once more" in answer.words) == (422, True)


async def test_a_test_says_what_works_and_mends_what_was_in_error(site: Site) -> None:
    services = site.house.services
    a = await site.person("a")
    box = Mailbox()
    box.password = "s3cret"
    async with smtp(TakesLogins()) as server, serving(box) as imap_port, dns() as world:
        world.zone("acme.test")
        services.settings = msgspec.structs.replace(
            services.settings, egress_allow=("127.0.0.0/8",), dns_servers=(world.server,)
        )
        path = await add(
            a,
            smtp_host="127.0.0.1", smtp_port=str(server.port), smtp_security="none",
            imap_host="127.0.0.1", imap_port=str(imap_port), imap_security="none",
        )  # fmt: skip
        async with site.stores.app.write() as conn:
            await conn.execute(statement("UPDATE sender SET state = 'error', trouble = 'the server answered 535'"))
        assert "the server answered 535" in (await a.get(path)).words
        tested = await a.post(f"{path}/test")
        assert tested.words.count("let us log in") == 2
        assert "does not say who may send its mail" in tested.words
        assert "answered 535" not in (await a.get(path)).words
        path = await add(a, email="eve@acme.test", smtp_host="127.0.0.1", smtp_port="1", smtp_security="none")
        tested = await a.post(f"{path}/test")
    assert "no connection" in tested.words
    assert "s3cret" not in tested.text
    assert server.verbs["MAIL"] == 0


async def test_a_key_is_made_and_its_record_shown(site: Site) -> None:
    a = await site.person("a")
    path = await add(a)
    wrong = await a.post(f"{path}/dkim", {"selector": "v1", "key": "nonsense"})
    assert (wrong.status, "PEM" in wrong.words) == (422, True)
    shown = await a.follow(await a.post(f"{path}/dkim", {"selector": "V1", "key": ""}))
    assert "v1._domainkey.acme.test" in shown.words
    assert re.search(r"v=DKIM1; k=rsa; p=MII", shown.words)
    assert "PRIVATE" not in shown.text
    await a.post(f"{path}/dkim/remove")
    assert "v=DKIM1" not in (await a.get(path)).words


async def test_a_member_looks_after_their_own_accounts_alone(site: Site) -> None:
    a = await site.person("a")
    theirs = await add(a)
    member = await site.as_member(await site.teammate("mia"))
    mine = await add(member, email="mia@acme.test")

    page = await member.get(theirs)
    assert page.status == 200
    assert f"{theirs}/edit" not in page.text
    for what in ("edit", "pause", "resume", "dkim", "dkim/remove", "delete"):
        assert (await member.post(f"{theirs}/{what}", {"sure": "yes"})).status == 403, what
    assert (await member.get(f"{theirs}/edit")).status == 403
    assert (await member.post(f"{mine}/pause")).status == 303
    assert (await a.post(f"{mine}/resume")).status == 303


async def test_a_lost_key_is_told_and_nothing_breaks(site: Site) -> None:
    a = await site.person("a")
    path = await add(a)
    site.house.secret = b"9" * 32
    answer = await a.post(f"{path}/test")
    assert (answer.status, "Type it once more" in answer.words) == (422, True)
    assert (await a.get(path)).status == 200
