"""The public pages for people who are in the index: they see, take along and erase what is theirs, and nobody else's."""

import json
import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from vizsla.desk.services import Services
from vizsla.privacy.claims import parse_claimed
from vizsla.privacy.ledger import Word, record_event
from vizsla.privacy.requests import PER_CLIENT, PER_SUBJECT
from vizsla.storage.statement import statement
from vizsla.work.workplace import Workplace
from web.conftest import BASE, NOW, SECRET, Answer, Browser, Site
from worlds.dns import World, dns
from worlds.outbox import Mail, posted

ANN = "ann.lee0@acme.example"


async def mails(site: Site) -> list[Mail]:
    """What was sent so far."""
    return await posted(Workplace(site.house.services.settings, site.stores, SECRET, site.clock))


async def mailed(site: Site, email: str = ANN) -> str:
    """The path that the mail to *email* leads to."""
    assert (await site.stranger().post("/claim", {"email": email})).status == 200
    return (await mails(site))[-1].path


async def local_parts(site: Site) -> set[str]:
    return {
        row[0]
        for row in await site.stores.index.fetch_all(statement("SELECT local FROM email WHERE domain = 'acme.example'"))
    }


async def test_a_person_sees_takes_along_and_erases_what_is_held(site: Site) -> None:
    browser = site.stranger()
    assert "See or erase" in (await browser.get("/claim")).words
    path = await mailed(site)

    page = await browser.get(path)
    assert page.status == 200
    for word in (ANN, "https://acme.example/team/0", "Chief Executive Officer", "Ann", "Lee", "+14155550100"):
        assert word in page.words
    taken = await browser.get(f"{path}/export.json")
    assert taken.header("content-type") == "application/json"
    assert taken.header("content-disposition").startswith("attachment")
    held = json.loads(taken.content)
    assert (held["email"], held["public_web"]["seen"][0]["uri"]) == (ANN, "https://acme.example/team/0")

    hasty = await browser.post(f"{path}/erase")
    assert (hasty.status, "Tick the box" in hasty.words) == (422, True)
    assert "ann.lee0" in await local_parts(site)
    done = await browser.post(f"{path}/erase", {"sure": "yes"})
    assert (done.status, "It is erased" in done.words) == (200, True)

    assert "ann.lee0" not in await local_parts(site)
    assert len(await local_parts(site)) == 24
    assert site.house.services.claims.is_claimed("acme.example", "ann.lee0"), "known to this process at once"
    for again in (
        await browser.get(path),
        await browser.get(f"{path}/export.json"),
        await browser.post(f"{path}/erase", {"sure": "yes"}),
    ):
        assert (again.status, "used" in again.words) == (404, True)


async def test_known_and_unknown_addresses_are_answered_alike(site: Site) -> None:
    known = await site.stranger().post("/claim", {"email": "ann.lee0@acme.example"})
    other = await site.stranger().post("/claim", {"email": "nob.ody0@acme.example"})

    assert known.status == other.status == 200
    assert known.text == other.text.replace("nob.ody0", "ann.lee0")
    assert known.headers == other.headers
    first, second = await mails(site)
    assert (first.to, second.to) == ("ann.lee0@acme.example", "nob.ody0@acme.example")
    assert first.text.replace(first.link, "") == second.text.replace(second.link, "")
    page = await site.stranger().get(second.path)
    assert "Nothing is held" in page.words


async def test_the_fourth_request_of_a_day_is_answered_like_the_first_and_mails_nothing(site: Site) -> None:
    answers = [await site.stranger().post("/claim", {"email": ANN}) for _ in range(PER_SUBJECT + 3)]

    assert len({(answer.status, answer.text) for answer in answers}) == 1
    assert len(await mails(site)) == PER_SUBJECT


async def test_looking_changes_nothing(site: Site) -> None:
    path = await mailed(site)
    before = await local_parts(site)
    for _ in range(3):
        for target in (path, f"{path}/export.json", f"{path}?sure=yes", "/claim"):
            for method in ("GET", "HEAD"):
                assert (await site.stranger().send(method, target)).status == 200
        assert (await site.stranger().get(f"{path}/erase?sure=yes")).status == 405

    assert await local_parts(site) == before
    assert (await site.stranger().post(f"{path}/erase", {"sure": "yes"})).status == 200


