"""
What happens to a request between the socket and a call?

Path, body, key, rate limit, parameters, the call itself, its answer or error, a line in the log. No middleware: each step
costs what it does and nothing else, and every answer leaves by one place.
"""

import hashlib
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import msgspec

from vizsla.accounts.idempotency import (
    KEY_PATTERN,
    LONGEST_KEY,
    Answered,
    Request,
    find_answer,
    keep_answer,
    request_of,
)
from vizsla.accounts.rate import Verdict, address_bucket
from vizsla.api.auth import keys_in_headers, keys_in_params, one_key
from vizsla.api.errors import (
    AuthenticationFailed,
    Disconnected,
    MethodNotAllowed,
    PayloadTooLarge,
    RateLimited,
    UnsupportedMediaType,
    render_error,
)
from vizsla.api.journal import Journal, redact
from vizsla.api.params import Given, parse_body, parse_query
from vizsla.api.registry import TEST_KEY, Call, Endpoint, Routes, Streamed, Upload, normalise_path
from vizsla.desk.services import Services
from vizsla.kit.errors import VizslaError, WrongParams

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

LARGEST_BODY = 1_000_000
ANSWER = "vizsla.answer"
"""An ASGI extension of our own server: a function that writes a whole answer at once, or returns False."""
_SAFE = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
_ID_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


