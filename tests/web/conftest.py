"""
A server's pages over both stores, and people who look at them.

`person("a")` is a browser that A is signed in with: it keeps cookies, follows redirects when told to, and says where a request
came from as browsers do.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from accounts.conftest import NOW, quick_passwords
from api.conftest import Moment, sightings
from vizsla.accounts.keys import create_key
from vizsla.accounts.roles import Role
from vizsla.accounts.sessions import open_session
from vizsla.accounts.store import Member, create_user
from vizsla.api.openapi import describe
from vizsla.api.v2 import all_calls
from vizsla.desk.services import Services
from vizsla.index.merge import Merge
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims, load_claims
from vizsla.storage.open import Stores
from vizsla.web.app import create_web
from vizsla.web.house import House

__all__ = ["quick_passwords"]
SECRET = b"0" * 32
BASE = "http://vizsla.test"


class Answer(msgspec.Struct):
    """A page, or where to go."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known == name), "")

    @property
    def words(self) -> str:
        """What a person reads of it."""
        body = re.sub(r"<(script|style|svg).*?</\1>", " ", self.text, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())


class Browser:
    """Keeps cookies and asks through ASGI."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.cookies: dict[str, str] = {}

    async def get(self, target: str, **headers: str) -> Answer:
        return await self._ask("GET", target, b"", {"sec-fetch-site": "same-origin"} | _named(headers))

    async def post(self, target: str, form: Mapping[str, Any] | None = None, **headers: str) -> Answer:
        body = urlencode(form or {}, doseq=True).encode()
        kind = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        return await self._ask("POST", target, body, kind | _named(headers))

    async def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """A request with these headers and no others."""
        return await self._ask(method, target, body, _named(headers))

    async def upload(
        self, target: str, form: Mapping[str, str], name: str, content: bytes, field: str = "file"
    ) -> Answer:
        """A form with a file."""
        mark = "----vizsla"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in form.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
        body = b"".join(parts) + head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={mark}", "sec-fetch-site": "same-origin"}
        return await self._ask("POST", target, body, headers)

    async def follow(self, answer: Answer) -> Answer:
        """Where *answer* leads."""
        assert answer.status == 303, (answer.status, answer.words)
        return await self.get(answer.header("location"))

    async def _ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        path, _, query = target.partition("?")
        given = {"host": "vizsla.test", "accept": "text/html", "content-length": str(len(body))} | dict(headers)
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1),
            "server": ("vizsla.test", 80),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        }  # fmt: skip
        sent = iter([{"type": "http.request", "body": body, "more_body": False}])
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if (message := next(sent, None)) is None:
                # It stays until it has been answered: who hangs up is sent no more of what is streamed.
                await asyncio.Event().wait()
            assert message is not None
            return message

        async def send(message: Any) -> None:
            messages.append(dict(message))

        await self._app(scope, receive, send)
        answered = [(name.decode(), value.decode("latin-1")) for name, value in messages[0]["headers"]]
        for name, value in answered:
            if name == "set-cookie":
                pair, _, rest = value.partition(";")
                key, _, text = pair.partition("=")
                if "max-age=0" in rest.lower():
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = text.strip('"')
        return Answer(messages[0]["status"], answered, b"".join(message.get("body", b"") for message in messages[1:]))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Site(msgspec.Struct):
    """The pages, what is behind them, and A and B: owners of an account each; A runs the installation."""

    app: Any
    house: House
    stores: Stores
    clock: Moment
    members: dict[str, Member]
    keys: dict[str, str]
    faults: list[BaseException]

    def stranger(self) -> Browser:
        """A browser that nobody is signed in with."""
        return Browser(self.app)

    async def person(self, name: str) -> Browser:
        """A browser that A or B is signed in with."""
        return await self.as_member(self.members[name])

    async def teammate(self, name: str, role: Role = "member", *, of: str = "a") -> Member:
        """Somebody more in the team of A or B."""
        async with self.stores.app.write() as conn:
            return await create_user(
                conn,
                f"{name}@{of}.example",
                now=self.clock.now(),
                account_id=self.members[of].account_id,
                role=role,
            )

    async def as_member(self, member: Member) -> Browser:
        """A browser of anybody's."""
        browser = Browser(self.app)
        async with self.stores.app.write() as conn:
            browser.cookies["vizsla_session"] = await open_session(
                conn, member, now=self.clock.now(), user_agent="test"
            )
        return browser


@pytest.fixture
async def site(stores: Stores, settings: Settings, quick_passwords: None) -> AsyncIterator[Site]:
    """The pages over an index as in `api.conftest`: `acme.example` (25 addresses), `globex.example` (3), `dN.example`."""
    clock, faults = Moment(), []
    members, keys = {}, {}
    async with stores.app.write() as conn:
        for name in ("a", "b"):
            member = await create_user(
                conn,
                f"{name}@{name}.example",
                now=NOW,
                is_admin=name == "a",
                first_name=name.upper(),
                last_name="Person",
            )
            members[name] = member
            keys[name] = (await create_key(conn, member.account_id, "first", now=NOW, member_id=member.id)).plaintext
    claims = Claims(SECRET)
    merging = Merge(sightings=sightings(), claims=claims, today=NOW)
    while merging.has_more:
        async with stores.index.write() as conn:
            await merging.step(conn)
    load: Callable[[], Awaitable[Claims]] = lambda: load_claims(stores.app, SECRET)  # noqa: E731
    services = Services(settings, stores, claims, clock=clock, load_claims=load)

    def fault(error: BaseException, *, request_id: str, name: str | None) -> None:
        faults.append(error)

    house = House(services, SECRET, lambda url: describe(all_calls(trial=True), url), fault)
    house.base_url = BASE
    yield Site(create_web(house), house, stores, clock, members, keys, faults)
    assert faults == []