async def test_another_site_erases_nothing(site: Site) -> None:
    path = await mailed(site)
    form = b"sure=yes"
    kind = {"content_type": "application/x-www-form-urlencoded"}
    for header in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "https://evil.test"}):
        answer = await site.stranger().send("POST", f"{path}/erase", form, **kind, **header)
        assert answer.status == 403

    assert "ann.lee0" in await local_parts(site)


async def test_the_link_leads_to_the_address_that_was_set_whatever_the_request_says(site: Site) -> None:
    body = b"email=ann.lee0%40acme.example"
    answer = await site.stranger().send(
        "POST", "/claim", body, host="evil.test", x_forwarded_host="evil.test", x_forwarded_proto="https",
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip

    assert answer.status == 200
    assert "evil.test" not in answer.text
    (mail,) = await mails(site)
    assert mail.link.startswith(f"{BASE}/claim/")
    assert "evil.test" not in mail.text + mail.html


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "ann@",
        "ann@acme.example\r\nBcc: x@y.example",
        "ann@acme.example,b@c.example",
        "<script>@x.example",
        "@" * 5_000,
        "127.0.0.1",
    ],
)
async def test_what_is_no_address_is_said_to_be_none(site: Site, text: str) -> None:
    answer = await site.stranger().post("/claim", {"email": text})

    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert "<script>@" not in answer.text
    assert await mails(site) == []


async def test_a_link_that_is_none_or_too_old_says_so(site: Site) -> None:
    path = await mailed(site)
    for wrong in (
        "/claim/x",
        "/claim/domain",
        f"{path}x",
        "/claim/domain/x",
        "/claim/%00",
        f"/claim/domain/{path[7:]}",
    ):
        answer = await site.stranger().get(wrong)
        assert (answer.status, "used" in answer.words) == (404, True)
    site.clock.at += 3_600

    assert (await site.stranger().get(path)).status == 404
    assert (await site.stranger().post(f"{path}/erase", {"sure": "yes"})).status == 404
    assert "ann.lee0" in await local_parts(site)


async def test_one_network_asks_so_often_and_no_more(site: Site) -> None:
    async with site.stores.app.write() as conn:
        claims = site.house.services.claims
        row = {
            "hash": claims.hash("client 127.0.0.1"),
            "day": site.clock.at - site.clock.at % 86_400,
            "count": PER_CLIENT,
        }
        await conn.execute(statement("INSERT INTO claim_limit (hash, day, count) VALUES (:hash, :day, :count)"), row)

    for text in (ANN, "new@unheard.example", "acme.example"):
        answer = await site.stranger().post("/claim", {"email": text})
        assert (answer.status, "tomorrow" in answer.words) == (429, True)


async def test_these_pages_are_kept_by_nobody_and_tell_nobody_where_you_were(site: Site) -> None:
    path = await mailed(site)
    for target in ("/claim", path, f"{path}/export.json"):
        answer = await site.stranger().get(target)
        assert answer.header("cache-control") == "no-store"
        assert answer.header("referrer-policy") == "same-origin"
        assert "default-src 'none'" in answer.header("content-security-policy")
        assert answer.header("x-content-type-options") == "nosniff"
    outside = [part for part in (await site.stranger().get(path)).text.split("<a ") if 'href="https://' in part]
    assert outside
    assert all("noreferrer" in part.partition(">")[0] for part in outside)


async def test_what_a_page_said_of_somebody_is_shown_as_text(site: Site) -> None:
    async with site.stores.index.write() as conn:
        await conn.execute(
            statement("UPDATE sighting SET evidence = :text, uri = 'javascript:alert(1)' WHERE local = 'ann.lee0'"),
            {
                "text": '{"name_score":3,"how":"text","first_name":"<script>alert(1)</script>","position":"\\"><img src=x>"}'
            },
        )
    page = await site.stranger().get(await mailed(site))

    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert 'href="javascript:' not in page.text
    assert "<script>alert(1)</script>" not in page.words


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_no_log_holds_a_link(site: Site, dialect: str) -> None:
    path = await mailed(site)
    names: list[str | None] = []
    site.house.fault = lambda error, *, request_id, name: names.append(name)  # type: ignore[assignment]
    async with site.stores.app.write() as conn:
        await conn.execute(statement("DROP TABLE claim_request"))

    assert (await site.stranger().get(path)).status == 503
    assert names == ["/claim/{token}"]


