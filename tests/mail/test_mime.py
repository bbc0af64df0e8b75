"""A message parses back to what went into it, whatever that was, and nothing in it becomes more than a name, a subject or a text."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vizsla.kit.errors import InvalidEmail
from vizsla.mail.mime import Outgoing, as_written, attach, build, encode_field, in_lines, in_one_line

UNICODE = st.text(max_size=300)
HOSTILE = UNICODE | st.sampled_from(
    [
        "x\r\nBcc: all@acme.com",
        "x\n\n<html>",
        "=?utf-8?q?=0d=0aBcc:?=",
        "\u2028Bcc: a@b.co",
        "a\x00b",
        "\ud800",
        "a\n.\nMAIL FROM:<x@evil.test>\n",
        "\r.\r",
        "From here\nFrom there",
        "-" * 2_000,
        '"Ada" <evil@x.test>, ',
        "a, b; c: d (e) \\",
        "日本語" * 100,
        "🐕 " * 100,
        "a" * 70 + " " + "b" * 70,
    ]
)
LINES = re.compile(rb"(?<!\r)\n|\r(?!\n)")


def outgoing(**changes: object) -> Outgoing:
    fields: dict[str, object] = {
        "from_email": "ada@acme.test",
        "to": "bob@x.test",
        "subject": "Hello",
        "text": "Hello\n",
        "message_id": "c1.r2.s0.abcdefgh@acme.test",
        "at": 1_795_000_000,
    }
    return Outgoing(**(fields | changes))  # type: ignore[arg-type]


def parse(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
        for name in part:
            assert not part[name].defects, (name, str(part[name]))
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def gapless(text: str) -> str:
    return text.replace(" ", "")


def without_gaps(field: Any) -> list[tuple[str, str]]:
    # The parser of Python 3.11 keeps the space between two encoded words of a name (RFC 2047 6.2; gh-92081).
    return [(gapless(address.display_name), address.addr_spec) for address in field.addresses]


@settings(max_examples=150)
@given(name=HOSTILE, to_name=HOSTILE, subject=HOSTILE, text=HOSTILE, html=st.none() | HOSTILE, file=st.none() | HOSTILE)
def test_whatever_is_written_parses_back_and_is_nothing_else(
    name: str, to_name: str, subject: str, text: str, html: str | None, file: str | None
) -> None:
    attachments = tuple(
        attach(each, "text/plain", each.encode("utf-8", "replace")) for each in (file,) if each is not None
    )
    octets = build(
        outgoing(from_name=name, to_name=to_name, subject=subject, text=text, html=html, attachments=attachments)
    )
    message = parse(octets)

    assert octets.isascii()
    assert not LINES.search(octets)
    assert b"\0" not in octets
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert {key.lower() for key in message} - {"content-transfer-encoding"} == {
        "from", "to", "subject", "date", "message-id", "mime-version", "content-type",
    }  # fmt: skip
    assert message["Subject"] == in_one_line(subject)
    assert without_gaps(message["From"]) == [(gapless(in_one_line(name)), "ada@acme.test")]
    assert without_gaps(message["To"]) == [(gapless(in_one_line(to_name)), "bob@x.test")]
    assert body(message, "plain") == in_lines(text)
    if html is not None:
        assert body(message, "html") == in_lines(html)
    if file is not None:
        (part,) = message.iter_attachments()
        assert part.get_filename() == attachments[0].file_name
        assert part.get_payload(decode=True) == file.encode("utf-8", "replace")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=500))
@example("trailing space \nand tab\t")
@example("=\n=20\n=3D")
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    assert body(parse(build(outgoing(text=text, html=text))), "plain") == text.rstrip("\n") + "\n"
    assert in_lines(text) == text.rstrip("\n") + "\n"


@given(st.text(max_size=400), st.integers(0, 60))
def test_no_folded_line_is_too_long_and_none_is_empty(text: str, used: int) -> None:
    lines = encode_field(text, used).split("\r\n")

    assert len(lines[0]) <= 76
    assert all(line.startswith(" ") and line.strip() and len(line) <= 77 for line in lines[1:])


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Lovelace, Ada", 'Ada "the" Lovelace\\', "Zoë", "山田 太郎", "a.b@c", "=?x?="]
)
def test_a_name_of_usual_length_arrives_as_it_is(name: str) -> None:
    (address,) = parse(build(outgoing(from_name=name)))["From"].addresses

    assert address.display_name == name


def test_a_follow_up_is_in_its_thread() -> None:
    message = parse(
        build(
            outgoing(
                in_reply_to="c1.r2.s0.a@acme.test", references=("c1.r2.s0.a@acme.test", "x>\r\nBcc: <a", "CAF=1@b")
            )
        )
    )

    assert message["In-Reply-To"] == "<c1.r2.s0.a@acme.test>"
    assert message["References"] == "<c1.r2.s0.a@acme.test> <CAF=1@b>"


def test_of_an_endless_thread_its_beginning_and_its_end_are_named() -> None:
    names = tuple(f"{number}@acme.test" for number in range(500))
    references = str(parse(build(outgoing(references=names)))["References"]).split()

    assert references == ["<0@acme.test>", *(f"<{number}@acme.test>" for number in range(481, 500))]


def test_one_click_is_offered_where_there_is_a_link() -> None:
    link, mailto = "https://vizsla.example/u/" + "t" * 120, "mailto:ada@acme.test?subject=unsub-" + "t" * 120
    message = parse(build(outgoing(unsubscribe_url=link, unsubscribe_mailto=mailto)))

    assert message["List-Unsubscribe"] == f"<{link}>, <{mailto}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe-Post" not in parse(build(outgoing(unsubscribe_mailto=mailto)))


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "a@b>\r\nBcc: x"},
        {"unsubscribe_url": "https://x.test/\r\nBcc: x"},
        {"unsubscribe_url": "https://x.test/>,<https://evil.test/"},
        {"headers": (("X\r\nBcc", "x"),)},
        {"headers": (("X: y\r\nBcc", "x"),)},
    ],
)
def test_a_name_of_ours_that_would_break_out_is_a_mistake(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        build(outgoing(**changes))


@pytest.mark.parametrize("where", ["to", "from_email", "reply_to"])
@pytest.mark.parametrize("address", ["jane@acme.com\r\nBcc: all@acme.com", "a@b.co, c@d.co", "<jane@acme.com>", "jane"])
def test_what_is_no_address_is_not_written_to(where: str, address: str) -> None:
    with pytest.raises(InvalidEmail):
        build(outgoing(**{where: address}))


def test_an_address_keeps_the_capitals_of_its_local_part() -> None:
    assert as_written(" Ada.Lovelace@Bücher.Example ") == "Ada.Lovelace@xn--bcher-kva.example"


def test_the_same_message_is_the_same_octets() -> None:
    assert build(outgoing(html="x")) == build(outgoing(html="x"))
    assert build(outgoing(html="x")) != build(outgoing(html="x", message_id="other@acme.test"))


def test_a_boundary_in_a_text_ends_nothing() -> None:
    boundary = parse(build(outgoing(html="x"))).get_boundary()
    message = parse(build(outgoing(html="x", text=f"--{boundary}\n\nbroken out\n--{boundary}--\n")))

    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert body(message, "plain").endswith(f"--{boundary}--\n")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a" * 100 + ".pdf", "a" * 56 + ".pdf"),
        ("Ängebot ☺.pdf", "Ängebot ☺.pdf"),
        ('x"; name="y', "x_; name=_y"),
        ("", "file"),
        ("\r\n", "file"),
    ],
)
def test_a_file_arrives_under_a_name_that_harms_nobody(name: str, kept: str) -> None:
    message = parse(build(outgoing(attachments=(attach(name, "application/pdf", b"%PDF"),))))
    (part,) = message.iter_attachments()

    assert (part.get_filename(), part.get_content_type(), part.get_content()) == (kept, "application/pdf", b"%PDF")


@pytest.mark.parametrize(
    "kind", ["", "text/html; charset=x\r\nBcc: a", "multipart/mixed", "message/rfc822", "nonsense"]
)
def test_a_kind_of_file_that_is_none_is_a_row_of_octets(kind: str) -> None:
    (part,) = parse(build(outgoing(attachments=(attach("x.bin", kind, b"\0"),)))).iter_attachments()

    assert part.get_content_type() == "application/octet-stream"
