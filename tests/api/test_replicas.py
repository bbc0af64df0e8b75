"""Searches answered by a streaming replica: a real one, which is paused, lost, promoted and asked about people who said stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from api.conftest import Api
from postgres import PostgresServer
from vizsla.api.app import create_app
from vizsla.erasure.claiming import claim
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims, load_claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.open import Stores
from vizsla.storage.replicas import ReplicatedDatabase
from vizsla.storage.statement import statement

SEARCH = "/v2/domain-search?domain=acme.example&limit=100"
FIND = "/v2/email-finder?domain=acme.example&first_name=Ann&last_name=Lee"
ORGANIZATION = statement("SELECT organization FROM domain WHERE domain = 'acme.example'")
RENAME = statement("UPDATE domain SET organization = :name WHERE domain = 'acme.example'")
LAG = 2.0


@pytest.fixture(scope="module")
def replica_port(postgres: PostgresServer) -> Iterator[int]:
    with postgres.replica() as port:
        yield port


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
async def replica(stores: Stores, replica_port: int, settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The replica itself, as its operator sees it."""
    raw = await asyncpg.connect(_url(settings, replica_port))
    yield raw
    with contextlib.suppress(asyncpg.PostgresError):
        await raw.execute("SELECT pg_wal_replay_resume()")
    await raw.close()


@pytest.fixture
async def replicas(
    stores: Stores, replica: asyncpg.Connection, replica_port: int, settings: Settings
) -> AsyncIterator[ReplicatedDatabase]:
    database = ReplicatedDatabase(stores.index, [_url(settings, replica_port)], LAG)
    yield database
    await database.close()


@pytest.fixture
async def replicated(api: Api, replicas: ReplicatedDatabase, stores: Stores, settings: Settings, claims: Claims) -> Api:
    """The same accounts and index; searches are the replica's."""
    app = create_app(settings, Stores(stores.app, stores.index, replicas), claims, clock=api.clock, log_stream=api.log)
    await near(replicas)
    return Api(app, api.clock, {"a": api.a, "a2": api.a2, "b": api.b}, api.log)


def _url(settings: Settings, port: int) -> str:
    return f"postgresql://vizsla@127.0.0.1:{port}/{settings.index_url.rpartition('/')[2]}"


async def near(replicas: ReplicatedDatabase, *, most_lag: float = 1.0) -> None:
    """Until the replica has all that the primary had when this began."""
    async with asyncio.timeout(20):
        while True:
            await replicas.look()
            if replicas.standings[0].may_answer(most_lag):
                return
            await asyncio.sleep(0.02)


async def rename(stores: Stores, name: str) -> None:
    async with stores.index.write() as conn:
        await conn.execute(RENAME, {"name": name})


async def say_stop(api: Api, whom: str) -> None:
    services = api.app.services
    word = Word("operator", "root")
    await claim(services.stores, services.claims, parse_claimed(whom), api.clock, word=word)
    services.claims = await load_claims(services.stores.app, b"0" * 32)  # as every node does, within a second


async def test_searches_are_the_replicas_and_everything_else_the_primarys(
    replicated: Api, replicas: ReplicatedDatabase, stores: Stores
) -> None:
    assert (await replicated("GET", SEARCH, key=replicated.a)).body["meta"]["results"] == 25
    assert (await replicated("GET", FIND, key=replicated.a)).body["data"]["email"].startswith("ann.lee")
    assert (await replicated("GET", "/v2/email-count?domain=acme.example")).body["data"]["total"] == 25

    assert replicas.answered["primary"] == 0
    assert replicas.answered["replica"] >= 6
    metrics = (await replicated("GET", "/metrics")).content.decode()
    assert f'vizsla_index_reads_total{{by="replica"}} {replicas.answered["replica"]}.0' in metrics
    assert 'vizsla_index_replica_usable{replica="1"} 1.0' in metrics
    async with replicas.write() as conn:  # a replica would refuse this
        await conn.execute(RENAME, {"name": "Acme"})
    assert tuple(await stores.index.fetch_one(ORGANIZATION) or ()) == ("Acme",)


