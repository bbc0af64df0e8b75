"""
Which rows and cells are there in an Excel workbook (.xlsx: ECMA-376, part 1, §18)?

Read as a stream: no row is held longer than its turn, and of the file nothing but the texts that cells share. `kit.xlsx_parts` unpacks it
within bounds; here cells are bounded by number and length. Nothing is ever calculated: of a formula the value is taken that its
spreadsheet left.
"""

import re
import zipfile
from array import array
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import BinaryIO

import msgspec

from vizsla.kit.csv_file import LONGEST_LINE, Record
from vizsla.kit.errors import WrongParams
from vizsla.kit.xlsx_parts import COMPOUND, DAMAGE, NoWorkbook, TooLarge, Unpacking, check_directory

MOST_CELLS = 1_000
"""Cells of a row; those beyond are not read."""
_MOST_ROWS = 1_048_576
_MOST_STRINGS = 2_500_000
_LARGEST_SHEET = 400_000_000
"""Bytes when inflated; the same for the others."""
_LARGEST_STRINGS = 100_000_000
_LARGEST_STYLES = 20_000_000
_LARGEST_OTHER = 2_000_000
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile("([A-Z]{1,3})[0-9]{1,7}")
_WHOLE = re.compile("-?[0-9]{1,15}")
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""The formats of dates and times that have no code in a file (§18.8.30)."""
_ELAPSED = 46
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE | re.DOTALL)
_LAST_DAY = 2_958_465
"""9999-12-31."""


class Workbook(msgspec.Struct, frozen=True):
    """A workbook, the rows of one of its sheets not read yet."""

    sheet: str
    """The name of the sheet that is read."""
    sheets: tuple[str, ...]
    """Of all that can be seen."""
    records: Iterator[Record]
    """Its rows that are not empty; each step may raise WrongParams."""


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins with *head* is one, or says it is."""
    return head.startswith((b"PK\3\4", b"PK\5\6", COMPOUND))


def open_workbook(file: BinaryIO, *, sheet: str = "") -> Workbook:
    """The rows of the first *sheet* that can be seen, or of the one with that name. Raises WrongParams."""
    check_directory(file)
    try:
        return _open(zipfile.ZipFile(file), sheet)
    except DAMAGE:
        raise NoWorkbook from None


def _open(archive: zipfile.ZipFile, wanted: str) -> Workbook:
    parts = {info.filename.lstrip("/"): info for info in archive.infolist()}
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise WrongParams("This workbook is protected by a password. Save it without one, and send it again.")
    unpack = Unpacking(archive, parts)
    path = next((to for kind, to in unpack.relations("").values() if kind == "officeDocument"), "xl/workbook.xml")
    if path.endswith(".bin"):
        raise WrongParams("This is a binary workbook (.xlsb). Save it as .xlsx or as CSV, and send it again.")
    relations = unpack.relations(path)
    sheets: list[tuple[str, str, bool]] = []
    since_1904 = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal since_1904
        if tag == "sheet" and len(sheets) < 1_000:
            target = next((text for name, text in attributes.items() if name.rpartition(":")[2] == "id"), "")
            kind, to = relations.get(target, ("", ""))
            if kind == "worksheet":
                sheets.append((attributes.get("name", ""), to, attributes.get("state", "visible") == "visible"))
        elif tag == "workbookPr":
            since_1904 = attributes.get("date1904") in ("1", "true")

    unpack.read(path, start, largest=_LARGEST_OTHER)
    seen = [one for one in sheets if one[2]] or sheets
    if not seen:
        raise NoWorkbook
    chosen = next((one for one in sheets if one[0].strip().casefold() == wanted.strip().casefold()), None)
    if wanted.strip() and chosen is None:
        names = ", ".join(name[:40] for name, *_ in seen[:20])
        raise WrongParams(f"There is no sheet “{wanted.strip()[:40]}” in this workbook. There are: {names}.")
    name, place, _ = chosen or seen[0]
    shared, styles = _Shared(), _Styles()
    for kind, to in relations.values():
        if kind == "sharedStrings" and to in parts:
            shared.read(unpack, to)
        elif kind == "styles" and to in parts:
            styles.read(unpack, to)
    cells = _Cells(shared, styles, date(1904, 1, 1) if since_1904 else None)
    return Workbook(name, tuple(each for each, *_ in seen), _records(unpack, place, cells))


