"""
Who opens a mail, or follows a link in it: a person, a proxy for one, or a machine? And how is it written down without keeping them?

Sightings are gathered and written a fifth of a second later, all in one transaction. What is in hand when the process is killed is
lost: an open more or less is not worth a disk's sync each.
"""

import asyncio
import re
from collections.abc import Callable, Mapping

import msgspec

from vizsla.campaigns.events import Actor, find_sent
from vizsla.campaigns.facts import note_click, note_open
from vizsla.campaigns.tracking import Clicked, Opened
from vizsla.kit.errors import StoreError
from vizsla.storage.database import Database

GATHERS = 0.2
"""Seconds."""
_BATCH, _MOST = 500, 20_000
# These load pictures when somebody opens the mail, for them.
_PROXIES = re.compile(r"googleimageproxy|yahoomailproxy|ymailproxy|duckduckgo.*image", re.IGNORECASE)
_BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|scan|preview|prefetch|monitor|fetch|check|probe|proofpoint|barracuda|mimecast|symantec|fortinet|sophos"
    r"|trendmicro|safelinks|urldefense|ironport|cloudmark|facebookexternalhit|whatsapp|telegram|slack|discord|skype|linkedin|headless"
    r"|phantomjs|selenium|playwright|puppeteer|python|curl|wget|java/|okhttp|go-http|libwww|perl|ruby|node|axios|httpclient|apache-http",
    re.IGNORECASE,
)
_APPLE = "mozilla/5.0"
"""All that Apple's Mail Privacy Protection says of itself: it loads every picture when a mail arrives."""


class Sighting(msgspec.Struct, frozen=True):
    """A pixel was loaded, or a link followed."""

    what: Opened | Clicked
    at: int
    actor: Actor
    agent: str


def judge_agent(agent: str) -> Actor:
    """Who says this of itself in its User-Agent."""
    if _PROXIES.search(agent[:1_000]):
        return "proxy"
    if not agent.strip() or agent.strip().lower() == _APPLE or _BOTS.search(agent[:1_000]):
        return "bot"
    return "human"


def counts(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request may be somebody's look: not one for the header alone, nor one made in case that somebody will look."""
    told = " ".join(headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz")).lower()
    return method == "GET" and "prefetch" not in told and "preview" not in told


class Sightings:
    """What was seen and is not written yet, of one process."""

    def __init__(self, app: Database, failed: Callable[[Exception], None]) -> None:
        self._app = app
        self._failed = failed
        self._seen: list[Sighting] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, sighting: Sighting) -> None:
        """Write it down soon. More at once than can be kept are let go."""
        if len(self._seen) < _MOST:
            self._seen.append(sighting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later())

    async def close(self) -> None:
        """Write down what there is."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Write down what there is, now."""
        while self._seen:
            batch = self._seen[:_BATCH]
            try:
                await self._write(batch)
            except StoreError as error:
                self._failed(error)
                return  # kept for the next time
            except Exception as error:
                self._failed(error)
            del self._seen[: len(batch)]

    async def _write_later(self) -> None:
        await asyncio.sleep(GATHERS)
        await self.flush()

    async def _write(self, batch: list[Sighting]) -> None:
        # In one order everywhere: two processes that write of the same messages must not wait for each other.
        ordered = sorted(batch, key=lambda one: (one.what.account_id, one.what.message_id, one.at))
        async with self._app.write() as conn:
            for one in ordered:
                sent = await find_sent(conn, one.what.account_id, one.what.message_id)
                if sent is None:
                    continue
                if isinstance(one.what, Clicked):
                    await note_click(conn, sent, one.what.link, at=one.at, actor=one.actor, agent=one.agent)
                else:
                    await note_open(conn, sent, at=one.at, actor=one.actor, agent=one.agent)
