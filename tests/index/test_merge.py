"""Merging: any order, any number of times, in any pieces, the same rows; bounded; nothing of those who said stop."""

import asyncio
import json
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.made_up import NOBODY, TABLES, TODAY, claimed, dump, email_of, empty, fact, put, sighting, visit
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.merge import Merge
from vizsla.kit.clock import DAY
from vizsla.storage.open import Stores

URIS = ["https://acme.com/team", "https://acme.com/", "https://blog.example.org/a?b=1"]
names = st.sampled_from([(None, None, 0), ("Jane", "Doe", 3), ("Jane", "Roe", 3), ("J", "Doe", 1)])
times = st.integers(1, 6).map(lambda n: TODAY - 2_000 * DAY + n * 300 * DAY)


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    first, last, score = draw(names)
    domain, local = draw(st.sampled_from([("acme.com", "jdoe"), ("acme.com", "info"), ("eu.acme.com", "jdoe")]))
    a, b = draw(times), draw(times)
    return Sighting(
        domain, local, draw(st.sampled_from(URIS)), min(a, b), max(a, b), draw(st.sampled_from(["mailto", "text"])),
        first, last, score, draw(st.sampled_from([None, "CEO", "head of sales"])),
        draw(st.sampled_from([None, "+4930123456"])),
    )  # fmt: skip


visits = st.builds(
    Visit, st.sampled_from(URIS), st.sampled_from(["acme.com", ""]), times, st.sampled_from(["", "a", "b"])
)
facts = st.builds(
    Fact, st.just("acme.com"), st.sampled_from(["organization", "technology", "city"]), st.sampled_from(["Acme Inc.", "x"]),
    st.sampled_from(URIS), times, st.integers(1, 3),
)  # fmt: skip
items = st.lists(st.one_of(sightings(), sightings(), visits, facts), min_size=1, max_size=14)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(read=items, seed=st.integers(0, 9))
async def test_order_repetition_and_pieces_do_not_matter(stores: Stores, read: list[Any], seed: int) -> None:
    await empty(stores.index)
    await put(stores.index, *read)
    at_once = await dump(stores.index)

    shuffled = [*read, *read]
    random.Random(seed).shuffle(shuffled)
    middle = len(shuffled) // 2
    await empty(stores.index)
    await put(stores.index, *shuffled[:middle])
    await put(stores.index, *shuffled[middle:])
    assert await dump(stores.index) == at_once

    await put(stores.index, *read)
    assert await dump(stores.index) == at_once


async def test_both_stores_hold_the_same_rows(stores: Stores) -> None:
    await put(
        stores.index,
        sighting("jane.doe@acme.com", first_name="Jane", last_name="Doe", position="Head of Sales"),
        sighting("info@acme.com", how="text"),
        fact("organization", "Acme, Inc.", weight=3),
        visit(),
    )
    rows = await dump(stores.index)

    # Written out, so that each store is compared with the same.
    assert rows["company_name"] == [("acme", "acme.com", 2_000_002)]
    assert rows["domain"][0][:7] == ("acme.com", 2, 1, 1, None, None, "{first}.{last}")
    assert [(row[1], row[3], row[4], row[5], row[6], row[7]) for row in rows["email"]] == [
        ("info", "generic", None, None, 0, 93),
        ("jane.doe", "personal", "senior", "sales", 3, 97),
    ]


async def shown(stores: Stores, address: str = "jdoe@acme.com") -> list[tuple[str, bool]]:
    row = await email_of(stores.index, address)
    assert row is not None
    return [(source["last_seen_on"], source["still_on_page"]) for source in json.loads(row["sources"])]


T1, T2, T3 = TODAY - 300 * DAY, TODAY - 200 * DAY, TODAY - 100 * DAY
ON1, ON2, ON3 = "2025-01-27", "2025-05-07", "2025-08-15"


async def test_an_address_is_gone_when_its_page_is_fetched_without_it(stores: Stores) -> None:
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1, digest="a"))
    assert await shown(stores) == [(ON1, True)]

    await put(stores.index, visit(at=T2, digest="b"))
    assert await shown(stores) == [(ON1, False)]


async def test_a_visit_merged_before_the_sighting_it_outdates_is_remembered(stores: Stores) -> None:
    await put(stores.index, visit(at=T2, digest="b"))
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1, digest="a"))

    assert await shown(stores) == [(ON1, False)]


