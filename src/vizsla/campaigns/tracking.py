"""
Which message does an address in a mail belong to?

What stands in pixels, links, unsubscribe links and return paths is a token: ids and an HMAC over them, and never where a link leads.
Each kind is good for its own purpose alone. A token names its key by one byte, so that a new key can be taken while what was sent
under the old ones goes on being understood: an unsubscribe link has to work for ever.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from typing import Final

import msgspec

from vizsla.privacy.claims import Claims

OPEN, CLICK, UNSUBSCRIBE, RETURN = b"o", b"c", b"u", b"b"
_MAC = 16
"""Bytes of the HMAC in what stands in a URL."""
_SHORT_MAC = 10
"""Bytes in a return path, whose local part has room for 64 octets (RFC 5321 4.5.3.1.1)."""
_NAME_MAC = 5
_HASH = 32
_LONGEST = 200
"""Characters of a token: none of ours is longer."""
_LARGEST_ID = 2**63 - 1
_LOCAL = 64
_VERP = re.compile(r"\+b\.([a-z2-7]{20,48})\Z")
_HREF = re.compile(
    r"""(<a\s[^<>]{0,2000}?\bhref\s*=\s*)(?:"([^"<>]{1,2000})"|'([^'<>]{1,2000})')""", re.IGNORECASE | re.ASCII
)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
TEXT_URL: Final = re.compile(r"https?://[^\s<>\"'()\[\]{}|\\^`]{1,2000}", re.IGNORECASE)


class Opened(msgspec.Struct, frozen=True):
    """A pixel was loaded."""

    account_id: int
    message_id: int


class Clicked(msgspec.Struct, frozen=True):
    """A link was followed."""

    account_id: int
    campaign_id: int
    message_id: int
    link: int


class Unsubscribing(msgspec.Struct, frozen=True):
    """Somebody wants no more."""

    account_id: int
    recipient_id: int
    hash: str
    """Of the address, as `privacy.claims` makes it: the recipient may have been forgotten by now."""


class Returned(msgspec.Struct, frozen=True):
    """A report came back to the address that the message was sent from."""

    account_id: int
    message_id: int


Token = Opened | Clicked | Unsubscribing | Returned


class Tokens:
    """Makes and reads them; *old* secrets are read and never written."""

    def __init__(self, secret: bytes, old: Sequence[bytes] = ()) -> None:
        self._claims = Claims(secret)
        self._keys = [_key(one) for one in (secret, *old)]

    def open_token(self, account_id: int, message_id: int) -> str:
        """For the pixel of a message."""
        return _text(self._sign(OPEN, _ids(account_id, message_id), _MAC))

    def click_token(self, account_id: int, campaign_id: int, message_id: int, link: int) -> str:
        """For the campaign's link of that number in a message."""
        return _text(self._sign(CLICK, _ids(account_id, campaign_id, message_id, link), _MAC))

    def unsubscribe_token(self, account_id: int, recipient_id: int, email: str) -> str:
        """For a recipient, whose address is *email* in lower case."""
        hashed = bytes.fromhex(self._claims.hash(email))
        return _text(self._sign(UNSUBSCRIBE, _ids(account_id, recipient_id) + hashed, _MAC))

    def return_path(self, email: str, account_id: int, message_id: int) -> str:
        """The envelope sender of a message from *email* (VERP); *email* itself if its local part is too long for that."""
        local, _, domain = email.rpartition("@")
        signed = self._sign(RETURN, _ids(account_id, message_id), _SHORT_MAC)
        tagged = f"{local}+b.{base64.b32encode(signed).decode().rstrip('=').lower()}"
        return f"{tagged}@{domain}" if len(tagged) <= _LOCAL else email

    def message_name(self, account_id: int, campaign_id: int, recipient_id: int, step: int, domain: str) -> str:
        """The Message-ID, without angles, of a step to a recipient: always the same one, and nobody else can make it up."""
        signed = _mac(self._keys[0], b"m" + _ids(account_id, campaign_id, recipient_id, step))[:_NAME_MAC]
        return f"c{campaign_id}.r{recipient_id}.s{step}.{base64.b32encode(signed).decode().lower()}@{domain}"

    def read(self, token: str) -> Opened | Clicked | Unsubscribing | None:
        """What *token* was made for; None if it was not made here."""
        if not token.isascii() or len(token) > _LONGEST:
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        # Of the last character some bits are spare, and other characters are skipped: there is one way to write a token.
        body = self._check(raw, _MAC) if _text(raw) == token else None
        return _read(body) if body else None

    def read_return_path(self, address: str) -> Returned | None:
        """The message that *address* was the envelope sender of."""
        found = _VERP.search(address.rpartition("@")[0].lower()[-100:])
        if found is None:
            return None
        text = found[1].upper()
        try:
            raw = base64.b32decode(text + "=" * (-len(text) % 8))
        except binascii.Error:
            return None
        body = self._check(raw, _SHORT_MAC)
        if body is None or body[:1] != RETURN:
            return None
        ids = _read_ids(body[2:], 2)
        return Returned(*ids) if ids else None

    def _sign(self, kind: bytes, content: bytes, length: int) -> bytes:
        body = kind + self._keys[0][:1] + content
        return body + _mac(self._keys[0], body)[:length]

    def _check(self, raw: bytes, length: int) -> bytes | None:
        body, mac = raw[:-length], raw[-length:]
        if len(body) < 3:
            return None
        for key in self._keys:
            if key[:1] == body[1:2] and hmac.compare_digest(_mac(key, body)[:length], mac):
                return body
        return None


