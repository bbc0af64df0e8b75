"""
Which addresses stand in a line of text, and which only look like one?

Every search begins at the sign and looks a bounded way to both sides, so that no text is slow. What is refused is refused
for a reason with a name, and counted under it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from vizsla.harvest.extract.lines import Line, Link
from vizsla.harvest.extract.placeholders import is_placeholder
from vizsla.kit.domain_name import is_known_suffix, to_ascii

MAX_LOCAL = 64
MAX_HREF = 2_048
_LOCAL_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-'&=/!#$*?^`{|}~"
_TRIM = "._%+-'&=/!#$*?^`{|}~"
_LOCAL = re.compile(r"[a-z0-9_][a-z0-9_+'&=-]*(?:\.[a-z0-9_+'&=-]+)*\Z")
_HOST = re.compile(r"(?:[^\W_]|-)[\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){1,8}")
_SEPARATORS = re.compile(r"[,;]")
_TOKEN = re.compile(r"[^\s\"'<>(),;]{0,160}\Z")
_ORDINAL = re.compile(r"\.\d{1,2}\.[a-z]+\Z")
_ESCAPES = re.compile(r"(?:%[0-9a-f]{2}|u00[0-9a-f]{2})+", re.IGNORECASE)
_GLUED = re.compile(r"(?<=[a-z])(?=[A-Z])")

_AT = re.compile(
    r"@"
    r"|(?<=\S)\s?[\[({<]{1,2}\s?(?:at(?: symbol| sign)?|@|ät|arroba|a\.t)\s?[\])}>]{1,2}\s?(?=\w)"
    r"|(?<=\w) AT (?=\w)|(?<=\w) at (?=\w)|(?<=\w) @ (?=\w)|(?<=\w)_at_(?=\w)",
    re.IGNORECASE,
)
_SPELT_HOST = re.compile(
    r"[^\W_][\w-]{0,62}(?:(?:\s?[\[({<]\s?(?:dot|\.|punkt|punto|point)\s?[\])}>]\s?|\sdot\s|\.)[^\W_][\w-]{0,62}){1,8}",
    re.IGNORECASE,
)
_SPELT_DOT = re.compile(r"\s?[\[({<]\s?(?:dot|\.|punkt|punto|point)\s?[\])}>]\s?|\sdot\s", re.IGNORECASE)
_SPELT_LOCAL = re.compile(
    r"(?:[\w+-]{1,64}(?:\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\sdot\s)){0,4}[\w.+'-]{1,64}\Z", re.IGNORECASE
)
_SPELT_MARK = re.compile(
    r"[\[({<]\s?(?:at(?: symbol| sign)?|@|ät|arroba|a\.t|dot|\.|punkt|punto|point)\s?[\])}>]|<[^\s<>]+ at [^\s<>]+>",
    re.IGNORECASE,
)
"""What no address that is spelt is without, but for the words that `_may_be_spelt` looks for itself."""
_LOOK_BACK = 160
_LOOK_AHEAD = 260

_NOT_MAIL = (
    "sip:",
    "sips:",
    "xmpp:",
    "acct:",
    "mid:",
    " ssh",
    " scp",
    " rsync",
    " sftp",
    "svn+ssh:",
    "ssh-copy-id",
    "message-id",
    "message-id:",
    "references:",
    "in-reply-to:",
)
"""What stands before something with a sign that is not mail: logins, identifiers of calls, chats and messages."""
_MESSAGE_ID = re.compile(r"(?:\d{8,}[\w.=+-]*|[0-9a-f]{24,}|(?=(?:\D*\d){9})[\w.+=-]{22,})\Z")
_ASSET = frozenset(
    "png jpg jpeg gif webp svg avif ico bmp css js mjs json woff woff2 ttf map html htm php xml pdf mp4 webm mp3".split()
)


class Found(msgspec.Struct, gc=False):
    """An address at a place of a line."""

    domain: str
    local: str
    start: int
    end: int
    how: str


def find_in_lines(lines: Sequence[Line], dropped: Counter[str]) -> Iterator[tuple[int, Found]]:
    """The addresses of *lines*, each with the number of its line."""
    spelt = _may_be_spelt("\n".join([line.text for line in lines]))
    for number, line in enumerate(lines):
        # Two of three lines have nothing: they are not worth a call.
        if spelt or line.links or line.notes or "@" in line.text:
            for found in _find_in_line(line, dropped, spelt=spelt):
                yield number, found


def _find_in_line(line: Line, dropped: Counter[str], *, spelt: bool) -> list[Found]:
    """The addresses of *line*: in its links first, then in its text; one that is both is given once, for its link."""
    found: list[Found] = []
    for link in line.links:
        if target := _mail_target(link.href):
            found.extend(_find_in_target(target, link, dropped))
    text = line.text
    for at, how, note in line.notes:
        standing = find_plain(note, dropped) if how == "script" else find_in_text(note, dropped)
        found.extend(Found(address.domain, address.local, at, at, how) for address in standing)
    if not ("@" in text or (spelt and _may_stand_in(text))):
        return found
    linked = {(address.domain, address.local) for address in found}
    standing = _find_spelt(line, dropped) if spelt else _find_signs(line, dropped)
    found.extend(address for address in standing if (address.domain, address.local) not in linked)
    if len(found) > 1:
        found.sort(key=_place)
    return found


def _mail_target(href: str) -> str:
    """Whom *href* writes to, if it is a `mailto:`, without the query, which is not looked at."""
    # A `mailto:` that was taken for a relative link stands at the end of a URL.
    scheme = href.lower().rfind("mailto:") if len(href) < MAX_HREF else href[:7].lower().find("mailto:")
    if scheme < 0:
        return ""
    target = href[scheme + 7 : scheme + MAX_HREF].partition("?")[0]
    return unquote(target) if "%" in target else target


def _find_in_target(target: str, link: Link, dropped: Counter[str]) -> Iterator[Found]:
    for part in _SEPARATORS.split(target):
        mailbox = part.strip("/ <>\"'")
        if "@" not in mailbox:
            if "[" in mailbox or "(" in mailbox or " " in mailbox:
                for spelt in find_in_text(mailbox, dropped):
                    yield Found(spelt.domain, spelt.local, link.start, link.end, link.how or "obfuscated")
            continue
        local, _, host = mailbox.rpartition("<")[2].rpartition("@")
        address = check(local[-MAX_LOCAL * 2 :].strip(), host.strip().partition(" ")[0].rstrip(">"), dropped)
        if address is not None:
            yield Found(*address, link.start, link.end, link.how or "mailto")


def find_in_text(text: str, dropped: Counter[str]) -> Iterator[Found]:
    """The addresses of running text."""
    if not _may_stand_in(text):
        return iter(())
    line = Line(" ".join(text.split()))
    return _find_spelt(line, dropped) if _may_be_spelt(line.text) else _find_signs(line, dropped)


def find_plain(text: str, dropped: Counter[str]) -> Iterator[Found]:
    """The addresses of *text* whose sign is a sign; none spelt in words."""
    return _find_signs(Line(text), dropped)


def check(local: str, host: str, dropped: Counter[str]) -> tuple[str, str] | None:
    """(domain, local) in lower case if the two can be somebody's address; otherwise None, and the reason is counted."""
    local = local.lower()
    if len(local) > MAX_LOCAL:
        dropped["local_part_too_long"] += 1
        return None
    if not _LOCAL.match(local):
        dropped["not_an_address"] += 1
        return None
    host = host.lower().rstrip(".")
    name = _host(host)
    if name is None:
        dropped["asset_name" if host.rpartition(".")[2] in _ASSET else "no_such_suffix"] += 1
        return None
    if is_placeholder(local, name):
        dropped["placeholder"] += 1
        return None
    if _MESSAGE_ID.match(local):
        dropped["message_id"] += 1
        return None
    return name, local


