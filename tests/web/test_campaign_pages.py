"""Campaigns: made, looked at, started and stopped by people; whatever stands in a name, a message or a reply stays text."""

import csv
import io
import re
from html import unescape
from html.parser import HTMLParser

from vizsla.accounts.store import next_id
from vizsla.campaigns.recipients import list_recipients
from vizsla.campaigns.senders import Draft, Secrets, create_sender
from vizsla.campaigns.window import EVERY_DAY, Window
from vizsla.mail.server import Server
from vizsla.storage.statement import statement
from vizsla.web.render import HEADERS
from web.conftest import SECRET, Answer, Browser, Site

HOSTILE = "\"><script>window.__xss=1</script>{{7*7}} '; DROP"


async def sender(site: Site, name: str = "a", email: str = "sales@vizsla.example") -> int:
    """An account that sends at any hour."""
    member = site.members[name]
    draft = Draft(
        email=email,
        name="Ada",
        smtp=Server("smtp.vizsla.example", 465, "tls"),
        window=Window("UTC", EVERY_DAY, 0, 86_400),
    )
    async with site.stores.app.write() as conn:
        made = await create_sender(
            conn, member.account_id, member.id, draft, Secrets(password="x"), secret=SECRET, now=site.clock.now()
        )
    return made.id


async def draft(browser: Browser, name: str = "Opticians", **messages: str) -> str:
    """A campaign's address, with an introduction."""
    path = (await browser.post("/campaigns", {"name": name})).header("location").removesuffix("/messages")
    assert re.fullmatch(r"/campaigns/\d+", path)
    given = {
        "subject-0": "Hello",
        "body-0": 'Dear {{ first_name | default: "you" }},\nbye.',
        "format-0": "text",
        "do": "save",
    }
    answer = await browser.post(
        f"{path}/messages", given | {name.replace("_", "-"): text for name, text in messages.items()}
    )
    assert answer.status == 303, answer.words
    return path


async def test_an_account_without_anything_is_told_what_comes_first(site: Site) -> None:
    browser = await site.person("a")

    page = await browser.get("/campaigns")
    assert "First a sending account" in page.words
    assert 'href="/senders/new"' in page.text

    await sender(site)
    page = await browser.get("/campaigns")
    assert "No campaign yet" in page.words


async def test_a_campaign_is_made_checked_started_paused_and_archived(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser)
    for page in ("", "/messages", "/recipients", "/settings", "/preview", "/start", "/archive", "/delete"):
        answer = await browser.get(path + page)
        assert answer.status == 200, (page, answer.words)
    assert (await browser.post(f"{path}/recipients", {"emails": "ann@acme.test, bob@acme.test"})).status == 303
    assert "ann@acme.test" in (await browser.get(f"{path}/recipients")).words
    assert "Dear you" in (await browser.get(f"{path}/preview")).words
    assert len(re.findall(r"<li><time>", (await browser.get(f"{path}/start")).text)) == 10

    assert (await browser.post(f"{path}/start")).status == 303
    page = await browser.get(path)
    assert "active" in page.words
    assert "Written to" in page.text
    assert "next message leaves" in page.words.lower()
    assert (await browser.get("/campaigns")).status == 200
    assert (await browser.post(f"{path}/pause")).status == 303
    assert "paused" in (await browser.get(path)).words
    await browser.post(f"{path}/resume")
    assert "active" in (await browser.get(path)).words
    locked = await browser.post(f"{path}/messages", {"subject-0": "Other", "body-0": "Other", "format-0": "text"})
    assert locked.status == 422
    assert "Duplicate" in locked.words
    copy = (await browser.post(f"{path}/duplicate")).header("location")
    assert "Opticians (copy)" in (await browser.get(copy)).words
    await browser.post(f"{path}/archive")
    assert "archived" in (await browser.get(path)).words
    assert "Opticians" in (await browser.get("/campaigns?archived=1")).words


ADD_INBOUND = statement("""
    INSERT INTO inbound (account_id, id, sender_id, folder, uidvalidity, uid, message_id, kind, campaign_id, recipient_id, email, name,
        subject, text, html, label, at)
    VALUES (:account_id, :id, :sender_id, 'INBOX', 1, :id, 'x', :kind, :campaign_id, :recipient_id, :email, :name, :subject, :text,
        :html, NULL, :at)
""")


