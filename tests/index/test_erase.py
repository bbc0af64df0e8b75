"""Nothing about a person who said stop stays in any column of any table, nor comes back."""

from typing import Any

from sqlalchemy import Text

from index.made_up import NOBODY, TODAY, claimed, dump, email_of, fact, put, sighting, visit
from vizsla.index.erase import forget
from vizsla.index.tables import index_metadata
from vizsla.index.verifications import record_accept_all, record_verification
from vizsla.kit.whom import Whom
from vizsla.storage.database import Database
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement


async def columns_with(index: Database, text: str) -> set[str]:
    """`table.column` of every text column of the catalogue that holds *text* somewhere."""
    found = set()
    for table in index_metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, Text):
                rows = await index.fetch_all_slowly(statement(f"SELECT {column.name} FROM {table.name}"))
                if any(text in (row[0] or "").lower() for row in rows):
                    found.add(f"{table.name}.{column.name}")
    return found


PERSON: dict[str, Any] = {
    "first_name": "Zelda", "last_name": "Quux", "position": "Zymurgist", "phone": "+49309876543", "twitter": "zeldaq",
    "linkedin": "zelda-quux",
}  # fmt: skip
TRACES = ("zelda", "quux", "zymurgist", "+49309876543", "zeldaq")
WITNESS = "https://news.example/?mailto=zelda.quux%40acme.com"


async def seed(stores: Stores) -> None:
    await put(
        stores.index,
        sighting("zelda.quux@acme.com", **PERSON),
        sighting("zelda.quux@acme.com", WITNESS, **PERSON),
        sighting("jane.doe@acme.com", WITNESS, first_name="Jane", last_name="Doe"),
        sighting("jane.doe@acme.com", "https://acme.com/about", first_name="Jane", last_name="Doe"),
        sighting("only.there@other.example", "https://x.example/zelda.quux@acme.com/"),
        sighting("b@eu.acme.com"),
        sighting("b@notacme.com"),
        fact("organization", "Acme"),
        fact("description", "Ask Zelda.Quux@acme.com"),
        visit(),
        visit(WITNESS),
    )
    async with stores.index.write() as conn:
        await record_verification(conn, "acme.com", "zelda.quux", status="valid", at=TODAY, today=TODAY)
        await record_accept_all(conn, "acme.com", accept_all=True, at=TODAY)


async def test_a_forgotten_address_leaves_no_trace(stores: Stores) -> None:
    await seed(stores)
    held = {trace: await columns_with(stores.index, trace) for trace in TRACES}
    assert {"email.first_name", "email.sources", "sighting.evidence", "sighting.uri", "page.uri", "fact.value"} <= held[
        "zelda"
    ]
    assert all(held.values())

    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com", "zelda.quux"), today=TODAY)

    for trace in TRACES:
        assert await columns_with(stores.index, trace) == set()
    jane = await email_of(stores.index, "jane.doe@acme.com")
    assert jane is not None and jane["n_sources"] == 1
    row = next(row for row in (await dump(stores.index))["domain"] if row[0] == "acme.com")
    assert row[1:4] == (1, 1, 0)


async def test_forgetting_is_as_if_it_had_never_been_read(stores: Stores) -> None:
    others = [sighting(f"p{n}@acme.com", f"https://acme.com/{n % 3}") for n in range(600)]
    await put(stores.index, *others, fact("organization", "Acme"))
    without = await dump(stores.index)
    await put(
        stores.index, sighting("zelda@acme.com", "https://acme.com/1"), sighting("zelda@acme.com", "https://b.example/")
    )
    assert await dump(stores.index) != without

    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com", "zelda"), today=TODAY)

    assert await dump(stores.index) == without


async def test_a_forgotten_domain_goes_with_the_hosts_below_it(stores: Stores) -> None:
    await seed(stores)
    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com"), today=TODAY)
    rows = await dump(stores.index)

    # other.example's was read on a page alone whose own address spells one at acme.com.
    assert [row[:2] for row in rows["email"]] == [("notacme.com", "b")]
    assert {row[0] for table in ("sighting", "fact", "domain") for row in rows[table]} == {"notacme.com"}
    assert not any(row[1].endswith("acme.com") and row[1] != "notacme.com" for row in rows["company_name"])


async def test_the_next_harvest_does_not_bring_them_back(stores: Stores) -> None:
    await put(stores.index, sighting("zelda.quux@acme.com", **PERSON))
    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com", "zelda.quux"), today=TODAY)
    report = await put(
        stores.index,
        sighting("zelda.quux@acme.com", **PERSON),
        sighting("joe@acme.com", WITNESS),
        fact("description", "Ask Zelda.Quux@acme.com"),
        visit(WITNESS),
        claims=claimed("zelda.quux@acme.com"),
    )

    assert not any((await dump(stores.index)).values())
    assert report.dropped["claimed"] == 4


async def test_the_pages_of_a_claimed_domain_are_not_kept(stores: Stores) -> None:
    await put(
        stores.index, sighting("a@eu.acme.com"), fact("organization", "Acme"), visit(), claims=claimed("acme.com")
    )

    assert not any((await dump(stores.index)).values())


async def test_forgetting_what_is_not_there_does_nothing(stores: Stores) -> None:
    await put(stores.index, sighting("a@acme.com"), claims=NOBODY)
    before = await dump(stores.index)
    async with stores.index.write() as conn:
        await forget(conn, Whom("acme.com", "nobody"), today=TODAY)
        await forget(conn, Whom("nothing.example"), today=TODAY)

    assert await dump(stores.index) == before
