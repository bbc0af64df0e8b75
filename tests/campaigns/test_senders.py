"""Sending accounts are kept with their secrets sealed, send no more than they may, and say in plain words what is wrong with them."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.conftest import NOW, owner
from vizsla.accounts.store import Member
from vizsla.campaigns import sender_checks
from vizsla.campaigns.presets import preset_for
from vizsla.campaigns.sender_checks import Finding, Means, check_health
from vizsla.campaigns.senders import (
    Draft,
    Secrets,
    SecretsLost,
    Sender,
    SenderNotFound,
    WrongSender,
    cap_of,
    check_draft,
    count_senders,
    create_sender,
    delete_sender,
    dkim_key_of,
    get_sender,
    list_senders,
    open_secrets,
    pause_sender,
    put_dkim,
    remove_dkim,
    resume_sender,
    sent_on,
    signer_of,
    update_sender,
)
from vizsla.campaigns.window import Window, WrongWindow, local_day
from vizsla.kit.clock import DAY, SystemClock
from vizsla.kit.settings import Settings
from vizsla.mail.dkim import WrongKey, dns_record, generate_key
from vizsla.mail.server import Server, WrongServer
from vizsla.mail.xoauth2 import Tokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient
from vizsla.storage.database import Database
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from worlds.dns import World, dns
from worlds.imap import Mailbox, serving
from worlds.smtp import AcceptsAll, Session, Tarpit, smtp

__all__ = ["owner"]
SECRET = b"1" * 32
PASSWORD = Secrets(password="hunter2-app-password")
SMTP, IMAP = Server("smtp.acme.test", 465), Server("imap.acme.test", 993)
DRAFT = Draft(email="Ada@Acme.test", name="Ada Lovelace", signature="Ada\n-- \nAcme", smtp=SMTP, imap=IMAP)
KEY = generate_key("ed25519")


async def create(stores: Stores, owner: Member, draft: Draft = DRAFT, secrets: Secrets = PASSWORD) -> Sender:
    async with stores.app.write() as conn:
        return await create_sender(conn, owner.account_id, owner.id, draft, secrets, secret=SECRET, now=NOW)


async def all_text(app: Database) -> str:
    return repr(await app.fetch_all(statement("SELECT * FROM sender")))


async def test_what_was_said_is_kept_and_the_secret_is_sealed(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)

    assert made.draft == check_draft(DRAFT)
    assert (made.email, made.login, made.state, made.failures) == ("Ada@acme.test", "Ada@acme.test", "ok", 0)
    assert await list_senders(stores.app, owner.account_id) == [made]
    assert "hunter2" not in await all_text(stores.app) + repr(made) + repr(PASSWORD)
    assert open_secrets(made.sealed, SECRET) == PASSWORD
    with pytest.raises(SecretsLost, match="Type it once more"):
        open_secrets(made.sealed, b"2" * 32)
    assert await stores.app.fetch_one(statement("SELECT folder, last_uid, due FROM mailbox")) == ("INBOX", 0, NOW)


async def test_a_change_keeps_the_secret_unless_it_would_go_elsewhere(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)
    key = owner.account_id, made.id
    for changes in ({"daily_cap": 9, "name": ""}, {"imap": None}, {"imap": SMTP}):
        async with stores.app.write() as conn:
            after = await update_sender(
                conn, *key, msgspec.structs.replace(made.draft, **changes), None, secret=SECRET, now=NOW
            )
        assert open_secrets(after.sealed, SECRET) == PASSWORD
    for changes in (
        {"smtp": Server("evil.test", 465)},
        {"smtp": Server("smtp.acme.test", 465, "none")},
        {"imap": IMAP},
        {"login": "eve"},
    ):
        with pytest.raises(WrongSender, match="type it once more"):
            async with stores.app.write() as conn:
                await update_sender(
                    conn, *key, msgspec.structs.replace(after.draft, **changes), None, secret=SECRET, now=NOW
                )
    async with stores.app.write() as conn:
        after = await update_sender(conn, *key, DRAFT, Secrets(password="new"), secret=SECRET, now=NOW)
    assert open_secrets(after.sealed, SECRET).password == "new"


async def test_nobody_is_listened_to_where_there_is_no_imap(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner, msgspec.structs.replace(DRAFT, imap=None))
    count = statement("SELECT count(*) FROM mailbox")
    assert await stores.app.fetch_one(count) == (0,)
    for imap_server, mailboxes in ((IMAP, 1), (IMAP, 1), (None, 0)):
        draft = msgspec.structs.replace(DRAFT, imap=imap_server)
        async with stores.app.write() as conn:
            await update_sender(conn, owner.account_id, made.id, draft, PASSWORD, secret=SECRET, now=NOW)
        assert await stores.app.fetch_one(count) == (mailboxes,)


async def test_a_pause_and_a_resume(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)
    async with stores.app.write() as conn:
        await conn.execute(statement("UPDATE sender SET state = 'error', trouble = '535', failures = 3, due = NULL"))
        await pause_sender(conn, owner.account_id, made.id, NOW)
    paused = await get_sender(stores.app, owner.account_id, made.id)
    assert (paused.state, paused.trouble, paused.due) == ("paused", None, None)
    async with stores.app.write() as conn:
        await resume_sender(conn, owner.account_id, made.id, NOW + 5)
    resumed = await get_sender(stores.app, owner.account_id, made.id)
    assert (resumed.state, resumed.failures, resumed.due) == ("ok", 0, NOW + 5)


async def test_it_goes_only_when_nobody_waits_for_it(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)
    account_id = owner.account_id
    async with stores.app.write() as conn:
        await conn.execute(
            statement("""
                INSERT INTO campaign (account_id, id, member_id, name, timezone, days, start_second, end_second, created_at, tracks_opens,
                    tracks_clicks, adds_unsubscribe, stops_company, absence_days, max_lateness, uncertain, version, recipients_count)
                VALUES (:account_id, 900, 1, 'c', 'UTC', 127, 0, 86400, 0, 0, 0, 0, 0, 0, 0, 'hold', 0, 1)
            """),
            {"account_id": account_id},
        )
        await conn.execute(
            statement("""
                INSERT INTO recipient (account_id, id, campaign_id, email, address, sender_id, step, due, state, soft_bounces, added_at)
                VALUES (:account_id, 901, 900, 'b@x.test', 'b@x.test', :sender_id, 0, 5, 'scheduled', 0, 0)
            """),
            {"account_id": account_id, "sender_id": made.id},
        )
    for change in ("due = 5", "due = NULL", "state = 'held'"):
        async with stores.app.write() as conn:
            await conn.execute(statement(f"UPDATE recipient SET {change}"))
        with pytest.raises(WrongSender, match="1 recipients wait"):
            async with stores.app.write() as conn:
                await delete_sender(conn, account_id, made.id)
    async with stores.app.write() as conn:
        await conn.execute(statement("UPDATE recipient SET state = 'done'"))
        await delete_sender(conn, account_id, made.id)
    assert await count_senders(stores.app, account_id) == 0
    assert await stores.app.fetch_one(statement("SELECT count(*) FROM mailbox")) == (0,)


async def test_a_stranger_finds_nothing(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)
    for act in (
        lambda conn: get_sender(conn, owner.account_id + 1, made.id),
        lambda conn: update_sender(conn, owner.account_id + 1, made.id, DRAFT, PASSWORD, secret=SECRET, now=NOW),
        lambda conn: delete_sender(conn, owner.account_id + 1, made.id),
        lambda conn: pause_sender(conn, owner.account_id + 1, made.id, NOW),
        lambda conn: resume_sender(conn, owner.account_id + 1, made.id, NOW),
    ):
        with pytest.raises(SenderNotFound):
            async with stores.app.write() as conn:
                await act(conn)
    assert await get_sender(stores.app, owner.account_id, made.id) == made
    assert await list_senders(stores.app, owner.account_id + 1) == []


async def test_one_address_is_one_sending_account(stores: Stores, owner: Member) -> None:
    await create(stores, owner)
    with pytest.raises(WrongSender, match="already"):
        await create(stores, owner, msgspec.structs.replace(DRAFT, email="ADA@acme.test"))


async def test_its_key_signs_and_stays_sealed(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner)
    assert signer_of(made, SECRET) is None
    with pytest.raises(WrongKey):
        async with stores.app.write() as conn:
            await put_dkim(conn, made, "v1", "no key", secret=SECRET)
    async with stores.app.write() as conn:
        await put_dkim(conn, made, "v1", KEY, secret=SECRET)
    keyed = await get_sender(stores.app, owner.account_id, made.id)
    signer = signer_of(keyed, SECRET)
    assert signer is not None
    assert b"d=acme.test;" in signer.sign(b"From: a@acme.test\r\n\r\nx\r\n")
    assert dkim_key_of(keyed, SECRET) == KEY.encode()
    assert KEY.splitlines()[1] not in await all_text(stores.app)
    async with stores.app.write() as conn:
        moved = await update_sender(
            conn,
            owner.account_id,
            made.id,
            msgspec.structs.replace(DRAFT, email="ada@globex.test"),
            PASSWORD,
            secret=SECRET,
            now=NOW,
        )
        assert moved.dkim_selector is None
        await remove_dkim(conn, owner.account_id, made.id)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"email": "ada"}, WrongSender, "e-mail address"),
        ({"email": "a@b.co\r\nBcc: x@y.z"}, WrongSender, "e-mail address"),
        ({"daily_cap": 0}, WrongSender, "cap"),
        ({"daily_cap": 10**9}, WrongSender, "cap"),
        ({"gap": -1}, WrongSender, "gap"),
        ({"ramp_start": 60}, WrongSender, "first day"),
        ({"ramp_start": 5}, WrongSender, "each day"),
        ({"name": "x" * 101}, WrongSender, "name"),
        ({"signature": "x" * 10_001}, WrongSender, "signature"),
        ({"imap": None, "journal": "sent_folder"}, WrongSender, "IMAP"),
        ({"smtp": Server("https://x", 1)}, WrongServer, "smtp.example.com"),
        ({"smtp": Server("x.test", 0)}, WrongServer, "port"),
        ({"window": Window("Mars/Olympus", 127, 0, 5)}, WrongWindow, "time zone"),
        ({"window": Window("UTC", 0, 0, 5)}, WrongWindow, "day"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        check_draft(msgspec.structs.replace(DRAFT, **changes))


@pytest.mark.parametrize(
    ("auth", "secrets", "says"),
    [
        ("password", Secrets(), "Type the password"),
        ("password", Secrets(password="a\r\nb"), "one line"),
        ("password", Secrets(password="x" * 5_000), "at most"),
        ("xoauth2", Secrets(password="x"), "client id"),
        ("xoauth2", Secrets(client_id="c", refresh_token="r", token_url="http://x"), "https"),
    ],
)
async def test_a_secret_that_cannot_work_is_not_kept(
    stores: Stores, owner: Member, auth: str, secrets: Secrets, says: str
) -> None:
    with pytest.raises(WrongSender, match=says):
        await create(stores, owner, msgspec.structs.replace(DRAFT, auth=auth), secrets)


def sender(**changes: object) -> Sender:
    fields = {name: getattr(DRAFT, name) for name in Draft.__struct_fields__} | {
        "email": "ada@acme.test",
        "login": "ada",
    }
    return Sender(
        **fields | {
            "account_id": 1, "id": 1, "member_id": 1, "sealed": "", "dkim_selector": None, "dkim_sealed": None, "ramp_since": None,
            "state": "ok", "trouble": None, "failures": 0, "created_at": NOW, "due": None,
        } | changes
    )  # fmt: skip  # type: ignore[arg-type]


@given(
    cap=st.integers(1, 100_000), start=st.integers(1, 1_000), step=st.integers(1, 1_000), day=st.integers(-400, 4_000),
    zone=st.sampled_from(["UTC", "Pacific/Apia", "America/New_York"]),
)  # fmt: skip
def test_a_ramp_rises_day_by_day_to_the_cap(cap: int, start: int, step: int, day: int, zone: str) -> None:
    start = min(start, cap)
    ramping = sender(daily_cap=cap, ramp_start=start, ramp_step=step, ramp_since=NOW, window=Window(zone, 127, 0, DAY))
    first = local_day(NOW, zone)

    assert cap_of(ramping, first) == start
    assert start <= cap_of(ramping, first + day) <= cap_of(ramping, first + day + 1) <= cap
    assert cap_of(ramping, first + 100_000) == cap
    assert cap_of(sender(daily_cap=cap), first + day) == cap


async def test_what_was_sent_is_counted_by_its_own_day(stores: Stores, owner: Member) -> None:
    made = await create(stores, owner, msgspec.structs.replace(DRAFT, window=Window("Pacific/Auckland", 127, 0, DAY)))
    day = local_day(NOW, "Pacific/Auckland")
    async with stores.app.write() as conn:
        await conn.execute(
            statement("INSERT INTO sender_day (account_id, sender_id, day, sent) VALUES (:account_id, :id, :day, 7)"),
            {"account_id": owner.account_id, "id": made.id, "day": day},
        )
    assert await sent_on(stores.app, made, NOW) == 7
    assert await sent_on(stores.app, made, NOW + DAY) == 0


# Does it work?


class TakesLogins(AcceptsAll):
    """In clear text, from ada with her password."""

    keywords = ("PIPELINING", "AUTH PLAIN")

    async def auth(self, session: Session, line: str) -> None:
        good = line == "AUTH PLAIN AGFkYQBzM2NyZXQ="
        await session.say("235 2.7.0 in" if good else "535 5.7.8 Username and Password not accepted")


def mailbox() -> Mailbox:
    """Ada's."""
    box = Mailbox()
    box.password = "s3cret"
    return box


