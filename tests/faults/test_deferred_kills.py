"""`kill -9` of a server whose verification waits out a greylist: nothing is lost, nothing is asked or counted twice."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cli.test_serve import get, read_until
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.kit.settings import Settings
from vizsla.storage.open import open_stores
from vizsla.storage.statement import statement
from worlds.dns import dns
from worlds.smtp import Greylists, smtp

_ROW = statement("SELECT due, deferrals, attempt, worker FROM verification WHERE verdict IS NULL")
_HURRY = statement("UPDATE verification SET due = :now WHERE due IS NOT NULL")
_COUNTED = statement("SELECT coalesce(sum(verifications), 0) FROM usage")


@asynccontextmanager
async def serving(environment: dict[str, str]) -> AsyncIterator[str]:
    """`vizsla serve`, killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vizsla.cli.main", "serve", "--port", "0"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        printed = await asyncio.to_thread(read_until, process, "Ctrl-C")
        yield re.findall(r"http://[\d.:]+", printed)[0]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
async def test_a_server_killed_while_it_waits(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(dns())
        server = await stack.enter_async_context(smtp(Greylists(), "127.0.0.7"))
        world.zone("acme.test")
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.add("mx.acme.test", "A", "127.0.0.7")
        world.add("probe.vizsla.test", "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        environment = {
            **os.environ,
            "VIZSLA_HOME": str(settings.home),
            "VIZSLA_SECRET_KEY": settings.secret_key,
            "VIZSLA_DATABASE_URL": settings.database_url,
            "VIZSLA_INDEX_URL": settings.index_url,
            "VIZSLA_PROBE": "on",
            "VIZSLA_DNS_SERVERS": world.server,
            "VIZSLA_SMTP_PORT": str(server.port),
            "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8",
            "VIZSLA_HELO_NAME": "probe.vizsla.test",
            "VIZSLA_MAIL_FROM": "probe@vizsla.test",
        }
        stores = await stack.enter_async_context(open_stores(settings))
        async with stores.app.write() as conn:
            member = await create_user(conn, "a@a.example", now=int(time.time()))
            key = (await create_key(conn, member.account_id, "first", now=int(time.time()))).plaintext
        path = "/v2/email-verifier?email=ada@acme.test"

        async with serving(environment) as url:
            asking = asyncio.create_task(asyncio.to_thread(get, url + path, {"X-API-KEY": key}))
            async with asyncio.timeout(30):
                while not (row := await stores.app.fetch_one(_ROW)) or not row[1]:
                    await asyncio.sleep(0.1)
        with pytest.raises(OSError):
            await asking
        asked = server.verbs["RCPT"]
        async with serving(environment):
            await asyncio.sleep(1.5)
        # Another start before the time has come: the row is as it was, and nobody was asked.
        again = await stores.app.fetch_one(_ROW)
        assert again is not None
        assert tuple(again) == tuple(row)
        assert (server.verbs["RCPT"], row[0] - time.time() > 30) == (asked, True)
        async with stores.app.write() as conn:
            await conn.execute(_HURRY, {"now": int(time.time())})
        async with serving(environment) as url:
            answers = [await asyncio.to_thread(get, url + path, {"X-API-KEY": key}) for _ in range(3)]

        assert [status for status, _ in answers] == [200] * 3
        assert {json.loads(body)["data"]["status"] for _, body in answers} == {"valid"}
        counted = await stores.app.fetch_one(_COUNTED)
        assert counted is not None
        assert counted[0] == 1
        assert not {"DATA", "VRFY", "EXPN"} & set(server.verbs)
