"""A load of many rows at once: the same rows as a merge, whatever the index held before, however it is cut."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.made_up import NOBODY, TODAY, claimed, dump, empty, put, sighting, visit
from index.test_merge import items
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.bulk import Load
from vizsla.index.merge import MergeReport
from vizsla.index.verifications import record_accept_all, record_verification
from vizsla.kit.clock import DAY
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database
from vizsla.storage.open import Stores

KINDS = (Visit, Fact, Sighting)


def folded(read: list[Any]) -> list[Any]:
    """*read* in the order in which a harvest gives it."""
    return sorted(read, key=lambda one: (KINDS.index(type(one)), one.domain, getattr(one, "local", ""), one.uri))


async def load(
    index: Database, read: list[Any], *, claims: Claims = NOBODY, at_once: int = 400, batch: int = 1_000, most: int = 0
) -> MergeReport:
    """Load *read* in the order given, in batches; only *most* steps of it, if given."""
    loading = Load(claims=claims, today=TODAY, at_once=at_once)
    steps = 0
    for start in range(0, len(read) + batch, batch):
        loading.add(read[start : start + batch])
        if start >= len(read):
            loading.end()
        while loading.has_more:
            if most and steps == most:
                return loading.report
            async with index.write() as conn:
                await loading.step(conn, seconds=0)
            steps += 1
    return loading.report


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(read=items, before=items, at_once=st.integers(1, 5), batch=st.integers(1, 20), seed=st.integers(0, 9))
async def test_a_load_leaves_the_rows_of_a_merge(
    stores: Stores, read: list[Any], before: list[Any], at_once: int, batch: int, seed: int
) -> None:
    index = stores.index
    await empty(index)
    await put(index, *read)
    merged = await dump(index)
    shuffled = random.Random(seed).sample(read, len(read))
    for order in (folded(read), shuffled):
        await empty(index)
        await load(index, order, at_once=at_once, batch=batch)
        assert await dump(index) == merged

    await load(index, folded(read), at_once=at_once, batch=batch)
    assert await dump(index) == merged

    await put(index, *before)
    both = await dump(index)
    await empty(index)
    await put(index, *before)
    await load(index, folded(read), at_once=at_once, batch=batch)
    assert await dump(index) == both


FIRST, LAST = ("Ann", "Bob", "Cleo", "Dan"), ("Roe", "Stone", "Tell", "Voss", "Wood")


def company(number: int, people: int) -> list[Any]:
    """What the pages of a company say: people, roles, pages that changed since, facts."""
    name, chance = f"firm{number}.example", random.Random(number)
    rows: list[Any] = []
    for at in range(people):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        local = "info" if at == 0 else f"{first[0]}{last}{at}".lower() if at % 5 else f"x{at}zq"
        named = {"first_name": first, "last_name": last, "position": chance.choice(["CEO", None])} if at % 5 else {}
        for page in chance.sample(range(6), 2):
            seen = TODAY - chance.randrange(1, 900) * DAY
            rows.append(sighting(f"{local}@{name}", f"https://{name}/{page}", seen, **named))
    for page in range(6):
        rows.append(visit(f"https://{name}/{page}", TODAY - chance.randrange(1, 600) * DAY, "b", name))
        rows.append(
            Fact(name, "organization", f"Firm {number} Ltd", f"https://{name}/{page}", TODAY - 400 * DAY, 1 + page % 2)
        )
    return rows


async def test_small_and_large_domains_come_in_whole(stores: Stores) -> None:
    rows = [row for number, people in enumerate((1, 3, 12, 40, 520)) for row in company(number, people)]
    merge = await put(stores.index, *rows)
    merged = await dump(stores.index)

    for at_once in (8, 400):
        await empty(stores.index)
        report = await load(stores.index, folded(rows), at_once=at_once)
        assert await dump(stores.index) == merged
        assert (report.sightings, report.facts, report.visits) == (merge.sightings, merge.facts, merge.visits)
    assert len(merged["facet"]) > 0
    # Each was made once.
    assert report.addresses == len(merged["email"])


async def test_two_halves_are_the_whole(stores: Stores) -> None:
    # One of them is small after the first half, and large after the second.
    rows = [row for number, people in enumerate((9, 9, 9, 620)) for row in company(number, people)]
    await load(stores.index, folded(rows))
    whole = await dump(stores.index)

    await empty(stores.index)
    random.Random(1).shuffle(rows)
    await load(stores.index, folded(rows[: len(rows) // 2]))
    await load(stores.index, folded(rows[len(rows) // 2 :]))
    assert await dump(stores.index) == whole


async def test_a_load_that_died_is_repaired_by_loading_again(stores: Stores) -> None:
    rows = folded([row for number in range(4) for row in company(number, 9)])
    await load(stores.index, rows)
    whole = await dump(stores.index)

    for most in (1, 2, 4, 7):
        await empty(stores.index)
        await load(stores.index, rows, at_once=10, most=most)
        await load(stores.index, rows, at_once=10)
        assert await dump(stores.index) == whole


async def test_what_mail_servers_said_stays(stores: Stores) -> None:
    rows = company(1, 6)
    more = [sighting("info@firm1.example", "https://new.example/"), sighting("new.one@firm1.example")]

    async def said(then: Any) -> dict[str, list[tuple[Any, ...]]]:
        await empty(stores.index)
        await load(stores.index, folded(rows))
        async with stores.index.write() as conn:
            await record_verification(conn, "firm1.example", "info", status="valid", at=TODAY - DAY, today=TODAY)
            await record_accept_all(conn, "firm1.example", accept_all=True, at=TODAY)
            await record_accept_all(conn, "firm2.example", accept_all=False, at=TODAY)
        await then()
        return await dump(stores.index)

    news = [*more, *company(2, 3)]
    merged = await said(lambda: put(stores.index, *news))
    assert await said(lambda: load(stores.index, folded(news))) == merged
    assert [row[4:6] for row in merged["domain"]] == [(1, TODAY), (0, TODAY)]


@pytest.mark.parametrize("at_once", [1, 400])
async def test_what_a_merge_drops_a_load_drops(stores: Stores, at_once: int) -> None:
    rows = [
        sighting("jdoe@acme.com"), sighting("asmith@acme.com"), sighting("who@eu.stop.example"), sighting("x@gmail.com"),
        sighting("x@mailinator.com"), sighting("x@acme.com", "https://acme.com/\0"), sighting("x@acme.com", "https://a/" + "u" * 1_500),
        sighting("x@acme.com", "https://acme.com/?who=jdoe@acme.com"), visit("https://stop.example/", domain="stop.example"),
        Fact("stop.example", "organization", "Stop", "https://stop.example/", TODAY),
    ]  # fmt: skip
    claims = claimed("jdoe@acme.com", "stop.example")
    report = await load(stores.index, folded(rows), claims=claims, at_once=at_once)

    loaded = await dump(stores.index)
    await empty(stores.index)
    assert (await put(stores.index, *rows, claims=claims)).dropped == report.dropped
    assert await dump(stores.index) == loaded
    assert [row[:2] for row in loaded["email"]] == [("acme.com", "asmith")]