def track(
    html: str | None,
    text: str,
    *,
    tokens: Tokens,
    base_url: str,
    account_id: int,
    campaign_id: int,
    message_id: int,
    opens: bool,
    links: Mapping[str, int],
) -> tuple[str | None, str]:
    """
    *html* and *text* of one message with tracked links in place of *links* (URL → number), and the pixel if *opens*.

    Only those links are touched: what was written for one recipient alone, and how to unsubscribe, stay what they are. Where there
    is HTML the text keeps its own.
    """

    def address(number: int) -> str:
        return f"{base_url}/t/c/{tokens.click_token(account_id, campaign_id, message_id, number)}"

    def in_html(match: re.Match[str]) -> str:
        number = links.get(unescape(match[2] or match[3]).strip())
        return match[0] if number is None else f'{match[1]}"{escape(address(number))}"'

    def in_text(match: re.Match[str]) -> str:
        url = trim_url(match[0])
        number = links.get(url)
        return match[0] if number is None else address(number) + match[0][len(url) :]

    if html is None:
        return None, TEXT_URL.sub(in_text, text) if links else text
    if links:
        html = _HREF.sub(in_html, html)
    if opens:
        pixel = f'<img src="{escape(base_url)}/t/o/{tokens.open_token(account_id, message_id)}.gif" width="1" height="1" alt="">'
        ends = list(_BODY_END.finditer(html))
        at = ends[-1].start() if ends else len(html)
        html = html[:at] + pixel + html[at:]
    return html, text


def hrefs(html: str) -> list[str]:
    """Where the links of *html* lead, as a browser would read it."""
    return [unescape(match[2] or match[3]).strip() for match in _HREF.finditer(html)]


def trim_url(url: str) -> str:
    """*url* without the full stop of the sentence it ends."""
    return url.rstrip(".,;:!?*_~")


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, b"vizsla tracking 1", hashlib.sha256)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _ids(*ids: int) -> bytes:
    """Numbers in as few bytes as they need, seven bits in each, the lowest first."""
    out = bytearray()
    for id_ in ids:
        left = id_
        while left > 0x7F:
            out.append(left & 0x7F | 0x80)
            left >>= 7
        out.append(left)
    return bytes(out)


def _read_ids(content: bytes, count: int) -> tuple[int, ...] | None:
    ids, value, shift = list[int](), 0, 0
    for byte in content:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            ids.append(value)
            value, shift = 0, 0
    return tuple(ids) if len(ids) == count and not shift and max(ids) <= _LARGEST_ID else None


def _read(body: bytes) -> Opened | Clicked | Unsubscribing | None:
    kind, content = body[:1], body[2:]
    if kind == OPEN and (ids := _read_ids(content, 2)):
        return Opened(*ids)
    if kind == CLICK and (ids := _read_ids(content, 4)):
        return Clicked(*ids)
    if kind == UNSUBSCRIBE and (ids := _read_ids(content[:-_HASH], 2)):
        return Unsubscribing(ids[0], ids[1], content[-_HASH:].hex())
    return None
