"""
Which pages does an archive hold?

WARC, WARC.gz (one member a record, as everyone writes them), WET and folders of HTML files become captures: a body, when and
from where, and its digest. A capture is cheap: what only a page that holds something needs (headers, charset) stays in
the record until it is asked for. A broken piece is counted and jumped over; the rest of the file is still read.
"""

import base64
import hashlib
import mmap
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from fastwarc.warc import ArchiveIterator, WarcHeader, WarcRecordType

from vizsla.harvest.encodings import dechunked, inflated
from vizsla.harvest.records import Page
from vizsla.harvest.sources import HarvestError, Source, file_uri, find_sources

MAX_BODY = 4 << 20
"""Bytes of a page that are read; more is cut off and counted. Common Crawl cuts at 1 MiB (5 MiB since 2025)."""
MAX_URI = 2_000
MAX_HEADERS = 256 << 10
PIECE = 64 << 10
MAX_MISSES = 1_000
"""Places in a row tried for the next whole record before the rest of a file is given up."""

_KINDS = WarcRecordType.response | WarcRecordType.revisit | WarcRecordType.resource | WarcRecordType.conversion
_RESPONSE, _REVISIT, _CONVERSION = WarcRecordType.response, WarcRecordType.revisit, WarcRecordType.conversion
_URI, _DATE, _DIGEST = WarcHeader.WARC_TARGET_URI, WarcHeader.WARC_DATE, WarcHeader.WARC_PAYLOAD_DIGEST
_HTML_TYPES = ("text/html", "application/xhtml", "application/vnd.wap.xhtml")
_MARKUP = (b"<!", b"<h", b"<H", b"<?", b"\n<", b"\r\n", b"\n\n", b"\xef\xbb\xbf")
_NEXT_RECORD = {b"\x1f\x8b": b"\x1f\x8b\x08", b"\x28\xb5": b"\x28\xb5\x2f\xfd"}
_WARC = b"\nWARC/1."


class Capture:
    """One page at one time. *body* is None for a revisit: the page was what *digest* says."""

    __slots__ = ("_content_type", "_record", "body", "digest", "fetched_at", "plain", "position", "uri")

    def __init__(
        self,
        uri: str,
        fetched_at: int,
        digest: str,
        body: bytes | None,
        *,
        position: int,
        record: Any = None,
        content_type: str = "text/html",
        plain: bool = False,
    ) -> None:
        self.uri = uri
        self.fetched_at = fetched_at
        self.digest = digest
        self.body = body
        self.position = position
        """Where in the file it begins, in (compressed) bytes; the n-th file of a folder."""
        self.plain = plain
        self._record = record
        self._content_type = content_type

    def page(self) -> Page:
        """The page, to be extracted from. Only for a capture with a body, and only before the next one is asked for."""
        assert self.body is not None
        headers: dict[str, str] = {}
        content_type = self._content_type
        if self._record is not None and (sent := self._record.http_headers) is not None:
            for name, value in sent.to_tuples():
                headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
            content_type = headers.get("content-type", "")
        return Page(self.uri, self.fetched_at, self.body, content_type, headers, self.plain)


def read_pages(path: str, dropped: Counter[str]) -> Iterator[Page]:
    """Every page under *path* (an archive, a folder, a glob), in order; what is passed over is counted in *dropped*."""
    for source in find_sources([path]):
        for capture in read_captures(source, dropped):
            if capture.body is not None:
                yield capture.page()


def read_captures(source: Source, dropped: Counter[str]) -> Iterator[Capture]:
    """
    The captures of *source*, in order; what is passed over is counted in *dropped* by reason.

    Raises HarvestError when the file is no archive at all, OSError when the machine cannot read it.
    """
    return _folder_captures(source, dropped) if source.files else _archive_captures(source, dropped)


def _folder_captures(source: Source, dropped: Counter[str]) -> Iterator[Capture]:
    for position, name in enumerate(source.files):
        with Path(source.path, name).open("rb") as file:
            fetched_at = int(os.fstat(file.fileno()).st_mtime)
            body = file.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            dropped["body_cut_at_limit"] += 1
            body = body[:MAX_BODY]
        uri = file_uri(source.path, name)
        if not body:
            dropped["empty"] += 1
        elif len(uri) > MAX_URI:
            dropped["uri_too_long"] += 1
        else:
            yield Capture(uri, fetched_at, payload_digest(body), body, position=position)


def _archive_captures(source: Source, dropped: Counter[str]) -> Iterator[Capture]:
    with Path(source.path).open("rb") as file:
        start: int | None = 0
        read = -1
        misses = 0
        while start is not None and misses < MAX_MISSES:
            file.seek(start)
            before = read
            whole = True
            alone = True
            try:
                for record in _records(file):
                    alone = record.stream_pos != read
                    read = record.stream_pos
                    capture = _capture(record, dropped)
                    if capture is not None:
                        yield capture
            except OSError as error:
                if error.errno is not None:
                    raise
                whole = False
            if whole and (read == before or not alone or _ends_whole(file, read)):
                break
            misses = 1 if read > before else misses + 1
            if misses == 1:
                dropped["record_broken"] += 1
            start = _next_record(file, max(start, read) + 1)
        if read < 0 and source.size and not _holds_records(file):
            raise HarvestError(f"{source.path} is not a WARC file.")


