"""
Two accounts, A and B, an app over both stores, and two ways to ask it: straight through ASGI, or over a real socket.

The index holds `acme.example` (25 addresses), `globex.example` (3) and fifty domains `dN.example` with one each.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from io import StringIO
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest

from accounts.conftest import NOW
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Plan, create_user, set_plan
from vizsla.api.app import App, create_app
from vizsla.api.protocol import Patience
from vizsla.api.server import serve
from vizsla.harvest.records import Sighting
from vizsla.index.merge import Merge
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores

PLENTY = "100000/s"
NAMES = ["Ann Lee", "Bob Ray", "Cy Poe", "Di Fox", "Ed Kim", "Flo Day", "Gus Orr", "Hal Roe", "Ida Low", "Jo Ash"]


class Moment:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


class Reply(msgspec.Struct):
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        (item,) = self.body["errors"]
        assert item["code"] == self.status
        assert set(item) == {"id", "code", "details"}
        assert item["details"]
        return item


class Api:
    """Asks an app through ASGI, the way uvicorn would hand it the request."""

    def __init__(self, app: App, clock: Moment, keys: Mapping[str, str], log: StringIO) -> None:
        self.app = app
        self.clock = clock
        self.log = log
        self.a, self.a2, self.b = keys["a"], keys["a2"], keys["b"]

    async def __call__(
        self,
        method: str,
        target: str,
        *,
        key: str | None = None,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        json: Any = None,
        client: str = "127.0.0.1",
        chunks: list[bytes] | None = None,
    ) -> Reply:
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        if key is not None:
            raw.append((b"x-api-key", key.encode("latin-1")))
        if json is not None:
            body = msgspec.json.encode(json)
            raw.append((b"content-type", b"application/json"))
        path, _, query = target.partition("?")
        pieces = [body] if chunks is None else chunks
        messages: list[dict[str, Any]] = []
        given = iter(
            {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1}
            for at, piece in enumerate(pieces)
        )

        async def receive() -> dict[str, Any]:
            return next(given, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            messages.append(dict(message))

        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode("latin-1"),
            "headers": raw,
            "client": (client, 1),
            "scheme": "http",
        }
        await self.app(scope, receive, send)
        kinds = [message["type"] for message in messages]
        assert kinds == ["http.response.start", *["http.response.body"] * max(1, len(kinds) - 1)]
        answer = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        assert len(answer) == len(messages[0]["headers"]), "a header twice"
        return Reply(messages[0]["status"], answer, b"".join(message["body"] for message in messages[1:]))

    async def used(self, key: str) -> int:
        """Searches counted to an account."""
        reply = await self("GET", "/v2/account", key=key)
        return int(reply.body["data"]["requests"]["searches"]["used"])

    async def plan(self, account_id: int, **plan: Any) -> None:
        """Change what account 1 (A) or 2 (B) may do."""
        async with self.app.services.stores.app.write() as conn:
            await set_plan(conn, account_id, Plan(**{"rate_search": PLENTY, "rate_count": PLENTY} | plan))
        self.app.services.keys.forget()


def sightings() -> list[Sighting]:
    found = []
    for number in range(25):
        first, last = NAMES[number % 10].split()
        found.append(
            Sighting(
                "acme.example",
                f"{first}.{last}{number}".lower(),
                f"https://acme.example/team/{number}",
                NOW - 900_000,
                NOW - 1_000 * number,
                "mailto",
                first_name=first,
                last_name=last,
                name_score=3,
                position="Chief Executive Officer" if number % 5 == 0 else None,
                phone="+14155550100" if number % 4 == 0 else None,
            )
        )
    found += [
        Sighting("globex.example", local, "https://globex.example/contact", NOW - 900_000, NOW - 1_000, "text")
        for local in ("info", "sales", "x")
    ]
    found += [
        Sighting(f"d{number}.example", "info", f"https://d{number}.example/", NOW - 900_000, NOW - 1_000, "text")
        for number in range(50)
    ]
    return found


@pytest.fixture
def claims() -> Claims:
    return Claims(b"0" * 32)


@pytest.fixture
async def api(stores: Stores, settings: Settings, claims: Claims) -> AsyncIterator[Api]:
    clock, log = Moment(), StringIO()
    async with stores.app.write() as conn:
        keys = {}
        for name in ("a", "b"):
            member = await create_user(
                conn, f"{name}@{name}.example", now=NOW, first_name=name.upper(), last_name="Person"
            )
            await set_plan(conn, member.account_id, Plan(rate_search=PLENTY, rate_count=PLENTY))
            keys[name] = (await create_key(conn, member.account_id, "first", now=NOW, member_id=member.id)).plaintext
            if name == "a":
                keys["a2"] = (await create_key(conn, member.account_id, "second", now=NOW)).plaintext
    merging = Merge(sightings=sightings(), claims=claims, today=NOW)
    while merging.has_more:
        async with stores.index.write() as conn:
            await merging.step(conn)
    app = create_app(settings, stores, claims, clock=clock, log_stream=log)
    yield Api(app, clock, keys, log)
    app.services.mirrors.close()


@contextlib.asynccontextmanager
async def listening(app: Any, patience: Patience | None = None, **options: Any) -> AsyncIterator[str]:
    """The app behind a real socket; its base URL."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(app, port=0, journal=app.journal, started=ready.set_result, patience=patience, **options)
    )
    try:
        yield await ready
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def encoded(text: str) -> str:
    return quote(text, safe="")