LOCAL = Means(EgressGuard(("127.0.0.0/8",)))


async def looked_at(
    smtp_port: int, imap_port: int | None, password: str = "s3cret", **changes: object
) -> list[Finding]:
    here = sender(
        smtp=Server("127.0.0.1", smtp_port, "none"),
        imap=Server("127.0.0.1", imap_port, "none") if imap_port else None,
        **changes,
    )
    return await sender_checks.test_sender(here, Secrets(password=password), LOCAL)


async def test_a_test_logs_in_on_both_sides_and_sends_nothing() -> None:
    async with smtp(TakesLogins()) as server, serving(mailbox()) as imap_port:
        sending, listening = await looked_at(server.port, imap_port)

    assert (sending.look, listening.look) == ("good", "good")
    assert "Sent mail is in “Sent”" in listening.sentence
    assert server.verbs["MAIL"] == 0


@pytest.mark.parametrize(
    ("url", "says"), [("https://127.0.0.1/token", "private"), ("https://nobody.invalid/token", "not reached")]
)
async def test_a_token_that_is_not_given_is_told_before_anybody_is_asked(home: Path, url: str, says: str) -> None:
    secrets = Secrets(token_url=url, client_id="c", refresh_token="r3fresh")
    async with HttpClient(Settings(home=home)) as http, smtp(TakesLogins()) as server:
        means = msgspec.structs.replace(LOCAL, tokens=Tokens(http, SystemClock()))
        there = sender(smtp=Server("127.0.0.1", server.port, "none"), auth="xoauth2")
        (finding,) = await sender_checks.test_sender(there, secrets, means)

    assert (finding.subject, finding.look, says in finding.sentence) == ("OAuth 2", "bad", True)
    assert not server.commands


