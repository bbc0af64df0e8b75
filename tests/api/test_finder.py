"""`GET /v2/email-finder` and its explanation: found, not found, every error of the reference, what is counted and what is hidden."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from api.conftest import NOW, Api
from vizsla.finder.learning import list_outcomes
from vizsla.finder.likelihoods import load_likelihoods
from vizsla.harvest.records import Fact, Sighting
from vizsla.index.erase import forget
from vizsla.index.merge import Merge
from vizsla.index.verifications import record_verification
from vizsla.kit.whom import Whom
from vizsla.privacy.claims import Claimed, Claims, add_claim
from vizsla.storage.secret import find_secret
from vizsla.verifier.exchangers import Exchangers
from vizsla.verifier.outcome import Ended
from vizsla.verifier.verdict import Seen, conclude
from vizsla.work.verifications import Verifying
from vizsla.work.workplace import Workplace

DATA = [
    "first_name", "last_name", "email", "score", "domain", "accept_all", "position", "twitter", "linkedin_url", "phone_number",
    "company", "sources", "verification",
]  # fmt: skip
PARAMS = ["first_name", "last_name", "full_name", "domain", "company", "max_duration"]
MIXED = ["Ada Brandenfels", "Bo Castellani", "Cleo Dornhagen", "Dana Eklundsen", "Enno Falkenried", "Fee Grothewohl"]
TEAM = ["Ada Brandt", "Bo Castell", "Cleo Dorn", "Dana Eklund", "Enno Falk", "Fee Grothe"]


async def put(api: Api, *sightings: Sighting, facts: tuple[Fact, ...] = ()) -> None:
    merging = Merge(sightings=list(sightings), facts=list(facts), claims=Claims(b"0" * 32), today=NOW)
    while merging.has_more:
        async with api.app.services.stores.index.write() as conn:
            await merging.step(conn)


def seen(address: str, name: str = "", **more: Any) -> Sighting:
    local, _, domain = address.partition("@")
    if name:
        more["first_name"], more["last_name"] = name.split()
        more["name_score"] = 3
    return Sighting(domain, local, f"https://{domain}/team/{local}", NOW - 900_000, NOW - 1_000, "mailto", **more)


@pytest.fixture(autouse=True)
async def team(api: Api) -> None:
    """`team.example` writes `{f}{last}`; Ada has a profile."""
    people = [
        seen(f"{first[0]}{last}@team.example".lower(), f"{first} {last}", linkedin="ada-brandt" if first == "Ada" else None,
             position="Head of Sales" if first == "Ada" else None)
        for first, last in (name.split() for name in TEAM)
    ]  # fmt: skip
    await put(api, *people, facts=(Fact("team.example", "organization", "Team Ltd", "https://team.example/", NOW, 9),))


def mixed_team(domain: str) -> list[Sighting]:
    """Most are `{f}{last}`, with names too long for a rule that cuts at eight; one is `{first}.{last}`."""
    people = [who.split() for who in MIXED]
    return [
        *(seen(f"{first[0]}{last}@{domain}".lower(), f"{first} {last}") for first, last in people[:5]),
        *(seen(f"{first}.{last}@{domain}".lower(), f"{first} {last}") for first, last in people[5:]),
    ]


async def ask(api: Api, query: str, key: str | None = None, path: str = "/v2/email-finder") -> Any:
    return await api("GET", f"{path}?{query}", key=key or api.a)


def check(body: Any) -> None:
    assert list(body) == ["data", "meta"]
    assert list(body["data"]) == DATA
    assert list(body["data"]["verification"]) == ["date", "status"]
    assert list(body["meta"]) == ["params"]
    assert list(body["meta"]["params"]) == PARAMS


async def test_somebody_who_was_seen_is_found_with_sources(api: Api) -> None:
    reply = await ask(api, "domain=Team.example&first_name=ADA&last_name=Brandt")
    data = reply.body["data"]

    check(reply.body)
    assert (data["email"], data["domain"], data["company"]) == ("abrandt@team.example", "team.example", "Team Ltd")
    assert data["position"] == "Head of Sales"
    assert data["linkedin_url"] == "https://www.linkedin.com/in/ada-brandt"
    assert 90 <= data["score"] <= 99
    assert [source["uri"] for source in data["sources"]] == ["https://team.example/team/abrandt"]
    assert reply.body["meta"]["params"] == {
        "first_name": "ADA", "last_name": "Brandt", "full_name": None, "domain": "team.example", "company": None,
        "max_duration": None,
    }  # fmt: skip


async def test_somebody_new_gets_an_address_as_the_domain_makes_them(api: Api) -> None:
    reply = await ask(api, "domain=team.example&full_name=Mira+Quellenberg&max_duration=3")
    data = reply.body["data"]

    check(reply.body)
    assert data["email"] == "mquellenberg@team.example"
    assert (data["first_name"], data["last_name"]) == ("Mira", "Quellenberg")
    assert 30 <= data["score"] <= 92
    assert data["sources"] == []
    assert data["verification"] == {"date": None, "status": None}
    assert reply.body["meta"]["params"]["max_duration"] == 3
    assert reply.body["meta"]["params"]["full_name"] == "Mira Quellenberg"


async def test_a_company_does_for_a_domain_and_a_profile_for_all(api: Api) -> None:
    by_company = await ask(api, "company=Team+Ltd&first_name=Ada&last_name=Brandt")
    profiles = [
        await ask(api, f"linkedin_handle={handle}")
        for handle in ("ada-brandt", "https://www.linkedin.com/in/ada-brandt/", "in/ada-brandt")
    ]

    for reply in (by_company, *profiles):
        check(reply.body)
        assert reply.body["data"]["email"] == "abrandt@team.example"
    assert by_company.body["meta"]["params"]["company"] == "Team Ltd"


async def test_nobody_is_nulls(api: Api) -> None:
    for query in (
        "linkedin_handle=nobody-at-all",
        "company=Nobody+Knows+Us&full_name=Mira+Quell",
        "domain=gmail.com&full_name=Mira+Quell",
        "domain=mailinator.com&full_name=Mira+Quell",
    ):
        reply = await ask(api, query)
        check(reply.body)
        assert reply.status == 200
        assert reply.body["data"]["email"] is None and reply.body["data"]["score"] is None
        assert reply.body["data"]["sources"] == []
        assert reply.body["data"]["verification"] == {"date": None, "status": None}
    assert await api.used(api.a) == 0


@pytest.mark.parametrize(
    ("query", "id_"),
    [
        ("first_name=Ada&last_name=Brandt", "wrong_params"),
        ("domain=team.example", "wrong_params"),
        ("domain=team.example&first_name=Ada", "wrong_params"),
        ("domain=team.example&last_name=Brandt", "wrong_params"),
        ("domain=team.example&first_name=4d4&last_name=Brandt", "invalid_first_name"),
        ("domain=team.example&first_name=Ada&last_name=%3Cb%3E", "invalid_last_name"),
        ("domain=team.example&full_name=Ada", "invalid_full_name"),
        ("domain=team.example&full_name=Ada+B7andt", "invalid_full_name"),
        ("domain=team&full_name=Ada+Brandt", "invalid_domain"),
        ("domain=..&full_name=Ada+Brandt", "invalid_domain"),
        ("domain=team.example&full_name=Ada+Brandt&max_duration=2", "invalid_max_duration"),
        ("domain=team.example&full_name=Ada+Brandt&max_duration=21", "invalid_max_duration"),
        ("domain=team.example&full_name=Ada+Brandt&max_duration=soon", "invalid_max_duration"),
        ("domain=team.example&full_name=" + "a" * 500, "invalid_full_name"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/email-finder", "/v2/email-finder/explain"])
async def test_what_will_not_do_says_which(api: Api, path: str, query: str, id_: str) -> None:
    for key in (api.a, "test-api-key") if path.endswith("finder") else (api.a,):
        reply = await ask(api, query, key, path)
        assert (reply.status, reply.error["id"]) == (400, id_)


async def test_the_key_and_the_example(api: Api) -> None:
    example = await ask(api, "domain=x.com&full_name=Any+Body", "test-api-key")
    check(example.body)
    assert (example.body["data"]["email"], example.body["data"]["score"]) == ("alexis@reddit.com", 97)

    nobody = await api("GET", "/v2/email-finder?domain=team.example&full_name=Ada+Brandt")
    assert (nobody.status, nobody.error["id"]) == (401, "authentication_failed")


async def test_what_is_found_counts_once_a_day_however_it_is_asked(api: Api) -> None:
    for query in (
        "domain=team.example&first_name=Ada&last_name=Brandt",
        "domain=TEAM.example&full_name=ada+brandt",
        "company=Team+Ltd&full_name=Ada+Brandt&max_duration=5",
    ):
        await ask(api, query)
    assert await api.used(api.a) == 1
    await ask(api, "domain=team.example&full_name=Ada+Brandt", path="/v2/email-finder/explain")
    assert await api.used(api.a) == 1
    await ask(api, "domain=team.example&full_name=Mira+Quell")
    assert await api.used(api.a) == 2


async def test_a_used_up_quota_is_a_429(api: Api) -> None:
    await api.plan(1, plan_searches=1)
    assert (await ask(api, "domain=team.example&full_name=Ada+Brandt")).status == 200
    refused = await ask(api, "domain=team.example&full_name=Bo+Castell")
    again = await ask(api, "domain=team.example&full_name=Ada+Brandt")

    assert (refused.status, refused.error["id"]) == (429, "too_many_requests")
    assert again.status == 200


async def test_too_fast_is_a_403(api: Api) -> None:
    await api.plan(1, rate_search="2/min")
    replies = [await ask(api, "domain=team.example&full_name=Ada+Brandt") for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 403]
    assert int(replies[2].headers["retry-after"]) > 0


async def test_who_said_stop_is_a_451_and_a_claimed_domain_is_invalid(api: Api) -> None:
    services = api.app.services
    hashes = [
        ("email", services.claims.hash("mquellenberg@team.example")),
        ("domain", services.claims.hash("gone.example")),
    ]
    services.claims = Claims(b"0" * 32, hashes)
    person = await ask(api, "domain=team.example&full_name=Mira+Quellenberg")
    domain = await ask(api, "domain=mail.gone.example&full_name=Mira+Quellenberg")

    assert (person.status, person.error["id"]) == (451, "claimed_email")
    assert (domain.status, domain.error["id"]) == (400, "invalid_domain")
    assert "asked us to stop" in domain.error["details"]


async def test_a_domain_without_mail_is_invalid(api: Api) -> None:
    async def without(domain: str) -> Exchangers:
        return Exchangers(domain=domain, outcome="null_mx", mx_records=False)

    async def silent(domain: str) -> Exchangers:
        return Exchangers(domain=domain, outcome="dns_failure", mx_records=False)

    api.app.services.find_exchangers = without
    refused = await ask(api, "domain=nomail.com&full_name=Mira+Quell")
    sample = await ask(api, "domain=team.example&full_name=Mira+Quell")
    api.app.services.find_exchangers = silent
    let_pass = await ask(api, "domain=nomail.com&full_name=Mira+Quell")

    assert (refused.status, refused.error["id"]) == (400, "invalid_domain")
    assert "MX" in refused.error["details"]
    assert sample.status == let_pass.status == 200


async def test_the_trial_is_masked(api: Api) -> None:
    reply = await api("GET", "/trial/v2/email-finder?domain=team.example&full_name=Mira+Quellenberg")

    check(reply.body)
    assert reply.body["data"]["email"] == "m**@team.example"
    assert (await api("GET", "/trial/v2/email-finder?domain=team.example&full_name=Mira+Q")).status == 403


async def test_a_candidate_that_is_somebody_elses_is_out(api: Api) -> None:
    await put(api, seen("mquell@team.example", "Max Quell"))
    reply = await ask(api, "domain=team.example&full_name=Mira+Quell")
    explained = await ask(api, "domain=team.example&full_name=Mira+Quell", path="/v2/email-finder/explain")

    assert reply.body["data"]["email"] != "mquell@team.example"
    assert "mquell@team.example" not in [one["email"] for one in explained.body["data"]["candidates"]]
    assert [term["local"] for term in explained.body["data"]["terms"] if term["what"] == "another's"] == ["mquell"]


async def test_an_address_that_was_refused_is_out_even_if_it_is_theirs(api: Api) -> None:
    async with api.app.services.stores.index.write() as conn:
        await record_verification(conn, "team.example", "abrandt", status="invalid", at=NOW, today=NOW)
    reply = await ask(api, "domain=team.example&full_name=Ada+Brandt")

    assert reply.body["data"]["email"] != "abrandt@team.example"


async def test_a_candidate_that_was_seen_without_a_name_is_surer(api: Api) -> None:
    before = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg")).body["data"]
    await put(api, seen("mquellenberg@team.example"))
    after = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg")).body["data"]

    assert after["email"] == before["email"]
    assert after["score"] > before["score"]
    assert [source["uri"] for source in after["sources"]] == ["https://team.example/team/mquellenberg"]


async def test_the_explanation_adds_up(api: Api) -> None:
    await put(api, seen("zed@team.example", "Zora Dahl"))
    reply = await ask(api, "domain=team.example&full_name=Mira+Quellenberg", path="/v2/email-finder/explain")
    data = reply.body["data"]

    assert data["candidates"][0]["email"] == data["email"] == "mquellenberg@team.example"
    assert sum(one["probability"] for one in data["candidates"]) + data["unknown"] <= 1.001
    assert data["pattern"]["pattern"] == "{f}{last}"
    assert data["pattern"]["habits"][0]["pattern"] == "{f}{last}"
    assert "abrandt@team.example" in data["pattern"]["examples"]
    assert data["pattern"]["counterexamples"] == ["zed@team.example"]
    assert data["terms"][0]["what"] == "pattern"
    assert round(100 * data["terms"][-1]["probability"]) == data["score"]


class Mailboxes:
    """A server that has these mailboxes, takes everybody, or never answers."""

    def __init__(self, *people: str, reason: str | None = None, answers: bool = True) -> None:
        self.runs: list[str] = []
        self.people, self.reason, self.answers = people, reason, answers

    async def run(self, job: Any) -> Any:
        self.runs.append(job.local)
        if not self.answers:
            await asyncio.Event().wait()
        found = self.reason or ("accepted" if job.local in self.people else "no_user")
        seen_of_it = Seen(mx_records=True, smtp_server=True)
        return Ended(conclude(found, seen_of_it), job.trail)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def mailboxes(api: Api, runner: Mailboxes) -> AsyncIterator[Mailboxes]:
    services = api.app.services
    services.settings = msgspec.structs.replace(services.settings, probe=True)
    place = Workplace(services.settings, services.stores, find_secret(services.settings), api.clock, services.waiting)
    working = asyncio.create_task(Verifying(place, runner, lambda *_, **__: None).run())
    try:
        yield runner
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def test_who_does_not_follow_the_pattern_is_found_by_asking(api: Api) -> None:
    """Most are `{f}{last}` there, not all."""
    await put(api, *mixed_team("mixed.example"))
    async with mailboxes(api, Mailboxes("mira.quellenberg")) as server:
        reply = await ask(api, "domain=mixed.example&full_name=Mira+Quellenberg")
        again = await ask(api, "domain=mixed.example&full_name=Mira+Quellenberg")
    data = reply.body["data"]

    assert data["email"] == "mira.quellenberg@mixed.example"
    assert data["score"] > 60
    assert data["verification"]["status"] == "valid" and data["accept_all"] is False
    assert server.runs[0] == "mquellenberg"
    assert 2 <= len(server.runs) <= 5
    # What was found holds: the second answer is the first, and asks nobody.
    assert again.body["data"] == data
    assert len(server.runs) == len(set(server.runs))


async def test_no_more_than_five_are_asked_about(api: Api) -> None:
    async with mailboxes(api, Mailboxes()) as server:
        reply = await ask(api, "domain=team.example&full_name=Mira+Quellenberg")

    assert 1 <= len(server.runs) <= 5
    assert reply.body["data"]["email"] is None or reply.body["data"]["score"] < 60


async def test_a_server_that_takes_everybody_changes_nothing(api: Api) -> None:
    before = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg")).body["data"]
    async with mailboxes(api, Mailboxes(reason="accepts_all")) as server:
        after = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg")).body["data"]

    assert server.runs == ["mquellenberg"]
    assert (after["email"], after["score"]) == (before["email"], before["score"])
    assert after["accept_all"] is True
    assert after["verification"]["status"] == "accept_all"


async def test_a_server_that_never_answers_is_not_waited_for(api: Api) -> None:
    before = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg")).body["data"]
    loop = asyncio.get_running_loop()
    async with mailboxes(api, Mailboxes(answers=False)):
        began = loop.time()
        after = (await ask(api, "domain=team.example&full_name=Mira+Quellenberg&max_duration=3")).body["data"]
        took = loop.time() - began

    assert took < 3.5
    assert (after["email"], after["score"]) == (before["email"], before["score"])


async def test_what_servers_say_is_learnt_without_names(api: Api) -> None:
    app = api.app.services.stores.app
    async with mailboxes(api, Mailboxes("mira.quellenberg")):
        await ask(api, "domain=team.example&full_name=Mira+Quellenberg")

    ((probability, is_right),) = await list_outcomes(app, accept_all=False)
    assert not is_right and 0.2 < probability < 0.9
    assert (await load_likelihoods(app)).of("", "valid").if_right > 0.95


async def test_a_claim_after_the_answer_takes_it_away(api: Api) -> None:
    found = await ask(api, "domain=team.example&full_name=Ada+Brandt")
    services = api.app.services
    async with services.stores.app.write() as conn:
        await add_claim(conn, services.claims, Claimed("email", "team.example", "abrandt"), NOW)
    async with services.stores.index.write() as conn:
        await forget(conn, Whom("team.example", "abrandt"), today=NOW)
    services.claims = Claims(b"0" * 32, [("email", services.claims.hash("abrandt@team.example"))])
    gone = await ask(api, "domain=team.example&full_name=Ada+Brandt")

    assert found.status == 200
    assert (gone.status, gone.error["id"]) == (451, "claimed_email")


async def test_calibration_shows_what_came_of_answers(api: Api) -> None:
    async with mailboxes(api, Mailboxes("mira.quellenberg", "ivandt")):
        await ask(api, "domain=team.example&full_name=Mira+Quellenberg")
        await ask(api, "domain=team.example&full_name=Ivo+Vandt")
    reply = await api("GET", "/v2/calibration", key=api.a)
    refused, taking_all = reply.body["data"]["strata"]

    assert (refused["accept_all"], taking_all["accept_all"]) == (False, True)
    assert refused["uncorrected"]["n"] == sum(one["n"] for one in refused["uncorrected"]["bins"]) == 2
    assert refused["uncorrected"] == refused["corrected"] and refused["fitted_at"] is None
    assert taking_all["uncorrected"] == {"n": 0, "brier": None, "log_loss": None, "ece": None, "bins": []}
    assert await api.used(api.a) == 2
