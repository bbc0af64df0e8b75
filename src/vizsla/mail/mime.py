"""
What does a message look like on the wire?

Written by hand: whatever a name, a subject or a body holds, it becomes neither a header nor a line of one, and no line ends
another way than by CRLF. Everything is ASCII (RFC 5322, RFC 2045, RFC 2047), so any server takes it and no relay has to rewrite
it under its signature. The same message written twice is the same octets.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from urllib.parse import quote

import msgspec

from vizsla.kit.email_address import parse_email

_NEWLINE = re.compile(r"\r\n|\r")
_EOL = re.compile(rb"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_FROM_LINE = re.compile(r"^From ", re.MULTILINE)
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,250}@[!-;=?-~]{1,250}\Z")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-;=?-~]{1,900}\Z")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}\Z")
_MEDIA_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\Z")
_NO_FILE_NAME = re.compile(r"[/\\:*?\"<>|]")
_WORD = 39
"""Bytes of an encoded word: base64 and its frame are 64 characters, and with `Subject: ` a line stays under 76 (RFC 2047 2)."""
_LINE = 76
_LONGEST_LINE = 900
"""RFC 5322 2.1.1 allows 998."""
_LONGEST_FILE_NAME = 60
_MOST_REFERENCES = 20


class Attachment(msgspec.Struct, frozen=True):
    """A file as a part of a message: encoded once, however many get it. See `attach`."""

    file_name: str
    part: bytes


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one person."""

    from_email: str
    from_name: str = ""
    to: str
    to_name: str = ""
    reply_to: str | None = None
    subject: str
    text: str
    html: str | None = None
    """The same as HTML; None: there is the text alone."""
    message_id: str
    """RFC 5322 3.6.4, without angles."""
    at: int
    """The Date, in seconds since 1970."""
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    unsubscribe_url: str | None = None
    """A POST to it ends the mails (RFC 8058)."""
    unsubscribe_mailto: str | None = None
    """A whole `mailto:` URI."""
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """Others, unstructured: `("Auto-Submitted", "auto-replied")`."""


def build(message: Outgoing) -> bytes:
    """
    *message* with CRLF lines, all ASCII.

    Raises InvalidEmail if it cannot be addressed, ValueError if a name of ours (the Message-ID, a URI, a header's name) is none.
    References that are none are left out: they come from strangers.
    """
    fields = [
        f"From: {_mailbox(message.from_name, message.from_email)}",
        f"To: {_mailbox(message.to_name, message.to)}",
        f"Subject: {encode_field(message.subject, 9)}",
        f"Date: {format_datetime(datetime.fromtimestamp(message.at, UTC))}",
        f"Message-ID: <{_checked(_MESSAGE_ID, message.message_id)}>",
    ]
    if message.reply_to:
        fields.append(f"Reply-To: <{as_written(message.reply_to)}>")
    fields += _thread(message)
    fields += _unsubscribing(message)
    fields += [f"{_checked(_FIELD_NAME, name)}: {encode_field(text, len(name) + 2)}" for name, text in message.headers]
    fields.append("MIME-Version: 1.0")
    return "\r\n".join(fields).encode("ascii") + b"\r\n" + _content(message)


def encode_field(text: str, used: int = 0) -> str:
    """*text* as the value of an unstructured field, folded where it must be, after *used* characters of the line; see `in_one_line`."""
    text = in_one_line(text)
    if "=?" not in text and _PRINTABLE.match(text):
        if len(text) <= _LINE - used:
            return text
        if (folded := _folded(text, used)) is not None:
            return folded
    return _encoded_words(text)