async def test_a_mailbox_that_talks_nonsense_is_told() -> None:
    box = mailbox()
    box.breaks["LIST"] = b"* LIST (((\r\nfluff"
    async with smtp(TakesLogins()) as server, serving(box) as imap_port:
        sending, listening = await looked_at(server.port, imap_port)

    assert (sending.look, listening.look) == ("good", "bad")
    assert listening.todo


async def test_a_wrong_password_is_told_on_both_sides() -> None:
    async with smtp(TakesLogins()) as server, serving(mailbox()) as imap_port:
        findings = await looked_at(server.port, imap_port, "wr0ng")

    assert [finding.look for finding in findings] == ["bad", "bad"]
    assert "not accepted" in findings[0].sentence
    assert all("app password" in finding.todo for finding in findings)
    assert not any("wr0ng" in repr(finding) for finding in findings)


async def test_a_folder_of_sent_mail_that_is_not_there_is_missed() -> None:
    box = mailbox()
    box.folders = ()
    async with smtp(TakesLogins()) as server, serving(box) as imap_port:
        _, listening = await looked_at(server.port, imap_port, journal="sent_folder")

    assert (listening.look, "copy" in listening.todo) == ("weak", True)


@pytest.mark.parametrize(
    ("host", "security", "says"),
    [
        ("127.0.0.1", "none", "no connection"),
        ("nobody.invalid", "tls", "no server of the name"),
        ("10.0.0.1", "tls", "private"),
    ],
)
async def test_a_server_that_is_not_there_is_told_from_one_that_may_not_be_asked(
    host: str, security: str, says: str
) -> None:
    there = sender(smtp=Server(host, 1, security), imap=None)  # type: ignore[arg-type]
    (finding,) = await sender_checks.test_sender(there, Secrets(password="x"), LOCAL)

    assert says in finding.sentence
    assert finding.todo