async def test_an_unchanged_page_keeps_its_addresses(stores: Stores) -> None:
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1, digest="a"))
    await put(stores.index, visit(at=T2, digest="a"))
    assert await shown(stores) == [(ON2, True)]

    await put(stores.index, visit(at=T3, digest="b"))
    assert await shown(stores) == [(ON2, False)]


async def test_a_body_that_comes_back_brings_its_addresses_back(stores: Stores) -> None:
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1), visit(at=T2, digest="b"), visit(at=T3))

    assert await shown(stores) == [(ON3, True)]


async def test_an_address_that_came_back_is_there(stores: Stores) -> None:
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1, digest="a"), visit(at=T2, digest="b"))
    await put(stores.index, sighting("jdoe@acme.com", seen=T3), visit(at=T3, digest="c"))

    assert await shown(stores) == [(ON3, True)]


async def test_bodies_without_a_digest_are_like_no_other(stores: Stores) -> None:
    await put(stores.index, sighting("jdoe@acme.com", seen=T1), visit(at=T1, digest=""), visit(at=T2, digest=""))

    assert await shown(stores) == [(ON1, False)]


async def test_at_most_twenty_sources_are_shown_the_newest_first(stores: Stores) -> None:
    await put(
        stores.index,
        *(sighting("jdoe@acme.com", f"https://p{n:02}.example/x", seen=TODAY - n * DAY) for n in range(1, 31)),
    )
    row = await email_of(stores.index, "jdoe@acme.com")
    assert row is not None
    sources = json.loads(row["sources"])

    assert row["n_sources"] == 30
    assert [source["domain"] for source in sources] == [f"p{n:02}.example" for n in range(1, 21)]
    assert sources[0] == {
        "domain": "p01.example", "uri": "https://p01.example/x", "extracted_on": "2025-11-22",
        "last_seen_on": "2025-11-22", "still_on_page": True,
    }  # fmt: skip


async def test_claimed_addresses_and_domains_are_dropped_and_counted(stores: Stores) -> None:
    report = await put(
        stores.index,
        sighting("jdoe@acme.com"),
        sighting("asmith@acme.com"),
        sighting("who@stop.example"),
        sighting("who@eu.stop.example"),
        Fact("stop.example", "organization", "Stop", "https://stop.example/", TODAY),
        claims=claimed("jdoe@acme.com", "stop.example"),
    )

    assert report.dropped == {"claimed": 4}
    rows = await dump(stores.index)
    assert [row[:2] for row in rows["email"]] == [("acme.com", "asmith")]
    assert not any("jdoe" in repr(row) or "stop.example" in repr(row) for name in TABLES for row in rows[name])


async def test_addresses_of_people_at_webmail_are_not_kept(stores: Stores) -> None:
    report = await put(
        stores.index, sighting("jdoe@gmail.com"), sighting("x@mailinator.com"), sighting("x@sub.yopmail.com")
    )

    assert report.dropped == {"webmail": 1, "disposable": 2}
    assert not any((await dump(stores.index)).values())


@pytest.mark.parametrize("poison", ["\0", "\ud800", "a\0b\udfff"])
async def test_text_that_a_database_refuses_is_cleaned_or_dropped(stores: Stores, poison: str) -> None:
    report = await put(
        stores.index,
        sighting("jdoe@acme.com", first_name="Jane" + poison, last_name="Doe" + poison, position=poison, phone=poison),
        sighting("x@acme.com", "https://acme.com/" + poison),
        fact("organization", poison),
        fact("city", poison + "Berlin"),
        visit("https://acme.com/x", digest=poison),
        visit("https://acme.com/" + poison),
    )

    assert report.dropped["malformed"] == 2
    row = await email_of(stores.index, "jdoe@acme.com")
    assert row is not None
    assert "\0" not in repr(row)


async def test_an_endless_uri_is_dropped_and_an_endless_value_cut(stores: Stores) -> None:
    report = await put(
        stores.index,
        sighting("jdoe@acme.com", "https://acme.com/" + "ä" * 800),
        sighting("j" * 65 + "@acme.com"),
        sighting("j" * 64 + "@" + "a" * 63 + ".com", "https://acme.com/" + "x" * 1_400, position="p" * 10_000),
        fact("description", "日本語" * 10_000, "https://acme.com/" + "y" * 1_483),
        visit("https://acme.com/" + "z" * 1_400, digest="d" * 1_000),
    )

    assert report.dropped == {"uri_too_long": 1, "malformed": 1}
    assert (report.sightings, report.facts, report.visits) == (1, 1, 1)


