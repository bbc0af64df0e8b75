"""
How is an address written so that a machine should not read it?

Each function undoes one disguise and gives the text, or None when it was not that disguise. They judge nothing: what comes
out is looked at like any other text of the page.
"""

import base64
import binascii
import codecs
import html as entities
import re
from itertools import islice
from urllib.parse import unquote

MAX_DISGUISED = 2_048

# TYPO3's decryptCharcode: three ranges of ASCII, each turned within itself.
_TYPO3_RANGES = ((0x2B, 0x3A), (0x40, 0x5A), (0x61, 0x7A))
_TYPO3_CALL = re.compile(
    r"linkTo_UnCryptMailto\(\s{0,4}(?:'|\"|%27|&#39;)([^'\"()]{1,600}?)(?:'|\"|%27|&#39;)", re.IGNORECASE
)
_JOINED = re.compile(r"""(["'])\s{0,20}\+\s{0,20}(["'])""")
_ATOB = re.compile(r"""atob\(\s{0,8}["']([A-Za-z0-9+/=_-]{8,2048})["']""")
_CODES = re.compile(r"fromCharCode\(([\d\s,]{5,4096})\)", re.IGNORECASE)
_ASSIGNED = re.compile(r"""(?<![\w.])(\w{1,40})\s{0,4}=\s{0,4}(["'])([^"'\n]{1,200})\2\s{0,4}[;,\n]""")
_USED = re.compile(r"(?:(?<=\+ )|(?<=\+)|(?<== ))(\w{1,40})(?=\s{0,4}\+)|(?<=\+ )(\w{1,40})(?=\s{0,4}[;),])")
MAX_VARIABLES = 50
_AT_MARK = re.compile(r"\s?[\[({]\s?(?:at|@)\s?[\])}]\s?", re.IGNORECASE)


def decode_cloudflare(code: str) -> str | None:
    """`data-cfemail`: hexadecimal, the first byte is the key of an exclusive or."""
    if not 6 <= len(code) <= MAX_DISGUISED:
        return None
    try:
        key, *rest = bytes.fromhex(code[: len(code) & ~1])
    except ValueError:
        return None
    return bytes(byte ^ key for byte in rest).decode("utf-8", "replace")


def decode_typo3(href: str) -> str | None:
    """`javascript:linkTo_UnCryptMailto('…')`: a Caesar cipher whose offset is each site's own."""
    call = _TYPO3_CALL.search(href[:MAX_DISGUISED])
    return decode_typo3_token(unquote(call[1])) if call else None


def decode_typo3_token(token: str) -> str | None:
    """The text in a TYPO3 token of unknown offset: the one turn that gives a `mailto:`."""
    if not token or not "a" <= token[0] <= "z":
        return None
    offset = ord("m") - ord(token[0])
    if not offset or "".join(_turn(character, offset) for character in token[:7]) != "mailto:":
        return None
    return "".join(_turn(character, offset) for character in token[:MAX_DISGUISED])


def decode_rot13(text: str) -> str:
    """ROT13; a bracketed `at` that stands for the sign is put right, before or after."""
    turned = codecs.encode(_AT_MARK.sub("@", text[:MAX_DISGUISED]), "rot13")
    return _AT_MARK.sub("@", turned)


def join_literals(script: str) -> str:
    """
    JavaScript with `'a' + '@' + 'b'` as `'a@b'`, `atob('…')` and `fromCharCode(…)` as the text they make, and a variable that is
    added to something as the text it was given first.
    """
    text = _ATOB.sub(lambda match: f"'{_from_base64(match[1])}'", script)
    text = _CODES.sub(lambda match: f"'{_from_codes(match[1])}'", text)
    text = _join(text)
    if "&#" in text:
        text = _join(entities.unescape(text))
    variables = {match[1]: match[3] for match in reversed(list(islice(_ASSIGNED.finditer(text), MAX_VARIABLES)))}
    if not variables:
        return text
    return _join(
        _USED.sub(
            lambda match: f"'{variables[name]}'" if (name := match[1] or match[2]) in variables else match[0], text
        )
    )


def _join(script: str) -> str:
    return _JOINED.sub(lambda match: "" if match[1] == match[2] else match[0], script)


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _from_codes(text: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d{1,4}", text)]
    return "".join(chr(number) for number in numbers if number < 0xD800)


def _turn(character: str, offset: int) -> str:
    code = ord(character)
    for low, high in _TYPO3_RANGES:
        if low <= code <= high:
            return chr(low + (code - low + offset) % (high - low + 1))
    return character
