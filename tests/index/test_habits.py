"""Habits: what a domain's addresses say is a function of what is there, and goes with what goes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.made_up import NOBODY, TODAY, dump, email_of, put, sighting
from vizsla.index.erase import forget
from vizsla.index.habits import Known, dump_clues, infer_habits, load_clues, read_habits
from vizsla.index.verifications import record_verification
from vizsla.kit.whom import Whom
from vizsla.naming.pattern import infer_pattern
from vizsla.naming.prior import load_prior
from vizsla.storage.database import Database
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

PEOPLE = [("Anna", "Bolten"), ("Cara", "Dietz"), ("Emil", "Frankow"), ("Gero", "Haukland"), ("Ines", "Jarl")]
words = st.text("abcdefghijklmnopqrst", min_size=2, max_size=8)
known = st.builds(
    Known,
    local=st.one_of(words, st.tuples(words, words).map(".".join)),
    first_name=st.none() | words,
    last_name=st.none() | words,
    certainty=st.floats(0.01, 0.999),
    status=st.sampled_from([None, "valid", "invalid", "accept_all"]),
)


def team(*, made: str = "{0}.{1}", people: list[tuple[str, str]] = PEOPLE) -> list[object]:
    return [
        sighting(f"{made.format(first.lower(), last.lower())}@acme.com", first_name=first, last_name=last)
        for first, last in people
    ]


async def habits_of(index: Database, domain: str = "acme.com") -> tuple[str | None, str, int, int]:
    pattern = await index.fetch_one(statement("SELECT pattern FROM domain WHERE domain = :d"), {"d": domain})
    row = await index.fetch_one(
        statement("SELECT clues, n_named, n_nameless FROM domain_pattern WHERE domain = :d"), {"d": domain}
    )
    return (pattern[0] if pattern else None, *(tuple(row) if row else ("", 0, 0)))


@settings(deadline=None, max_examples=40)
@given(st.lists(known, max_size=12, unique_by=lambda one: one.local), st.randoms(use_true_random=False))
def test_the_order_of_addresses_does_not_matter(addresses: list[Known], dice: random.Random) -> None:
    shuffled = list(addresses)
    dice.shuffle(shuffled)

    assert dump_clues(read_habits("acme.com", addresses).counts) == dump_clues(read_habits("acme.com", shuffled).counts)


@settings(deadline=None, max_examples=30)
@given(st.lists(known, max_size=8, unique_by=lambda one: one.local))
def test_clues_are_kept_as_they_are(addresses: list[Known]) -> None:
    counts = read_habits("acme.com", addresses).counts

    assert load_clues(dump_clues(counts)).items() == counts.items()


def test_an_invalid_address_is_no_evidence() -> None:
    right = Known("anna.bolten", "Anna", "Bolten", 0.97)
    wrong = Known("cdietz", "Cara", "Dietz", 0.3, "invalid")

    assert read_habits("acme.com", [right, wrong]).counts.items() == read_habits("acme.com", [right]).counts.items()


def test_what_is_surer_counts_for_more() -> None:
    sure, unsure = (
        infer_habits("acme.com", read_habits("acme.com", [Known("abolten", "Anna", "Bolten", certain)]))
        for certain in (0.95, 0.3)
    )
    at = load_prior().templates.index("{f}{last}")

    assert sure.theta[at] > unsure.theta[at]


def test_nameless_addresses_show_the_pattern_too() -> None:
    locals_ = ("anna.schmidt", "james.miller", "maria.garcia", "peter.jones")
    habits = read_habits("acme.com", [Known(local, None, None, 0.9) for local in locals_])

    assert (habits.n_named, habits.n_nameless) == (0, 4)
    assert infer_pattern(infer_habits("acme.com", habits)) == "{first}.{last}"


async def test_an_erased_address_takes_with_it_what_it_had_added(stores: Stores) -> None:
    await put(stores.index, *team())
    before = await dump(stores.index)
    await put(stores.index, sighting("zwick@acme.com", first_name="Zora", last_name="Wick", uri="https://other.com/"))
    assert await habits_of(stores.index) != before

    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com", "zwick"), today=TODAY)

    assert await dump(stores.index) == before


async def test_the_pattern_follows_what_servers_say(stores: Stores) -> None:
    await put(stores.index, *team(people=PEOPLE[:1]), *team(made="{0[0]}{1}", people=PEOPLE[1:3]))
    assert (await habits_of(stores.index))[0] == "{f}{last}"

    async with stores.index.write() as conn:
        for local in ("cdietz", "efrankow"):
            assert await record_verification(conn, "acme.com", local, status="invalid", at=TODAY, today=TODAY)

    pattern, _, n_named, _ = await habits_of(stores.index)
    assert (pattern, n_named) == ("{first}.{last}", 1)


async def test_an_address_that_fits_is_surer_than_one_that_does_not(stores: Stores) -> None:
    odd = sighting("zedster@acme.com", first_name="Zora", last_name="Wick")
    await put(stores.index, *team(), odd)
    fitting, other = [await email_of(stores.index, f"{local}@acme.com") for local in ("anna.bolten", "zedster")]

    assert fitting["certainty"] == other["certainty"] == pytest.approx(0.97)
    assert fitting["confidence"] > other["confidence"]


async def test_a_single_address_is_not_judged_by_itself(stores: Stores) -> None:
    await put(stores.index, *team(people=PEOPLE[:1]))

    assert (await email_of(stores.index, "anna.bolten@acme.com"))["confidence"] == 97


async def test_a_domain_of_roles_has_no_habits(stores: Stores) -> None:
    await put(stores.index, sighting("info@acme.com"), sighting("sales@acme.com"), claims=NOBODY)

    assert await habits_of(stores.index) == (None, "", 0, 0)