def in_one_line(text: str) -> str:
    """*text* as a header may hold it: what would end the line is a space, and so is any run of white space."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    return " ".join(_CONTROL.sub(" ", text).split())


def as_written(email: str) -> str:
    """
    A valid address with its local part as somebody wrote it, the domain with A-labels. Raises InvalidEmail.

    Hosts may tell case apart in local parts (RFC 5321 2.4): what is compared is in lower case, what is written to is not.
    """
    return f"{email.strip().rpartition('@')[0]}@{parse_email(email).domain}"


def attach(file_name: str, content_type: str, body: bytes) -> Attachment:
    """A file to be sent. An unknown *content_type* is `application/octet-stream`, an unfit name is cut and cleaned."""
    name = _file_name(file_name)
    kind = content_type.strip().lower()
    kind = kind if _MEDIA_TYPE.match(kind) else "application/octet-stream"
    # RFC 2231 beyond ASCII; a reader that knows only `filename` shows a name of its own.
    shown = f'filename="{name}"' if _PRINTABLE.match(name) else f"filename*=utf-8''{quote(name, safe='')}"
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n {shown}\r\n\r\n"
    return Attachment(name, head.encode("ascii") + base64.encodebytes(body).replace(b"\n", b"\r\n"))


def _mailbox(name: str, email: str) -> str:
    address = as_written(email)
    name = in_one_line(name)
    if not name:
        return f"<{address}>"
    if "=?" in name or not _PRINTABLE.match(name) or len(name) > 60:
        return f"{_encoded_words(name)}\r\n <{address}>"
    if not _ATOMS.match(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # On a line of its own, for an address has up to 320 characters.
    return f"{name} <{address}>" if len(name) + len(address) < 70 else f"{name}\r\n <{address}>"


def _thread(message: Outgoing) -> list[str]:
    """In-Reply-To and References (RFC 5322 3.6.4), the oldest first; of a long thread its beginning and its end."""
    known = [name for name in message.references if _MESSAGE_ID.match(name)]
    if len(known) > _MOST_REFERENCES:
        known = [known[0], *known[1 - _MOST_REFERENCES :]]
    fields = []
    if message.in_reply_to and _MESSAGE_ID.match(message.in_reply_to):
        fields.append(f"In-Reply-To: <{message.in_reply_to}>")
    if known:
        fields.append("References: " + "\r\n ".join(f"<{name}>" for name in known))
    return fields


def _unsubscribing(message: Outgoing) -> list[str]:
    """RFC 2369 and RFC 8058: the link is first, for it is the one that works by itself."""
    uris = [uri for uri in (message.unsubscribe_url, message.unsubscribe_mailto) if uri]
    fields = []
    if uris:
        fields.append("List-Unsubscribe: " + ",\r\n ".join(f"<{_checked(_URI, uri)}>" for uri in uris))
    if message.unsubscribe_url:
        fields.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return fields


def _content(message: Outgoing) -> bytes:
    """The fields that describe the body, and the body."""
    text = _text_part("plain", message.text)
    # Made of what it holds, so that nothing in there can have been written to contain it.
    digest = blake2b(message.message_id.encode(), digest_size=12)
    if message.html is None:
        content = text
    else:
        html = _text_part("html", message.html)
        digest.update(text + html)
        content = _multipart("alternative", digest.hexdigest(), [text, html])
    if message.attachments:
        digest.update(content)
        parts = [content, *(attachment.part for attachment in message.attachments)]
        content = _multipart("mixed", digest.hexdigest(), parts)
    return content


def _multipart(kind: str, mark: str, parts: Sequence[bytes]) -> bytes:
    # No line of quoted-printable or base64 can begin like this (RFC 2045 6.7).
    boundary = f"=_{mark}".encode()
    head = b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (kind.encode(), boundary)
    return head + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary


def _text_part(kind: str, text: str) -> bytes:
    text = in_lines(text)
    encoding = "7bit"
    if text.isascii():
        body = text.encode("ascii")
        # mbox writers put ">" before such a line, under our signature.
        if max(map(len, text.split("\n"))) > _LONGEST_LINE or ("From " in text and _FROM_LINE.search(text)):
            encoding, body = "quoted-printable", _quoted(body)
    else:
        octets = text.encode()
        # A third of it beyond ASCII, and base64 is shorter.
        if len(octets) - len(text) > len(text) // 3:
            encoding, body = "base64", base64.encodebytes(octets.replace(b"\n", b"\r\n"))
        else:
            encoding, body = "quoted-printable", _quoted(octets)
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii") + body.replace(b"\n", b"\r\n")


def in_lines(text: str) -> str:
    """*text* as a body may hold it: lines that end with a line feed, the last one too, and no controls but tabs."""
    if "\r" in text:
        text = _NEWLINE.sub("\n", text)
    if not text.isprintable():
        text = _CONTROL_IN_TEXT.sub("", text)
    return text.rstrip("\n") + "\n"


def with_crlf(octets: bytes) -> bytes:
    """*octets* with all lines ended by CRLF: a lone CR or LF is an end of line to some, so it must be one to all."""
    # Counting is quicker than replacing, and messages of ours have no other.
    if octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n"):
        return octets
    return _EOL.sub(b"\r\n", octets)


def _quoted(octets: bytes) -> bytes:
    quoted = binascii.b2a_qp(octets, istext=True)
    if quoted.startswith(b"From "):
        quoted = b"=46" + quoted[1:]
    return quoted.replace(b"\nFrom ", b"\n=46rom ")


def _folded(text: str, used: int) -> str | None:
    """*text* in lines that end before a space; None if a word is too long for one."""
    lines, line, room = [], "", _LINE - used
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = "", _LINE - 1
        if len(word) > room:
            return None
        line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def _encoded_words(text: str) -> str:
    """RFC 2047 with base64; no character is cut in two (section 5)."""
    words, word = [], b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > _WORD:
            words.append(word)
            word = b""
        word += encoded
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in [*words, word])


def _file_name(text: str) -> str:
    name = _NO_FILE_NAME.sub("_", in_one_line(text)).strip(" .") or "file"
    stem, dot, suffix = name.rpartition(".")
    if len(name) > _LONGEST_FILE_NAME and dot and len(suffix) <= 8:
        return stem[: _LONGEST_FILE_NAME - len(suffix) - 1] + dot + suffix
    return name[:_LONGEST_FILE_NAME].strip(" .")


def _checked(form: re.Pattern[str], text: str) -> str:
    if not form.match(text):
        raise ValueError(f"{text[:80]!r} cannot stand in this header field")
    return text
