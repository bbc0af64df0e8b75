"""
Does a campaign reach people, once each, and does it hear what comes back?

One `vizsla serve`, set up over its pages and its API as its users do; a real Postfix to send through, a real Dovecot to listen to;
and some hundreds of people who answer, look, complain, are away, or do not exist. Days go by as the rows say: what is due later is
made due now.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from lab import post_office
from lab.correspondents import KINDS, Correspondents, kind_of
from lab.ours import VIZSLA, Service, serving
from lab.world import World
from vizsla.storage.open import connect
from vizsla.storage.statement import statement

SENDER = "ann"
_PORT = 8008
"""Known beforehand: links in messages lead to it."""
_OWNER = "owner@outreach.test"
_PASSWORD = "a long password that nobody guesses"
_STEPS = (
    ("A question about {{ company | default: 'your company' }}", 0),
    ("", 3),
    ("", 4),
)
_BODY = (
    "<p>Hello {{{{ first_name | default: 'there' }}}},</p><p>this is message {number}. "
    '<a href="https://www.outreach.test/page-{number}">Read more</a></p>'
)
_ROUND = 90.0
"""Seconds in which everything that a round sets off must have happened."""
_QUIET = 4.0
"""Seconds in which nothing happens any more: then a round is over."""
_EXPIRES = 45.0
"""Seconds until what Postfix could not deliver has come back."""
# A day of theirs is a moment of ours. Whose address is not known yet is on its way.
_LATER = (
    statement("UPDATE recipient SET due = :now WHERE due > :now"),
    statement("UPDATE sender SET due = :now WHERE due > :now"),
)


class Ended(msgspec.Struct, frozen=True):
    """One recipient in the end."""

    email: str
    status: str | None
    got: int


class Outreach(msgspec.Struct, frozen=True):
    """All that the campaign was seen to do."""

    ended: list[Ended]
    twice: int
    """Messages that arrived again."""
    troubles: list[str]
    complaints: list[str]
    stats: dict[str, Any]
    replies: int
    """Messages of people in the inbox."""
    seconds: float

    @property
    def wrong(self) -> list[Ended]:
        """Whose status, or number of messages, is another than it should be."""
        return [one for one in self.ended if one.status != kind_of(one.email).status or not _is_right_count(one)]

    def misses(self) -> list[str]:
        """Which promises are broken, in sentences."""
        misses = []
        expected = sum(kind.people for kind in KINDS)
        if len(self.ended) != expected:
            misses.append(f"{len(self.ended)} of {expected} recipients are in the campaign")
        if self.wrong:
            misses.append(f"{len(self.wrong)} recipients ended in a wrong status, or got too many or too few messages")
        if self.twice:
            misses.append(f"{self.twice} messages arrived twice")
        if self.troubles:
            misses.append(f"people could not do what they wanted {len(self.troubles)} times: {self.troubles[0]}")
        if self.complaints:
            misses.append(f"the server complained: {self.complaints[0]}")
        return misses


def _is_right_count(one: Ended) -> bool:
    kind = kind_of(one.email)
    return kind.domain != post_office.PEOPLE_DOMAIN or one.got == kind.messages


def run(world: World) -> Outreach:
    """A campaign of three steps to everybody."""
    people = [
        address.partition("@")[0]
        for kind in KINDS
        for address in kind.addresses
        if kind.domain == post_office.PEOPLE_DOMAIN
    ]
    world.open_post_office([SENDER], people)
    try:
        home = world.folder / "outreach"
        settings = {"VIZSLA_BASE_URL": f"http://127.0.0.1:{_PORT}", "VIZSLA_PROBE": "off"}
        with serving(home, port=_PORT, SSL_CERT_FILE=str(post_office.AUTHORITY), **settings) as service:
            return asyncio.run(_run(service, home))
    finally:
        world.close_post_office()


async def _run(service: Service, home: Path) -> Outreach:
    began = time.monotonic()
    key = _add_owner(service)
    async with _signed_in(service) as pages:
        sender_id = await _add_sender(pages)
    headers = {"X-API-KEY": key}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(service.url, headers=headers, timeout=timeout) as api:
        campaign_id = await _add_campaign(api, sender_id)
        await _call(api, "POST", f"/v2/campaigns/{campaign_id}/start")
        correspondents = Correspondents()
        for number in range(len(_STEPS)):
            await _live_through(api, campaign_id, correspondents, number)
            if number + 1 < len(_STEPS):
                await _let_days_pass(home)
        # What Postfix gave up comes back as late as this.
        await asyncio.sleep(_EXPIRES)
        await _live_through(api, campaign_id, correspondents, len(_STEPS) - 1)
        stats = (await _call(api, "GET", f"/v2/campaigns/{campaign_id}/stats"))["data"]
        ended = [
            Ended(one["email"], one["sending_status"], correspondents.got[one["email"]])
            async for one in _recipients(api, campaign_id)
        ]
    return Outreach(
        ended,
        sum(count - 1 for count in correspondents.names.values()),
        correspondents.troubles,
        service.complaints(),
        stats,
        await _count_replies(home),
        time.monotonic() - began,
    )


def _add_owner(service: Service) -> str:
    command = [*VIZSLA, "user", "add", _OWNER, "--json"]
    made = subprocess.run(command, env=service.environ, capture_output=True, text=True, check=True)
    return str(json.loads(made.stdout)["api_key"])


@contextlib.asynccontextmanager
async def _signed_in(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser of the owner's, who has just chosen a password."""
    command = [*VIZSLA, "user", "password", _OWNER, "--json"]
    made = subprocess.run(command, env=service.environ, capture_output=True, text=True, check=True)
    path = "/reset/" + json.loads(made.stdout)["link"].rpartition("/reset/")[2]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(service.url, headers={"Origin": service.url}, cookie_jar=jar) as session:
        async with session.post(path, data={"password": _PASSWORD}) as answer:
            assert answer.status == 200, await answer.text()
        yield session


