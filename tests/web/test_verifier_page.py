"""The verifier's page: begun by its button alone, watched while it is on, each check in words, and nobody else's business."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from vizsla.accounts.quota import get_usage
from vizsla.accounts.store import Plan, set_plan
from vizsla.erasure import claim
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import load_claims, parse_claimed
from vizsla.verifier.evidence import Step
from vizsla.verifier.outcome import Ended, Outcome
from vizsla.verifier.store import Job
from vizsla.verifier.verdict import Reason, Seen, conclude
from vizsla.web.verifier import SENTENCES
from vizsla.work.verifications import Verifying
from vizsla.work.workplace import Workplace
from web.conftest import SECRET, Browser, Site

SEEN = Seen(mx_records=True, smtp_server=True)
_REASONS: dict[str, Reason] = {
    "gone": "no_user", "all": "accepts_all", "blocked": "refused_us", "weird": "protocol", "off": "probe_off", "away": "timeout",
}  # fmt: skip
HOSTILE = "550 5.1.1 <script>alert(1)</script> `no` such user"


class Runner:
    """Answers by the local part."""

    async def run(self, job: Job) -> Outcome:
        reason = _REASONS.get(job.local, "accepted")
        seen = Seen(mx_records=True) if reason == "probe_off" else SEEN
        steps = [
            Step(job.asked_at, "dns", "MX of the domain", "10 mx.acme.test"),
            Step(job.asked_at + 1, "smtp", f"RCPT TO:<{job.local}@{job.domain}>", HOSTILE, 42, "192.0.2.1"),
        ]
        return Ended(conclude(reason, seen), steps)


@contextlib.asynccontextmanager
async def working(site: Site) -> AsyncIterator[None]:
    services = site.house.services
    place = Workplace(services.settings, site.stores, SECRET, site.clock, services.waiting)

    def tell(event: str, *, level: str = "info", **values: object) -> None:
        raise AssertionError(event, values)

    task = asyncio.create_task(Verifying(place, Runner(), tell).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def verified(site: Site, browser: Browser, email: str) -> str:
    """The path of the verification of *email*, which has ended."""
    async with working(site), asyncio.timeout(20):
        path = (await browser.post("/verifier", {"email": email})).header("location")
        while "pending" in (await browser.get(path)).words:
            await asyncio.sleep(0.02)
    return path


async def used(site: Site, name: str = "a") -> int:
    return (await get_usage(site.stores.app, site.members[name].account_id, site.clock.now())).verifications


async def test_an_address_in_the_link_fills_the_form_and_begins_nothing(site: Site) -> None:
    browser = await site.person("a")
    page = await browser.get('/verifier?email=jane%40acme.test"><script>')

    assert page.status == 200
    assert 'value="jane@acme.test&#34;&gt;&lt;script&gt;"' in page.text
    assert "Nothing verified yet" in page.words
    assert "VIZSLA_PROBE" in page.words


async def test_a_verification_is_watched_and_ends_with_every_check(site: Site) -> None:
    browser = await site.person("a")
    answer = await browser.post("/verifier", {"email": "Jane@ACME.test"})
    path = answer.header("location")
    pending = await browser.follow(answer)
    assert "pending" in pending.words and 'hx-trigger="every 2s"' in pending.text
    mark = pending.text.partition("?seen=")[2].partition('"')[0]
    unchanged = await browser.send("GET", f"{path}?seen={mark}", hx_request="true")
    assert (unchanged.status, unchanged.content) == (204, b"")
    assert await used(site) == 0

    assert await verified(site, browser, "jane@acme.test") == path
    page = await browser.get(path)

    assert "hx-trigger" not in page.text
    for words in (SENTENCES["valid"], "jane@acme.test", "Score", "Syntax", "Mail servers", "Server answered", "Mailbox",
                  "Accepts everything", "Blocked", "Evidence: 2 steps", "RCPT TO:", "42"):  # fmt: skip
        assert words in page.words, words
    assert "&lt;script&gt;" in page.text and "<script>alert" not in page.text
    assert await used(site) == 1
    await browser.get(path)
    site.clock.at += 2 * DAY
    await browser.get(path)
    assert await used(site) == 1
    assert "jane@acme.test" in (await browser.get("/verifier")).words


@pytest.mark.parametrize(
    ("local", "status", "words", "counted"),
    [
        ("gone", "invalid", "Mail to this address comes back", 1),
        ("all", "accept all", "It takes any address of this domain", 1),
        ("blocked", "unknown", "turned us away", 0),
        ("weird", "unknown", "outside of the protocol", 0),
        ("off", "unknown", "not asked", 1),
        ("away", "unknown", "did not answer in time", 1),
    ],
)
async def test_every_end_is_said_in_words(site: Site, local: str, status: str, words: str, counted: int) -> None:
    browser = await site.person("a")
    path = await verified(site, browser, f"{local}@acme.test")
    page = await browser.get(path)

    assert page.status == 200
    assert status in page.words and words in page.words, page.words
    assert await used(site) == counted
    assert (await browser.post("/verifier", {"email": f"{local}@acme.test"})).header("location") == path


async def test_what_is_out_of_date_can_be_verified_again(site: Site) -> None:
    browser = await site.person("a")
    path = await verified(site, browser, "jane@acme.test")
    assert "Verify again" not in (await browser.get(path)).words
    site.clock.at += 200 * DAY
    browser = await site.person("a")
    assert "Verify again" in (await browser.get(path)).words
    await browser.post("/verifier", {"email": "jane@acme.test"})
    assert "pending" in (await browser.get(path)).words


@pytest.mark.parametrize(
    "email",
    ["", " ", "jane", "@acme.test", "jane@", "a@@b.test", "a\r\nRCPT TO:<x@y.test>@b.test", "a@[127.0.0.1]",
     "a@b.test\0", "a@b..test", "x" * 65 + "@b.test", "x" * 90_000],
)  # fmt: skip
async def test_what_is_no_address_is_said_beside_the_form(site: Site, email: str) -> None:
    page = await (await site.person("a")).post("/verifier", {"email": email})

    assert page.status == 422
    assert 'aria-invalid="true"' in page.text and 'role="alert"' in page.text


async def test_nobody_sees_anothers_verification(site: Site) -> None:
    path = await verified(site, await site.person("a"), "jane@acme.test")
    stranger = await site.person("b")
    theirs, nothing = await stranger.get(path), await stranger.get("/verifier/999999")

    assert theirs.status == nothing.status == 404
    assert theirs.words == nothing.words
    assert "jane" not in (await stranger.get("/verifier")).words
    for number in ("0", "99999999999999999999999", "-1", "x", "1.0"):
        assert (await stranger.get(f"/verifier/{number}")).status == 404


async def test_a_used_up_plan_and_a_claimed_person_are_said(site: Site) -> None:
    browser = await site.person("a")
    path = await verified(site, browser, "jane@acme.test")
    async with site.stores.app.write() as conn:
        await set_plan(conn, site.members["a"].account_id, Plan(plan_verifications=0))
    refused = await browser.post("/verifier", {"email": "joe@acme.test"})
    assert (refused.status, "whole again on" in refused.words, 'value="joe@acme.test"' in refused.text) == (
        429,
        True,
        True,
    )

    services = site.house.services
    services.claims = await load_claims(site.stores.app, SECRET)
    await claim(site.stores, services.claims, parse_claimed("jane@acme.test"), site.clock)
    services.claims = await load_claims(site.stores.app, SECRET)
    for page in (await browser.post("/verifier", {"email": "jane@acme.test"}), await browser.get(path)):
        assert page.status in (404, 451)
        assert "Score" not in page.words
    assert "jane" not in (await browser.get("/verifier")).words


async def test_another_site_cannot_press_the_button(site: Site) -> None:
    browser = await site.person("a")
    answer = await browser.post("/verifier", {"email": "jane@acme.test"}, sec_fetch_site="cross-site")

    assert answer.status == 403
    assert "Nothing verified yet" in (await browser.get("/verifier")).words
