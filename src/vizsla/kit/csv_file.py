"""
Which rows and cells are there in a CSV file, and how are rows written to one?

Files come as spreadsheets write them: commas, semicolons or tabs, in UTF-8 with or without its mark, UTF-16, or the Windows letters
of Western Europe. A row that cannot be read is a row with a reason; none is lost, and none takes the next ones with it.
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from vizsla.kit.errors import WrongParams

LONGEST_LINE = 100_000
"""Characters of a line, and of a row that goes over several."""
MOST_LINES = 100
"""Lines that one row may go over: a quotation mark that is never closed does not swallow the file."""
_SAMPLE = 4_096
_DELIMITERS = ",;\t|"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_QUOTED = re.compile('"[^"]*"')
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet may take for the beginning of a formula."""


class Record(msgspec.Struct, frozen=True):
    """One row."""

    cells: list[str]
    fault: str = ""
    """Why it could not be read."""


class Sheet(msgspec.Struct, frozen=True):
    """A file, its rows not read yet."""

    first: Record
    """A header, or a row like the others."""
    delimiter: str
    records: Iterator[Record]
    """The rows below the first."""
    text: io.TextIOWrapper
    """What they are read from: it closes the file when nobody holds it any more."""


def open_sheet(file: BinaryIO, *, most_lines: int = MOST_LINES) -> Sheet:
    """The rows in *file*, from where it stands, each of *most_lines* at most. Raises WrongParams."""
    sample = file.read(_SAMPLE)
    encoding, skip = _encoding(sample)
    file.seek(skip)
    # Octets that are not UTF-8 are kept for a second try; in UTF-16 there is none.
    text = io.TextIOWrapper(
        file, encoding, errors="surrogateescape" if encoding == "utf-8" else "replace", newline=None
    )
    lines = _Lines(text)
    first = next((line for line in lines if line.strip()), "")
    if not first:
        text.detach()
        raise WrongParams("There are no rows in this file.")
    lines.push([first])
    delimiter = _find_delimiter(lines)
    records = _records(lines, delimiter, most_lines)
    return Sheet(next(records), delimiter, records, text)


def list_columns(names: Sequence[str]) -> str:
    """The *names* of columns for a sentence."""
    shown = ", ".join(name.strip()[:40] or "(empty)" for name in names[:20])
    return shown + (" …" if len(names) > 20 else "")


def match_columns(header: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, int | None]:
    """Where each field's column is, by the first of its *names* that *header* has; None if it has none."""
    folded = [cell.strip().casefold() for cell in header]
    return {
        field: next((folded.index(name) for name in known if name in folded), None) for field, known in names.items()
    }


def harmless(cell: str) -> str:
    """*cell* such that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def write_rows(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """*rows* as RFC 4180 has them, with line feeds alone."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _encoding(sample: bytes) -> tuple[str, int]:
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name, len(mark)
    if b"\0" in sample:
        raise WrongParams("This is not a CSV file, or not in UTF-8. Save it as “CSV UTF-8”.")
    return "utf-8", 0


def _find_delimiter(lines: "_Lines") -> str:
    """The commonest mark of the first row, outside of quotation marks if they are in pairs."""
    ahead = [next(lines)]
    while sum(line.count('"') for line in ahead) % 2 and len(ahead) < MOST_LINES and (more := next(lines, "")):
        ahead.append(more)
    lines.push(ahead)
    text = "".join(ahead)
    bare = _QUOTED.sub("", text) if text.count('"') % 2 == 0 else ahead[0]
    return max(_DELIMITERS, key=bare.count)


class _Lines:
    """Lines of bounded length, that can be put back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._back: deque[str] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._back:
            return self._back.popleft()
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            while (rest := self._text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                pass
        return line if line.isascii() and "\0" not in line else _clean(line)

    def push(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))


def _clean(line: str) -> str:
    try:
        line.encode()
    except UnicodeEncodeError:
        # Not UTF-8: what spreadsheets in Western Europe write.
        line = line.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return line.replace("\0", "�")


def _records(lines: _Lines, delimiter: str, most_lines: int) -> Iterator[Record]:
    for line in lines:
        if not line.strip():
            continue
        if len(line) >= LONGEST_LINE:
            cells = _parse([line[:1_000]], delimiter)
            yield Record(
                [cell[:200] for cell in cells], f"The row is too long: {LONGEST_LINE:,} characters are the most."
            )
        elif line.count('"') % 2 == 0:
            yield Record(_parse([line], delimiter))
        else:
            yield _over_lines(line, lines, delimiter, most_lines)


def _over_lines(line: str, lines: _Lines, delimiter: str, most_lines: int) -> Record:
    """The row that begins with *line* and goes on in the next ones, if its quotation mark is closed in them."""
    ahead, size = [line], len(line)
    for more in lines:
        ahead.append(more)
        size += len(more)
        if len(ahead) == most_lines or size > LONGEST_LINE or more.count('"') % 2:
            break
    used = 0

    def feed() -> Iterator[str]:
        nonlocal used
        for each in ahead:
            used += 1
            yield each

    try:
        cells = next(csv.reader(feed(), delimiter=delimiter, strict=True))
    except csv.Error:
        # Never closed, or closed by a mark that stands alone somewhere else: this line by itself, then.
        lines.push(ahead[1:])
        if line.count('"') and f'{delimiter}"' not in f"{delimiter}{line}":
            return Record(_parse([line], delimiter))
        return Record(_parse([line], delimiter), "A quotation mark of this row is not closed.")
    lines.push(ahead[used:])
    return Record(cells)


def _parse(lines: list[str], delimiter: str) -> list[str]:
    cells = next(csv.reader(lines, delimiter=delimiter), [])
    return [cell.rstrip("\n") for cell in cells[-1:]] and [*cells[:-1], cells[-1].rstrip("\n")]
