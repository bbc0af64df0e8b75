"""Those who run the installation see how it is, and look after its users; nobody else gets in."""

import re
import tarfile

import msgspec
import pytest

from vizsla.accounts.keys import create_key, list_keys
from vizsla.accounts.store import create_user, find_user
from vizsla.crawl.requests import request_crawl, take_turn
from vizsla.index.figures import count_if_due
from vizsla.verifier.egress import Check, Report
from web.conftest import Site

PAGES = (
    "/admin",
    "/admin/users",
    "/admin/index",
    "/admin/work",
    "/admin/egress",
    "/admin/claims",
    "/admin/backups",
    "/admin/settings",
)


async def test_only_operators_get_in(site: Site) -> None:
    a, b = await site.person("a"), await site.person("b")
    for path in PAGES:
        assert (await b.get(path)).status == 403
        answer = await site.stranger().get(path)
        assert answer.header("location").startswith("/login")
        assert (await a.get(path)).status == 200, path
    for path in ("/admin/users", "/admin/index", "/admin/work", "/admin/egress", "/admin/backups"):
        assert (await b.post(path, {"act": "operator", "email": "b@b.example"})).status == 403
    member = await find_user(site.stores.app, "b@b.example")
    assert member is not None
    assert not member.is_admin
    assert 'href="/admin"' not in (await b.get("/")).text


async def test_the_overview_says_what_is_the_matter(site: Site) -> None:
    a = await site.person("a")
    async with site.stores.index.write() as conn:
        await request_crawl(conn, "late.test", site.clock.at - 10_000)
    await count_if_due(site.stores.index, worker="w", now=site.clock.at)

    words = (await a.get("/admin")).words
    assert "78 addresses at 52 domains" in words
    assert "2 users" in words
    assert "Crawls: due since 2 hours ago" in words
    assert "VIZSLA_PROBE is off" in words
    assert "None yet" in words
    assert "Python 3." in words
    assert re.search(r"schema \d{4}", words)


async def test_users_are_given_plans_links_and_rights(site: Site) -> None:
    a = await site.person("a")
    page = await a.get("/admin/users")
    assert "a@a.example" in page.words
    assert "b@b.example" in page.words

    act = {"email": "b@b.example"}
    assert (await a.post("/admin/users", act | {"act": "plan", "plan": "nothing"})).status == 422
    assert (await a.post("/admin/users", act | {"act": "plan", "plan": "free"})).status == 303
    link = await a.post("/admin/users", act | {"act": "reset"})
    found = re.search(r"http://vizsla\.test(/reset/\w+)", link.text)
    assert found is not None
    assert (await site.stranger().get(found[1])).status == 200
    await a.post("/admin/users", act | {"act": "operator"})
    b = await site.person("b")
    assert (await b.get("/admin")).status == 200
    await a.post("/admin/users", act | {"act": "no-operator"})
    assert (await b.get("/admin")).status == 403
    only = await a.post("/admin/users", {"email": "a@a.example", "act": "no-operator"})
    assert only.status == 422
    assert "the only operator" in only.words
    for wrong in (
        {"act": "reset", "email": "nobody@x.example"},
        {"act": "drop", **act},
        {"act": "reset", "email": "<b>"},
        {},
    ):
        assert (await a.post("/admin/users", wrong)).status == 404


async def test_who_is_locked_out_or_removed_is_out_at_once(site: Site) -> None:
    a, b = await site.person("a"), await site.person("b")
    assert (await b.get("/crawls")).status == 200
    await a.post("/admin/users", {"email": "b@b.example", "act": "lock-out"})
    assert (await b.get("/crawls")).status == 303
    assert await list_keys(site.stores.app, site.members["b"].account_id, limit=10) == []

    owner = site.members["b"]
    async with site.stores.app.write() as conn:
        mate = await create_user(conn, "mate@b.example", now=site.clock.at, account_id=owner.account_id, role="member")
        await create_key(conn, owner.account_id, "mine", now=site.clock.at, member_id=mate.id)
    refused = await a.post("/admin/users", {"email": "b@b.example", "act": "remove"})
    assert refused.status == 422
    assert "only owner" in refused.words
    assert (await a.post("/admin/users", {"email": "mate@b.example", "act": "remove"})).status == 303
    assert await find_user(site.stores.app, "mate@b.example") is None
    gone = await a.follow(await a.post("/admin/users", {"email": "b@b.example", "act": "remove"}))
    assert "with all of their account" in gone.words
    assert await find_user(site.stores.app, "b@b.example") is None
    assert (await a.post("/admin/users", {"email": "a@a.example", "act": "remove"})).status == 422
    assert await find_user(site.stores.app, "a@a.example") is not None