async def _add_sender(pages: aiohttp.ClientSession) -> int:
    """Ann's account, tested; its number."""
    form = {
        "email": f"{SENDER}@{post_office.OUR_DOMAIN}", "name": "Ann of Outreach", "signature": "Ann",
        "smtp_host": post_office.HOST, "smtp_port": str(post_office.SUBMISSION), "smtp_security": "starttls",
        "imap_host": post_office.HOST, "imap_port": str(post_office.IMAPS), "imap_security": "tls",
        "auth": "password", "password": post_office.PASSWORD, "daily_cap": "100000", "gap": "0", "timezone": "UTC",
        "days": [str(day) for day in range(7)], "start": "00:00", "end": "24:00", "journal": "copy",
    }  # fmt: skip
    async with pages.post("/senders/new", data=aiohttp.FormData(_pairs(form))) as answer:
        text = await answer.text()
        assert re.search(r"/senders/\d+$", str(answer.url)), text[-3_000:]
        path = answer.url.path
    async with pages.post(f"{path}/test") as answer:
        text = await answer.text()
        assert answer.status == 200, text[-3_000:]
    return int(path.rpartition("/")[2])


def _pairs(form: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, each) for name, value in form.items() for each in (value if isinstance(value, list) else [value])]


async def _add_campaign(api: aiohttp.ClientSession, sender_id: int) -> int:
    hours = {"schedule_days": list(range(7)), "schedule_time_start": 0, "schedule_time_end": 86_399, "timezone": "UTC"}
    options = {"tracked": True, "tracked_links": True, "add_unsubscribe_link": True}
    made = await _call(
        api, "POST", "/v2/sequences", {"name": "Lab", "email_account_ids": [sender_id], **hours, **options}
    )
    campaign_id = int(made["data"]["id"])
    for number, (subject, days) in enumerate(_STEPS, 1):
        step = {"subject": subject, "body": _BODY.format(number=number), "wait_days": days, "message_format": "html"}
        await _call(api, "POST", f"/v2/sequences/{campaign_id}/follow-ups", step)
    addresses = [address for kind in KINDS for address in kind.addresses]
    for at in range(0, len(addresses), 50):
        some = addresses[at : at + 50]
        added = await _call(api, "POST", f"/v2/campaigns/{campaign_id}/recipients", {"emails": some})
        assert added["data"]["recipients_added"] == len(some), added
    return campaign_id


async def _call(api: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Any:
    async with api.request(method, path, json=body) as answer:
        said = await answer.json(content_type=None)
        assert answer.status < 300, (method, path, answer.status, said)
        return said


async def _recipients(api: aiohttp.ClientSession, campaign_id: int) -> AsyncIterator[dict[str, Any]]:
    offset = 0
    while page := (await _call(api, "GET", f"/v2/campaigns/{campaign_id}/recipients?limit=100&offset={offset}"))[
        "data"
    ]["recipients"]:
        for one in page:
            yield one
        offset += len(page)


async def _live_through(api: aiohttp.ClientSession, campaign_id: int, people: Correspondents, number: int) -> None:
    """Let people read and act until nothing happens any more."""
    began = changed_at = time.monotonic()
    before: Counter[str] | None = None
    while time.monotonic() - began < _ROUND:
        came = await people.read()
        now = Counter([str(one["sending_status"]) async for one in _recipients(api, campaign_id)])
        if came or now != before:
            before, changed_at = now, time.monotonic()
        elif time.monotonic() - changed_at > _QUIET:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"message {number + 1} is still on its way after {_ROUND:.0f} s: {before}")


async def _let_days_pass(home: Path) -> None:
    app = await connect(f"sqlite:///{home / 'app.db'}", "app")
    try:
        async with app.write() as conn:
            for query in _LATER:
                await conn.execute(query, {"now": int(time.time())})
    finally:
        await app.close()


async def _count_replies(home: Path) -> int:
    app = await connect(f"sqlite:///{home / 'app.db'}", "app")
    try:
        row = await app.fetch_one(statement("SELECT count(*) FROM inbound WHERE kind = 'human'"))
        return int(row[0]) if row else 0
    finally:
        await app.close()


def show(outreach: Outreach) -> str:
    """What was seen, in lines."""
    by_kind: dict[str, list[Ended]] = {}
    for one in outreach.ended:
        by_kind.setdefault(kind_of(one.email).name, []).append(one)
    lines = [
        f"a campaign of {len(_STEPS)} steps to {len(outreach.ended)} recipients through Postfix and Dovecot, {outreach.seconds:.0f} s:",
        "  who".ljust(16) + "people".rjust(8) + "should end as".rjust(16) + "did".rjust(8) + "  messages each",
    ]
    for kind in KINDS:
        some = by_kind.get(kind.name, [])
        right = sum(one.status == kind.status for one in some)
        got = ", ".join(f"{count} × {number}" for number, count in sorted(Counter(one.got for one in some).items()))
        arrives = got if kind.domain == post_office.PEOPLE_DOMAIN else "none arrives"
        lines.append(f"  {kind.name}".ljust(16) + f"{len(some):8}{kind.status:>16}{right:8}  {arrives}")
    lines += [f"  wrong: {one.email}: {one.status}, {one.got} messages" for one in outreach.wrong[:10]]
    lines.append(f"  answers of people in the inbox: {outreach.replies}; messages that arrived twice: {outreach.twice}")
    lines.append("  " + json.dumps(outreach.stats)[:600])
    return "\n".join(lines)
