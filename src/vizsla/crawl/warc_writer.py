"""
How is a crawl written down?

As WARC 1.1, one gzip member a record, so that our own crawl and Common Crawl come in by the same door. Bodies are stored
inflated; the headers that speak of the wire are renamed `X-Crawl-…`, as Common Crawl does, and Content-Length is true.
The file appears under its name when it is whole.
"""

import base64
import hashlib
import os
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import msgspec
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from vizsla.net.http import Response

IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Earlier(msgspec.Struct, frozen=True):
    """The capture that a revisit says the page is still equal to."""

    fetched_at: int
    digest: str


class WarcWriter:
    """One WARC file in the making."""

    def __init__(self, path: Path, *, agent: str, started_at: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        self._file: IO[bytes] = self._partial.open("wb")
        self._writer = WARCWriter(self._file, gzip=True, warc_version="1.1")
        self.records = 0
        """Responses and revisits written."""
        self.whole = 0
        """Bytes of the file in the making that are whole records."""
        info = {"software": agent, "format": "WARC File Format 1.1", "robots": "obey"}
        record = self._writer.create_warcinfo_record(path.name, info)
        record.rec_headers.replace_header("WARC-Date", _warc_date(started_at))
        self._writer.write_record(record)

    @property
    def partial(self) -> Path:
        """The file in the making; gone once it is finished."""
        return self._partial

    def write_response(self, response: Response, fetched_at: int) -> None:
        """A response with its body, and the request that led to it."""
        extra = {"WARC-Truncated": "length"} if response.truncated else {}
        self._write("response", response, fetched_at, response.body, extra)

    def write_revisit(self, response: Response, fetched_at: int, earlier: Earlier) -> None:
        """That the page is what *earlier* has: the server says so (304) or the body is the same, octet by octet."""
        extra = {
            "WARC-Profile": NOT_MODIFIED if response.status == 304 else IDENTICAL,
            "WARC-Refers-To-Target-URI": response.url,
            "WARC-Refers-To-Date": _warc_date(earlier.fetched_at),
            "WARC-Payload-Digest": earlier.digest,
        }
        self._write("revisit", response, fetched_at, b"", extra)

    def finish(self) -> Path | None:
        """The whole file under its name; None if nothing was recorded, and then there is no file."""
        if not self.records:
            self.discard()
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # what was still to be written may not fit
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def _write(self, kind: str, response: Response, fetched_at: int, body: bytes, extra: dict[str, str]) -> None:
        headers = {"WARC-Date": _warc_date(fetched_at), **extra}
        if response.ip:
            headers["WARC-IP-Address"] = response.ip
        record = self._record(kind, response.url, body, _answer(response, len(body), kind), headers)
        parts = urlsplit(response.url)
        line = f"GET {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1"
        asked = StatusAndHeaders(line, list(response.request), is_http_request=True)
        request = self._record("request", response.url, b"", asked, {"WARC-Date": _warc_date(fetched_at)})
        self._writer.write_request_response_pair(request, record)
        self._file.flush()
        self.records += 1
        self.whole = self._file.tell()

    def _record(self, kind: str, uri: str, body: bytes, http: StatusAndHeaders, headers: dict[str, str]) -> Any:
        return self._writer.create_warc_record(
            uri, kind, payload=BytesIO(body), length=len(body), http_headers=http, warc_headers_dict=headers
        )


def payload_digest(body: bytes) -> str:
    """`sha1:` and Base32, the form of WARC-Payload-Digest that Common Crawl and warcio write."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode("ascii")


def _answer(response: Response, length: int, kind: str) -> StatusAndHeaders:
    headers = [
        (f"X-Crawl-{name}" if name.lower() in _OF_THE_WIRE else name, _ascii(value)) for name, value in response.headers
    ]
    if kind == "response":
        headers.append(("Content-Length", str(length)))
    return StatusAndHeaders(f"{response.status} {_ascii(response.reason)}".strip(), headers, protocol="HTTP/1.1")


def _ascii(text: str) -> str:
    """RFC 9110 5.5: header values are US-ASCII. What else was sent could not be written by every WARC reader's rules."""
    return text.encode("ascii", "replace").decode("ascii")


def _warc_date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