def _holds_records(file: BinaryIO) -> bool:
    """Whether *file* begins with a record of any kind: requests alone are an archive too, if one without pages."""
    file.seek(0)
    try:
        return next(iter(ArchiveIterator(file, parse_http=False, fsspec_args=False)), None) is not None
    except OSError:
        return False


def _ends_whole(file: BinaryIO, start: int) -> bool:
    """
    Whether the gzip member at *start*, the last that was read, has its end.

    The reader takes a member that was cut short, and all that was appended to it, for the end of the file, without a word.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[start : start + 2] != b"\x1f\x8b":
            return True
        stream = zlib.decompressobj(wbits=31)
        at = start
        try:
            while not stream.eof and at < len(data):
                piece = data[at : at + PIECE]
                at += len(piece)
                while piece and not stream.eof:
                    stream.decompress(piece, PIECE)
                    piece = stream.unconsumed_tail
        except zlib.error:
            return False
        return stream.eof


def _records(file: BinaryIO) -> Iterator[Any]:
    # Not in quirks mode: it jumps over broken records silently, and some of them are the rest of the file.
    return iter(ArchiveIterator(file, _KINDS, parse_http=False, max_header_len=MAX_HEADERS, fsspec_args=False))


def _next_record(file: BinaryIO, start: int) -> int | None:
    """Where, from *start* on, a record may begin: the next gzip member or zstd frame, or a line `WARC/1.…`."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        mark = _NEXT_RECORD.get(data[:2])
        if mark is not None:
            found = data.find(mark, start)
            return found if found >= 0 else None
        found = data.find(_WARC, max(0, start - 1))
        return found + 1 if found >= 0 else None


def _capture(record: Any, dropped: Counter[str]) -> Capture | None:
    """What *record* captured, or None, counted, for what is no page."""
    kind = record.record_type
    headers = record.headers
    uri = headers.get(_URI)
    fetched_at = _seconds(headers.get(_DATE) or "")
    if not uri or fetched_at is None:
        dropped["record_without_date" if uri else "record_without_uri"] += 1
        return None
    if uri[0] == "<":
        uri = uri.strip("<>")  # wget before 1.20 wrote them so, following the grammar of WARC 1.0 to the letter
    if len(uri) > MAX_URI:
        dropped["uri_too_long"] += 1
        return None
    position = record.stream_pos
    digest = headers.get(_DIGEST) or ""
    if kind == _REVISIT:
        if not digest:
            # "Not modified", but since when is not said. No visit is safer than one that makes its addresses look gone.
            dropped["revisit_without_digest"] += 1
            return None
        return Capture(uri, fetched_at, digest, None, position=position)
    if kind == _CONVERSION:
        body = record.reader.read(MAX_BODY)
        if not body or len(body) < min(record.content_length, MAX_BODY):
            dropped["record_cut" if body else "empty"] += 1
            return None
        return Capture(
            uri, fetched_at, "", body, position=position, content_type="text/plain; charset=utf-8", plain=True
        )
    if kind == _RESPONSE:
        if record.is_http:
            # Quirks mode lets a bare line feed end a header line, as some servers do (RFC 9112 2.2 allows for it).
            record.parse_http(quirks_mode=True, max_header_len=MAX_HEADERS)
        status = record.http_headers.status_code if record.http_headers is not None else None
        if status != 200:
            dropped["status_not_200" if status else "not_http"] += 1
            return None
        content_type = record.http_content_type
    else:
        content_type = headers.get("Content-Type")
    if content_type and not content_type.lower().startswith(_HTML_TYPES):
        dropped["not_html"] += 1
        return None
    body = record.reader.read(MAX_BODY)
    if not body or len(body) < min(record.content_length, MAX_BODY):
        dropped["record_cut" if body or record.content_length else "empty"] += 1
        return None
    if len(body) == MAX_BODY and record.content_length > MAX_BODY:
        dropped["body_cut_at_limit"] += 1
    if not digest:
        digest = payload_digest(body)
    if kind == _RESPONSE and not body.startswith(_MARKUP):
        # What begins as markup is not encoded, whatever the headers say; asking them costs a tenth of reading a small page.
        decoded = _decoded(body, record.http_headers, dropped)
        if not decoded:
            return None
        body = decoded
    return Capture(uri, fetched_at, digest, body, position=position, record=record, content_type=content_type or "")


@lru_cache(64)
def _seconds(date: str) -> int | None:
    """The second that a WARC-Date names, or None. Cached because a crawler fetches many pages in one second."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _decoded(body: bytes, headers: Any, dropped: Counter[str]) -> bytes | None:
    """*body* with transfer and content encodings taken off, or None, counted."""
    if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
        body = dechunked(body)
    if encodings := headers.get("Content-Encoding"):
        plain = inflated(body, encodings, MAX_BODY)
        if plain is None:
            dropped["encoding_broken"] += 1
            return None
        if len(plain) == MAX_BODY:
            dropped["body_cut_at_limit"] += 1
        body = plain
    if not body:
        dropped["empty"] += 1
    return body


def payload_digest(body: bytes) -> str:
    """The digest of *body* as a WARC-Payload-Digest would give it."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