def _records(unpack: Unpacking, place: str, cells: "_Cells") -> Iterator[Record]:
    try:
        for _ in unpack.reading(place, cells.start, cells.end, cells.text, largest=_LARGEST_SHEET):
            yield from cells.finished()
    except DAMAGE:
        raise NoWorkbook from None


class _Shared:
    """The texts that cells share: one after the other in UTF-8, for as objects they would take several times as much."""

    def __init__(self) -> None:
        self._texts = bytearray()
        self._ends = array("L", [0])
        self._is_open = False
        self._is_phonetic = False

    def read(self, unpack: Unpacking, path: str) -> None:
        unpack.read(path, self._start, self._end, self._text, largest=_LARGEST_STRINGS)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "t":
            self._is_open = not self._is_phonetic
        elif tag == "rPh":
            self._is_phonetic = True

    def _end(self, tag: str) -> None:
        if tag == "si":
            self._ends.append(len(self._texts))
            if len(self._ends) > _MOST_STRINGS:
                raise TooLarge
        elif tag == "t":
            self._is_open = False
        elif tag == "rPh":
            self._is_phonetic = False

    def _text(self, text: str) -> None:
        if self._is_open:
            self._texts += text.encode()

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise NoWorkbook
        first, last = self._ends[number], self._ends[number + 1]
        return self._texts[first : min(last, first + 4 * LONGEST_LINE)].decode(errors="ignore")


class _Styles:
    """Which styles show a number as a date or a time."""

    def __init__(self) -> None:
        self._formats: list[int] = []
        self._codes: dict[int, str] = {}
        self._is_in_cells = False
        self._kinds: dict[str, str] = {}

    def read(self, unpack: Unpacking, path: str) -> None:
        unpack.read(path, self._start, self._end, largest=_LARGEST_STYLES)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "cellXfs":
            self._is_in_cells = True
        elif tag == "xf" and self._is_in_cells and len(self._formats) < 70_000:
            self._formats.append(int(attributes.get("numFmtId", "0")))
        elif tag == "numFmt" and len(self._codes) < 10_000:
            self._codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")[:255]

    def _end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._is_in_cells = False

    def kind(self, style: str) -> str:
        """`date`, `elapsed`, or nothing."""
        if style not in self._kinds:
            at = int(style) if _WHOLE.fullmatch(style) else -1
            number = self._formats[at] if 0 <= at < len(self._formats) else 0
            code = _NOT_CODE.sub("", self._codes.get(number, "").partition(";")[0]).lower()
            is_elapsed = number == _ELAPSED or "[" in code
            is_date = number in _DATES or re.search("[dmyhs]", code) is not None
            self._kinds[style] = "elapsed" if is_elapsed else "date" if is_date else ""
        return self._kinds[style]


