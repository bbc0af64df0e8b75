"""`kill -9` of whoever tells webhooks, in the middle of it: nothing is lost, and what comes twice has one id."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import msgspec
import pytest

from vizsla.accounts.store import create_user
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.webhooks.endpoints import create_endpoint
from vizsla.webhooks.outbox import announce_all, tally_deliveries
from worlds.receiver import Says, always, receiver

EVENTS, KILLS = 40, 3
_FREE = statement("UPDATE webhook_endpoint SET due = 0")
_WORKER = """
import asyncio
from vizsla.work.leased import name_worker
from vizsla.work.webhooks import tell_endpoints
from vizsla.work.workplace import open_workplace

async def main():
    async with open_workplace() as place:
        print("open", flush=True)
        while True:
            await tell_endpoints(place, name_worker(), lambda *_, **__: None)
            await asyncio.sleep(0.02)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_killed_in_the_middle_of_deliveries(stores: Stores, settings: Settings) -> None:
    async with receiver(always(Says(after=0.01))) as ear:
        environment = {
            **os.environ,
            "VIZSLA_HOME": str(settings.home),
            "VIZSLA_SECRET_KEY": settings.secret_key,
            "VIZSLA_DATABASE_URL": settings.database_url,
            "VIZSLA_INDEX_URL": settings.index_url,
            "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8",
            "VIZSLA_HTTP_PORTS": str(ear.port),
        }
        now, key = int(time.time()), settings.secret_key.encode()
        async with stores.app.write() as conn:
            account_id = (await create_user(conn, "a@a.example", now=now)).account_id
            made, _ = await create_endpoint(conn, account_id, ear.url, ["lead.created"], key=key, now=now)
            await announce_all(conn, account_id, "lead.created", [{"n": n} for n in range(EVENTS)], now)
        chance = random.Random(7)
        for kill in range(KILLS + 1):
            worker = subprocess.Popen(
                [sys.executable, "-c", _WORKER], env=environment, stdout=subprocess.PIPE, text=True
            )
            try:
                assert worker.stdout
                assert await asyncio.to_thread(worker.stdout.readline) == "open\n"
                seen, enough = len(ear.got), chance.randint(5, 12)
                async with asyncio.timeout(30):
                    while kill < KILLS and len(ear.got) < seen + enough:
                        await asyncio.sleep(0.002)
                    while kill == KILLS and (await tally_deliveries(stores.app, account_id, made.id))["done"] < EVENTS:
                        await asyncio.sleep(0.05)
            finally:
                worker.send_signal(signal.SIGKILL)
                worker.communicate()
            async with stores.app.write() as conn:
                await conn.execute(_FREE)  # as if the lease of the dead had run out

    counts = Counter(got.headers["webhook-id"] for got in ear.got)
    first = list(dict.fromkeys(json.loads(got.body)["data"]["n"] for got in ear.got))
    assert first == list(range(EVENTS))
    assert len(counts) == EVENTS
    assert sum(counts.values()) - EVENTS <= KILLS
    print(msgspec.json.encode({"told": EVENTS, "twice": sum(counts.values()) - EVENTS, "kills": KILLS}).decode())