async def test_a_server_without_tls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_checks, "_LIMITS", msgspec.structs.replace(sender_checks._LIMITS, banner=0.2))
    async with smtp(AcceptsAll()) as server, smtp(Tarpit()) as silent:
        for port, security, says in (
            (server.port, "starttls", "does not offer STARTTLS"),
            (server.port, "tls", "TLS failed"),
            (silent.port, "none", "no answer"),
        ):
            there = sender(smtp=Server("127.0.0.1", port, security), imap=None)  # type: ignore[arg-type]
            (finding,) = await sender_checks.test_sender(there, Secrets(password="x"), LOCAL)
            assert says in finding.sentence
            assert finding.todo


# Will it be believed?


def well_kept(world: World) -> None:
    world.zone("acme.test")
    world.add("acme.test", "MX", (10, "mx.acme.test"))
    world.add("acme.test", "TXT", "v=spf1 include:_spf.provider.test -all", "other=thing")
    world.zone("provider.test")
    world.add("_spf.provider.test", "TXT", "v=spf1 ip4:192.0.2.0/24 ~all")
    world.add("_dmarc.acme.test", "TXT", "v=DMARC1; p=quarantine; rua=mailto:x@acme.test")
    world.add("google._domainkey.acme.test", "TXT", "v=DKIM1; k=rsa; p=AAAA")


