"""
How are rows written as an Excel workbook (.xlsx) of any length?

As a stream: what was written can be sent before the rest is known, and memory stays what it is. Every text is a text: an inline
string, and where it looks like a formula marked as typed with an apostrophe, so that it stays one when somebody edits it.
"""

import re
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from vizsla.kit.csv_file import FORMULA

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_576
"""Of one sheet (Excel's limit); more go on in a next one."""
LONGEST_CELL = 32_767
"""Characters (Excel's limit); of more the beginning is written."""
_LARGEST_SHEET = 2_000_000_000
"""Bytes before a next sheet is begun: from 2 GiB on a ZIP needs another form, which not every spreadsheet reads."""
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>'
)
_ROOT = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_QUOTED, _BOLD = ' s="1"', ' s="2"'
_SHEET = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
    '<sheetFormatPr defaultRowHeight="15" defaultColWidth="20"/><sheetData>'
)


class WorkbookStream:
    """A workbook that is being written: `head`, then `rows` as often as there are some, then `end`; each gives bytes to send."""

    def __init__(self, sheet: str, columns: Sequence[str]) -> None:
        self._name = sheet
        self._columns = columns
        self._letters = [_letters(at) for at in range(len(columns))]
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(self._sink, "w")
        self._sheets = 0
        self._row = self._size = 0

    def head(self) -> bytes:
        """What stands before the first row."""
        for path, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _ROOT), ("xl/styles.xml", _STYLES)):
            self._put(path, text)
        self._begin_sheet()
        return self._sink.taken()

    def rows(self, rows: Iterable[Sequence[str | int | None]]) -> bytes:
        """Some rows; None and an empty text leave a cell out."""
        for cells in rows:
            if self._row == MOST_ROWS or self._size > _LARGEST_SHEET:
                self._end_sheet()
                self._begin_sheet()
            self._add(cells)
        return self._sink.taken()

    def end(self) -> bytes:
        """What stands behind the last row."""
        self._end_sheet()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(
            f'<sheet name={quoteattr(self._name + (f" {n}" if n > 1 else ""))} sheetId="{n}" r:id="rId{n}"/>'
            for n in numbers
        )
        self._put(
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
        )
        targets = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
        targets.append((f"rId{self._sheets + 1}", "styles", "styles.xml"))
        relations = "".join(
            f'<Relationship Id="{id_}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for id_, kind, to in targets
        )
        path = "xl/_rels/workbook.xml.rels"
        self._put(path, f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>')
        self._archive.close()
        return self._sink.taken()

    def _put(self, path: str, text: str) -> None:
        self._archive.writestr(_entry(path), text)

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._row = self._size = 0
        self._part = self._archive.open(_entry(f"xl/worksheets/sheet{self._sheets}.xml"), "w")
        self._part.write(_SHEET.encode())
        self._add(self._columns, _BOLD)

    def _end_sheet(self) -> None:
        self._part.write(b"</sheetData></worksheet>")
        self._part.close()

    def _add(self, cells: Sequence[str | int | None], style: str = "") -> None:
        self._row += 1
        row = self._row
        parts = [f'<row r="{row}">']
        for letters, cell in zip(self._letters, cells, strict=True):
            if isinstance(cell, int):
                parts.append(f'<c r="{letters}{row}"><v>{cell}</v></c>')
            elif cell:
                look = _QUOTED if cell.startswith(FORMULA) else style
                text = escape(_fitting(cell[:LONGEST_CELL]))
                parts.append(
                    f'<c r="{letters}{row}"{look} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
                )
        parts.append("</row>")
        raw = "".join(parts).encode("utf-8", "replace")
        self._size += len(raw)
        self._part.write(raw)


class _Sink:
    """Takes what a ZIP writes, until it is sent. Nobody can go back in it, so sizes stand behind what they are of."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        """What was written since this was asked last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _entry(path: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _fitting(text: str) -> str:
    """*text* with what XML cannot hold, or would change, as `_x000D_` (§22.9.2.19)."""
    return _UNFIT.sub(lambda match: f"_x{ord(match[0]):04X}_", text) if _UNFIT.search(text) else text


def _letters(at: int) -> str:
    """The name of a column, from 0: A, B, …, Z, AA, …"""
    name = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, 26)
        name = chr(65 + letter) + name
    return name