async def answered(site: Site, browser: Browser, path: str, email: str = "ann@acme.test", **said: str) -> int:
    """*email* in the started campaign at *path* wrote back; the recipient's id."""
    account_id, campaign_id = site.members["a"].account_id, int(path.rpartition("/")[2])
    one = next(
        one for one in await list_recipients(site.stores.app, account_id, campaign_id, limit=100) if one.email == email
    )
    values = {
        "name": "Ann",
        "subject": "Re: Hello",
        "text": "Gladly.",
        "html": None,
        "kind": "human",
        "email": email,
    } | said
    async with site.stores.app.write() as conn:
        row = {"account_id": account_id, "id": await next_id(conn, account_id), "sender_id": one.sender_id or 1}
        await conn.execute(
            ADD_INBOUND, row | values | {"campaign_id": campaign_id, "recipient_id": one.id, "at": site.clock.now()}
        )
    return one.id


async def started(site: Site, browser: Browser, emails: str = "ann@acme.test, bob@acme.test") -> str:
    await sender(site)
    path = await draft(browser)
    await browser.post(f"{path}/recipients", {"emails": emails})
    assert (await browser.post(f"{path}/start")).status == 303
    return path


async def test_an_answer_is_read_labelled_and_ends_or_goes_on(site: Site) -> None:
    browser = await site.person("a")
    path = await started(site, browser)
    assert "No answer yet" in (await browser.get("/inbox")).words
    recipient = await answered(site, browser, path)

    page = await browser.get("/inbox")
    assert "1 answer nobody has read" in page.words
    assert "Gladly." in page.words
    thread = f"/inbox/{recipient}"
    assert "new" in (await browser.get("/inbox?show=unread")).words
    assert "Mark as read" in (await browser.get(thread)).words
    assert "1 answer nobody has read" in (await browser.get("/inbox")).words, "looking changes nothing"
    await browser.post(f"{thread}/read")
    assert "Nothing here" in (await browser.get("/inbox?show=unread")).words
    await browser.post(f"{thread}/label", {"label": "interested"})
    assert "Gladly." in (await browser.get("/inbox?show=interested")).words
    assert "Nothing here" in (await browser.get("/inbox?show=out_of_office")).words
    await browser.post(f"{thread}/unread")
    assert "1 answer nobody has read" in (await browser.get("/inbox")).words

    await browser.post(f"{thread}/stop")
    assert "you stopped it" in (await browser.get(thread)).words
    assert (await browser.post(f"{thread}/resume")).status == 303
    assert "The next message leaves" in (await browser.get(thread)).words


PAYLOADS = (
    HOSTILE,
    "</textarea><script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=1>",
    "javascript:window.__xss=1",
    "{{ ''.__class__ }}{% include 'layout.html' %}",
)