async def health(world: World, **changes: object) -> dict[str, Finding]:
    pem = KEY.encode() if changes.get("dkim_selector") else None
    async with DnsClient([world.server]) as client:
        found = await check_health(sender(**changes), client, dkim_pem=pem)
    return {finding.subject: finding for finding in found}


async def test_a_domain_that_is_well_kept_is_well() -> None:
    async with dns() as world:
        well_kept(world)
        found = await health(world)

    assert {subject: finding.look for subject, finding in found.items()} == dict.fromkeys(
        ("SPF", "DKIM", "DMARC", "MX", "TLS"), "good"
    )
    assert not any(finding.todo for finding in found.values())


async def test_a_domain_that_says_nothing_is_told_what_to_publish() -> None:
    async with dns() as world:
        world.zone("acme.test")
        found = await health(world, smtp=Server("x.test", 25, "none"), imap=None)

    assert {subject: finding.look for subject, finding in found.items()} == {
        "SPF": "bad", "DKIM": "weak", "DMARC": "bad", "MX": "bad", "TLS": "weak",
    }  # fmt: skip
    assert all(finding.todo for finding in found.values())


@pytest.mark.parametrize(
    ("name", "records", "subject", "look", "says"),
    [
        ("acme.test", ["v=spf1 +all"], "SPF", "bad", "everybody"),
        ("acme.test", ["v=spf1 mx"], "SPF", "weak", "others"),
        ("acme.test", ["v=spf1 -all", "v=spf1 ~all"], "SPF", "bad", "2 SPF records"),
        ("acme.test", ["v=spf1 " + "a:x.test " * 11 + "-all"], "SPF", "bad", "ten look-ups"),
        ("acme.test", ["v=spf1 include:acme.test -all"], "SPF", "good", "says who"),
        ("_dmarc.acme.test", ["v=DMARC1; p=none"], "DMARC", "good", "p=none"),
        ("_dmarc.acme.test", ["v=DMARC1; sp=none"], "DMARC", "bad", "no policy"),
        ("_dmarc.acme.test", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "DMARC", "bad", "2 records"),
    ],
)
async def test_a_record_is_judged(name: str, records: list[str], subject: str, look: str, says: str) -> None:
    async with dns() as world:
        world.zone("acme.test")
        world.add(name, "TXT", *records)
        finding = (await health(world))[subject]

    assert (finding.look, says in finding.sentence) == (look, True), finding


