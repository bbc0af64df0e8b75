"""CSV files as people have them: what is a row, where its address is, and what becomes of rows that cannot be read."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vizsla.kit.csv_file import LONGEST_LINE, harmless, write_rows
from vizsla.kit.errors import WrongParams
from vizsla.verifier.bulk_csv import open_table


def read(content: bytes, column: str = "") -> list[tuple[str, str]]:
    """What stands where an address should, and what is wrong with the row."""
    table = open_table(io.BytesIO(content), column)
    return [(table.text_of(record), record.fault) for record in table.records]


def texts(content: bytes, column: str = "") -> list[str]:
    found = read(content, column)
    assert not any(fault for _, fault in found)
    return [text for text, _ in found]


@pytest.mark.parametrize(
    "content",
    [
        b"Name,Email\na,a@a.test\nb,b@b.test\n",
        b"\xef\xbb\xbfemail;name\r\na@a.test;a\r\nb@b.test;b\r\n",
        b"name\tE-Mail Address\na\ta@a.test\nb\tb@b.test",
        b"email\ra@a.test\rb@b.test\r",
        "name;email\nJané;a@a.test\nJan;b@b.test\n".encode("utf-16"),
        "name;email\nJané;a@a.test\nJan;b@b.test\n".encode("cp1252"),
        b"a@a.test\nb@b.test\n",
        b"a,a@a.test\nb,b@b.test\n",
        b"\n\nemail\n\na@a.test\n\n\nb@b.test\n\n",
        b'"email","note"\n"a@a.test","two\nlines, ""quoted"""\nb@b.test,\n',
        b'email,size\na@a.test,5" pipe\nb@b.test,6" pipe\n',
        b"email\na@a.test,more,cells\nb@b.test\n",
        b"my mail\na@a.test\nb@b.test\n",
    ],
)
def test_the_addresses_are_found(content: bytes) -> None:
    assert texts(content) == ["a@a.test", "b@b.test"]


def test_a_column_can_be_named_or_numbered() -> None:
    content = b"email,Second Mail,x\na@a.test,b@b.test,\n"
    assert texts(content, "second mail") == texts(content, "2") == ["b@b.test"]
    assert texts(b"a@a.test,b@b.test\n", "2") == ["b@b.test"]


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        (b"", "", "no rows"),
        (b"\n \n", "", "no rows"),
        (b"a,b\n1,2\n", "", "there are: a, b"),
        (b"email,email\na@a.test,b@b.test\n", "", "several columns"),
        (b"email\na@a.test\n", "phone", "no one column 'phone'"),
        (b"a@a.test\n", "email", "no header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "", "not a CSV file"),
        (b"\x1f\x8b\x08\0\0\0", "", "not a CSV file"),
        ("email\na@a.test\n".encode("utf-16-le"), "", "not a CSV file"),
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(content: bytes, column: str, words: str) -> None:
    with pytest.raises(WrongParams, match=words):
        read(content, column)


def test_a_row_that_cannot_be_read_is_a_row_with_a_reason_and_takes_none_with_it() -> None:
    long = b"x" * (2 * LONGEST_LINE)
    found = read(
        b"email,note\na@a.test," + long + b'\nb@b.test,"never closed\nc@c.test,1\n,\nnul\0@d.test,\nd@d.test,"fine"\n'
    )
    assert [text for text, _ in found] == ["a@a.test", "b@b.test", "c@c.test", "", "nul�@d.test", "d@d.test"]
    assert [bool(fault) for _, fault in found] == [True, True, False, False, False, False]


@pytest.mark.parametrize("end", [b"\x00\xd8", b"\x00\xd8\n\0", b"a"])
def test_a_file_in_utf_16_that_is_cut_or_broken_keeps_its_rows(end: bytes) -> None:
    found = read("email\na@a.test\n".encode("utf-16") + end)
    assert [text for text, _ in found[:1]] == ["a@a.test"]
    assert [text.strip("�") for text, _ in found[1:]] in ([], [""])


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12), min_size=2, max_size=3),
        max_size=8,
    )
)
def test_what_spreadsheets_write_is_read_cell_by_cell(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["email", "b"], *rows])
    table = open_table(io.BytesIO(text.getvalue().encode()))
    assert [record.cells for record in table.records] == rows


@given(st.binary(max_size=300))
@example(b"\xa0")
def test_no_octets_break_it_or_lose_a_line(content: bytes) -> None:
    try:
        table = open_table(io.BytesIO(b"email\n" + content))
    except WrongParams:
        return
    found = list(table.records)
    assert len(found) <= content.count(b"\n") + content.count(b"\r") + 1
    if b'"' not in content and b"\0" not in content:
        lines = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert len(found) == sum(not is_blank(line.encode("utf-8", "surrogateescape")) for line in lines)


def is_blank(line: bytes) -> bool:
    """Whether nothing is to be seen on it, in UTF-8 or else in the code page of Western Europe."""
    try:
        return not line.decode().strip()
    except UnicodeDecodeError:
        return not line.decode("cp1252", "replace").strip()


def test_no_cell_is_a_formula() -> None:
    for first in "=+-@\t\r\n＝":
        assert harmless(f"{first}1+1@x.test")[0] == "'"
    assert harmless("jane@x.test") == "jane@x.test"
    assert write_rows([["a,b", 'c"d']]) == '"a,b","c""d"\n'