class _Cells:
    """Makes rows of what a sheet's XML says."""

    def __init__(self, shared: _Shared, styles: _Styles, since: date | None) -> None:
        self._shared = shared
        self._styles = styles
        self._since = since
        self._rows: list[Record] = []
        self._seen = 0
        self._columns: dict[str, int] = {}
        self._begin_row()
        self._begin_cell({})

    def finished(self) -> list[Record]:
        """Rows that ended since this was asked last."""
        rows, self._rows = self._rows, []
        return rows

    def _begin_row(self) -> None:
        self._row: list[str] = []
        self._at = -1
        self._size = 0
        self._fault = ""

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._pieces: list[str] = []
        self._length = 0
        self._is_open = self._is_phonetic = self._has_formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._begin_cell(attributes)
            reference = attributes.get("r")
            self._at = self._column(reference) if reference else self._at + 1
        elif tag in ("v", "t"):
            self._is_open = not self._is_phonetic
        elif tag == "f":
            self._has_formula = True
        elif tag == "rPh":
            self._is_phonetic = True
        elif tag == "row":
            self._seen += 1
            if self._seen > _MOST_ROWS:
                raise TooLarge
            self._begin_row()

    def text(self, text: str) -> None:
        if self._is_open and self._length <= LONGEST_LINE:
            self._pieces.append(text)
            self._length += len(text)

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._is_open = False
        elif tag == "rPh":
            self._is_phonetic = False
        elif tag == "c":
            self._end_cell()
        elif tag == "row" and (any(self._row) or self._fault):
            self._rows.append(Record(self._row, self._fault))

    def _end_cell(self) -> None:
        if self._at >= MOST_CELLS:
            if self._pieces:
                self._fault = f"The row has more than {MOST_CELLS:,} cells."
                self._fill(MOST_CELLS, "…")
            return
        raw = "".join(self._pieces)
        if self._has_formula and not raw and self._kind != "str":
            self._fault = (
                f"The cell in column {self._at + 1} is a formula without a value. "
                "Open the file in a spreadsheet, save it there, and send it again."
            )
        text = self._value(raw) if raw else ""
        self._size += len(text)
        if self._size > LONGEST_LINE:
            self._fault = f"The row is too long: {LONGEST_LINE:,} characters are the most."
            text = text[:200]
        if text:
            self._fill(self._at, text)

    def _fill(self, at: int, text: str) -> None:
        if at >= len(self._row):
            self._row += [""] * (at - len(self._row) + 1)
        self._row[at] = text

    def _column(self, reference: str) -> int:
        """Where the cell `BC12` is, from 0."""
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise NoWorkbook
        letters = match[1]
        if letters not in self._columns:
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            self._columns[letters] = place - 1
        return self._columns[letters]

    def _value(self, raw: str) -> str:
        """A cell's value as the text that a lead can have."""
        if self._kind == "n":
            return self._number(raw)
        if self._kind == "s":
            return _unescape(self._shared[int(raw)])
        if self._kind == "b":
            return "TRUE" if raw.strip() in ("1", "true") else "FALSE"
        if self._kind == "e":
            return ""  # #N/A and its like: there is no value
        if self._kind == "d":
            return raw.strip().removesuffix("Z").removesuffix("T00:00:00")
        return _unescape(raw)

    def _number(self, raw: str) -> str:
        kind = self._styles.kind(self._style) if self._style else ""
        if not kind:
            return raw if _WHOLE.fullmatch(raw) else _plain(float(raw))
        value = float(raw)
        if not 0 <= value < _LAST_DAY + 1:
            return _plain(value)
        days, seconds = divmod(round(value * 86_400), 86_400)
        clock = f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        if kind == "elapsed":
            return f"{days * 24 + seconds // 3_600:02}:{clock[3:]}"
        if not days:
            return clock
        # Excel takes 1900 for a leap year: up to the day that never was, all are one later than they say.
        start = self._since or date(1899, 12, 30 if days >= 60 else 31)
        try:
            day = (start + timedelta(days=days)).isoformat()
        except OverflowError:
            return _plain(value)
        return f"{day}T{clock}" if seconds else day


def _plain(value: float) -> str:
    """A number as a spreadsheet shows it: fifteen digits, and no `.0`."""
    text = format(value, ".15g")
    return format(Decimal(text), "f") if 1e-9 < abs(value) < 1e21 else text


def _unescape(text: str) -> str:
    """*text* with the letters that XML cannot hold (`_x000D_`, §22.9.2.19)."""
    if "_x" not in text:
        return text
    found = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "�")
