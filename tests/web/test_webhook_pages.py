"""Webhooks and connected apps on the dashboard: made, seen to work or not, sent again, and nobody else's."""

import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from vizsla.leads.connectors import list_connectors
from vizsla.leads.lead import draft
from vizsla.leads.store import find_by_email, upsert_lead
from vizsla.webhooks.endpoints import page_of_endpoints
from vizsla.webhooks.outbox import announce
from vizsla.work.crm import sync_leads
from vizsla.work.webhooks import tell_endpoints
from vizsla.work.workplace import Workplace
from web.conftest import Answer, Browser, Site
from webhooks.test_signing import accepts
from worlds.espocrm import KEY, EspoWorld, espocrm
from worlds.receiver import Receiver, Says, always, receiver


def reach(site: Site, port: int) -> None:
    """Let this server send to loopback."""
    services = site.house.services
    services.settings = msgspec.structs.replace(
        services.settings, egress_allow=("127.0.0.0/8",), http_ports=(80, 443, port)
    )


@pytest.fixture
async def ear(site: Site) -> AsyncIterator[Receiver]:
    async with receiver() as world:
        reach(site, world.port)
        yield world


@pytest.fixture
async def espo(site: Site) -> AsyncIterator[EspoWorld]:
    async with espocrm() as world:
        assert world.ear
        reach(site, world.ear.port)
        yield world


def place(site: Site) -> Workplace:
    return Workplace(site.house.services.settings, site.stores, site.house.secret, site.clock)


async def work(site: Site) -> None:
    await tell_endpoints(place(site), "w", lambda *_, **__: None)
    await sync_leads(place(site), "w", lambda *_, **__: None)


async def make(browser: Browser, url: str, **form: object) -> tuple[Answer, str]:
    """The answer to a new webhook, and its secret."""
    answer = await browser.post("/webhooks", {"url": url, "event": ["lead.created"]} | form)
    found = re.search(r'id="secret">(whsec_[^<]+)<', answer.text)
    assert found, answer.words
    return answer, found[1].replace("&#43;", "+")


async def test_a_webhook_is_made_tested_seen_to_fail_and_sent_again(site: Site, ear: Receiver) -> None:
    browser = await site.person("a")
    answer, secret = await make(browser, ear.url)
    assert answer.header("cache-control") == "no-store"
    (one,) = await page_of_endpoints(site.stores.app, site.members["a"].account_id)
    path = f"/webhooks/{one.id}"
    for page in ("/webhooks", path, "/"):
        assert secret not in (await browser.get(page)).text

    noted = await browser.follow(await browser.post(f"{path}/test"))
    assert "A test is on its way." in noted.words
    ear.says = always(Says(500, body=b"<b>a secret of the server's</b>"))
    await work(site)
    assert accepts(secret, ear.got[0].headers, ear.got[0].body, now=site.clock.now())
    seen = await browser.get(path)
    assert "It answered 500." in seen.words
    assert "secret of the server" not in seen.text
    assert ear.got[0].headers["webhook-id"] in seen.text

    ear.says = always(Says())
    site.clock.at += 60
    assert "1 sent again." in (await browser.follow(await browser.post(f"{path}/replay"))).words
    await work(site)
    assert len(ear.got) == 2
    done = await browser.get(f"{path}?state=done")
    assert "webhook.test" in done.words
    again = re.search(rf'action="({path}/deliveries/\d+/replay)"', done.text)
    assert again
    await browser.post(again[1])
    await work(site)
    assert len({got.headers["webhook-id"] for got in ear.got}) == 1

    off = await browser.follow(await browser.post(f"{path}/state", {"state": "off"}))
    assert "What waits is kept" in off.words
    assert (await browser.post(f"{path}/test")).status == 422
    changed = await browser.post(f"{path}/change", {"url": ear.url + "2", "event": ["message.sent", "lead.updated"]})
    assert "lead.updated, message.sent" in (await browser.follow(changed)).words
    new = await browser.post(f"{path}/secret")
    assert "whsec_" in new.text
    assert secret not in new.text
    await browser.post(f"{path}/delete")
    assert (await browser.get(path)).status == 404