async def test_users_are_paged_and_their_names_are_not_believed(site: Site) -> None:
    a = await site.person("a")
    async with site.stores.app.write() as conn:
        for number in range(60):
            await create_user(
                conn, f"p{number:02}@many.example", now=site.clock.at, first_name="<script>alert(1)</script>"
            )

    first = await a.get("/admin/users")
    assert "<script>alert" not in first.text
    following = re.search(r'href="(/admin/users\?after=[^"]+)" rel="next"', first.text)
    assert following is not None
    second = await a.get(following[1])
    emails = set(re.findall(r'name="email" value="([^"]+)"', first.text)) | set(
        re.findall(r'name="email" value="([^"]+)"', second.text)
    )
    assert len(emails) == 62


async def test_the_index_is_counted_when_asked(site: Site) -> None:
    a = await site.person("a")
    assert "Not counted yet" in (await a.get("/admin/index")).words
    await a.post("/admin/index")
    assert await count_if_due(site.stores.index, worker="w", now=site.clock.at)

    page = await a.get("/admin/index")
    assert "78 addresses" in page.words
    assert "every 2s" not in page.text
    await a.post("/admin/index")
    assert "every 2s" in (await a.get("/admin/index")).text


async def test_work_that_waits_is_tried_again(site: Site) -> None:
    a = await site.person("a")
    async with site.stores.index.write() as conn:
        await request_crawl(conn, "slow.test", site.clock.at - 5_000)
        turn = await take_turn(conn, now=site.clock.at, until=site.clock.at + 5_000, worker="w")
        assert turn is not None

    assert "1 will be tried again" in (await a.follow(await a.post("/admin/work", {"table": "crawl_request"}))).words
    assert "Nothing waited" in (await a.follow(await a.post("/admin/work", {"table": "verification"}))).words
    assert "Nothing waited" in (await a.follow(await a.post("/admin/work", {"table": "member; --"}))).words
    site.clock.at += 1_000
    assert "nobody takes it" in (await a.get("/admin/work")).words


async def test_the_way_out_is_shown_as_it_was_found(site: Site) -> None:
    a, services = await site.person("a"), site.house.services
    assert "Mail servers are not asked" in (await a.get("/admin/egress")).words
    assert "nobody is knocked at" in (await a.follow(await a.post("/admin/egress"))).words
    services.settings = msgspec.structs.replace(services.settings, probe=True)
    services.way_out.report = Report(
        site.clock.at - 120, (Check("port", "red", "<b>No</b> mail server answers."), Check("helo", "green", "Fine."))
    )

    page = await a.get("/admin/egress")
    assert "Tested 2 minutes ago" in page.words
    assert "No mail server is asked until this is mended" in page.words
    assert "<b>No</b>" not in page.text


async def test_a_backup_is_made_from_the_page_or_the_reason_said(site: Site) -> None:
    a, home = await site.person("a"), site.house.services.settings.home
    assert "No backup yet" in (await a.get("/admin/backups")).words
    answer = await a.follow(await a.post("/admin/backups"))

    if site.stores.app.dialect == "postgresql":
        assert "pg_dump" in answer.words
        return
    assert "The backup is made." in answer.words
    (made,) = (home / "backups").glob("*.tar")
    assert made.name in answer.text
    with tarfile.open(made) as archive:
        assert "app.db" in archive.getnames()
    made.unlink()


@pytest.mark.parametrize("secret", ["hunter2hunter2"])
async def test_settings_are_shown_and_their_secrets_are_not(site: Site, secret: str) -> None:
    a, services = await site.person("a"), site.house.services
    services.settings = msgspec.structs.replace(
        services.settings, metrics_token=secret, smtp_url=f"smtp://me:{secret}@mx.example"
    )
    text = (await a.get("/admin/settings")).text
    assert secret not in text
    assert "VIZSLA_CRAWL_DELAY" in text
    assert "mx.example" in text