class _Harm(HTMLParser):
    """Finds what acts in a page of ours that is not ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append(f"script {given}")
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction") and not re.match(
                r"/|#|https?:|mailto:", value or "/"
            )
            if name.startswith("on") or leads:
                self.found.append(f"{tag} {name}={value}")


def harm(page: Answer) -> list[str]:
    """What of the payloads has become a script, an attribute that acts, or a link that runs."""
    parser = _Harm()
    parser.feed(page.text)
    return parser.found


async def test_whatever_stands_in_a_name_or_a_message_stays_text(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    for payload in PAYLOADS:
        path = await draft(browser, payload)
        typed = {"subject-0": f"Hi {payload}"[:200], "body-0": payload, "format-0": "html"}
        saved = await browser.post(f"{path}/messages", typed)
        assert saved.status in (303, 422), saved.words
        assert harm(saved) == []
        lead = await browser.post(f"{path}/recipients", {"emails": f"ann@acme.test {payload}"})
        assert lead.status == 422
        assert harm(lead) == []
        await browser.post(f"{path}/recipients", {"emails": "ann@acme.test"})
        for page in ("", "/messages", "/recipients", "/settings", "/preview", "/start", "/delete"):
            answer = await browser.get(path + page)
            assert answer.status == 200, (page, answer.words)
            assert harm(answer) == [], (payload, page)
        for page in (f"/campaigns?offset={payload}", f"/inbox?show={payload}", f"/do-not-contact?q={payload}"):
            assert harm(await browser.get(page.replace(" ", "+"))) == []
    assert harm(await browser.get("/campaigns")) == []
    assert harm(await browser.get("/campaigns/add?lead_id=1&list=%3Cscript%3E")) == []


async def test_a_reply_that_means_harm_is_shown_and_does_nothing(site: Site) -> None:
    browser = await site.person("a")
    path = await started(site, browser)
    html = (
        "<style>body{display:none}</style><script>window.__xss=1</script><p onclick=alert(1)>Fine</p><a href=https://ok.test/>ok</a><img src=https://spy.test/p.gif>"
        "<a href='javascript:alert(1)'>x</a><form action=https://evil.test><input name=password></form><iframe src=https://evil.test></iframe>"
        "<base href=https://evil.test><meta http-equiv=refresh content='0;url=https://evil.test'><svg/onload=alert(1)>"
        + "<div>"
        * 20_000
    )
    recipient = await answered(site, browser, path, name=HOSTILE, subject=HOSTILE, text=HOSTILE, html=html)

    page = await browser.get(f"/inbox/{recipient}")

    assert page.status == 200
    assert harm(page) == []
    (framed,) = [unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', page.text) if "Fine" in found]
    for word in (
        "script",
        "onclick",
        "spy.test",
        "javascript",
        "<form",
        "<input",
        "iframe",
        "<base",
        "http-equiv",
        "svg",
        "style>",
    ):
        assert word not in framed, word
    assert 'href="https://ok.test/"' in framed
    assert 'rel="noopener noreferrer nofollow"' in framed
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert page.header("content-security-policy") == HEADERS["Content-Security-Policy"]
    assert harm(await browser.get("/inbox")) == []


async def test_what_was_typed_stays_and_nothing_is_saved_if_one_message_is_wrong(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser)
    typed = {
        "subject-0": "Changed",
        "body-0": "Changed",
        "format-0": "text",
        "wait-1": "2",
        "subject-1": "",
        "body-1": "{% for x in y %}",
        "format-1": "text",
    }

    answer = await browser.post(f"{path}/messages", typed)

    assert answer.status == 422
    assert "Tags are" in answer.words
    assert "{% for x in y %}" in unescape(answer.text)
    assert "Changed" not in (await browser.get(f"{path}/messages")).text
    for name, text in (("subject-0", "two\nlines"), ("body-0", ""), ("body-0", "x" * 60_000), ("wait-1", "31")):
        refused = await browser.post(f"{path}/messages", typed | {"body-1": "Well?"} | {name: text})
        assert refused.status == 422, (name, refused.words)
    assert (await browser.post(f"{path}/messages", {"body-0": "x" * 5_000_000})).status == 413
    assert (await browser.post(f"{path}/messages", typed | {"body-1": "Well?"})).status == 303
    assert (await browser.post(f"{path}/messages/1/delete")).status == 303
    assert (await browser.post(f"{path}/messages/0/delete")).status == 422


async def test_somebody_without_a_value_stops_the_start(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser, body_0="Dear {{ first_name }}")
    await browser.post(f"{path}/recipients", {"emails": "ann@acme.test"})

    page = await browser.get(f"{path}/start")
    assert "missing" in page.words
    assert "first_name" in page.words
    refused = await browser.post(f"{path}/start")
    assert refused.status == 422
    assert "ann@acme.test" in refused.words
    preview = await browser.get(f"{path}/preview")
    assert "There is no value for first_name" in preview.words


async def test_settings_are_kept_and_refused_with_a_sentence(site: Site) -> None:
    browser = await site.person("a")
    id_ = await sender(site)
    path = await draft(browser)
    given = {
        "name": "Opticians", "sender": str(id_), "day": ["1", "3"], "start": "08:30", "end": "00:00", "timezone": "Europe/Paris",
        "start_at": "2030-01-07T10:00", "absence_days": "5", "max_lateness": "3600", "uncertain": "resend", "tracks_opens": "1", "bcc": "",
    }  # fmt: skip

    assert (await browser.post(f"{path}/settings", given)).status == 303
    page = await browser.get(f"{path}/settings")
    for shown in (
        'value="08:30"',
        'value="00:00"',
        "<option selected>Europe/Paris",
        'value="2030-01-07T10:00"',
        'value="5"',
    ):
        assert shown in page.text, shown
    for name, text, sentence in (
        ("end", "08:00", "begin before they end"),
        ("timezone", "Mars/Base", "no time zone"),
        ("sender", "999", "no email account"),
        ("start", "x", "Give the hours"),
        ("start_at", "tomorrow", "date and a time"),
        ("absence_days", "", "0 to 90 days"),
        ("uncertain", "both", "hold"),
        ("bcc", "no\r\nBcc: x@y.test", "not an e-mail address"),
        ("name", "", "characters"),
    ):
        refused = await browser.post(f"{path}/settings", given | {name: text})
        assert refused.status == 422, name
        assert sentence in refused.words, (name, refused.words[:600])


async def test_files_go_with_a_message_and_are_taken_away(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser)

    added = await browser.upload(f"{path}/files", {"step": "0"}, "a<b>.pdf", b"%PDF-1.4")
    assert added.status == 303, added.words
    page = await browser.get(f"{path}/messages")
    assert "a&lt;b&gt;.pdf" in page.text
    too_large = await browser.upload(f"{path}/files", {"step": "0"}, "large.pdf", b"x" * (5 * 1024 * 1024 + 20_000))
    assert too_large.status == 413
    assert "5 MB" in too_large.words
    (drop,) = re.findall(r'action="(/campaigns/\d+/files/\d+/delete)"', page.text)
    assert (await browser.post(drop)).status == 303
    assert ".pdf" not in (await browser.get(f"{path}/messages")).text


async def test_recipients_are_skipped_with_reasons_exported_and_canceled(site: Site) -> None:
    browser = await site.person("a")
    path = await started(site, browser, "=cmd@acme.test, bob@acme.test")
    await browser.post("/do-not-contact", {"lines": "blocked.test"})

    page = await browser.post(f"{path}/recipients", {"emails": "bob@acme.test new@acme.test x@sub.blocked.test"})
    assert "1 added" in page.words
    assert "bob@acme.test: is in this campaign already" in page.words
    assert "x@sub.blocked.test: unsubscribed, or is on your list" in page.words
    rows = list(csv.reader(io.StringIO((await browser.get(f"{path}/recipients.csv")).text)))
    assert [row[0] for row in rows] == ["email", "'=cmd@acme.test", "bob@acme.test", "new@acme.test"]
    cancel = re.findall(r'action="(/campaigns/\d+/recipients/\d+/cancel)"', page.text)[1]
    assert "gets nothing more" in (await browser.follow(await browser.post(cancel))).words
    assert "bob@acme.test" not in (await browser.get(f"{path}/recipients")).text
    assert "canceled" in (await browser.get(f"{path}/recipients?status=removed")).words
    again = await browser.post(f"{path}/recipients", {"emails": "bob@acme.test"})
    assert "was canceled in this campaign before" in again.words
    assert (await browser.post(f"{path}/recipients", {})).status == 422
    assert (await browser.post(f"{path}/recipients", {"list": "987654"})).status == 422


async def test_the_list_of_those_who_are_not_written_to(site: Site) -> None:
    browser = await site.person("a")
    assert "Nobody yet" in (await browser.get("/do-not-contact")).words

    assert (await browser.post("/do-not-contact", {"lines": "ann@acme.test\nacme.org"})).status == 303
    assert (await browser.post("/do-not-contact", {"lines": HOSTILE})).status == 422
    file = b"Email;Why\n=bob@x.test;x\ncarl@x.test;y\n;\nnobody;z\n"
    answer = await browser.upload("/do-not-contact/import", {}, "list.csv", file)
    assert answer.status == 200, answer.words
    assert "2 added" in answer.words or "1 added" in answer.words
    assert "carl@x.test" in answer.words
    page = await browser.get("/do-not-contact?q=ANN%40acme")
    assert "ann@acme.test" in page.words
    assert "acme.org" not in page.words
    assert "Nobody found" in (await browser.get("/do-not-contact?q=%25")).words
    (line,) = re.findall(r'href="(/do-not-contact/\w{20,})"', page.text)
    assert "added by the team" in (await browser.get(line)).words
    other = await site.person("b")
    assert (await other.get(line)).status == 404
    assert (await other.post(f"{line}/remove")).status == 404
    assert (await browser.post(f"{line}/remove")).status == 303
    await browser.get("/do-not-contact")  # which says so
    assert "ann@acme.test" not in (await browser.get("/do-not-contact")).words
    assert (await browser.get(line)).status == 404


HELD = statement(
    "UPDATE recipient SET state = 'held', due = NULL, trouble = 'x' WHERE account_id = :account_id AND email = :email"
)
UNCERTAIN = statement("""
    INSERT INTO message (account_id, id, campaign_id, recipient_id, step, sender_id, message_id, state, token, attempts, claimed_at)
    VALUES (:account_id, :id, :campaign_id, :id, 0, :sender_id, :name, 'held', 't', 0, :now)