async def test_the_operator_reads_what_was_done_and_no_address(site: Site) -> None:
    a = await site.person("a")
    assert "Nobody has said stop" in (await a.get("/admin/claims")).words
    path = await mailed(site)
    await site.stranger().post(f"{path}/erase", {"sure": "yes"})
    for number in range(30):
        async with site.stores.app.write() as conn:
            claims = site.house.services.claims
            claimed = parse_claimed(f"p{number}@many.example")
            await record_event(conn, claims, claimed, what="claimed", word=Word("operator", "root"), now=NOW)
            await record_event(conn, claims, claimed, what="erased", word=Word("operator", "root"), now=NOW)

    page = await a.get("/admin/claims")
    assert page.words.count("p***@many.example") == 50
    older = re.search(r'href="(/admin/claims\?before=\d+)"', page.text)
    assert older is not None
    last = await a.get(older[1])
    assert "a***@acme.example" in last.words
    assert "the mailed link" in last.words
    assert "email 1" in last.words
    assert ANN not in page.text + last.text
    assert "claim done 1" in page.words
    assert "VIZSLA_SMTP_URL" in page.words
    assert (await a.get("/admin/claims?before=%C2%B2")).status == 200


# Domains


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    services: Services = site.house.services
    async with dns() as made:
        made.zone("acme.example", minimum=300)
        services.settings = msgspec.structs.replace(services.settings, dns_servers=(made.server,))
        yield made


async def asked_for(browser: Browser, domain: str) -> tuple[str, Answer]:
    answer = await browser.post("/claim", {"email": domain})
    return answer.header("location"), await browser.follow(answer)


async def test_an_owner_publishes_a_record_and_the_domain_is_erased(site: Site, world: World) -> None:
    browser = site.stranger()
    path, page = await asked_for(browser, "https://www.Acme.example/about")
    name = "_vizsla-claim.acme.example"
    assert name in page.words
    value = next(word for word in page.words.split() if word.startswith("vizsla-claim="))

    early = await browser.post(f"{path}/check")
    assert (early.status, "not there yet" in early.words) == (200, True)
    assert len(await local_parts(site)) == 25
    world.add(name, "TXT", value)
    done = await browser.follow(await browser.post(f"{path}/check"))

    assert "It is erased" in done.words
    assert await local_parts(site) == set()
    assert site.house.services.claims.is_claimed("acme.example")
    assert "It is erased" in (await browser.get(path)).words
    assert (await browser.follow(await browser.post(f"{path}/check"))).status == 200


async def test_an_owner_is_answered_alike_for_any_domain_and_three_times_a_day(site: Site, world: World) -> None:
    pages = [(await asked_for(site.stranger(), domain))[1] for domain in ("acme.example", "zzzz.example")]
    assert pages[0].status == pages[1].status == 200
    await asked_for(site.stranger(), "acme.example")
    await asked_for(site.stranger(), "acme.example")

    answer = await site.stranger().post("/claim", {"email": "acme.example"})
    assert (answer.status, "tomorrow" in answer.words) == (429, True)
    page = await site.stranger().get((await asked_for(site.stranger(), "globex.example"))[0])
    site.clock.at += 8 * 86_400
    assert page.status == 200


async def test_looking_at_a_domains_page_asks_nobody(site: Site, world: World) -> None:
    path, page = await asked_for(site.stranger(), "acme.example")
    value = next(word for word in page.words.split() if word.startswith("vizsla-claim="))
    world.add("_vizsla-claim.acme.example", "TXT", value)
    for _ in range(3):
        assert (await site.stranger().get(path)).status == 200
        assert (await site.stranger().get(f"{path}/check")).status == 405

    assert not world.asked
    assert len(await local_parts(site)) == 25