async def test_our_key_must_be_the_one_that_is_published() -> None:
    own = {"dkim_selector": "v1", "dkim_sealed": "x"}
    async with dns() as world:
        world.zone("acme.test")
        assert (await health(world, **own))["DKIM"].look == "bad"
        world.add("v1._domainkey.acme.test", "TXT", dns_record(generate_key("ed25519")))
        world.zone("globex.test")
        world.add("v1._domainkey.globex.test", "TXT", dns_record(KEY).replace("p=", "p= "))
        assert (await health(world, **own, email="ada@globex.test"))["DKIM"].look == "good"


async def test_a_dns_that_fails_says_nothing_of_the_domain() -> None:
    async with dns() as world:
        world.behave("acme.test", "servfail")
        world.behave("_dmarc.acme.test", "servfail")
        found = await health(world)

    assert {found[subject].look for subject in ("SPF", "DMARC", "MX")} == {"unknown"}


# Guesses


@pytest.mark.parametrize(
    ("email", "exchangers", "smtp_host", "auth"),
    [
        ("a@gmail.com", [], "smtp.gmail.com", "password"),
        ("a@acme.com", ["aspmx.l.google.com"], "smtp.gmail.com", "password"),
        ("a@acme.com", ["acme-com.mail.protection.outlook.com"], "smtp.office365.com", "xoauth2"),
        ("a@acme.com", ["notgoogle.com"], "smtp.acme.com", "password"),
        ("a@acme.com", [], "smtp.acme.com", "password"),
    ],
)
def test_servers_are_guessed_by_who_keeps_the_mail(
    email: str, exchangers: list[str], smtp_host: str, auth: str
) -> None:
    preset = preset_for(email, exchangers)

    assert (preset.smtp.host, preset.auth) == (smtp_host, auth)
    assert preset.why
    check_draft(Draft(email=email, smtp=preset.smtp, imap=preset.imap, auth=preset.auth, journal=preset.journal))
