"""
Which rows and cells are there in a file of JSON lines?

Each line is an object; the columns are the keys of all of them, in the order in which they come up, so the file is gone through twice.
"""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import msgspec

from vizsla.kit.csv_file import LONGEST_LINE, Record
from vizsla.kit.errors import WrongParams

_LONGEST_LINE = 8 * LONGEST_LINE
"""Bytes: as many as a row of CSV may have, with every letter escaped."""
_MOST_KEYS = 1_000
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
Join = Callable[[list[str]], str]


def is_json_lines(head: bytes) -> bool:
    """Whether a file that begins with *head* is one: so no CSV begins."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b'{"', b"{}", b"{ "))


def open_json_lines(file: BinaryIO, join: Join) -> tuple[list[str], Iterator[Record]]:
    """The columns of *file*, and its rows; *join* makes one cell of a list of texts. Raises WrongParams."""
    keys: dict[str, int] = {}
    for line in _lines(file):
        for key in _object(line) or ():
            if len(keys) >= _MOST_KEYS:
                raise WrongParams(f"The objects of this file have more than {_MOST_KEYS:,} keys.")
            keys.setdefault(_storable(key), len(keys))
    if not keys:
        raise WrongParams("There are no rows in this file.")
    return list(keys), _records(file, keys, join)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    first = True
    while line := file.readline(_LONGEST_LINE):
        is_cut = len(line) == _LONGEST_LINE and not line.endswith(b"\n")
        while is_cut and (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        line = line.removeprefix(b"\xef\xbb\xbf") if first else line
        first = False
        if line.strip():
            yield b"" if is_cut else line


def _records(file: BinaryIO, keys: dict[str, int], join: Join) -> Iterator[Record]:
    for line in _lines(file):
        found = _object(line)
        if found is None:
            yield Record([], "This line is no JSON object." if line else "The row is too long.")
            continue
        cells = [""] * len(keys)
        for key, value in found.items():
            cells[keys[_storable(key)]] = _storable(_text(value, join))
        long = sum(map(len, cells)) > LONGEST_LINE
        fault = f"The row is too long: {LONGEST_LINE:,} characters are the most." if long else ""
        yield Record([cell[:200] for cell in cells] if long else cells, fault)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None


def _text(value: Any, join: Join) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return join(value)
    return _encode(value).decode()


def _storable(text: str) -> str:
    """*text* with a mark in place of what no store keeps."""
    return text.encode(errors="replace").decode().replace("\0", "�")