async def test_what_others_wrote_is_text_on_the_page(site: Site, ear: Receiver) -> None:
    browser = await site.person("a")
    await make(browser, ear.url)
    account_id = site.members["a"].account_id
    async with site.stores.app.write() as conn:
        await announce(conn, account_id, "lead.created", {"notes": "<script>alert(1)</script>"}, site.clock.now())
    (one,) = await page_of_endpoints(site.stores.app, account_id)

    assert "<script>alert" not in (await browser.get(f"/webhooks/{one.id}")).text


@pytest.mark.parametrize("page", ["/webhooks", "/connected-apps"])
@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:9/", "https://user:pw@127.0.0.1/", "http://[::ffff:127.0.0.1]/",
     "file:///etc/passwd", "http://93.184.216.34/", "x", ""],
)  # fmt: skip
async def test_where_nothing_is_sent(site: Site, page: str, url: str) -> None:
    browser = await site.person("a")
    answer = await browser.post(page, {"url": url, "event": ["lead.created"], "api_key": "k"})

    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert await page_of_endpoints(site.stores.app, site.members["a"].account_id) == []
    assert await list_connectors(site.stores.app, site.members["a"].account_id) == []


async def test_members_have_no_business_here(site: Site) -> None:
    browser = await site.as_member(await site.teammate("m"))
    assert "Webhooks" not in (await browser.get("/")).words
    for path in ("/webhooks", "/connected-apps", "/webhooks/1", "/connected-apps/1"):
        assert (await browser.get(path)).status == 403
    for path in ("/webhooks", "/connected-apps", "/webhooks/1/test", "/connected-apps/1/test", "/webhooks/1/delete"):
        assert (await browser.post(path, {"url": "https://93.184.216.34/x", "event": "lead.created"})).status == 403


async def test_an_espocrm_is_connected_tested_and_says_what_failed(site: Site, espo: EspoWorld) -> None:
    browser, account_id = await site.person("a"), site.members["a"].account_id
    async with site.stores.app.write() as conn:
        for email, phone in (("jane@acme.com", "+1 2"), ("joe@acme.com", "call me")):
            await upsert_lead(conn, account_id, draft({"email": email, "phone_number": phone}), site.clock.now())
    form = {"url": espo.url, "kind": "espocrm", "entity": "Lead", "api_key": "wrong", "with_present": "1"}
    assert "Give the API key" in (await browser.post("/connected-apps", form | {"api_key": ""})).words
    made = await browser.post("/connected-apps", form)
    path = made.header("location")
    assert "wrong" not in (await browser.get(path)).words
    tested = await browser.post(f"{path}/test")
    assert (tested.status, "does not take the API key" in tested.words) == (422, True)
    await browser.post(f"{path}/key", {"api_key": KEY})
    assert "It answers" in (await browser.follow(await browser.post(f"{path}/test"))).words
    await work(site)

    page = await browser.get(path)
    assert "joe@acme.com" in page.words
    assert "does not take the field phoneNumber: valid" in page.words
    assert "accountName" in page.words
    assert "jane@acme.com" in (await browser.get(f"{path}?state=success")).words
    assert "1 sent again." in (await browser.follow(await browser.post(f"{path}/retry"))).words
    await browser.post(f"{path}/state", {"state": "off"})
    assert "off" in (await browser.get("/connected-apps")).words
    await browser.post(f"{path}/delete")
    assert (await browser.get(path)).status == 404
    await work(site)
    lead = await find_by_email(site.stores.app, account_id, "joe@acme.com")
    assert lead
    assert lead.sync_status is None


async def test_a_program_of_ones_own_is_connected_by_a_secret(site: Site, ear: Receiver) -> None:
    browser = await site.person("a")
    made = await browser.post("/connected-apps", {"url": ear.url, "kind": "webhook"})
    assert 'id="secret">whsec_' in made.text
    (one,) = await list_connectors(site.stores.app, site.members["a"].account_id)
    assert "It answers" in (await browser.follow(await browser.post(f"/connected-apps/{one.id}/test"))).words
    assert len(ear.got) == 1
    assert (await browser.post(f"/connected-apps/{one.id}/key", {"api_key": "x"})).status == 422
