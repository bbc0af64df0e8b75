"""Octets become replies, or nothing; never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.mail.reply import MAX_LINES, MAX_OCTETS, MAX_TEXT, Garbled, Reply, ReplyReader

codes = st.integers(200, 599)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=40).filter(
    lambda text: not text[:1].isdigit()
)


def read(octets: bytes, *cuts: int) -> list[Reply]:
    reader, start = ReplyReader(), 0
    for cut in (*sorted(cuts), len(octets)):
        reader.feed(octets[start:cut])
        start = max(start, cut)
    return [reader.take() for _ in range(len(reader))]


@given(st.lists(st.tuples(codes, st.lists(texts, min_size=1, max_size=5)), max_size=5), st.lists(st.integers(0, 400)))
def test_replies_are_read_the_same_however_the_octets_arrive(
    said: list[tuple[int, list[str]]], cuts: list[int]
) -> None:
    octets = b"".join(
        f"{code}{' ' if last else '-'}{text}\r\n".encode()
        for code, lines in said
        for last, text in ((index == len(lines) - 1, text) for index, text in enumerate(lines))
    )

    assert read(octets, *cuts) == [Reply(code, "\n".join(lines)) for code, lines in said]
    assert read(octets.replace(b"\r\n", b"\n"), *cuts) == read(octets)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_octets_do_more_than_be_garbled(pieces: list[bytes]) -> None:
    reader = ReplyReader()
    try:
        for piece in pieces:
            reader.feed(piece)
    except Garbled:
        return
    for reply in (reader.take() for _ in range(len(reader))):
        assert 200 <= reply.code < 600
        assert all(line.isprintable() or not line for line in reply.text.replace("�", "").split("\n")) or reply.text


@pytest.mark.parametrize(
    ("octets", "enhanced", "text"),
    [
        (b"550 5.1.1 No such user\r\n", "5.1.1", "No such user"),
        (b"550-5.2.1 first\r\n550 5.7.1 last\r\n", "5.7.1", "first\nlast"),
        (b"550-5.1.1 first\r\n550 last has none\r\n", "5.1.1", "first\nlast has none"),
        (b"550 4.1.1 of another class\r\n", None, "4.1.1 of another class"),
        (b"550 5.1.1.1 is an address\r\n", None, "5.1.1.1 is an address"),
        (b"550 5.1.10\r\n", "5.1.10", ""),
        (b"250\r\n", None, ""),
        (b"550 a\0b\x07c\xffd\r\n", None, "abc�d"),
        (b"250\ttab\n", None, "tab"),
    ],
)
def test_the_enhanced_code_is_that_of_the_last_line_that_has_one(octets: bytes, enhanced: str, text: str) -> None:
    (reply,) = read(octets)

    assert (reply.enhanced, reply.text) == (enhanced, text)


@pytest.mark.parametrize(
    "octets",
    [
        b"2x0 hello\r\n",
        b"hello\r\n",
        b"\r\n",
        b"999 beyond\r\n",
        b"199 below\r\n",
        b"2500 four digits\r\n",
        b"250-one code\r\n550 and another\r\n",
        b"\xd9\xa2\xd9\xa5\xd9\xa0 arabic digits\r\n",
        b"220-x\r\n" * (MAX_LINES + 1),
        b"220-" + b"x" * MAX_OCTETS,
        b"250 ok\r\n" * 1000,
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_is_no_reply_is_garbled(octets: bytes) -> None:
    with pytest.raises(Garbled):
        read(octets)


def test_a_long_line_is_cut_and_its_code_counts() -> None:
    (reply,) = read(b"500 " + b"x" * 10_000 + b"\r\n")

    assert reply.code == 500
    assert reply.text == "x" * MAX_TEXT
