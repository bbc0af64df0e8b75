"""Who asks the nodes of a cluster, and what do they find wrong?"""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from benchmarks.mail_world import address, status
from vizsla.erasure.claiming import claim
from vizsla.kit.clock import SystemClock
from vizsla.privacy.claims import load_claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement

QUOTA = 300
"""Searches of the account that runs into its quota."""
NOTICED = 1.0
"""Seconds within which a claim, or that a key was revoked, is known to every node."""
LISTS = 6
_EVERY = 5.0
"""Seconds between two claims, and between two keys."""
_LEADS = statement("SELECT email, count(*) FROM lead WHERE email LIKE :like GROUP BY email")
_USED = statement("SELECT sum(searches), sum(verifications) FROM usage WHERE account_id = :account_id")


class NobodyAnswers(Exception):
    """Two nodes, one after the other, did not."""


class Clients:
    """Ask one node after the other, and another one once more where that fails."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._turns = itertools.count()
        self.asked = self.again = self.in_vain = 0
        self.odd = Counter[str]()
        """Answers that nobody wants, by call and status."""

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def ask(
        self, method: str, path: str, key: str, *, expects: Sequence[int] = (200,), **more: Any
    ) -> tuple[int, bytes]:
        """The answer, at the second try if need be. Raises NobodyAnswers."""
        turn = next(self._turns)
        self.asked += 1
        for at in range(2):
            url = self._urls[(turn + at) % len(self._urls)]
            try:
                answer = await self.one(method, url + path, key, **more)
            except (aiohttp.ClientError, OSError, TimeoutError):
                self.again += at == 0
                continue
            if answer[0] not in expects:
                self.odd[f"{method} {path.partition('?')[0]} {answer[0]}"] += 1
            return answer
        self.in_vain += 1
        raise NobodyAnswers

    async def one(self, method: str, url: str, key: str, **more: Any) -> tuple[int, bytes]:
        """Ask this very node."""
        headers = {"X-API-KEY": key, **more.pop("headers", {})}
        async with self.session.request(method, url, headers=headers, **more) as answer:
            return answer.status, await answer.read()

    async def everywhere(self, path: str, key: str) -> list[tuple[int, bytes]]:
        """What each node says; those that are away say nothing."""
        found = []
        for url in self._urls:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                found.append(await self.one("GET", url + path, key))
        return found

    async def keep_asking(
        self, url: str, key: str, domains: Sequence[str], over: asyncio.Event, statuses: list[int]
    ) -> None:
        """Search at *url* until it is over; nothing is tried twice."""
        for domain in itertools.cycle(domains):
            if over.is_set():
                return
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                statuses.append((await self.one("GET", f"{url}/v2/domain-search?domain={domain}", key))[0])
                continue
            statuses.append(0)


class Load:
    """All that is asked, and what came of it."""

    def __init__(
        self,
        clients: Clients,
        stores: Stores,
        keys: dict[str, str],
        *,
        domains: Sequence[str],
        secret: bytes,
        rows: int,
    ) -> None:
        self._clients, self._stores, self._keys, self._secret = clients, stores, keys, secret
        self._domains = list(domains)
        self._rows = rows
        self._chance = random.Random(1)
        self._ends = 0.0
        self.seen = Counter[str]()
        self.wrong = Counter[str]()
        self.leads: set[str] = set()
        self.admitted: list[float] = []
        self.questions: set[str] = set()
        self.lists: dict[int, list[str]] = {}

    async def run(self, seconds: float) -> None:
        """Until *seconds* have passed."""
        self._ends = time.monotonic() + seconds
        acts: list[Callable[[], Any]] = [self._read] * 4 + [self._write] * 2
        acts += [self._claim, self._revoke, self._hurry, self._hurry, self._use_up]
        await asyncio.gather(*(self._again(act) for act in acts), self._send_lists(seconds))

    async def _again(self, act: Callable[[], Any]) -> None:
        while time.monotonic() < self._ends:
            with contextlib.suppress(NobodyAnswers):
                await act()

    async def _read(self) -> None:
        domain = self._chance.choice(self._domains[:1_000])
        await self._clients.ask("GET", f"/v2/domain-search?domain={domain}", self._keys["load"])
        self.seen["reads"] += 1
        await asyncio.sleep(0.02)

    async def _write(self) -> None:
        email = f"lead{self.seen['leads']}@leads.example"
        self.seen["leads"] += 1
        more = {"json": {"email": email, "first_name": "Ada"}, "headers": {"Idempotency-Key": email}}
        code, _ = await self._clients.ask("POST", "/v2/leads", self._keys["load"], expects=(201,), **more)
        if code == 201:
            self.leads.add(email)
        await asyncio.sleep(0.02)

    async def _claim(self) -> None:
        domain = self._domains[-1 - self.seen["claims"]]
        path = f"/v2/domain-search?domain={domain}"
        _, body = await self._clients.ask("GET", path, self._keys["load"])
        email = json.loads(body)["data"]["emails"][0]["value"]
        claims = await load_claims(self._stores.app, self._secret)
        await claim(self._stores, claims, parse_claimed(email), SystemClock(), word=Word("operator", "bench"))
        self.seen["claims"] += 1
        await asyncio.sleep(NOTICED)
        for _, body in await self._clients.everywhere(path, self._keys["load"]):
            self.seen["claims looked for"] += 1
            self.wrong["claims"] += email.encode() in body
        await asyncio.sleep(_EVERY)

    async def _revoke(self) -> None:
        load = self._keys["load"]
        more = {"json": {"name": "short-lived"}, "headers": {"Idempotency-Key": f"key{self.seen['keys']}"}}
        _, body = await self._clients.ask("POST", "/v2/api-keys", load, expects=(201,), **more)
        made = json.loads(body)["data"]
        self.seen["keys"] += 1
        for code, _ in await self._clients.everywhere("/v2/account", made["api_key"]):
            self.wrong["new keys"] += code != 200
        # Revoked once, it is not found when that is tried again.
        await self._clients.ask("DELETE", f"/v2/api-keys/{made['id']}", load, expects=(204, 404))
        await asyncio.sleep(NOTICED)
        for code, _ in await self._clients.everywhere("/v2/account", made["api_key"]):
            self.seen["keys tried"] += 1
            self.wrong["keys"] += code != 401
        await asyncio.sleep(_EVERY)

    async def _hurry(self) -> None:
        path = f"/v2/domain-search?domain={self._domains[0]}"
        code, _ = await self._clients.ask("GET", path, self._keys["limited"], expects=(200, 403))
        if code == 200:
            self.admitted.append(time.monotonic())
        self.seen["hurried"] += 1
        await asyncio.sleep(0.04)

    async def _use_up(self) -> None:
        domain = self._domains[self.seen["questions"] % len(self._domains)]
        self.seen["questions"] += 1
        code, _ = await self._clients.ask(
            "GET", f"/v2/domain-search?domain={domain}", self._keys["quota"], expects=(200, 429)
        )
        if code == 200:
            self.questions.add(domain)
        await asyncio.sleep(0.1)

    async def _send_lists(self, seconds: float) -> None:
        share = self._rows // LISTS
        for number in range(LISTS):
            emails = [address(n) for n in range(number * share, (number + 1) * share)]
            more = {"json": {"emails": emails}, "headers": {"Idempotency-Key": f"list{number}"}}
            path = "/v2/bulk/verifications"
            code, body = await self._clients.ask("POST", path, self._keys["load"], expects=(201, 202), **more)
            if code < 300:
                self.lists[int(json.loads(body)["data"]["id"])] = emails
            await asyncio.sleep(min(seconds * 0.8 / LISTS, max(0.0, self._ends - time.monotonic())))

    # When it is over

    async def figures(self, figure: Callable[..., Any], kills: int, servers: int, seconds: float) -> list[Any]:
        """What was found, as lines of the table."""
        clients = self._clients
        odd = " ".join(f"{what}: {count}" for what, count in clients.odd.most_common(3))
        written = {row[0]: row[1] for row in await self._stores.app.fetch_all(_LEADS, {"like": "lead%@leads.example"})}
        return [
            figure("requests", clients.asked, clients.in_vain, remark="failed at the second try, on another node"),
            figure("… failed at the first", clients.asked, clients.again, allowed=None, remark="what they would be without a second"),
            figure("… with an answer that nobody wants", clients.asked, sum(clients.odd.values()), remark=odd),
            figure("leads whose writing was acknowledged", len(self.leads), len(self.leads - written.keys()), remark="lost"),
            figure("… there twice", len(written), sum(count - 1 for count in written.values())),
            *await self._of_lists(figure),
            figure("claimed addresses looked for 1 s later", self.seen["claims looked for"], self.wrong["claims"], remark=f"{self.seen['claims']} claims, still served"),
            figure("revoked keys tried 1 s later", self.seen["keys tried"], self.wrong["keys"] + self.wrong["new keys"], remark=f"{self.seen['keys']} keys, still taken, or new and not known"),
            *self._of_limits(figure, kills, servers, seconds),
            *await self._of_quota(figure),
        ]  # fmt: skip

    def _of_limits(self, figure: Callable[..., Any], kills: int, servers: int, seconds: float) -> list[Any]:
        # GCRA: a whole allowance at once and the rate from then on; and what nodes, the dead ones too, held of a block.
        most = min(500 + 500 * seconds / 60 + servers * 50, 15 * (seconds + 1) + servers)
        over = max(0, len(self.admitted) - int(most))
        return [
            figure(
                "requests let through under 15/s,500/min", len(self.admitted), over,
                remark=f"beyond {most:,.0f}; {self.seen['hurried']} were made; the dead took up to {kills * 50} along",
            )
        ]  # fmt: skip

    async def _of_quota(self, figure: Callable[..., Any]) -> list[Any]:
        account_id = 3
        row = await self._stores.app.fetch_one(_USED, {"account_id": account_id})
        used = int(row[0] or 0) if row else 0
        over = max(0, len(self.questions) - QUOTA) + max(0, used - QUOTA)
        return [
            figure("questions answered of a quota of 300", len(self.questions), over, remark=f"beyond it; {used} were counted"),
            figure("… answered and not counted", len(self.questions), max(0, len(self.questions) - used)),
        ]  # fmt: skip

    async def _of_lists(self, figure: Callable[..., Any]) -> list[Any]:
        rows = lost = false = charged = 0
        for id_, emails in self.lists.items():
            path = f"/v2/bulk/verifications/{id_}"
            _, body = await self._clients.ask("GET", path, self._keys["load"])
            charged += json.loads(body)["data"]["charged"]
            _, body = await self._clients.ask("GET", f"{path}/results.csv", self._keys["load"])
            found = _read(body)
            rows += len(emails)
            lost += len(Counter(emails) - Counter(email for email, _ in found))
            lost += len(Counter(email for email, _ in found) - Counter(emails))
            false += sum(truth != status(self._number(email)) for email, truth in found)
        return [
            figure("rows of lists to verify", rows, lost, remark="lost, or there twice"),
            figure("… with a verdict that is not true", rows, false),
            figure("… charged not at all, or twice", rows, abs(charged - rows)),
        ]

    def _number(self, email: str) -> int:
        local, _, domain = email.partition("@")
        person = int("".join(filter(str.isdigit, local)))
        return person * 200 + int(domain[1:].partition(".")[0])


def _read(csv_file: bytes) -> list[tuple[str, str]]:
    import csv
    import io

    rows = csv.DictReader(io.StringIO(csv_file.decode("utf-8-sig")))
    return [(row["email"], row["status"]) for row in rows]
