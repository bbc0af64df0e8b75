"""
Does asking mail servers help the finder, and does it stay honest where they tell nothing?

Two services with the same index, which knows a page of each company: one asks mail servers, the other does not. Everybody is
looked for by both over HTTP, and what one says is held against the other.
"""

import asyncio
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import aiohttp
import msgspec
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from lab.ours import VIZSLA, DidNotStart, Service, serving
from lab.roster import SITES, people_of
from lab.staff import COMPANIES, Person, fill, page_of, people

SHORTEST, USUAL = 3, 10
"""Values of *max_duration*: the least that may be asked for, and what holds if nothing is said."""
GRACE = 0.5
"""Seconds that an answer may take beyond that."""
FEWEST_FOUND = 0.8
"""Of those whose address is made otherwise than their colleagues', as many companies make it."""
TAKE_ALL = {"pf-catchall.test": 5, "ex-catchall.test": 3, "os-catchall.test": 1, "secgw.test": 0}
"""Domains that take mail for everybody, with how many of their addresses are known."""
TELL_NOTHING = ("pf-grey", "grey8", "pf-rbl", "banner554", "mail550", "rcpt550", "close-rcpt", "garbage")
HOLD = (
    "tarpit",
    "drip",
    "slow-rcpt",
    "busy",
    "always421",
    "pf-grey",
    "dnstimeout",
    "mx-dead",
    "mx-servfail",
    "servfail",
)
_EACH = 10
"""People who are looked for at each domain that holds whoever comes."""


class Found(msgspec.Struct, frozen=True):
    """What was said of one person."""

    email: str | None
    score: int | None
    status: str | None
    """Of the verification."""
    seconds: float
    error: str = ""


class Looked(msgspec.Struct, frozen=True):
    """Somebody, and what both services said."""

    person: Person
    asking: Found
    silent: Found

    @property
    def is_found(self) -> bool:
        return self.asking.email == self.person.email

    @property
    def is_found_in_silence(self) -> bool:
        return self.silent.email == self.person.email

    @property
    def is_unchanged(self) -> bool:
        return (self.asking.email, self.asking.score) == (self.silent.email, self.silent.score)

    @property
    def is_wrong(self) -> bool:
        """Whether an address is called valid that is not this person's."""
        return self.asking.status == "valid" and self.asking.email != self.person.email


class Wait(msgspec.Struct, frozen=True):
    """How long answers took where servers hold whoever comes."""

    allowed: int
    people: int
    longest: float
    errors: tuple[str, ...]


class Findings(msgspec.Struct, frozen=True):
    """All that the finder was seen to do."""

    offices: list[Looked]
    take_all: list[Looked]
    tell_nothing: list[Looked]
    waits: list[Wait]

    def misses(self, *, is_timed: bool = True) -> list[str]:
        """Which promises are broken, in sentences."""
        misses = []
        others = [one for one in self.offices if one.person.made == "common"]
        found = sum(one.is_found for one in others)
        without = sum(one.is_found_in_silence for one in others)
        if found < FEWEST_FOUND * len(others):
            misses.append(
                f"of {len(others)} people whose address does not follow the pattern {found} are found by asking"
            )
        if without:
            misses.append(f"{without} of them are found without asking, so that they show nothing")
        lost = [one for one in self.offices if one.person.made == "alike" and not one.is_found]
        if lost:
            misses.append(f"{len(lost)} people whose address does follow it are not found")
        changed = [one for one in self.take_all if not one.is_unchanged]
        if changed:
            misses.append(f"the score of {len(changed)} changes at domains that take mail for anybody")
        every = self.offices + self.take_all + self.tell_nothing
        if wrong := sum(one.is_wrong for one in every):
            misses.append(f"{wrong} are given an address as valid that is not theirs")
        failed = [error for one in every for error in (one.asking.error, one.silent.error) if error]
        failed += [error for wait in self.waits for error in wait.errors]
        if failed:
            misses.append(f"{len(failed)} questions to the finder got no answer: {failed[0]}")
        late = [wait for wait in self.waits if wait.longest > wait.allowed + GRACE]
        if is_timed:
            misses += [f"an answer that may take {wait.allowed} s took {wait.longest:.2f} s" for wait in late]
        return misses


def find_all(folder: Path) -> Findings:
    """Look for everybody; *folder* does not exist yet."""
    folder.mkdir()
    index = folder / "asking"
    _fill_index(index, folder / "pages.warc.gz")
    shutil.copytree(index, folder / "silent")
    limits = {"VIZSLA_RATE_SEARCH": "10000/s"}
    with (
        serving(index, **limits) as asking,
        serving(folder / "silent", **limits, VIZSLA_PROBE="off") as silent,
    ):
        return asyncio.run(_find_all(asking, silent))


async def _find_all(asking: Service, silent: Service) -> Findings:
    timeout, connector = aiohttp.ClientTimeout(total=60), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        clients = [_Client(session, service) for service in (asking, silent)]
        offices = [person for company in COMPANIES for person in company.others]
        take_all = [person for domain in TAKE_ALL for person in _strangers(domain, 4)]
        tell_nothing = [person for name in TELL_NOTHING for person in _with_one_of(f"{name}.test")]
        looked = await _look(clients, offices + take_all + tell_nothing)
        waits = await asyncio.gather(
            *(
                _wait(
                    clients[0], [one for name in HOLD for one in _strangers(f"{name}.test", _EACH, after=after)], most
                )
                for after, most in ((5, SHORTEST), (5 + _EACH, USUAL))
            )
        )
    return Findings(
        looked[: len(offices)],
        looked[len(offices) : len(offices) + len(take_all)],
        looked[len(offices) + len(take_all) :],
        waits,
    )


