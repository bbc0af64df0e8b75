"""
What does Vizsla say?

A `vizsla serve` of its own, asked over HTTP as its users ask: several accounts at once, each within its rate, every address until
there is an answer. That is why 202 is asked again, and what has not ended after some minutes counts as unknown.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from lab import names
from lab.roster import Case
from lab.score import Said

LONGEST = 120.0
"""Seconds until we stop asking: greylists are asked again after one minute, and then only after five more."""
_EACH = 40
"""Addresses that one account asks about."""
_PAUSE = 0.125
"""Seconds between two questions of one account: ten a second are allowed."""


class DidNotStart(Exception):
    """`vizsla serve` did not come up; with what it said."""


class Service:
    """A running `vizsla serve`."""

    def __init__(self, url: str, environ: dict[str, str], log: Path) -> None:
        self.url = url
        self.environ = environ
        self._log = log

    def complaints(self, most: int = 20) -> list[str]:
        """What it logged so far, for its log level is `warning`: the first lines."""
        return self._log.read_text("utf-8", "replace").splitlines()[:most]

    def add_user(self, number: int) -> str:
        """A new account's API key."""
        command = [*VIZSLA, "user", "add", f"asker{number}@verifier.test", "--json"]
        made = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True)
        key = json.loads(made.stdout)["api_key"]
        assert isinstance(key, str)
        return key


VIZSLA = (sys.executable, "-m", "vizsla.cli.main")


@contextmanager
def serving(home: Path, *, port: int = 0, **settings: str) -> Iterator[Service]:
    """Vizsla as an operator sets it up, in *home*, which may hold an index; *settings* over that."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIZSLA_")} | {
        "VIZSLA_HOME": str(home),
        "VIZSLA_PROBE": "on",
        "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
        "VIZSLA_DNS_SERVERS": f"{names.RESOLVER}:53",
        "VIZSLA_HELO_NAME": names.OUR_NAME,
        "VIZSLA_MAIL_FROM": names.OUR_SENDER,
        "VIZSLA_SELF_TEST_HOSTS": "pf-good.test",
        "VIZSLA_LOG": "warning",
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    log = (home / "serve.log").open("wb")
    command = [*VIZSLA, "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        if not line.startswith("Vizsla is at "):
            raise DidNotStart(f"{line}{(home / 'serve.log').read_text()[-2_000:]}")
        yield Service(line.removeprefix("Vizsla is at ").strip(), environ, home / "serve.log")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def ask_all(service: Service, cases: Sequence[Case], *, longest: float = LONGEST) -> tuple[dict[str, Said], float]:
    """What is said of all *cases*, and how long it took."""
    shares = [cases[start : start + _EACH] for start in range(0, len(cases), _EACH)]
    keys = [service.add_user(number) for number in range(len(shares))]
    return asyncio.run(_ask_all(service.url, list(zip(keys, shares, strict=True)), longest))


async def _ask_all(url: str, shares: list[tuple[str, Sequence[Case]]], longest: float) -> tuple[dict[str, Said], float]:
    began = time.monotonic()
    timeout, connector = aiohttp.ClientTimeout(total=60), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, timeout=timeout, connector=connector) as session:
        asking = {
            case.email: asyncio.create_task(_ask(session, key, case.email, number * _PAUSE, began + longest))
            for key, share in shares
            for number, case in enumerate(share)
        }
        said = {email: await task for email, task in asking.items()}
    return said, time.monotonic() - began


async def _ask(session: aiohttp.ClientSession, key: str, email: str, start_in: float, until: float) -> Said:
    await asyncio.sleep(start_in)
    began = time.monotonic()
    while True:
        async with session.get("/v2/email-verifier", params={"email": email}, headers={"X-API-KEY": key}) as response:
            status, body = response.status, await response.json(content_type=None)
        seconds = time.monotonic() - began
        if status == 200:
            return Said(body["data"]["status"], seconds, f"{body['meta'].get('reason')}, after {seconds:.1f} s")
        if status == 222:
            return Said("unknown", seconds, "222: the server does not keep to the protocol")
        if status not in (202, 403, 429):
            return Said(f"error {status}", seconds, json.dumps(body)[:200])
        if time.monotonic() > until:
            return Said("unknown", seconds, "still pending")
        if status != 202:
            await asyncio.sleep(1)