async def test_what_is_claimed_is_not_served_by_a_replica_that_still_has_it(
    replicated: Api, replicas: ReplicatedDatabase, replica: asyncpg.Connection
) -> None:
    await replica.execute("SELECT pg_wal_replay_pause()")
    await say_stop(replicated, "ann.lee0@acme.example")

    assert await replica.fetchval("SELECT count(*) FROM email WHERE local = 'ann.lee0'") == 1
    found = await replicated("GET", SEARCH, key=replicated.a)
    finder = await replicated("GET", FIND, key=replicated.a)

    assert replicas.answered["primary"] == 0
    assert "ann.lee0@" not in found.content.decode()
    assert "ann.lee0@" not in finder.content.decode()
    await say_stop(replicated, "acme.example")
    assert await replica.fetchval("SELECT count(*) FROM email WHERE domain = 'acme.example'") == 25
    assert (await replicated("GET", SEARCH, key=replicated.a)).body["data"]["emails"] == []
    assert "asked us to stop" in (await replicated("GET", FIND, key=replicated.a)).error["details"]
    assert (await replicated("GET", "/v2/email-count?domain=acme.example")).body["data"]["total"] == 0


async def test_a_replica_that_is_too_far_behind_is_not_asked(
    api: Api, replicas: ReplicatedDatabase, replica: asyncpg.Connection, stores: Stores
) -> None:
    await near(replicas)
    await replica.execute("SELECT pg_wal_replay_pause()")
    await rename(stores, "Newer")
    assert tuple(await replicas.fetch_one(ORGANIZATION) or ()) != ("Newer",)  # within the bound, it may be so

    async with asyncio.timeout(20):
        while tuple(await replicas.fetch_one(ORGANIZATION) or ()) != ("Newer",):
            await asyncio.sleep(0.1)
    assert not replicas.standings[0].may_answer(LAG)
    assert replicas.answered["primary"] == 1

    await replica.execute("SELECT pg_wal_replay_resume()")
    await near(replicas)
    asked = replicas.answered["replica"]
    assert tuple(await replicas.fetch_one(ORGANIZATION) or ()) == ("Newer",)
    assert replicas.answered["replica"] == asked + 1


async def test_a_replica_that_fails_costs_nobody_an_answer(
    api: Api, replicas: ReplicatedDatabase, replica: asyncpg.Connection
) -> None:
    await near(replicas)
    everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vizsla'"
    for _ in range(3):
        await replica.execute(everybody)
        assert await replicas.fetch_one(ORGANIZATION) is not None
        await near(replicas)


async def test_what_is_no_replica_is_not_asked(api: Api, stores: Stores, settings: Settings) -> None:
    nowhere = "postgresql://nobody:CanaryPg-88@127.0.0.1:1/none"
    database = ReplicatedDatabase(stores.index, [settings.index_url, nowhere], LAG)
    try:
        await database.look()

        assert await database.fetch_one(ORGANIZATION) is not None
        assert database.answered == {"primary": 1}
        assert database.standings[0].trouble == "it is no replica, or one no more"
        assert "CanaryPg-88" not in database.standings[1].trouble
    finally:
        await database.close()


async def test_knowledge_of_a_replica_does_not_keep(api: Api, replicas: ReplicatedDatabase) -> None:
    """Nobody asked for an hour: what was known of the replica then is worth nothing."""
    await near(replicas)
    replicas._looked_at -= 3_600

    await replicas.fetch_one(ORGANIZATION)
    assert replicas.answered == {"primary": 1}
    async with asyncio.timeout(20):
        while not replicas.answered["replica"]:
            await asyncio.sleep(0.02)
            await replicas.fetch_one(ORGANIZATION)
