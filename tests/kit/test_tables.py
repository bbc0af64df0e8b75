"""Tables in files that others made: workbooks as a spreadsheet and as an enemy writes them, and what we write ourselves."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.errors import WrongParams
from vizsla.kit.table_file import open_table
from vizsla.kit.xlsx_writing import MOST_ROWS, WorkbookStream

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def rows_of(content: bytes, sheet: str = "") -> list[list[str]]:
    """The cells of every row; a row that cannot be read is its fault."""
    table = open_table(io.BytesIO(content), sheet=sheet)
    return [[each.fault] if each.fault else each.cells for each in (table.first, *table.records)]


def made_by_openpyxl(fill: Callable[[openpyxl.Workbook], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zipped(**parts: str | bytes) -> bytes:
    """A workbook of these parts; those that are not named are as they must be."""
    plain: dict[str, str | bytes] = {
        "_rels/.rels": f'<Relationships {RELATIONS}><Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships {RELATIONS}><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="/xl/shared.xml"/></Relationships>',
        "xl/shared.xml": f"<sst {MAIN}><si><t>shared</t></si></sst>",
        "xl/worksheets/sheet1.xml": sheet('<row><c t="s"><v>0</v></c></row>'),
    }
    names = {"workbook": "xl/workbook.xml", "shared": "xl/shared.xml", "sheet": "xl/worksheets/sheet1.xml"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in (plain | {names[name]: content for name, content in parts.items()}).items():
            archive.writestr(path, content)
    return file.getvalue()


def sheet(rows: str) -> str:
    return f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"


def test_cells_become_what_a_person_sees() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        page = book.active
        page.append(["email", "text"])
        for value in (
            5, 5.0, 0.1 + 0.2, 33123456789, -1.5, 1e20, True, date(2026, 11, 23), datetime(2026, 11, 23, 18, 5, tzinfo=UTC).replace(tzinfo=None), time(9, 30),
            timedelta(hours=30), date(1900, 1, 5), "  kept  ", "_x0041_", "é\U0001f600", "a\nb",
        ):  # fmt: skip
            page.append(["a@a.test", value])
        page["D2"] = "far"

    rows = rows_of(made_by_openpyxl(fill))

    assert rows[0] == ["email", "text"]
    assert rows[1] == ["a@a.test", "5", "", "far"]
    assert [row[1] for row in rows[2:]] == [
        "5", "0.3", "33123456789", "-1.5", "100000000000000000000", "TRUE", "2026-11-23", "2026-11-23T18:05:00", "09:30:00",
        "30:00:00", "1900-01-05", "  kept  ", "A", "é\U0001f600", "a\nb",
    ]  # fmt: skip


def test_formulas_are_their_values_and_errors_are_nothing() -> None:
    body = (
        '<row><c t="inlineStr"><is><t>email</t></is></c></row>'
        '<row><c t="str"><f>A1&amp;"x"</f><v>a@a.test</v></c><c><f>1+1</f><v>2</v></c><c t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        "<row><c><f>1+1</f></c></row>"
        '<row><c t="inlineStr"><is><r><t>ri</t></r><rPh sb="0" eb="1"><t>furigana</t></rPh><r><t>ch</t></r></is></c></row>'
    )

    rows = rows_of(zipped(sheet=sheet(body)))

    assert rows[1] == ["a@a.test", "2"]
    assert "formula without a value" in rows[2][0]
    assert rows[3] == ["rich"]


def test_the_first_sheet_that_is_seen_or_the_one_that_is_named() -> None:
    def fill(book: openpyxl.Workbook) -> None:
        book.active.title = "Hidden"
        book.active.append(["h"])
        book.active.sheet_state = "hidden"
        for name in ("People", "Others"):
            book.create_sheet(name).append([f"of {name}"])
        book.create_sheet("Empty")
        book.active = 1

    book = made_by_openpyxl(fill)

    assert rows_of(book) == [["of People"]]
    assert rows_of(book, " others ") == [["of Others"]]
    assert rows_of(book, "hidden") == [["h"]]
    for name, said in (("Nowhere", "There are: People, Others, Empty."), ("Empty", "also has: People, Others")):
        with pytest.raises(WrongParams, match=said):
            rows_of(book, name)


XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(sheet=XXE + sheet('<row><c t="inlineStr"><is><t>&e;</t></is></c></row>')), "damaged"),
        (zipped(shared=LAUGHS + f"<sst {MAIN}><si><t>&b;</t></si></sst>"), "damaged"),
        (zipped(workbook=XXE + f"<workbook {MAIN}/>"), "damaged"),
        (zipped(sheet="<worksheet"), "damaged"),
        (zipped(sheet=sheet('<row><c t="s"><v>7</v></c></row>')), "damaged"),
        (zipped(sheet=sheet('<row><c t="s"><v>x</v></c></row>')), "damaged"),
        (zipped(sheet=sheet('<row><c r="ZZZZZZZZ1"><v>1</v></c></row>')), "damaged"),
        (zipped(sheet=sheet('<row><c><v>1e5x</v></c></row>')), "damaged"),
        (zipped(sheet=f'<worksheet {MAIN} a="' + "x" * 5_000_000), "damaged"),
        (zipped(sheet=b'<?xml version="1.0" encoding="cp037"?><a/>'), "damaged"),
        (zipped(sheet=sheet("<row>" * 60)), "damaged"),
        (zipped(shared=f"<sst {MAIN}>" + "<si>" * 60), "damaged"),
        (zipped(sheet=sheet("<row/>" * 1_048_577)), "too large"),
        (zipped(sheet=sheet("")), "no rows in the sheet “A”"),
        (zipped(workbook=f"<workbook {MAIN}><sheets/></workbook>"), "damaged"),
        (zipped()[:-30], "damaged"),
        (zipped()[:60] + b"\0" * 40 + zipped()[100:], "damaged"),
        (b"PK\3\4" + b"\0" * 200, "damaged"),
        (b"PK\5\6" + b"\0" * 18, "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\x1f\x8b\x08" + b"\0" * 99, "compressed"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_said_to_be_none(content: bytes, said: str) -> None:
    with pytest.raises(WrongParams, match=said):
        rows_of(content)


def test_a_bomb_is_not_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(io.BytesIO(zipped())) as good:
        for info in good.infolist():
            if not info.filename.endswith("sheet1.xml"):
                archive.writestr(info.filename, good.read(info))
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(f"<worksheet {MAIN}><sheetData>".encode())
            for _ in range(450):
                part.write(b" " * 1_000_000)
    bomb = file.getvalue()
    assert len(bomb) < 500_000
    # The same, with a directory that says that it is small.
    at = bomb.rindex(b"PK\1\2", 0, bomb.rindex(b"sheet1.xml"))
    liar = bomb[: at + 24] + (1_000_000).to_bytes(4, "little") + bomb[at + 28 :]

    tracemalloc.start()
    with pytest.raises(WrongParams, match="too large"):
        rows_of(bomb)
    with pytest.raises(WrongParams, match="damaged"):
        rows_of(liar)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 20_000_000


def test_a_directory_without_end_is_not_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number:060}", b"")

    with pytest.raises(WrongParams, match="damaged"):
        rows_of(file.getvalue())


def test_rows_of_a_million_cells_and_of_long_ones_are_refused_alone() -> None:
    def cell(text: str, at: str = "") -> str:
        return f'<c{at} t="inlineStr"><is><t>{text}</t></is></c>'

    body = (
        f"<row>{cell('email')}</row><row>{cell('x') * 20_000}</row><row>{cell('y' * 200_000)}</row>"
        f'<row>{cell("z", " r=" + chr(34) + "XFD4" + chr(34))}</row><row>{cell("a@a.test")}<c s="9"/><c/></row>'
    )

    rows = rows_of(zipped(sheet=sheet(body)))

    assert [len(row) for row in rows] == [1] * 5
    assert ["more than 1,000 cells" in rows[at][0] for at in (1, 3)] == [True, True]
    assert "too long" in rows[2][0]
    assert rows[4] == ["a@a.test"]


cells = st.one_of(
    st.none(), st.integers(-(10**14), 10**14), st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.sampled_from(["=1+1", "+1", "@x", "_x000D_", "a\rb", "\0", "\t=1", "<&>\"'", " blank "]),
)  # fmt: skip


@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8))
def test_what_is_written_is_read(rows: list[list[str | int | None]]) -> None:
    stream = WorkbookStream("Leads", ["a", "b", "c"])
    content = stream.head() + b"".join(stream.rows([row]) for row in rows) + stream.end()

    found = rows_of(content)

    told = [["" if one is None else str(one).replace("\0", "�") for one in row] for row in rows]
    assert found[0] == ["a", "b", "c"]
    assert [[*row, *[""] * (3 - len(row))] for row in found[1:]] == [row for row in told if any(row)]


def test_another_reader_sees_texts_and_no_formula() -> None:
    stream = WorkbookStream("Leads", ["a", "b"])
    content = stream.head() + stream.rows([["=1+1", 7], ["@SUM(A1)", None], ["plain", None]]) + stream.end()

    page = openpyxl.load_workbook(io.BytesIO(content)).active

    assert [(cell.value, cell.data_type) for cell in page["A"]] == [
        ("a", "s"), ("=1+1", "s"), ("@SUM(A1)", "s"), ("plain", "s"),
    ]  # fmt: skip
    assert [cell.quotePrefix for cell in page["A"]] == [False, True, True, False]
    assert (page["B2"].value, page["B2"].data_type) == (7, "n")
    assert page.freeze_panes == "A2"


def test_what_does_not_fit_in_a_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ROWS == 2**20
    monkeypatch.setattr("vizsla.kit.xlsx_writing.MOST_ROWS", 3)
    stream = WorkbookStream("A & B", ["n"])
    content = stream.head() + stream.rows([[n] for n in range(5)]) + stream.end()

    book = openpyxl.load_workbook(io.BytesIO(content))

    assert {page.title: [row[0] for row in page.values] for page in book} == {
        "A & B": ["n", 0, 1], "A & B 2": ["n", 2, 3], "A & B 3": ["n", 4],
    }  # fmt: skip


def test_json_lines_have_the_keys_of_all_lines() -> None:
    content = (
        b'\xef\xbb\xbf{"email": "a@a.test", "score": 5, "tags": ["x", "y"]}\n\nnot json\n{"email": null, "more": {"a": 1}, "on": true}\n'
        b'{"email": "' + b"x" * 900_000 + b'"}\n{"email": "\\ud800\\u0000"}\n{"score": 1.5}'
    )

    rows = rows_of(content)

    assert rows[:2] == [["email", "score", "tags", "more", "on"], ["a@a.test", "5", "x | y", "", ""]]
    assert [row[0] for row in rows[2:5:2]] == ["This line is no JSON object.", "The row is too long."]
    assert rows[3] == ["", "", "", '{"a":1}', "true"]
    assert rows[-1][:2] == ["", "1.5"]
