"""A verification makes the pattern anew as a whole refresh would, and reads no more of a large domain than it must."""

from typing import Any

from index.made_up import TODAY, dump, put, sighting
from vizsla.index import refresh
from vizsla.index.refresh import refresh_domains
from vizsla.index.verifications import record_verification
from vizsla.storage.open import Stores

PEOPLE = [(f"Ann{'abcdefghij'[n]}", f"Bolten{'klmnopqrst'[n]}") for n in range(10)]


def team(first: int, last: int, made: str) -> list[Any]:
    return [
        sighting(f"{made.format(one.lower(), other.lower())}@acme.com", first_name=one, last_name=other)
        for one, other in PEOPLE[first:last]
    ]


async def test_it_is_what_a_whole_refresh_gives(stores: Stores) -> None:
    await put(stores.index, *team(0, 4, "{0}.{1}"), *team(4, 9, "{0[0]}{1}"), sighting("zed@acme.com"))
    async with stores.index.write() as conn:
        for one, other in PEOPLE[4:8]:
            local = f"{one[0]}{other}".lower()
            assert await record_verification(conn, "acme.com", local, status="invalid", at=TODAY, today=TODAY)
    step_by_step = await dump(stores.index)
    async with stores.index.write() as conn:
        await refresh_domains(conn, ["acme.com"], TODAY)

    assert await dump(stores.index) == step_by_step


async def test_a_large_domain_is_not_read_for_one_verification(stores: Stores, monkeypatch: Any) -> None:
    await put(stores.index, *team(0, 10, "{0}.{1}"))
    monkeypatch.setattr(refresh, "FACETS_FROM", 5)
    asked = []

    async with stores.index.write() as conn:
        fetch_all = conn.fetch_all

        async def watched(query: Any, params: Any = None) -> Any:
            asked.append(query)
            return await fetch_all(query, params)

        conn.fetch_all = watched  # type: ignore[method-assign]
        local = f"{PEOPLE[0][0]}.{PEOPLE[0][1]}".lower()
        assert await record_verification(conn, "acme.com", local, status="valid", at=TODAY, today=TODAY)

    assert refresh._SUREST in asked
    assert refresh._LARGE not in asked
