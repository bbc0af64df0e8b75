"""
What does an index of Common Crawl say of a capture, and can it be true?

A row names a place in a file: whoever writes the row chooses what we ask for. So names are plain paths of WARC files below
the crawl's own folder, and places are bounded. What is found there is judged once more (`ranges.judge_record`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from vizsla.kit.domain_name import site_of
from vizsla.kit.errors import VizslaError

MAX_RECORD = 8 << 20
"""Bytes of a compressed record. Common Crawl cuts pages at 5 MiB before they are compressed."""
_MAX_URI, _MAX_OFFSET = 2_000, 1 << 40
_CRAWL = re.compile(r"CC-[A-Z]{2,10}-[0-9]{4}(?:-[0-9]{2,4})?\Z")
_FILE = re.compile(r"(?:[A-Za-z0-9_=-][A-Za-z0-9._=-]*/){1,10}[A-Za-z0-9_=-][A-Za-z0-9._=-]*\Z")
_DIGEST = re.compile(r"[A-Z2-7]{32}\Z")
_HTML = ("text/html", "application/xhtml", "application/vnd.wap.xhtml")
_UNSAID = frozenset({"", "unk", "-", "warc/revisit"})


class CommonCrawlError(VizslaError):
    """Common Crawl cannot be used as asked."""

    id = "common_crawl"


class Listed(msgspec.Struct, frozen=True):
    """A page at one time, and where its record lies."""

    uri: str
    fetched_at: int
    digest: str
    """As the record's WARC-Payload-Digest has it: `sha1:` and Base32; empty where the index does not say."""
    filename: str
    offset: int
    length: int

    @property
    def domain(self) -> str:
        """The registrable domain of the page."""
        return site_of(self.uri)


class _Line(msgspec.Struct):
    """A line of the index server, of which every value is a text."""

    url: str
    timestamp: str
    filename: str
    offset: str
    length: str
    status: str = ""
    mime: str = ""
    mime_detected: str = msgspec.field(name="mime-detected", default="")
    digest: str = ""


_decode = msgspec.json.Decoder(_Line).decode


def check_crawl(name: str) -> str:
    """*name*, if it can be that of a crawl: it becomes part of paths and URLs. Raises CommonCrawlError."""
    if not _CRAWL.match(name):
        raise CommonCrawlError(f"{name[:60]!r} is not the name of a crawl. They are written like CC-MAIN-2026-40.")
    return name


def is_file_name(name: str) -> bool:
    """Whether *name* is a plain path: relative, no step up, nothing to be quoted."""
    return len(name) <= 500 and bool(_FILE.match(name))


def read_line(line: bytes, dropped: Counter[str]) -> Listed | None:
    """What a *line* of the index server (`output=json`) lists, or None, counted."""
    try:
        one = _decode(line)
        fetched_at = int(datetime.strptime(one.timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())
        offset, length = int(one.offset), int(one.length)
    except (msgspec.DecodeError, ValueError):
        dropped["index_row_broken"] += 1
        return None
    if one.status not in ("", "200"):
        dropped["status_not_200"] += 1
        return None
    mime = one.mime_detected if one.mime in _UNSAID else one.mime
    return judge_row(
        dropped,
        uri=one.url,
        fetched_at=fetched_at,
        mime=mime,
        digest=one.digest,
        filename=one.filename,
        offset=offset,
        length=length,
    )


def judge_row(
    dropped: Counter[str],
    *,
    uri: str | None,
    fetched_at: int | None,
    mime: str | None,
    digest: str | None,
    filename: str | None,
    offset: int | None,
    length: int | None,
) -> Listed | None:
    """The capture that a row of either index lists, or None, counted in *dropped* by reason."""
    if not uri or fetched_at is None or offset is None or length is None or not 0 < fetched_at < 1 << 40:
        reason = "index_row_broken"
    elif not (mime or "").lower().startswith(_HTML):
        reason = "not_html"
    elif len(uri) > _MAX_URI or not uri.startswith(("http://", "https://")) or not site_of(uri):
        reason = "no_such_uri"
    elif not filename or not is_file_name(filename) or not filename.endswith(".warc.gz"):
        reason = "no_such_file"
    elif not (0 <= offset < _MAX_OFFSET and 0 < length <= MAX_RECORD):
        reason = "no_such_place"
    else:
        plain = (digest or "").removeprefix("sha1:")
        return Listed(uri, fetched_at, f"sha1:{plain}" if _DIGEST.match(plain) else "", filename, offset, length)
    dropped[reason] += 1
    return None


def surt_spans(domains: Iterable[str], suffixes: Iterable[str] = ()) -> list[tuple[str, str]]:
    """
    Where, in the order of `url_surtkey` (`com,acme,www)/team`), the pages of *domains* and below *suffixes* lie.

    From the first text on, before the second; sorted, none within another. Ports other than the usual ones lie elsewhere.
    """
    spans = [(f"{_reversed(name)})", f"{_reversed(name)}-") for name in domains]
    spans += [(f"{_reversed(name)},", f"{_reversed(name)}-") for name in suffixes]
    merged: list[tuple[str, str]] = []
    for low, high in sorted(set(spans)):
        if not merged or low >= merged[-1][1]:
            merged.append((low, high))
    return merged


def _reversed(name: str) -> str:
    return ",".join(reversed(name.split(".")))
