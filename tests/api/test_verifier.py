"""`GET /v2/email-verifier` and its evidence: every status of the reference, what is counted, what is waited for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from api.conftest import PLENTY, Api
from vizsla.erasure.claiming import claim
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claimed, Claims
from vizsla.privacy.ledger import Word
from vizsla.storage.statement import statement
from vizsla.verifier.learning import record_outcome
from vizsla.verifier.store import attach_account
from worlds.verdicts import Runner, working

DATA = [
    "status", "result", "_deprecation_notice", "score", "email", "regexp", "gibberish", "disposable", "webmail", "mx_records",
    "smtp_server", "smtp_check", "accept_all", "block", "sources",
]  # fmt: skip


@pytest.fixture
async def runner(api: Api) -> AsyncIterator[Runner]:
    """A worker in the API's process."""
    api.app.services.patience = 5.0
    for account_id in (1, 2):
        await api.plan(account_id, rate_verify=PLENTY)
    async with working(api) as runner:
        yield runner


def asked(email: str) -> str:
    return f"/v2/email-verifier?email={email}"


async def used(api: Api, key: str) -> int:
    reply = await api("GET", "/v2/account", key=key)
    return int(reply.body["data"]["requests"]["verifications"]["used"])


@pytest.mark.parametrize(
    ("local", "status", "result", "score"),
    [
        ("accepted", "valid", "deliverable", range(90, 101)),
        ("no_user", "invalid", "undeliverable", range(4)),
        ("disabled", "invalid", "undeliverable", range(4)),
        ("null_mx", "invalid", "undeliverable", range(4)),
        ("accepts_all", "accept_all", "risky", range(20, 86)),
        ("timeout", "unknown", "risky", range(30, 61)),
        ("full", "unknown", "risky", range(30, 61)),
        ("disposable", "disposable", "risky", range(50, 51)),
        ("webmail", "webmail", "risky", range(50, 51)),
    ],
)
async def test_every_status(api: Api, runner: Runner, local: str, status: str, result: str, score: range) -> None:
    reply = await api("GET", asked(f"{local}@acme.test"), key=api.a)
    data, meta = reply.body["data"], reply.body["meta"]

    assert reply.status == 200
    assert list(data) == DATA
    assert (data["status"], data["result"], data["email"]) == (status, result, f"{local}@acme.test")
    assert data["score"] in score
    assert data["accept_all"] is (status == "accept_all")
    assert all(isinstance(data[name], bool) for name in DATA[5:14])
    assert data["sources"] == []
    assert meta["params"] == {"email": f"{local}@acme.test"}
    assert await used(api, api.a) == 1


async def test_an_address_that_was_seen_shows_where(api: Api, runner: Runner) -> None:
    reply = await api("GET", asked("INFO@Globex.example"), key=api.a)

    (source,) = reply.body["data"]["sources"]
    assert list(source) == ["domain", "uri", "extracted_on", "last_seen_on", "still_on_page"]
    assert reply.body["data"]["email"] == "info@globex.example"
    assert reply.body["meta"]["params"]["email"] == "INFO@Globex.example"
    found = await api("GET", "/v2/domain-search?domain=globex.example&verification_status=valid", key=api.a)
    (email,) = found.body["data"]["emails"]
    assert (email["value"], email["verification"]["status"]) == ("info@globex.example", "valid")


async def test_what_takes_long_is_a_202_that_is_polled_and_counted_once(api: Api, runner: Runner) -> None:
    api.app.services.patience = 0.4
    pending = [await api("GET", asked("later@acme.test"), key=api.a) for _ in range(3)]

    assert [reply.status for reply in pending] == [202] * 3
    assert pending[0].body["data"] == {"status": "pending", "email": "later@acme.test"}
    assert pending[0].body["meta"]["params"] == {"email": "later@acme.test"}
    assert await used(api, api.a) == 0
    api.clock.at += 60
    api.app.services.patience = 5.0
    done = [await api("GET", asked("later@acme.test"), key=api.a) for _ in range(3)]
    assert [reply.status for reply in done] == [200] * 3
    assert {reply.body["data"]["status"] for reply in done} == {"valid"}
    assert runner.runs == ["later", "later"]
    assert await used(api, api.a) == 1
    assert await used(api, api.b) == 0


async def test_nobody_waits_longer_than_was_promised(api: Api, runner: Runner) -> None:
    api.app.services.patience = 0.5
    began = time.monotonic()
    waiting = asyncio.gather(*(api("GET", asked(f"never.{number}@acme.test"), key=api.a) for number in range(20)))
    await asyncio.sleep(0.1)
    quick = time.monotonic()
    assert (await api("GET", asked("accepted@acme.test"), key=api.b)).status == 200
    assert time.monotonic() - quick < 1
    replies = await waiting

    assert {reply.status for reply in replies} == {202}
    assert time.monotonic() - began < 5


async def test_two_who_ask_at_once_are_answered_by_one_run(api: Api, runner: Runner) -> None:
    replies = await asyncio.gather(
        *(api("GET", asked("accepted@acme.test"), key=(api.a, api.a2, api.b)[number % 3]) for number in range(30))
    )

    assert {reply.status for reply in replies} == {200}
    assert runner.runs == ["accepted"]
    assert (await used(api, api.a), await used(api, api.b)) == (1, 1)