async def test_names_that_pages_disagree_on(stores: Stores) -> None:
    await put(
        stores.index,
        sighting("jdoe@acme.com", "https://a.example/1", first_name="Jane", last_name="Doe", name_score=3, position="CEO"),
        sighting("jdoe@acme.com", "https://b.example/1", first_name="Jane", last_name="Doe", name_score=3),
        sighting("jdoe@acme.com", "https://c.example/1", first_name="John", last_name="Doe", name_score=3, position="CTO",
                 seen=TODAY),
    )  # fmt: skip
    row = await email_of(stores.index, "jdoe@acme.com")

    assert row is not None
    assert (row["first_name"], row["last_name"], row["position"]) == ("Jane", "Doe", "CEO")


async def test_who_stands_beside_info_is_not_its_owner(stores: Stores) -> None:
    await put(stores.index, sighting("info@acme.com", first_name="Jane", last_name="Doe", position="CEO"))
    row = await email_of(stores.index, "info@acme.com")

    assert row is not None
    assert (row["type"], row["first_name"], row["position"], row["fields"]) == ("generic", None, None, 0)


async def test_a_large_domain_keeps_its_counts(stores: Stores) -> None:
    await put(stores.index, *(sighting(f"p{n:04}@acme.com") for n in range(600)), sighting("info@acme.com"))
    rows = await dump(stores.index)

    assert rows["facet"] == [("acme.com", "generic", "", "", 0, 1), ("acme.com", "personal", "", "", 0, 600)]


async def test_merges_at_once_do_not_undo_each_other(stores: Stores) -> None:
    hosts = [f"h{n}.example" for n in range(8)]
    await asyncio.gather(
        *(put(stores.index, sighting("jdoe@acme.com", f"https://{host}/"), fact("city", host)) for host in hosts)
    )
    at_once = await dump(stores.index)

    row = await email_of(stores.index, "jdoe@acme.com")
    assert row is not None
    assert row["n_sources"] == len(json.loads(row["sources"])) == 8
    await put(stores.index, *(sighting("jdoe@acme.com", f"https://{host}/") for host in hosts))
    assert await dump(stores.index) == at_once


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
async def test_a_merge_that_died_is_repaired_by_merging_again(stores: Stores, steps: int) -> None:
    read = [
        *(sighting(f"p{n}@d{n % 40}.example", f"https://d{n % 40}.example/{n % 3}", seen=T1) for n in range(400)),
        *(visit(f"https://d{n}.example/0", at=T2, digest="b", domain=f"d{n}.example") for n in range(40)),
        fact("organization", "Acme"),
    ]
    await put(stores.index, *read)
    undisturbed = await dump(stores.index)
    await empty(stores.index)

    half = Merge(
        sightings=[one for one in read if isinstance(one, Sighting)],
        visits=[one for one in read if isinstance(one, Visit)],
        claims=NOBODY,
        today=TODAY,
    )
    for _ in range(steps):
        async with stores.index.write() as conn:
            await half.step(conn, seconds=0)
    assert half.has_more
    await put(stores.index, *read)

    assert await dump(stores.index) == undisturbed


async def test_a_step_holds_the_store_for_a_moment_only(stores: Stores) -> None:
    merging = Merge(
        sightings=(
            sighting(
                f"first{n % 997}.last{n}@d{n % 3_000}.example", f"https://d{n % 3_000}.example/{n % 7}", position="CEO"
            )
            for n in range(6_000)
        ),
        visits=(visit(f"https://d{n % 3_000}.example/{n % 7}", domain=f"d{n % 3_000}.example") for n in range(3_000)),
        claims=NOBODY,
        today=TODAY,
    )
    steps = []
    while merging.has_more:
        async with stores.index.write() as conn:
            start = time.perf_counter()
            await merging.step(conn)
            steps.append(time.perf_counter() - start)
        await asyncio.sleep(0)

    assert merging.report.sightings == 6_000
    # 0.04 s and one piece more; generous, for machines that are busy.
    assert sorted(steps)[len(steps) * 9 // 10] < 0.4, sorted(steps)[-5:]
