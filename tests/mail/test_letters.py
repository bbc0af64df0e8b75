"""A mail of ours says what it should, and nothing that a field smuggled in."""

import re
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.errors import InvalidEmail
from vizsla.mail.letter import Letter, compose
from vizsla.mail.messages import claim_link, confirm_sign_up, invitation, password_reset
from worlds.outbox import read_mail

NOW = 1_795_000_000
LINK = "https://vizsla.example/claim/abc"
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
}  # fmt: skip
hostile = st.text(max_size=300) | st.sampled_from(
    [
        "x\r\nBcc: all@acme.com",
        "x\n\n<html>",
        "=?utf-8?q?=0d=0aBcc:?=",
        "\u2028Bcc: a@b.co",
        "a\x00b",
        "\ud800",
        ". \r\n.\r\n",
        "-" * 2_000,
    ]
)


def sent(letter: Letter) -> bytes:
    return compose(letter, sender="vizsla@vizsla.example", mark="m", at=NOW)


@given(subject=hostile, text=hostile, html=hostile)
def test_no_field_becomes_a_header_or_a_line_that_servers_refuse(subject: str, text: str, html: str) -> None:
    message = sent(Letter("claim", "jane@acme.com", subject, text, html))
    mail = read_mail(message)

    assert set(mail.headers) == HEADERS
    assert mail.to == "jane@acme.com"
    assert message.isascii()
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", message)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", mail.subject)


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=2_000))
def test_what_was_written_is_what_is_read(text: str) -> None:
    mail = read_mail(sent(Letter("claim", "jane@acme.com", "x", text, text)))

    assert mail.text.rstrip("\n") == mail.html.rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    "subject", ["Grüße aus Łódź", "日本語の件名" * 20, "🐕" * 60, "plain", "looks =?utf-8?b?ZXZpbA==?= coded"]
)
def test_a_subject_in_any_script_arrives(subject: str) -> None:
    message = sent(Letter("claim", "jane@acme.com", subject, "", ""))

    assert read_mail(message).subject == subject[:200]
    assert all(len(line) <= 76 for line in message.split(b"\r\n\r\n")[0].split(b"\r\n") if b"=?" in line)


@pytest.mark.parametrize("to", ["jane@acme.com\r\nBcc: all@acme.com", "jane", "a@b.co, c@d.co", "<jane@acme.com>", ""])
def test_what_is_no_address_is_not_written_to(to: str) -> None:
    with pytest.raises(InvalidEmail):
        sent(Letter("claim", to, "x", "", ""))


def test_an_address_in_another_script_is_written_in_ascii() -> None:
    assert read_mail(sent(Letter("claim", "info@bücher.example", "x", "", ""))).to == "info@xn--bcher-kva.example"


def test_a_message_tried_twice_is_the_same_message() -> None:
    letter = claim_link("jane@acme.com", link=LINK, until=NOW)

    assert sent(letter) == sent(letter)
    assert compose(letter, sender="a@b.co", mark="other", at=NOW) != compose(letter, sender="a@b.co", mark="m", at=NOW)


def test_every_mail_says_who_when_and_that_nobody_need_answer() -> None:
    mails = [
        read_mail(sent(letter))
        for letter in (
            invitation("jane@acme.com", link=LINK, team="Acme", inviter="Joe Bloggs", until=NOW),
            password_reset("jane@acme.com", link=LINK, until=NOW),
            confirm_sign_up("jane@acme.com", link=LINK, until=NOW),
            claim_link("jane@acme.com", link=LINK, until=NOW),
        )
    ]

    for mail in mails:
        assert mail.headers["Auto-Submitted"] == "auto-generated"
        assert mail.headers["Date"] == "Wed, 18 Nov 2026 11:06:40 +0000"
        assert mail.headers["From"].addresses == (Address("Vizsla", "vizsla", "vizsla.example"),)  # type: ignore[attr-defined]
        assert mail.link == LINK
        assert f'href="{LINK}"' in mail.html
        assert "2026-11-18 11:06:40 UTC" in mail.text
    assert len({mail.subject for mail in mails}) == 4


@given(name=hostile)
def test_a_name_in_an_invitation_is_no_advertisement(name: str) -> None:
    spam = f"{name} http://evil.example/win <b>now</b> write to x@evil.example"
    mail = read_mail(sent(invitation("jane@acme.com", link=LINK, team=spam, inviter=spam, until=NOW)))

    assert mail.link == LINK
    assert "evil.example" not in mail.text + mail.html + mail.subject
    assert "<b>" not in mail.html
    assert len(mail.text) < 1_000
