"""Save as lead: what was found is carried over, what is a lead already is left as it is."""

import re
from html import unescape

from vizsla.privacy.claims import add_claim, load_claims, parse_claimed
from vizsla.verifier.store import begin_verification, claim_jobs, end_job
from vizsla.verifier.verdict import Verdict
from web.conftest import SECRET, Answer, Browser, Site
from web.test_leads_pages import mine


async def put_found(a: Browser, where: str, **form: object) -> Answer:
    return await a.follow(await a.post("/leads/save", {"from": where, "back": "/leads", **form}))


async def test_what_was_found_becomes_leads(site: Site) -> None:
    a = await site.person("a")
    page = await a.get("/domain/acme.example")
    found = re.findall(r'form="save-leads" name="email" value="([^"]+)"', page.text)
    assert len(found) == 20
    said = await put_found(a, "domain", email=found[:3], list_name="Acme")
    assert "3 new leads." in said.words
    leads = await mine(site)
    assert {one.source for one in leads} == {"Domain Search"}
    assert all(one.confidence_score is not None and one.first_name for one in leads)
    again = await a.get("/domain/acme.example")
    assert again.text.count(">A lead</a>") == 3
    await a.post(f"/leads/{leads[0].id}", {"company": "By hand"})
    more = await put_found(a, "domain", email=found[:4], list_name="Others")
    assert "1 new lead. 3 were leads already" in more.words
    after = await mine(site)
    assert after[0].company == "By hand"
    assert [len(one.lists) for one in after] == [2, 2, 2, 1]
    only = await put_found(a, "domain", email=found, only=found[7])
    assert "1 new lead." in only.words
    assert "Tick at least one" in (await put_found(a, "domain")).words
    assert "Tick at least one" in (await put_found(a, "nowhere", email=found)).words
    assert "not valid" in (await put_found(a, "verifier", email="nonsense")).words
    assert (await a.post("/leads/save", {"from": "domain", "email": found[9], "list": "999999"})).status in (303, 404)


async def test_the_finders_answer_becomes_a_lead(site: Site) -> None:
    a = await site.person("a")
    page = await a.get("/finder?full_name=Ann+Lee&where=acme.example")
    assert "Save as lead" in page.words
    form = re.findall(r'<form method="post" action="/leads/save".*?</form>', page.text, re.DOTALL)[0]
    given = {k: unescape(text) for k, text in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}
    assert given["from"] == "finder"
    said = await a.follow(await a.post("/leads/save", given | {"confidence_score": "77", "position": "x" * 5_000}))
    assert "1 new lead." in said.words
    assert "Already a lead" in said.words
    (one,) = await mine(site)
    assert (one.source, one.confidence_score) == ("Email Finder", 77)


async def test_the_verification_comes_along(site: Site) -> None:
    a, email = await site.person("a"), "ann.lee0@acme.example"
    verdict = Verdict(
        status="valid", reason="accepted", provider="other", gibberish=False, disposable=False, webmail=False,
        mx_records=True, smtp_server=True, smtp_check=True, accept_all=False, block=False,
    )  # fmt: skip
    now = site.clock.now()
    async with site.stores.app.write() as conn:
        await begin_verification(conn, "acme.example", "ann.lee0", now - 60)
        (job,) = await claim_jobs(conn, now=now, until=now + 60, worker="w", limit=9)
        await end_job(conn, job, verdict, [], now - 5)
    page = await put_found(a, "domain", email=email)
    assert "1 new lead." in page.words
    (one,) = await mine(site)
    assert (one.verification_status, one.verified_at) == ("valid", now - 5)
    shown = await a.get(f"/leads/{one.id}")
    assert "Verified" in shown.words
    assert "from Domain Search" in shown.words


async def test_who_asked_us_to_stop_is_not_saved(site: Site) -> None:
    a, services = await site.person("a"), site.house.services
    async with site.stores.app.write() as conn:
        await add_claim(conn, services.claims, parse_claimed("ann.lee0@acme.example"), now=site.clock.now())
    services.claims = await load_claims(site.stores.app, SECRET)
    page = await put_found(a, "verifier", email=["ann.lee0@acme.example", "bob@acme.example"])
    assert "1 new lead. 1 asked us to stop" in page.words
    assert [one.email for one in await mine(site)] == ["bob@acme.example"]
