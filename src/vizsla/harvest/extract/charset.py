"""
In which charset is this page written?

In the order of the HTML standard: a byte order mark, the HTTP header, `<meta>`. Without any of them UTF-8, and windows-1252
when the bytes are not UTF-8, which is what browsers do. A label that lies is found out by a failing decode.
"""

import codecs
import re

_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,8}=\s{0,8}[\"']?\s{0,8}([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"<\?xml[^>]{0,80}encoding=[\"']([A-Za-z0-9_.-]{2,40})")
_HEADER = re.compile(r"charset\s{0,8}=\s{0,8}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_META_REACH = 4_096
"""The standard asks for 1,024 bytes; pages with a long comment in front exist."""
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# WHATWG: what calls itself Latin-1 or ASCII is windows-1252; the other labels are the superset that pages really use.
_MEANT = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949",
    "shift_jis": "cp932", "big5": "big5hkscs", "iso8859-11": "cp874", "tis-620": "cp874", "utf-7": "utf-8",
}  # fmt: skip
_BYTEWISE = re.compile(r"utf-8|cp125\d|cp874|cp866|iso8859-\d+|koi8-[ru]|mac-\w+|mac_\w+")


def charset_of(body: bytes, content_type: str) -> str:
    """The codec of *body*; a charset that nobody knows counts as none."""
    for mark, marked in _BOMS:
        if body.startswith(mark):
            return marked
    header = _HEADER.search(content_type[:200])
    if header and (name := _codec(header[1])):
        return name
    head = body[:_META_REACH]
    for match in (_META.search(head), _XML.match(head)):
        # A page whose meta says UTF-16 was read as ASCII this far, so it is not (HTML standard 13.2.3.3).
        if match and (name := _codec(match[1].decode("ascii"))):
            return "utf-8" if name.startswith("utf-16") else name
    return "utf-8"


def as_ascii_superset(body: bytes, charset: str) -> tuple[bytes, str]:
    """
    *body* in a charset in which every byte below 128 is an ASCII character, so that tags can be looked for in bytes.

    In Shift JIS, GBK and Big5 half a character can be an `@`, in ISO-2022-JP a `<`, in UTF-16 everything is two bytes: those
    are written anew as UTF-8.
    """
    if _BYTEWISE.fullmatch(charset):
        return body, charset
    return body.decode(charset, "replace").encode("utf-8", "replace"), "utf-8"


def decode(part: bytes, charset: str) -> str:
    """*part* as text; undecodable bytes become U+FFFD, but UTF-8 that is none is read as windows-1252."""
    if part.isascii():
        return part.decode("ascii")
    try:
        return part.decode(charset)
    except UnicodeDecodeError:
        pass
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut at the two ends, a run of UTF-8 is still UTF-8; one bad byte in much good is a slip, not another charset.
        if charset != "utf-8" or _is_mostly_utf8(part, error):
            return part.decode(charset, "replace")
    return part.decode("cp1252", "replace")


def _is_mostly_utf8(part: bytes, error: UnicodeDecodeError) -> bool:
    text = part.decode("utf-8", "ignore")
    kept = sum(1 for character in text if character > "\x7f")
    lost = len(part) - len(text.encode("utf-8"))
    return kept > lost


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    if not getattr(codecs.lookup(name), "_is_text_encoding", True):
        return None
    return _MEANT.get(name, name)
