"""
Which parts has the ZIP of a workbook, and how are they unpacked?

It comes from anybody, so it is bounded wherever it could grow: the directory before it is read, each part by what it says of its size
and again while it is inflated, what is nested by its depth. A document type, and with it every entity, is refused.
"""

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from vizsla.kit.errors import WrongParams

_MOST_ELEMENTS = 15_000_000
"""Of a part: a hundred thousand rows of fifty cells, each with a value in it."""
_DEEPEST = 50
"""Elements within each other: the parser keeps all of them."""
_LARGEST_DIRECTORY = 1_000_000
_LONGEST_TOKEN = 4_000_000
"""Bytes between two marks of XML: as many must be held at once."""
_CHUNK = 65_536
_END = b"PK\5\6"
_END_OF_64 = b"PK\6\7"
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST_RELATIONS = 2_000_000
Start = Callable[[str, dict[str, str]], None]


class NoWorkbook(WrongParams):
    """This file is no Excel workbook that can be read, or it is damaged. Open it in a spreadsheet and save it anew as .xlsx, or as CSV."""


class TooLarge(WrongParams):
    """This workbook is too large when it is unpacked. Send it in parts, or save it as CSV."""


DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, KeyError),
    *(expat.ExpatError, ValueError, LookupError, OverflowError),
)


def check_directory(file: BinaryIO) -> None:
    """A hundred thousand entries would be as many objects before the first can be looked at."""
    file.seek(0)
    head = file.read(8)
    if head == COMPOUND:
        file.seek(0)
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise WrongParams("This workbook is protected by a password. Save it without one, and send it again.")
        raise WrongParams("This is a workbook of an old Excel (.xls). Save it as .xlsx or as CSV, and send it again.")
    size = file.seek(0, 2)
    file.seek(max(0, size - 66_000))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22 or tail[max(0, at - 20) : at].startswith(_END_OF_64):
        raise NoWorkbook
    if int.from_bytes(tail[at + 12 : at + 16], "little") > _LARGEST_DIRECTORY:
        raise NoWorkbook
    file.seek(0)


class Unpacking:
    """The parts of a workbook, parsed while they are inflated."""

    def __init__(self, archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> None:
        self._archive = archive
        self._parts = parts

    def read(
        self,
        path: str,
        start: Start,
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
        *,
        largest: int,
    ) -> None:
        """Parse a part to its end."""
        for _ in self.reading(path, start, end, text, largest=largest):
            pass

    def reading(
        self,
        path: str,
        start: Start,
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
        *,
        largest: int,
    ) -> Iterator[None]:
        """Parse a part, and come back after each chunk of it."""
        info = self._parts[path]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NoWorkbook
        if info.file_size > largest:
            raise TooLarge
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        elements = depth = 0

        def begin(tag: str, attributes: dict[str, str]) -> None:
            nonlocal elements, depth
            elements += 1
            depth += 1
            if elements > _MOST_ELEMENTS:
                raise TooLarge
            if depth > _DEEPEST:
                raise NoWorkbook
            start(tag.rpartition(":")[2] if ":" in tag else tag, attributes)

        def finish(tag: str) -> None:
            nonlocal depth
            depth -= 1
            if end is not None:
                end(tag.rpartition(":")[2] if ":" in tag else tag)

        parser.StartElementHandler = begin
        parser.EndElementHandler = finish
        if text is not None:
            parser.CharacterDataHandler = text
        size = 0
        with self._archive.open(info) as part:
            while chunk := part.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise TooLarge
                parser.Parse(chunk, False)
                if size - max(0, parser.CurrentByteIndex) > _LONGEST_TOKEN:
                    raise NoWorkbook
                yield
        parser.Parse(b"", True)
        yield

    def relations(self, path: str) -> dict[str, tuple[str, str]]:
        """What a part points to, by id: its kind, and where it is."""
        folder, name = posixpath.split(path)
        place = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and len(found) < 10_000:
                target = attributes.get("Target", "")
                to = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], to.lstrip("/"))

        if place in self._parts:
            self.read(place, start, largest=_LARGEST_RELATIONS)
        return found


def _refuse_doctype(*_: object) -> NoReturn:
    raise NoWorkbook
