"""The score is a probability: of its kind, in order within it, and truer with every message that arrived or did not."""

import itertools
import random

import pytest

from vizsla.kit.clock import DAY
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.verifier.learning import Arrival, load_learned, record_outcome
from vizsla.verifier.score import score
from vizsla.verifier.store import begin_verification, claim_jobs, end_job
from vizsla.verifier.verdict import REASONS, Reason, Seen, Verdict, conclude

NOW = 1_795_000_000


def verdict(reason: Reason, provider: str = "", **seen: bool) -> Verdict:
    return conclude(reason, Seen(provider=provider, **seen))


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def verified(stores: Stores, emails: dict[str, Verdict], now: int = NOW) -> None:
    """The addresses, with the verdicts of runs that ended."""
    async with stores.app.write() as conn:
        for email in emails:
            local, _, domain = email.partition("@")
            await begin_verification(conn, domain, local, now)
        for job in await claim_jobs(conn, now=now, until=now + 60, worker="w", limit=10_000):
            assert await end_job(conn, job, emails[f"{job.local}@{job.domain}"], [], now)


async def report(stores: Stores, email: str, arrival: Arrival) -> bool:
    local, _, domain = email.partition("@")
    async with stores.app.write() as conn:
        return await record_outcome(conn, domain, local, arrival)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_probability_in_its_place(reason: Reason) -> None:
    low, high = {
        "valid": (90, 100),
        "invalid": (0, 3),
        "accept_all": (20, 85),
        "unknown": (30, 60),
        "webmail": (50, 50),
        "disposable": (50, 50),
    }[verdict(reason).status]
    scores = [
        score(verdict(reason, gibberish=gibberish), confidence=confidence, age=0)
        for gibberish, confidence in itertools.product((False, True), (None, 1, 50, 99))
    ]
    assert all(low <= one <= high for one in scores)
    assert score(verdict(reason, webmail=True), confidence=90, age=0) in (50, *scores)


def test_what_the_web_knows_counts_where_the_server_is_silent_and_time_where_it_spoke() -> None:
    unsure = [score(verdict("accepts_all"), confidence=confidence, age=0) for confidence in (1, 30, 60, 99)]
    ageing = [score(verdict("accepted"), confidence=None, age=days * DAY) for days in (0, 10, 100, 400, 2_000)]

    assert unsure == sorted(set(unsure))
    assert ageing == sorted(ageing, reverse=True)
    assert ageing[0] - ageing[1] <= 1
    gibberish = score(verdict("accepts_all", gibberish=True), confidence=None, age=0)
    assert gibberish < score(verdict("accepts_all"), confidence=None, age=0)


async def test_each_verification_is_learnt_from_once(stores: Stores) -> None:
    email = "ada@acme.test"
    assert not await report(stores, email, "bounced")
    await verified(stores, {email: verdict("accepted", "google")})
    tallies = statement("SELECT provider, reason, delivered, bounced FROM arrival_tally")

    told = [
        await report(stores, email, arrival)
        for arrival in ("delivered", "delivered", "bounced", "delivered", "bounced")
    ]

    assert told == [True, False, True, False, False]
    assert [tuple(row) for row in await stores.app.fetch_all(tallies)] == [("google", "accepted", 0, 1)]
    later = NOW + 31 * DAY
    await verified(stores, {email: verdict("accepted", "google")}, later)
    assert await report(stores, email, "delivered")
    assert [tuple(row) for row in await stores.app.fetch_all(tallies)] == [("google", "accepted", 1, 1)]


async def test_the_score_comes_to_be_what_arrives(stores: Stores) -> None:
    truth = {"google": 0.995, "microsoft": 0.9, "mimecast": 0.55, "": 0.75, "ovh": 0.2}
    dice = random.Random(1)
    for reason in ("accepts_all", "accepted"):
        emails = {
            f"u{number}@{provider or 'own'}.{reason.replace('_', '-')}.test": verdict(reason, provider)
            for provider, number in itertools.product(truth, range(150))
        }
        await verified(stores, emails)
        async with stores.app.write() as conn:
            for email, found in emails.items():
                local, _, domain = email.partition("@")
                arrival: Arrival = "delivered" if dice.random() < truth[found.provider] else "bounced"
                assert await record_outcome(conn, domain, local, arrival)
    learned = await load_learned(stores.app)

    for reason in ("accepts_all", "accepted"):
        scores = {
            provider: score(verdict(reason, provider), confidence=None, age=0, learned=learned) for provider in truth
        }
        untaught = {provider: score(verdict(reason, provider), confidence=None, age=0) for provider in truth}
        wrong = sum(abs(scores[provider] / 100 - share) for provider, share in truth.items()) / len(truth)
        before = sum(abs(untaught[provider] / 100 - share) for provider, share in truth.items()) / len(truth)
        assert wrong < 0.06 < before
        # A provider nobody wrote to is judged by all the others.
        average = sum(truth.values()) / len(truth)
        stranger = score(verdict(reason, "zoho"), confidence=None, age=0, learned=learned)
        assert abs(stranger / 100 - average) < 0.08
    # Within a kind, what the web knows keeps its order.
    ordered = [
        score(verdict("accepts_all", "mimecast"), confidence=confidence, age=0, learned=learned)
        for confidence in (1, 40, 99)
    ]
    assert ordered == sorted(set(ordered))
    # What nothing was learnt of stays as it was.
    assert score(verdict("timeout"), confidence=None, age=0, learned=learned) == score(
        verdict("timeout"), confidence=None, age=0
    )
    assert score(verdict("null_mx"), confidence=None, age=0, learned=learned) == 0


async def test_a_few_messages_move_the_score_a_little(stores: Stores) -> None:
    await verified(stores, {"ada@acme.test": verdict("accepted")})
    await report(stores, "ada@acme.test", "bounced")

    learned = await load_learned(stores.app)
    assert 88 <= score(verdict("accepted"), confidence=None, age=0, learned=learned) < 97