""")


async def test_what_waits_for_a_person_is_sent_or_counted_or_canceled(site: Site) -> None:
    browser = await site.person("a")
    path = await started(
        site, browser, "late@acme.test, left@acme.test, later@acme.test, again@acme.test, never@acme.test"
    )
    account_id, campaign_id = site.members["a"].account_id, int(path.rpartition("/")[2])
    people = {
        one.email.partition("@")[0]: one
        for one in await list_recipients(site.stores.app, account_id, campaign_id, limit=100)
    }
    async with site.stores.app.write() as conn:
        for name, one in people.items():
            await conn.execute(HELD, {"account_id": account_id, "email": one.email})
            if name in ("left", "again"):
                row = {"account_id": account_id, "id": one.id, "campaign_id": campaign_id, "sender_id": one.sender_id}
                await conn.execute(UNCERTAIN, row | {"name": f"{name}@x.test", "now": site.clock.now()})

    page = await browser.get(path)
    assert "5 recipients wait for you" in page.words
    act = f"{path}/recipients/{{}}/{{}}"
    assert (await browser.post(act.format(people["late"].id, "left"))).status == 404, "it was never tried"
    assert (await browser.post(act.format(people["late"].id, "send"))).status == 303
    assert (await browser.post(act.format(people["left"].id, "left"))).status == 303
    assert (await browser.post(act.format(people["again"].id, "send"))).status == 303
    assert (await browser.post(act.format(people["never"].id, "cancel"))).status == 303
    assert "1 recipient waits for you" in (await browser.get(path)).words
    assert (await browser.post(f"{path}/recipients/release")).status == 303
    page = await browser.get(path)
    assert "for you" not in page.words
    assert "Written to: 1" in page.text
    assert (await browser.post(act.format(people["late"].id, "send"))).status == 404
    after = {one.email: one for one in await list_recipients(site.stores.app, account_id, campaign_id, limit=100)}
    assert [after[f"{name}@acme.test"].state for name in ("late", "left", "later", "again")] == [
        "scheduled", "done", "scheduled", "scheduled",
    ]  # fmt: skip
    assert after["again@acme.test"].due is not None


async def test_leads_that_were_ticked_are_added_to_a_campaign(site: Site) -> None:
    browser = await site.person("a")
    await sender(site)
    path = await draft(browser)
    lead = (await browser.post("/leads/new", {"email": "ann@acme.test"})).header("location")
    assert 'formaction="/campaigns/add"' in (await browser.get("/leads")).text

    page = await browser.get(f"/campaigns/add?which=ticked&id={lead.rpartition('/')[2]}&id=x&id={2**70}")

    assert "1 lead" in page.words
    (form,) = re.findall(rf'<form method="post" action="{path}/recipients">(.*?)</form>', page.text)
    given = dict(re.findall(r'name="(\w+)" value="(\d+)"', form))
    assert (await browser.post(f"{path}/recipients", given)).status == 303
    assert "ann@acme.test" in (await browser.get(f"{path}/recipients")).words
    assert "list first" in (await browser.get("/campaigns/add?which=all")).words
