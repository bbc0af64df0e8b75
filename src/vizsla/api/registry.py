"""
Which calls are there?

A call is a function from a params Struct to a result Struct. What is around it (the key, limits, errors, idempotency,
documentation) is said once, here, where it is declared; `api.door` does it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar, get_args, get_type_hints

import msgspec

from vizsla.api.params import Given, NoParams, Params, parse_id, shape_of
from vizsla.desk.asking import Asker
from vizsla.kit.errors import NotFound

if TYPE_CHECKING:
    from vizsla.accounts.callers import Caller
    from vizsla.desk.services import Services
    from vizsla.storage.database import Connection

Method = Literal["GET", "POST", "PUT", "DELETE"]
Access = Literal["key", "optional", "open"]
Read = TypeVar("Read")
TEST_KEY = "test-api-key"
_PLACE = re.compile(r"\{([a-z_]+)\}")
WORDS = frozenset({"email"})
"""Places of a path that hold a word; all others hold ids."""


class Upload(msgspec.Struct, frozen=True):
    """What a call takes beside parameters: a file as the whole body, or a larger body with the usual parameters."""

    kinds: tuple[bytes, ...]
    """Content types of files; the call finds one in `Call.file`."""
    largest: int
    """Bytes; of whoever has not shown a key in a header or the query, the usual megabyte."""
    parse: Callable[[bytes, bytes], Given]
    """Makes parameters of any other body, by its content type."""
    example: str = ""
    """A file as it may look, if nothing but a file will do; parameters stand in the query then."""


class Streamed(msgspec.Struct, frozen=True):
    """An answer that is no JSON and may be long."""

    content_type: bytes
    file_name: str
    parts: AsyncIterator[bytes]


class Places(msgspec.Struct, frozen=True):
    """What stands in the places of a path."""

    ids: Mapping[str, int] = {}
    words: Mapping[str, str] = {}


class Call:
    """One request on its way through a function: who asks, when, and what the function may use."""

    __slots__ = (
        "after",
        "client",
        "closing",
        "conn",
        "content",
        "file",
        "headers",
        "ids",
        "known",
        "now",
        "services",
        "status",
        "words",
    )

    def __init__(self, services: "Services", client: str, now: int, places: Places) -> None:
        self.services = services
        self.known: Caller | None = None
        self.client = client
        self.headers: list[tuple[bytes, bytes]] = []
        """Of the answer, beside those that every answer has."""
        self.now = now
        self.ids, self.words = places.ids, places.words
        self.conn: Connection | None = None
        self.file: BinaryIO | None = None
        """The body, if it is a file."""
        self.content: Any = None
        """What was read of the file before a transaction began."""
        self.closing: list[Callable[[], None]] = []
        """What is let go of when the request is answered."""
        self.after: Callable[[], None] | None = None
        """What to do once the transaction is committed."""
        self.status: int | None = None
        """Of the answer, where it is the endpoint's other one."""

    async def read_file(self, read: Callable[[BinaryIO], Read]) -> Read | None:
        """
        What *read* makes of the file, on a thread of its own and few at a time; None if the body is none.

        It is called before a transaction begins: a file may be long to read, and nobody else could write meanwhile.
        """
        if self.file is None:
            return None
        async with self.services.uploads:
            return await asyncio.to_thread(read, self.file)

    @property
    def caller(self) -> "Caller":
        """Who asks, in a call that needs a key."""
        assert self.known is not None
        return self.known

    @property
    def transaction(self) -> "Connection":
        """The open transaction of a call that writes."""
        assert self.conn is not None
        return self.conn

    @property
    def asker(self) -> Asker:
        """The same, as the rooms behind the door know it."""
        return Asker(self.services, self.caller, self.now)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A call and all that is said of it."""

    method: Method
    path: str
    name: str
    run: Callable[[Call, Any], Awaitable[Any]]
    params: type[Params]
    result: Any
    pending: Any
    """What a 202 is answered with; None: this call has none."""
    shape: Callable[[Given], Params]
    status: int
    other_status: int | None
    """What the call may set `Call.status` to."""
    access: Access
    limit: str | None
    """The name of its rate limits: search, count, verify, trial; None: not limited."""
    writes: bool
    secret: bool
    """Whether the answer shows a secret once, so that a copy kept for Idempotency-Key is sealed."""
    test: Callable[[Params], Any] | None
    """What `test-api-key` is answered with; None: it is not accepted."""
    before: Callable[[Call, Any], Awaitable[None]] | None
    """What has to be asked of the world before the transaction of a call that writes begins."""
    upload: Upload | None
    errors: tuple[str, ...]
    summary: str
    description: str

    @property
    def place_names(self) -> list[str]:
        """The names of ids in the path."""
        return _PLACE.findall(self.path)


class Calls:
    """The calls of one module, in the order of their declaration."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def __call__(
        self,
        method: Method,
        path: str,
        *,
        status: int = 200,
        other_status: int | None = None,
        access: Access = "key",
        limit: str | None = None,
        writes: bool = False,
        secret: bool = False,
        test: Callable[[Any], Any] | None = None,
        pending: Any = None,
        before: Callable[[Call, Any], Awaitable[None]] | None = None,
        upload: Upload | None = None,
        errors: tuple[str, ...] = (),
    ) -> Callable[[Callable[[Call, Any], Awaitable[Any]]], Callable[[Call, Any], Awaitable[Any]]]:
        """Declare a function as a call; its docstring is what callers read."""

        def declare(run: Callable[[Call, Any], Awaitable[Any]]) -> Callable[[Call, Any], Awaitable[Any]]:
            hints = get_type_hints(run)
            params = hints.get("params", NoParams)
            summary, _, description = (run.__doc__ or "").strip().partition("\n")
            self.endpoints.append(
                Endpoint(
                    method=method,
                    path=path,
                    name=f"{method} {path}",
                    run=run,
                    params=params,
                    result=get_args(hints["return"])[0] if pending else hints["return"],
                    pending=pending,
                    shape=shape_of(params),
                    status=status,
                    other_status=other_status,
                    access=access,
                    limit=limit,
                    writes=writes,
                    secret=secret,
                    test=test,
                    before=before,
                    upload=upload,
                    errors=errors,
                    summary=summary,
                    description=" ".join(description.split()),
                )
            )
            return run

        return declare