class Door:
    """Answers the requests of the API's paths."""

    def __init__(self, services: Services, routes: Routes, journal: Journal) -> None:
        self._services = services
        self._routes = routes
        self._journal = journal
        self._numbers = count(int(time.time() * 1_000) << 20)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer, or return False if this path is nobody's here."""
        began = time.perf_counter()
        path: str = scope["path"]
        method: str = scope["method"]
        headers: list[Header] = scope["headers"]
        by_name = dict(headers)
        request_id = self._request_id(by_name.get(b"x-request-id"))
        extra: list[Header] = []
        endpoint: Endpoint | None = None
        call: Call | None = None
        try:
            found = self._routes.find(path) or self._routes.find(normalise_path(path))
            if found is None:
                return False
            methods, places = found
            endpoint = methods.get("GET" if method == "HEAD" else method)
            if endpoint is None:
                extra.append(_allow(methods))
                if method != "OPTIONS":
                    raise MethodNotAllowed
                status, body = 204, b""
            else:
                client = scope["client"]
                call = Call(self._services, client[0] if client else "", self._services.clock.now(), places)
                call.headers = extra
                status, answer = await self._serve(endpoint, call, scope, by_name, receive)
                if isinstance(answer, Streamed):
                    await self._stream(scope, send, answer, request_id=request_id, extra=extra)
                    status, body = 0, b""
                else:
                    body = answer
        except VizslaError as error:
            status, body = self._refuse(error, extra, request_id)
        except Disconnected:
            return True
        except Exception as error:
            self._journal.fault(error, request_id=request_id, name=endpoint.name if endpoint else None)
            status, body = render_error("internal_error", "")
        finally:
            if call is not None:
                for close in call.closing:
                    close()
        if status:
            await self._send(scope, send, (status, body), request_id=request_id, extra=extra)
        seconds = time.perf_counter() - began
        caller = call.known if call is not None else None
        self._journal.request(
            endpoint.name if endpoint else "",
            status or 200,
            seconds,
            request_id=request_id,
            account_id=caller.account_id if caller is not None else None,
        )
        if caller is not None and call is not None and endpoint is not None:
            self._services.requests.note(
                account_id=caller.account_id,
                key_id=caller.key_id,
                member_id=caller.member_id,
                at=call.now,
                method=method,
                path=path,
                call=endpoint.name,
                status=status or 200,
                seconds=seconds,
                request_id=request_id,
            )
        return True

    async def refuse(self, scope: Scope, send: Send, error: VizslaError) -> None:
        """Answer a request that is no call's with an error."""
        request_id = self._request_id(dict(scope["headers"]).get(b"x-request-id"))
        extra: list[Header] = []
        status, body = self._refuse(error, extra, request_id)
        await self._send(scope, send, (status, body), request_id=request_id, extra=extra)
        self._journal.request("", status, 0.0, request_id=request_id, path=scope["path"])

    async def reply(self, scope: Scope, send: Send, answer: tuple[int, bytes], content_type: bytes) -> None:
        """Answer with something that is no call's, and no error."""
        request_id = self._request_id(dict(scope["headers"]).get(b"x-request-id"))
        await self._send(scope, send, answer, request_id=request_id, extra=[], content_type=content_type)

    async def _serve(
        self, endpoint: Endpoint, call: Call, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes | Streamed]:
        given = parse_query(scope["query_string"])
        presented = keys_in_headers(scope["headers"])
        if "api_key" in given:
            presented += keys_in_params(given.pop("api_key"))
        if endpoint.method != "GET":
            if endpoint.upload is None:
                body = parse_body(headers.get(b"content-type", b""), await _read_body(receive, headers))
            else:
                body = await self._take_upload(endpoint.upload, call, one_key(presented), headers, receive)
            presented += keys_in_params(body.pop("api_key", None))
            given |= body
        key = one_key(presented)
        testing = key == TEST_KEY and endpoint.access == "key"
        if endpoint.access != "open" and key is not None and not testing:
            call.known = await self._services.keys.find(key)
        if endpoint.access == "key" and call.known is None and not (testing and endpoint.test):
            raise AuthenticationFailed
        if endpoint.limit is not None:
            await self._limit(endpoint.limit, endpoint, call)
        params = endpoint.shape(given)
        if testing and endpoint.test is not None:
            return endpoint.status, _encode(endpoint.test(params))
        if endpoint.before is not None:
            await endpoint.before(call, params)
        if endpoint.method == "POST" and b"idempotency-key" in headers and key is not None:
            request = request_of(
                call.caller.account_id,
                method="POST",
                path=normalise_path(scope["path"]),
                key=_idempotency_key(headers[b"idempotency-key"]),
                params=_encode_sorted(given),
                seal=key if endpoint.secret else None,
            )
            return await self._serve_once(endpoint, call, params, request)
        if not endpoint.writes:
            result = await endpoint.run(call, params)
        else:
            async with self._services.stores.app.write() as call.conn:
                result = await endpoint.run(call, params)
            if call.after is not None:
                call.after()
        if isinstance(result, Streamed):
            return endpoint.status, result
        return _status(endpoint, call, result), b"" if result is None else _encode(result)

    async def _serve_once(self, endpoint: Endpoint, call: Call, params: Any, request: Request) -> tuple[int, bytes]:
        """The work and the record of its answer in one transaction; the first answer again if there is one."""
        self._services.in_flight.enter(request)
        try:
            async with self._services.stores.app.write() as conn:
                answered = await find_answer(conn, request, call.now)
                if answered is not None:
                    call.headers.append((b"idempotent-replayed", b"true"))
                    return answered.status, answered.body
                call.conn = conn
                result = await endpoint.run(call, params)
                answered = Answered(_status(endpoint, call, result), b"" if result is None else _encode(result))
                await keep_answer(conn, request, answered, call.now)
        finally:
            self._services.in_flight.leave(request)
        if call.after is not None:
            call.after()
        return answered.status, answered.body

    async def _take_upload(
        self, upload: Upload, call: Call, key: str | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Given:
        """The parameters in a body that may be a file; of strangers it is no longer than others."""
        known = key is not None and await self._services.keys.find(key) is not None
        # What is large waits on disk: whoever sends slowly keeps neither memory nor a place that others wait for.
        file = SpooledTemporaryFile(LARGEST_BODY)  # noqa: SIM115
        call.closing.append(file.close)
        digest = hashlib.sha256()
        async for part in _parts_of_body(receive, headers, upload.largest if known else LARGEST_BODY):
            file.write(part)
            digest.update(part)
        file.seek(0)
        kind = headers.get(b"content-type", b"")
        if kind.partition(b";")[0].strip().lower() not in upload.kinds:
            return upload.parse(kind, file.read())
        call.file = cast(BinaryIO, file)
        # For Idempotency-Key: another file is another request.
        return {"file": digest.hexdigest()}

    async def _limit(self, name: str, endpoint: Endpoint, call: Call) -> None:
        if call.known is not None:
            caller, limits = (call.known.account_id, endpoint.path), call.known.rates[name]
        else:
            caller, limits = (0, address_bucket(endpoint.path, call.client)), self._services.rates[name]
        shared = self._services.shared
        if shared is None:
            verdict = self._services.local.take(caller, limits)
        else:
            verdict = await shared.take(caller, limits)
        call.headers += _rate_headers(verdict, call.now)
        if not verdict.allowed:
            raise RateLimited

    def _refuse(self, error: VizslaError, extra: list[Header], request_id: str) -> tuple[int, bytes]:
        if error.id in ("store", "store_unavailable", "idempotency_key_in_flight"):
            extra.append((b"retry-after", b"1"))
        status, body = render_error(error.id, error.details)
        if status >= 500:
            self._journal.fault(error, request_id=request_id, name=None)
        return status, body

    def _request_id(self, given: bytes | None) -> str:
        if given and len(given) <= 128 and _ID_BYTES.issuperset(given) and redact(text := given.decode()) == text:
            return text
        return f"{next(self._numbers):x}"

    async def _send(
        self,
        scope: Scope,
        send: Send,
        answer: tuple[int, bytes],
        *,
        request_id: str,
        extra: list[Header],
        content_type: bytes | None = None,
    ) -> None:
        status, body = answer
        headers = [*_SAFE, (b"x-request-id", request_id.encode()), *extra]
        if content_type is not None:
            headers[0] = (b"content-type", content_type)
        if status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        else:
            del headers[0]
        extensions = scope.get("extensions")
        if extensions is not None and ANSWER in extensions and extensions[ANSWER](status, headers, body):
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _stream(
        self, scope: Scope, send: Send, answer: Streamed, *, request_id: str, extra: list[Header]
    ) -> None:
        """Answer part by part. What fails on the way ends the connection: nothing else can be said by then."""
        name = answer.file_name.encode()
        headers = [*_SAFE, (b"x-request-id", request_id.encode()), *extra]
        headers[0] = (b"content-type", answer.content_type)
        headers.append((b"content-disposition", b'attachment; filename="%s"' % name))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            if scope["method"] != "HEAD":
                async for part in answer.parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except Exception as error:
            self._journal.fault(error, request_id=request_id, name=answer.file_name)
        else:
            await send({"type": "http.response.body", "body": b""})


def _status(endpoint: Endpoint, call: Call, result: object) -> int:
    if endpoint.pending is not None and isinstance(result, endpoint.pending):
        return 202
    return call.status or endpoint.status


def _allow(methods: Mapping[str, Endpoint]) -> Header:
    names = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return (b"allow", ", ".join(sorted(names)).encode())


def _rate_headers(verdict: Verdict, now: int) -> list[Header]:
    left = b"%d" % verdict.remaining
    headers = [
        (b"x-ratelimit-limit", b"%d" % verdict.limit),
        (b"x-ratelimit-remaining", left),
        (b"x-ratelimit-reset", b"%d" % (now + 1 + int(verdict.reset))),
        (b"x-rate-limit-remaining", left),
    ]
    if not verdict.allowed:
        headers.append((b"retry-after", b"%d" % (1 + int(verdict.retry_after))))
    return headers


def _idempotency_key(raw: bytes) -> str:
    text = raw.decode("latin-1").strip()
    if len(text) > LONGEST_KEY or not re.match(KEY_PATTERN, text):
        raise WrongParams(f"The Idempotency-Key must have 1 to {LONGEST_KEY} characters of ASCII.")
    return text


async def _read_body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    return b"".join([part async for part in _parts_of_body(receive, headers, LARGEST_BODY)])


async def _parts_of_body(receive: Receive, headers: Mapping[bytes, bytes], largest: int) -> AsyncGenerator[bytes, None]:
    too_large = PayloadTooLarge(f"The body is larger than {largest // 1_000_000} MB.")
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > largest:
        raise too_large
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise UnsupportedMediaType
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > largest:
            raise too_large
        yield part
        if not message.get("more_body", False):
            return