def _place(address: Found) -> int:
    return address.start


def _may_stand_in(text: str) -> bool:
    return "@" in text or "at" in text or "AT" in text or "arroba" in text


def _may_be_spelt(text: str) -> bool:
    """Whether an address with its sign or its dots in words or brackets can stand in *text*: asked once for many lines."""
    lower = text.lower()
    return (
        any(word in lower for word in (" dot ", "_at_", " @ "))
        or " AT " in text
        or " aT " in text
        or _SPELT_MARK.search(text) is not None
    )


def _find_spelt(line: Line, dropped: Counter[str]) -> Iterator[Found]:
    text = line.text
    reached = 0
    for sign in _AT.finditer(text):
        at, after = sign.span()
        if at < reached:
            continue
        address = _plain(line, at, dropped) if sign[0] == "@" else _spelt(line, at, after, sign[0], dropped)
        if address is not None:
            reached = address.end
            yield address


def _find_signs(line: Line, dropped: Counter[str]) -> Iterator[Found]:
    at = line.text.find("@")
    while at >= 0:
        address = _plain(line, at, dropped, spelt=False)
        if address is not None:
            yield address
        at = line.text.find("@", at + 1)


def _plain(line: Line, at: int, dropped: Counter[str], *, spelt: bool = True) -> Found | None:
    text = line.text
    before = text[max(0, at - _LOOK_BACK) : at]
    local = before[len(before.rstrip(_LOCAL_CHARACTERS)) :]
    if before[: len(before) - len(local)][-1:].isalpha():
        # The end of a word in other letters: `Mobilität@Acme`. No mailbox is announced so (RFC 6531 has yet to arrive on pages).
        return None
    ahead = text[at + 1 : at + _LOOK_AHEAD]
    host = _HOST.match(ahead)
    if not local:
        return _spelt(line, at, at + 1, "@", dropped) if spelt and before[-1:] in ("]", ")", "}") else None
    if host is None:
        return (
            _spelt(line, at, at + 1, "@", dropped)
            if spelt and ("[" in ahead or "(" in ahead or " dot " in ahead or " " in ahead[:1])
            else None
        )
    if _is_other_use(local, before, ahead[host.end() : host.end() + 2], dropped):
        return None
    local = _cut_local(line, local, at)
    name = _cut_host(line, host[0], at + 1)
    if spelt and _SPELT_DOT.match(ahead, len(name)):
        return _spelt(line, at, at + 1, "@", dropped)
    address = check(local, name, dropped)
    if address is None:
        return None
    return _found(line, address, at - len(local), at + 1 + len(name), "text")