class _Client:
    """Asks one service."""

    def __init__(self, session: aiohttp.ClientSession, service: Service) -> None:
        self._session = session
        self._url = f"{service.url}/v2/email-finder"
        self._headers = {"X-API-KEY": service.add_user(0)}

    async def find(self, person: Person, seconds: int) -> Found:
        params = {
            "domain": person.domain,
            "first_name": person.first,
            "last_name": person.last,
            "max_duration": str(seconds),
        }
        began = time.monotonic()
        async with self._session.get(self._url, params=params, headers=self._headers) as response:
            body = await response.json(content_type=None)
        took = time.monotonic() - began
        if response.status != 200:
            return Found(None, None, None, took, f"{response.status} {str(body)[:200]}")
        data = body["data"]
        return Found(data["email"], data["score"], data["verification"]["status"], took)


async def _look(clients: Sequence[_Client], everybody: Sequence[Person]) -> list[Looked]:
    said = [await asyncio.gather(*(client.find(person, USUAL) for person in everybody)) for client in clients]
    return [Looked(person, *answers) for person, *answers in zip(everybody, *said, strict=True)]


async def _wait(client: _Client, people: Sequence[Person], seconds: int) -> Wait:
    answers = await asyncio.gather(*(client.find(person, seconds) for person in people))
    errors = tuple(one.error for one in answers if one.error)
    return Wait(seconds, len(answers), max(one.seconds for one in answers), errors)


def _strangers(domain: str, count: int, *, after: int = 5) -> list[Person]:
    """People of whom nobody knows whether they have a mailbox."""
    names = itertools.islice(people(len(domain)), after, after + count)
    return [Person(first.title(), last.title(), domain, "", "rare") for first, last in names]


def _with_one_of(domain: str) -> list[Person]:
    """Somebody who has a mailbox there, and three who have none."""
    local = people_of(next(site for site in SITES if site.domain == domain))[0]
    first, _, last = local.partition(".")
    return [Person(first.title(), last.title(), domain, local), *_strangers(domain, 3)]


def _fill_index(home: Path, archive: Path) -> None:
    """Harvest a page of every company, as it would come from a crawl."""
    known = [(company.domain, company.colleagues) for company in COMPANIES]
    known += [(domain, _colleagues(domain, count)) for domain, count in TAKE_ALL.items()]
    with archive.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for domain, colleagues in known:
            body = page_of(domain, colleagues)
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            url = f"http://www.{domain}/team"
            writer.write_record(writer.create_warc_record(url, "response", BytesIO(body), http_headers=headers))
    command = [*VIZSLA, "harvest", str(archive), "--jobs", "1"]
    environ = {**os.environ, "VIZSLA_HOME": str(home)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DidNotStart(f"vizsla harvest: {done.stderr[-2_000:]}")


def _colleagues(domain: str, count: int) -> list[Person]:
    names = itertools.islice(people(len(domain)), count)
    return [Person(a.title(), b.title(), domain, fill("{first}.{last}", a, b)) for a, b in names]


_KINDS = (
    ("alike", "address follows the pattern"),
    ("common", "another, as many companies have it"),
    ("rare", "another, as few have it"),
)


def show(findings: Findings) -> str:
    """What was seen, in lines."""
    known = len(COMPANIES[0].colleagues)
    lines = [
        f"the finder: {len(findings.offices)} people at {len(COMPANIES)} companies, {known} addresses of each are known",
        "".ljust(40) + "people" + "".join(head.rjust(24) for head in ("servers asked: right", "nobody asked: right")),
    ]
    for made, text in _KINDS:
        some = [one for one in findings.offices if one.person.made == made]
        counts = [sum(one.is_found for one in some), sum(one.is_found_in_silence for one in some)]
        lines.append(
            f"  {text}".ljust(40) + str(len(some)).rjust(6) + "".join(str(count).rjust(24) for count in counts)
        )
    lines += [
        f"  not found: {_told(one)}" for one in findings.offices if one.person.made != "rare" and not one.is_found
    ]
    lines.append(_unchanged("domains that take mail for anybody", findings.take_all))
    lines.append(_unchanged("servers that greylist, refuse us or talk nonsense", findings.tell_nothing))
    lines += [f"  changed: {_told(one)}" for one in findings.take_all + findings.tell_nothing if not one.is_unchanged]
    lines += [
        f"  the longest of {wait.people} answers that may take {wait.allowed} s, where servers hold whoever comes: "
        f"{wait.longest:.2f} s"
        for wait in findings.waits
    ]
    return "\n".join(lines)


def _unchanged(where: str, looked: Sequence[Looked]) -> str:
    domains = len({one.person.domain for one in looked})
    same, wrong = sum(one.is_unchanged for one in looked), sum(one.is_wrong for one in looked)
    return f"  {where} ({domains}): {same} of {len(looked)} scores unchanged by asking, {wrong} wrongly called valid"


def _told(one: Looked) -> str:
    said, before = one.asking, one.silent
    return (
        f"{one.person.first} {one.person.last}, {one.person.email}: {said.email} ({said.score}, {said.status}; "
        f"{before.email}, {before.score} without asking) after {said.seconds:.1f} s {said.error}"
    )
