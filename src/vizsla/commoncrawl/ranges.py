"""
What is asked of a file at once, and is what came the record that was listed?

Pure. Records that lie near each other come in one range; of its bytes only the records are kept.
"""

import zlib
from collections.abc import Iterable, Iterator

import msgspec

from vizsla.commoncrawl.listed import Listed

GAP = 64 << 10
"""Bytes between two records that are fetched in vain rather than asked round: a request costs about as much time."""
MOST_BYTES, MOST_RECORDS = 16 << 20, 500
"""Of one range."""
_MAX_INFLATED, _PIECE, _MAX_HEAD = 64 << 20, 64 << 10, 32 << 10


class Range(msgspec.Struct, frozen=True):
    """Bytes of a file, and the records in them."""

    filename: str
    start: int
    length: int
    rows: tuple[Listed, ...]


def join_ranges(rows: Iterable[Listed]) -> Iterator[Range]:
    """The ranges that hold *rows*, which are sorted by file and offset. A place that is named twice is asked for once."""
    near: list[Listed] = []
    end = 0
    for row in rows:
        if near and (row.filename, row.offset) == (near[-1].filename, near[-1].offset):
            continue
        fits = (
            bool(near)
            and row.filename == near[0].filename
            and row.offset <= end + GAP
            and max(end, row.offset + row.length) - near[0].offset <= MOST_BYTES
            and len(near) < MOST_RECORDS
        )
        if near and not fits:
            yield _range(near, end)
            near, end = [], 0
        near.append(row)
        end = max(end, row.offset + row.length)
    if near:
        yield _range(near, end)


def _range(rows: list[Listed], end: int) -> Range:
    return Range(rows[0].filename, rows[0].offset, end - rows[0].offset, tuple(rows))


def records_in(part: Range, data: bytes) -> Iterator[tuple[Listed, bytes]]:
    """Each record of *part* in its bytes *data*, which may be too few."""
    for row in part.rows:
        at = row.offset - part.start
        yield row, data[at : at + row.length]


def judge_record(row: Listed, data: bytes) -> str:
    """
    Why *data* is not the record of *row*; empty if it is: one whole gzip member with a capture of that page.

    Inflated to its end, for a member that is broken would take those after it along.
    """
    if len(data) < row.length:
        return "record_cut"
    stream = zlib.decompressobj(wbits=31)
    head = b""
    size = 0
    try:
        while data and not stream.eof:
            piece = stream.decompress(data, _PIECE)
            data = stream.unconsumed_tail
            size += len(piece)
            if len(head) < _MAX_HEAD:
                head += piece
            if size > _MAX_INFLATED:
                return "record_too_large"
    except zlib.error:
        return "record_broken"
    if not stream.eof:
        return "record_cut"
    if stream.unused_data:
        return "record_differs"
    return "" if _is_capture_of(row.uri, head) else "record_differs"


def _is_capture_of(uri: str, head: bytes) -> bool:
    lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    if not lines[0].startswith(b"WARC/1."):
        return False
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    # WARC 1.0's grammar has the URI in angle brackets.
    target = fields.get(b"warc-target-uri", b"").strip(b"<>")
    return fields.get(b"warc-type") == b"response" and target == uri.encode("utf-8", "replace")