class Routes:
    """Calls by path and method. *aliases* are other names of the second part of a path."""

    def __init__(self, endpoints: Iterable[Endpoint], aliases: Mapping[str, str] = {}) -> None:
        self.endpoints = tuple(endpoints)
        self._aliases = aliases
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self.endpoints:
            methods = by_path.setdefault(endpoint.path, {})
            if endpoint.method in methods:
                raise ValueError(f"{endpoint.name} is declared twice")
            methods[endpoint.method] = endpoint
        for path, methods in by_path.items():
            if "{" in path:
                pattern = _PLACE.sub(r"(?P<\1>[^/]+)", path)
                self._patterns.append((re.compile(pattern + r"\Z"), methods))
            else:
                self._exact[path] = methods

    def find(self, path: str) -> tuple[dict[str, Endpoint], Places] | None:
        """
        The calls at *path* by method, and what stands in its places; None if there is nothing.

        Raises NotFound for an id that cannot be one.
        """
        if (methods := self._exact.get(path)) is not None:
            return methods, Places()
        parts = path.split("/", 3)
        if len(parts) > 2 and (name := self._aliases.get(parts[2])) is not None:
            return self.find("/".join([*parts[:2], name, *parts[3:]]))
        for pattern, methods in self._patterns:
            if (match := pattern.match(path)) is not None:
                said = match.groupdict()
                ids = {name: parse_id(text) for name, text in said.items() if name not in WORDS}
                if None in ids.values():
                    raise NotFound
                words = {name: text for name, text in said.items() if name in WORDS}
                return methods, Places({name: id_ for name, id_ in ids.items() if id_ is not None}, words)
        return None


def normalise_path(path: str) -> str:
    """*path* without doubled and trailing slashes."""
    return re.sub("//+", "/", path).rstrip("/") or "/"
