"""
What does a mail of ours look like on the wire?

A plain text and the same as simple HTML (RFC 2046 multipart/alternative), written by hand: whatever a field holds, it becomes
neither a header nor a line of one. Everything is ASCII (RFC 5322, RFC 2047), so any server takes it.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import Literal

import msgspec

from vizsla.kit.email_address import parse_email

About = Literal["invitation", "password_reset", "sign_up", "claim", "webhook"]
_NEWLINE = re.compile(r"\r\n|\r")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_PLAIN = re.compile(r"[ -~]{0,66}\Z")
_WORD = 39
"""Bytes of an encoded word: base64 and its frame are 64 characters, and with `Subject: ` a line stays under 76 (RFC 2047 2)."""
_LONGEST_SUBJECT = 200
_LONGEST_LINE = 900
"""RFC 5322 2.1.1 allows 998."""


class Letter(msgspec.Struct, frozen=True):
    """A mail that the product sends, without the date and name it gets on its way."""

    about: About
    to: str
    """One address."""
    subject: str
    text: str
    html: str


def compose(letter: Letter, *, sender: str, mark: str, at: int) -> bytes:
    """
    *letter* as a message with CRLF lines. *mark* makes its Message-ID: the same for each try to send it.

    Raises InvalidEmail if it cannot be addressed.
    """
    to, from_ = parse_email(letter.to), parse_email(sender)
    boundary = "=_" + sha256(f"{mark}{letter.text}{letter.html}".encode("utf-8", "replace")).hexdigest()[:40]
    headers = [
        f"From: Vizsla <{from_}>",
        f"To: <{to}>",
        f"Subject: {encode_subject(letter.subject)}",
        f"Date: {format_datetime(datetime.fromtimestamp(at, UTC))}",
        f"Message-ID: <{sha256(mark.encode()).hexdigest()[:32]}@{from_.domain}>",
        # RFC 3834 5: nobody's holiday notice need answer it.
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
    ]
    parts = [*_part("plain", letter.text, boundary), *_part("html", letter.html, boundary)]
    return "\r\n".join([*headers, "", *parts, f"--{boundary}--", ""]).encode("ascii")


def encode_subject(text: str) -> str:
    """*text* as one header's value, folded where it must be (RFC 2047); what would end the header is a space."""
    text = " ".join(_CONTROL.sub(" ", text).split())[:_LONGEST_SUBJECT]
    if _PLAIN.match(text) and "=?" not in text:
        return text
    words, word = [], b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > _WORD:
            words.append(word)
            word = b""
        word += encoded
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in [*words, word])


def _part(kind: str, text: str, boundary: str) -> list[str]:
    text = _CONTROL_IN_TEXT.sub("", _NEWLINE.sub("\n", text))
    lines = text.rstrip("\n").split("\n")
    encoding = "7bit"
    if not text.isascii() or any(len(line) > _LONGEST_LINE for line in lines):
        encoding = "quoted-printable"
        lines = binascii.b2a_qp("\n".join(lines).encode(), istext=True).decode("ascii").split("\n")
    return [
        f"--{boundary}",
        f"Content-Type: text/{kind}; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "",
        *lines,
        "",
    ]