async def test_a_server_outside_of_the_protocol_is_a_222_and_free(api: Api, runner: Runner) -> None:
    reply = await api("GET", asked("protocol@acme.test"), key=api.a)

    assert reply.status == 222
    assert reply.error["id"] == "verification_failed"
    assert reply.error["code"] == 222
    blocked = await api("GET", asked("refused_us@acme.test"), key=api.a)
    assert (blocked.body["data"]["status"], blocked.body["data"]["block"]) == ("unknown", True)
    assert await used(api, api.a) == 0


@pytest.mark.parametrize(
    ("query", "id_"),
    [
        ("", "wrong_params"),
        ("email=", "wrong_params"),
        ("email=nobody", "invalid_email"),
        ("email=a@b@c.test", "invalid_email"),
        ("email=a%0D%0ARCPT@acme.test", "invalid_email"),
        ("email=a@[127.0.0.1]", "invalid_email"),
        (f"email={'a' * 65}@acme.test", "invalid_email"),
        (f"email={'a' * 3000}@acme.test", "invalid_email"),
        ("email=a@-acme-.test", "invalid_email"),
    ],
)
async def test_what_is_no_address_is_a_400(api: Api, query: str, id_: str) -> None:
    for key in (api.a, "test-api-key"):
        reply = await api("GET", f"/v2/email-verifier?{query}", key=key)
        assert (reply.status, reply.error["id"]) == (400, id_)
    assert await api.app.services.stores.app.fetch_all(statement("SELECT id FROM verification")) == []


async def test_who_said_stop_is_not_verified(api: Api, runner: Runner) -> None:
    claims = Claims(b"0" * 32)
    hashes = [("email", claims.hash("jane@acme.test")), ("domain", claims.hash("globex.test"))]
    api.app.services.claims = Claims(b"0" * 32, hashes)

    for email in ("Jane@ACME.test", "any@globex.test", "any@mail.globex.test"):
        reply = await api("GET", asked(email), key=api.a)
        assert (reply.status, reply.error["id"]) == (451, "claimed_email")
        assert reply.headers["x-rate-limit-remaining"] == "1000"
    assert runner.runs == []
    assert (await api("GET", asked("accepted@acme.test"), key=api.a)).status == 200


