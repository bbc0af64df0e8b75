"""
Nodes on one PostgreSQL, restarted one after the other under load behind a balancer that tries nothing twice: no request fails.

Without VIZSLA_DRAIN the same restarts lose requests: the balancer needs a moment to notice.
"""

import asyncio
import signal
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from benchmarks.node_processes import Node, free_port, serve

from vizsla.kit.settings import Settings
from vizsla.storage.migrate import HEADS
from worlds.balancer import Balancer, balancer

CLIENTS = 6


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    url = settings.database_url
    return {
        "VIZSLA_DATABASE_URL": url, "VIZSLA_INDEX_URL": url, "VIZSLA_SECRET_KEY": "0" * 64, "VIZSLA_LOG": "warning",
        "VIZSLA_TRIAL": "off", "VIZSLA_RATE_COUNT": "1000000/s",
    }  # fmt: skip


async def ask(one: Balancer, over: asyncio.Event, statuses: list[int]) -> None:
    url = f"http://127.0.0.1:{one.port}/v2/email-count?domain=acme.example"
    async with aiohttp.ClientSession() as session:
        while not over.is_set():
            async with session.get(url) as answer:
                statuses.append(answer.status)
                await answer.read()
            await asyncio.sleep(0.02)


async def restart(node: Node, one: Balancer) -> int:
    await one.is_ready(node.port)
    code = await node.end(30)
    await one.is_ready(node.port, is_it=False)
    node.begin()
    await one.is_ready(node.port)
    return code


async def test_nodes_restarted_one_after_the_other_fail_no_request(environment: dict[str, str], tmp_path: Path) -> None:
    environment["VIZSLA_DRAIN"] = "0.8"
    # Both at once, on a database that is as good as new to them.
    ports = [free_port(), free_port()]
    nodes = [serve(environment, tmp_path / str(port), "--no-work", port=port) for port in ports]
    try:
        async with balancer(ports) as one, asyncio.timeout(60):
            await asyncio.gather(*map(one.is_ready, ports))
            over, statuses = asyncio.Event(), list[int]()
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(ask(one, over, statuses))
                codes = [await restart(node, one) for node in nodes]
                await asyncio.sleep(0.2)
                over.set()
        assert codes == [-signal.SIGTERM] * 2
        assert one.failed == []
        assert set(statuses) == {200}
        assert min(one.sent[port] for port in ports) > 20
    finally:
        for node in nodes:
            node.stop()


async def test_a_node_says_first_that_it_is_going_and_still_answers(
    environment: dict[str, str], tmp_path: Path, settings: Settings
) -> None:
    node = serve(environment | {"VIZSLA_DRAIN": "20"}, tmp_path / "node", "--no-work")
    try:
        await node.ready()
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{node.url}/healthz") as answer:
                assert "connection" not in answer.headers
            # A newer version has migrated the database meanwhile.
            app = await asyncpg.connect(settings.database_url)
            await app.execute("UPDATE alembic_version_app SET version_num = '9999'")
            async with session.get(f"{node.url}/readyz") as answer:
                assert (answer.status, await answer.text()) == (503, '{"status":"outdated"}')
            await app.execute(f"UPDATE alembic_version_app SET version_num = '{HEADS['app']}'")
            await app.close()

            node.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                while True:
                    async with session.get(f"{node.url}/readyz") as answer:
                        status = await answer.text()
                    if answer.status == 503:
                        break
            assert status == '{"status":"stopping"}'
            for _ in range(3):
                async with session.get(f"{node.url}/healthz") as answer:
                    assert answer.status == 200
                    assert answer.headers["connection"] == "close"
            # Told again, it waits for nobody.
            assert await node.end(15) == -signal.SIGTERM
    finally:
        node.stop()