def _spelt(line: Line, at: int, after: int, sign: str, dropped: Counter[str]) -> Found | None:
    """An address with its sign or its dots in words. A bare ` at ` counts only with a spelt dot: "we met at acme.com"."""
    text = line.text
    host = _SPELT_HOST.match(text, after, after + _LOOK_AHEAD)
    before = text[max(0, at - _LOOK_BACK) : at].rstrip()
    if host is None:
        return None
    plain = before[len(before.rstrip(_LOCAL_CHARACTERS)) :]
    rest = before[: len(before) - len(plain)].rstrip()
    # The local part has dots in words too: rare, and dear to look for.
    if rest.endswith((" dot", "]", ")", "}")) and (whole := _SPELT_LOCAL.search(before[-140:])):
        plain = whole[0]
    if not plain or before[: len(before) - len(plain)][-1:].isalpha():
        return None
    spelt_dot = _SPELT_DOT.search(host[0]) is not None
    word = sign.strip()
    if word in ("at", "At") and not spelt_dot and not _is_bracketed(text, at - len(plain), host.end()):
        return None
    if sign == "@" and after < len(text) and text[after] == " " and not (plain + host[0]).islower():
        # "Jobs @ Acme.Shop": a house style, not an address.
        return None
    if word == "_at_" and not spelt_dot and "_at_" in plain:
        return None
    name = _SPELT_DOT.sub(".", host[0])
    plain_local = _SPELT_DOT.sub(".", plain).strip(_TRIM)
    if not plain_local or " " in plain_local:
        return None
    # "ask jane at acme dot com": words before a spelt address are not in it, and a sentence goes on behind it.
    name = _shorten(name)
    if to_ascii(name.lower()) is None:
        return None
    address = check(plain_local, name, dropped)
    if address is None:
        return None
    start = at - (len(text[max(0, at - _LOOK_BACK) : at]) - len(before)) - len(plain)
    return _found(
        line, address, max(0, start), host.end(), "obfuscated" if word != "@" or spelt_dot or sign != "@" else "text"
    )