async def test_a_mail_domain_is_not_flooded(api: Api, runner: Runner) -> None:
    services = api.app.services
    services.settings = msgspec.structs.replace(services.settings, verify_per_domain=3)
    replies = [await api("GET", asked(f"accepted.{number}@acme.test"), key=api.a) for number in range(4)]
    again = await api("GET", asked("accepted.1@acme.test"), key=api.b)
    other = await api("GET", asked("accepted@globex.test"), key=api.a)

    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert replies[3].error["id"] == "too_many_requests"
    assert "per domain" in replies[3].error["details"]
    assert [reply.headers["x-rate-limit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert replies[0].headers["x-ratelimit-remaining"] != "2"
    assert (again.status, other.status) == (200, 200)
    assert len(runner.runs) == 4
    assert await used(api, api.a) == 4
    api.clock.at += DAY
    assert (await api("GET", asked("accepted.3@acme.test"), key=api.a)).status == 200


async def test_with_a_plan_used_up_nothing_begins(api: Api, runner: Runner) -> None:
    await api.plan(1, plan_verifications=1, rate_verify=PLENTY)
    first = await api("GET", asked("accepted@acme.test"), key=api.a)
    second = await api("GET", asked("no_user@acme.test"), key=api.a)
    again = await api("GET", asked("accepted@acme.test"), key=api.a)

    assert (first.status, second.status, again.status) == (200, 429, 200)
    assert second.error["id"] == "too_many_requests"
    assert runner.runs == ["accepted"]


async def test_ten_a_second(api: Api, runner: Runner) -> None:
    await api.plan(2)
    replies = [await api("GET", asked("accepted@acme.test"), key=api.b) for _ in range(30)]

    counts = [reply.status for reply in replies]
    assert 10 <= counts.count(200) <= 20
    assert counts.count(403) == 30 - counts.count(200)


async def test_the_example_of_the_reference(api: Api) -> None:
    reply = await api("GET", asked("who.ever@acme.test"), key="test-api-key")

    assert reply.status == 200
    assert list(reply.body["data"]) == DATA
    assert (reply.body["data"]["email"], reply.body["data"]["score"]) == ("patrick@stripe.com", 100)
    assert reply.body["meta"] == {"params": {"email": "patrick@stripe.com"}}


async def test_the_evidence_is_shown_to_who_asked_alone(api: Api, runner: Runner) -> None:
    api.app.services.patience = 0.3
    pending = await api("GET", asked("later@acme.test"), key=api.a)
    path = f"/v2/verifications/{pending.body['meta']['verification_id']}"
    before = (await api("GET", path, key=api.a)).body["data"]
    api.clock.at += 60
    api.app.services.patience = 5.0
    await api("GET", asked("later@acme.test"), key=api.a2)
    after = (await api("GET", path, key=api.a2)).body["data"]

    assert (before["status"], before["verdict"], before["deferrals"]) == ("pending", None, 1)
    assert before["next_try_at"].endswith(" UTC")
    assert (after["status"], after["reason"], after["next_try_at"]) == ("valid", "accepted", None)
    assert after["email"] == "later@acme.test"
    assert [(step["did"], step["got"], step["ms"], step["host"]) for step in after["steps"]] == [
        ("RCPT TO", "250 ok", 12, "192.0.2.1")
    ] * 2
    for target, key in ((path, api.b), ("/v2/verifications/999", api.a), ("/v2/verifications/0", api.a)):
        reply = await api("GET", target, key=key)
        assert (reply.status, reply.error["id"]) == (404, "not_found")
    api.app.services.claims = Claims(b"0" * 32, [("email", Claims(b"0" * 32).hash("later@acme.test"))])
    assert (await api("GET", path, key=api.a)).status == 451


async def test_a_request_that_is_given_up_loses_nothing(api: Api, runner: Runner) -> None:
    asking = asyncio.create_task(api("GET", asked("never@acme.test"), key=api.a))
    await asyncio.sleep(0.3)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking

    assert (await api("GET", asked("accepted@acme.test"), key=api.a)).status == 200
    assert await used(api, api.a) == 1


async def test_a_key_is_needed(api: Api, runner: Runner) -> None:
    for key in (None, "0" * 40, "nonsense"):
        for target in (asked("accepted@acme.test"), "/v2/verifications/1"):
            reply = await api("GET", target, key=key)
            assert (reply.status, reply.error["id"]) == (401, "authentication_failed")
    assert (await api("GET", "/v2/verifications/1", key="test-api-key")).status == 401
    assert (await api("GET", "/trial/v2/email-verifier?email=accepted@acme.test")).status == 404
    assert (await api("POST", "/v2/email-verifier", key=api.a)).status == 405
    assert runner.runs == []


async def test_who_says_stop_while_a_run_is_on_is_neither_shown_nor_kept(api: Api, runner: Runner) -> None:
    services = api.app.services
    asking = asyncio.create_task(api("GET", asked("never@acme.test"), key=api.a))
    while not runner.runs:
        await asyncio.sleep(0.01)
    claims = Claims(b"0" * 32)
    assert await claim(
        services.stores, claims, Claimed("email", "acme.test", "never"), api.clock, word=Word("operator")
    )
    reply = await asking

    assert (reply.status, reply.error["id"]) == (451, "claimed_email")
    assert await services.stores.app.fetch_all(statement("SELECT id FROM verification")) == []
    assert await used(api, api.a) == 0


async def test_the_last_one_of_a_plan_is_given_once(api: Api, runner: Runner) -> None:
    await api.plan(1, plan_verifications=1, rate_verify=PLENTY)
    replies = await asyncio.gather(
        *(api("GET", asked(f"accepted.{number}@d{number}.test"), key=api.a) for number in range(50))
    )

    statuses = sorted(reply.status for reply in replies)
    assert statuses == [200] + [429] * 49
    assert await used(api, api.a) == 1


async def test_what_was_blocked_or_outside_of_the_protocol_can_be_asked_for_with_a_plan_used_up_by_others(
    api: Api, runner: Runner
) -> None:
    await api.plan(1, plan_verifications=1, rate_verify=PLENTY)
    free = [await api("GET", asked(f"{name}@acme.test"), key=api.a) for name in ("protocol", "refused_us")]
    counted = await api("GET", asked("accepted@acme.test"), key=api.a)

    assert [reply.status for reply in (*free, counted)] == [222, 200, 200]
    assert await used(api, api.a) == 1


async def test_an_idempotency_key_changes_nothing_here(api: Api, runner: Runner) -> None:
    key = {"Idempotency-Key": "once"}
    first = await api("GET", asked("accepted@acme.test"), key=api.a, headers=key)
    other = await api("GET", asked("no_user@acme.test"), key=api.a, headers=key)

    assert [reply.body["data"]["status"] for reply in (first, other)] == ["valid", "invalid"]


async def test_what_arrived_moves_the_score(api: Api, runner: Runner) -> None:
    emails = [f"accepts_all.{number}@acme.test" for number in range(40)]
    before = (await api("GET", asked(emails[0]), key=api.a)).body["data"]["score"]
    await asyncio.gather(*(api("GET", asked(email), key=api.a) for email in emails))
    async with api.app.services.stores.app.write() as conn:
        assert all([await record_outcome(conn, "acme.test", email.split("@")[0], "delivered") for email in emails])
    after = (await api("GET", asked(emails[0]), key=api.a)).body["data"]["score"]

    assert before + 15 <= after <= 100


async def test_who_is_forgotten_between_two_steps_of_a_request_breaks_nothing(api: Api, runner: Runner) -> None:
    async with api.app.services.stores.app.write() as conn:
        await attach_account(conn, 1, 4_711)

    assert (await api("GET", "/v2/verifications/1", key=api.a)).status == 404
