"""WARC records as bytes, well-formed until a test says otherwise."""

import gzip
from collections.abc import Iterable

DATE = "2026-01-02T03:04:05Z"
SECONDS = 1_767_323_045
"""What DATE is."""


def record(
    uri: str,
    block: bytes,
    *,
    kind: str = "response",
    date: str = DATE,
    content_type: str = "application/http; msgtype=response",
    headers: Iterable[str] = (),
    length: int | None = None,
) -> bytes:
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Date: {date}",
        "WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000000>",
        f"WARC-Target-URI: {uri}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def http(body: bytes, *headers: str, status: str = "200 OK", content_type: str | None = "text/html") -> bytes:
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {content_type}"] if content_type else []), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def response(
    uri: str, body: bytes, *headers: str, date: str = DATE, warc_headers: Iterable[str] = (), **answer: str
) -> bytes:
    return record(uri, http(body, *headers, **answer), date=date, headers=warc_headers)


def request(uri: str) -> bytes:
    return record(uri, b"GET / HTTP/1.1\r\n\r\n", kind="request", content_type="application/http; msgtype=request")


def gz(*records: bytes) -> bytes:
    """Each record in a gzip member of its own, as everyone writes WARC.gz."""
    return b"".join(gzip.compress(one, 6, mtime=0) for one in records)


def page_about(name: str, *addresses: str) -> bytes:
    items = "".join(f"<li><a href='mailto:{address}'>{address}</a></li>" for address in addresses)
    return f"<!doctype html><title>{name}</title><h1>{name}</h1><ul>{items}</ul>".encode()