def _is_bracketed(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] == "<" and text[end : end + 1] == ">" if start > 0 else False


def _found(line: Line, address: tuple[str, str], start: int, end: int, how: str) -> Found | None:
    for span in line.spans:
        if span.how == "hidden":
            if start < span.start < end:
                how = "hidden"
        elif span.start < end and start < span.end:
            how = span.how
    if how == "text" and line.cuts_between(start, end):
        how = "joined"
    return Found(*address, start, end, how)


def _is_other_use(local: str, before: str, follows: str, dropped: Counter[str]) -> bool:
    """Whether the sign separates something else than a mailbox from its host: a URL's user, a shell's login, a message id."""
    if "://" in before and (token := _TOKEN.search(before)) and "://" in token[0]:
        dropped["user_of_url"] += 1
        return True
    if (
        follows[:1] == ":" and (follows[1:] in ("~", "/") or local in ("git", "root", "svn", "hg", "pi", "ubuntu"))
    ) or follows[:1] == "@":
        dropped["login"] += 1
        return True
    if follows[:1] == "/" and local in ("git", "svn", "hg"):
        dropped["login"] += 1
        return True
    if local.startswith("/") or "//" in local:
        dropped["user_of_url"] += 1
        return True
    if (" " + before[: len(before) - len(local)][-20:].rstrip(" <")).lower().endswith(_NOT_MAIL):
        dropped["other_protocol"] += 1
        return True
    return False


def _cut_local(line: Line, local: str, at: int) -> str:
    """The local part without what another element put in front of it: `<b>Email</b><a>jane@…`."""
    start = at - len(local)
    for cut in reversed(line.cuts_between(start, at)):
        left, right = line.text[cut - 1], line.text[cut]
        if left in "._-+%" or right in "._-+%":
            continue
        piece = line.text[start:cut]
        if not piece.islower() or piece in _LABELS or any(cut in (link.start, link.end) for link in line.links):
            local = line.text[cut:at]
            break
    local = local.lstrip(_TRIM)
    if "'" in local or "=" in local or "/" in local or "|" in local:
        # Quotes, query strings and paths lean on an address more often than they are in it.
        for mark in ("=", "/", "|", "?", "'", "`", "*", "#"):
            head, found, tail = local.rpartition(mark)
            if found and tail and not (mark == "'" and head[-1:].isalpha() and len(head) < 3):
                local = tail.lstrip(_TRIM)
    escapes = _ESCAPES.match(local)
    return local[escapes.end() :] if escapes else local


def _cut_host(line: Line, host: str, start: int) -> str:
    """The host without the sentence, or the element, that goes on right behind it."""
    for cut in line.cuts_between(start, start + len(host)):
        if line.text[cut] != "." and line.text[cut - 1] != "." and _host(line.text[start:cut].lower()) is not None:
            host = line.text[start:cut]
            break
    return _shorten(host)


def _shorten(host: str) -> str:
    host = host.rstrip("-_")
    labels = host.split(".")
    while len(labels) > 2:
        last, rest = labels[-1], ".".join(labels[:-1])
        if _host(rest.lower()) is None:
            break
        # `jane@acme.com.Please`: a new sentence; `jane@acme.com.pdf`: no suffix of anybody's.
        if (last[:1].isupper() and not last.isupper() and not labels[0][:1].isupper()) or _host(host.lower()) is None:
            host, labels = rest, labels[:-1]
        else:
            break
    last = labels[-1]
    if _host(host.lower()) is None and (glued := _GLUED.search(last)):
        shorter = host[: len(host) - len(last) + glued.start()]
        if _host(shorter.lower()) is not None:
            return shorter
    return host


@lru_cache(32_768)
def _host(host: str) -> str | None:
    name = to_ascii(host)
    if name is None or "_" in name or not is_known_suffix(name.rpartition(".")[2]):
        return None
    # `content@filterempty.15.media`: an expression, not a host.
    return None if _ORDINAL.search(name) else name


_LABELS = frozenset(
    "email e-mail mail contact kontakt emails courriel correo tel fax e mailto web or and by from to".split()
)
