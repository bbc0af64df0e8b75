"""Rows that nothing touched: made anew once a week, they are what reading everything again on that day would make."""

from index.made_up import NOBODY, TODAY, dump, email_of, empty, fact, put, sighting
from vizsla.index.ageing import LASTS, Ageing
from vizsla.index.merge import merge
from vizsla.kit.clock import DAY
from vizsla.storage.open import Stores

LATER = TODAY + 200 * DAY
SIGHTINGS = [sighting(f"p{number}@d{number % 3}.com") for number in range(70)]
FACTS = [fact("organization", "Acme Inc.")]


async def age(stores: Stores, today: int) -> int:
    ageing, steps = Ageing(today), 0
    while await ageing.has_more(stores.index):
        async with stores.index.write() as conn:
            await ageing.step(conn)
        steps += 1
    return steps


async def test_aged_rows_are_those_of_the_day(stores: Stores) -> None:
    await put(stores.index, *SIGHTINGS, *FACTS)
    young = await dump(stores.index)
    await age(stores, LATER)
    aged = await dump(stores.index)

    await empty(stores.index)
    async with stores.index.write() as conn:
        await merge(conn, sightings=SIGHTINGS, facts=FACTS, claims=NOBODY, today=LATER)
    assert aged == await dump(stores.index)
    assert aged != young


async def test_a_score_falls_with_time_and_no_row_is_made_twice_in_a_week(stores: Stores) -> None:
    await put(stores.index, *SIGHTINGS)
    before = (await email_of(stores.index, "p1@d1.com"))["confidence"]

    assert await age(stores, TODAY + LASTS - DAY) == 0
    assert await age(stores, LATER) > 3
    assert await age(stores, LATER + DAY) == 0
    assert (await email_of(stores.index, "p1@d1.com"))["confidence"] < before


async def test_what_is_read_in_between_does_not_keep_the_rest_young(stores: Stores) -> None:
    await put(stores.index, *SIGHTINGS)
    async with stores.index.write() as conn:
        await merge(conn, sightings=[sighting("new@d1.com")], claims=NOBODY, today=LATER)
    await age(stores, LATER)

    old, new = [await email_of(stores.index, f"{local}@d1.com") for local in ("p1", "p4")]
    assert old["confidence"] == new["confidence"]
    assert await age(stores, LATER) == 0
