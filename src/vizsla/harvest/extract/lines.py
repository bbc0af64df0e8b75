"""
What lines of text does a reader see, and what is linked and marked in them?

Tags are read one after the other, without a tree: an address needs its line and the lines round it, and a tree costs ten
times as much and, unclosed and nested by the ten thousand, quadratic time. Block tags end a line; inline tags do not, so an
address cut by tags is whole again, but the place is remembered: `<b>Jane Doe</b><i>Manager</i>` is two things.
Tags are told as in the HTML standard 13.2.5: a quote counts after `=` alone, and what is never closed runs to the end.
"""

import html as entities
import re
from bisect import bisect_left, bisect_right

import msgspec

from vizsla.harvest.extract.decode import decode_cloudflare, decode_rot13, decode_typo3, decode_typo3_token

_ATTRIBUTES = r"(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s\"'>][^\s>]*+)?+)*+"
_TOKEN = re.compile(
    rf"<(?:(?P<raw>script|style|noembed|noframes|xmp|iframe)(?=[\s/>]){_ATTRIBUTES}(?:>.*?(?:</(?P=raw)[^>]*+(?:>|\Z)|\Z)|\Z)"
    rf"|!--.*?(?:-->|\Z)|(?P<close>/?)(?P<name>[a-z][a-z0-9:-]*+)(?P<attributes>{_ATTRIBUTES})(?:>|\Z)|[!?/][^>]*+(?:>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark nobr q s samp small span strike strong sub sup time tt u var wbr svg use path".split()
)
_VOID_OR_SOFT = frozenset(["wbr", "img", "use", "path", "input"])
_VALUE = r"\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))"
_HREF = re.compile(r"(?<![\w-])href" + _VALUE, re.IGNORECASE)
_CLOUDFLARE = re.compile(r"data-cfemail" + _VALUE, re.IGNORECASE)
_TYPO3_TOKEN = re.compile(r"data-mailto-token" + _VALUE, re.IGNORECASE)
_ROT13 = re.compile(r"data-enc-email" + _VALUE, re.IGNORECASE)
_DATA_MAIL = re.compile(r"data-[\w-]{0,30}mail[\w-]{0,30}" + _VALUE, re.IGNORECASE)
_ITEMPROP = re.compile(r"itemprop" + _VALUE, re.IGNORECASE)
_ITEMTYPE = re.compile(r"itemtype" + _VALUE, re.IGNORECASE)
_CONTENT = re.compile(r"(?<![\w-])content" + _VALUE, re.IGNORECASE)
_CLASS = re.compile(r"(?<![\w-])class" + _VALUE, re.IGNORECASE)
_PLACEHOLDER = re.compile(r"placeholder" + _VALUE, re.IGNORECASE)
_SHOWN = re.compile(r"(?<![\w-])(?:title|alt)" + _VALUE, re.IGNORECASE)
_MAILTO = re.compile(r"mailto:[^\"'<>\s\\]{3,200}", re.IGNORECASE)
_FORGOTTEN = re.compile(r"(?:https?://)?([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})/?\Z", re.IGNORECASE)
"""An address for a link where somebody forgot `mailto:`, or took it for a site."""
_HIDDEN = re.compile(r"display\s{0,9}:\s{0,9}none", re.IGNORECASE)
_REVERSED = re.compile(r"unicode-bidi\s{0,9}:\s{0,9}bidi-override|dir\s{0,9}=\s{0,9}[\"']?rtl", re.IGNORECASE)
_SPIP = re.compile(r"#([\w.+-]{1,64})#mc#([\w.-]{4,190})#\Z")
_HASH = "/cdn-cgi/l/email-protection#"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_HCARD = {"fn": "name", "n": "name", "email": "email", "u-email": "email", "p-name": "name", "p-job-title": "jobTitle", "tel": "telephone",
          "title": "jobTitle", "role": "jobTitle", "p-tel": "telephone"}  # fmt: skip
_CARD_CLASSES = frozenset(["vcard", "h-card"])
MAX_SCOPES = 1_000
MAX_ATTRIBUTES = 20_000
MAX_LINE = 4_000
"""Longer runs of text without a block tag are cut: no person stands four thousand characters from an address."""


class Link(msgspec.Struct, gc=False):
    """A link: where its text stands in the line, and where it leads. `how` names the disguise the href was in."""

    start: int
    end: int
    href: str
    how: str = ""


class Span(msgspec.Struct, gc=False):
    """Characters of a line that the page did not write plainly."""

    start: int
    end: int
    how: str


class Line(msgspec.Struct):
    """One line as a reader sees it, white space run together."""

    text: str
    tag: str = ""
    """The block tag it stands in: `h3`, `td`, `pre` …"""
    cuts: list[int] = []
    """Offsets at which an inline element begins or ends, ascending."""
    links: list[Link] = []
    spans: list[Span] = []
    notes: list[tuple[int, str, str]] = []
    """Texts of `title` and `alt`, which browsers show, and JSON in attributes: the offset of the element, `how`, the text."""

    def cuts_between(self, start: int, end: int) -> list[int]:
        """The cuts after *start* and before *end*."""
        return self.cuts[bisect_right(self.cuts, start) : bisect_left(self.cuts, end)] if self.cuts else []


class Scope(msgspec.Struct):
    """A microdata item or an hCard."""

    kind: str
    """The schema.org type in lower case, `hcard` for a vcard class."""
    line: int
    """The number of the line in which it opens."""
    props: list[tuple[str, str]] = []


class Text(msgspec.Struct):
    """A piece of a page as lines."""

    lines: list[Line] = []
    scopes: list[Scope] = []
    protected: int = 0
    """Disguises seen and left alone."""
    placeholders: int = 0


def read_lines(html: str, *, in_pre: bool = False, decode_protected: bool = False) -> Text:
    """The lines of *html*, which may begin anywhere between tags."""
    reader = _Reader(in_pre, decode_protected)
    last = 0
    for token in _TOKEN.finditer(html):
        start = token.start()
        if start > last:
            reader.text(html[last:start])
        last = token.end()
        name = token["name"]
        if name is not None:
            reader.tag(name.lower(), bool(token["close"]), token["attributes"])
        elif token["raw"] is not None:
            reader.end_line()
    if last < len(html):
        reader.text(html[last:])
    return reader.finish()


def read_plain(text: str) -> Text:
    """The lines of text that has no markup."""
    return Text([Line(" ".join(line.split()), "pre") for part in text.splitlines() for line in _pieces(part)])


def _pieces(text: str) -> list[str]:
    return [text[at : at + MAX_LINE] for at in range(0, len(text), MAX_LINE)] or [""]


class _Reader:
    def __init__(self, in_pre: bool, decode_protected: bool) -> None:
        self._decode = decode_protected
        self._result = Text()
        self._parts: list[str] = []
        self._length = 0
        self._space = False
        self._line = Line("", "pre" if in_pre else "")
        self._pre = in_pre
        self._block = self._line.tag
        self._link: Link | None = None
        # What runs until the matching end tag: its name, how deep, what it is.
        self._until = ""
        self._depth = 0
        self._muted = False
        self._reversed_from = -1
        self._scopes: list[tuple[Scope, str, int]] = []
        self._prop: tuple[Scope, str, str, int, list[str]] | None = None

    def text(self, raw: str) -> None:
        if self._muted:
            return
        text = raw
        how = ""
        if "&" in raw:
            text = entities.unescape(raw)
            if "@" in text and text.count("@") > raw.count("@"):
                how = "entity"
        if not text.isascii():
            text = text.translate(_INVISIBLE)
        if self._pre and "\n" in text:
            *whole, text = text.split("\n")
            for line in whole:
                self._add(line, how)
                self.end_line()
        self._add(text, how)

    def _add(self, text: str, how: str) -> None:
        words = " ".join(text.split())
        if not words:
            self._space = self._space or bool(text)
            return
        if self._length > MAX_LINE:
            self.end_line()
        if (self._space or text[0].isspace()) and self._length:
            words = " " + words
        self._space = text[-1].isspace()
        if how:
            self._line.spans.append(Span(self._length, self._length + len(words), how))
        self._parts.append(words)
        self._length += len(words)
        if self._prop is not None:
            self._prop[4].append(words)

    def tag(self, name: str, closing: bool, attributes: str) -> None:
        if self._until and name == self._until:
            self._depth += -1 if closing else 1
            if self._depth == 0:
                self._end_special()
        inline = name in _INLINE
        if self._until and not inline:
            # What hides or turns letters of an address sits inside one line; unclosed, it must not swallow the page.
            self._end_special()
        if self._muted:
            return
        if inline:
            if name not in _VOID_OR_SOFT and self._length:
                cuts = self._line.cuts
                if not cuts or cuts[-1] != self._length:
                    cuts.append(self._length)
        else:
            self.end_line()
            self._block = "" if closing else name
            self._line.tag = "pre" if self._pre else self._block
            if name in ("pre", "listing"):
                self._pre = not closing
        if closing:
            if name == "a":
                self._end_link()
            self._close_scopes(name)
        else:
            scopes, prop = len(self._scopes), self._prop
            if attributes:
                self._attributes(name, attributes)
            if self._scopes and len(self._scopes) == scopes:
                self._open_in_scope(name, same_prop=self._prop is prop)

    def _attributes(self, name: str, attributes: str) -> None:
        if name == "a" or (name in ("link", "area") and "@" in attributes):
            self._end_link()
            href = _value(_HREF, attributes)
            if href:
                self._begin_link(href)
        if "data-" in attributes:
            self._data_attributes(attributes)
        if ("item" in attributes or "card" in attributes or self._scopes) and len(self._result.scopes) < MAX_SCOPES:
            self._scope_attributes(name, attributes)
        if "@" in attributes:
            if name == "meta" and "itemprop" not in attributes and (value := _value(_CONTENT, attributes)):
                self._line.notes.append((0, "meta", entities.unescape(value[:1_000])))
            elif (value := _value(_PLACEHOLDER, attributes)) and "@" in value:
                self._result.placeholders += 1
            elif value := _value(_SHOWN, attributes):
                self._line.notes.append((self._length, "text", entities.unescape(value[:1_000])))
            mailto = _MAILTO.search(attributes)
            if mailto and not (self._link and "mailto:" in self._link.href.lower()):
                # A script moves to it when the element is clicked.
                self._line.links.append(Link(self._length, self._length, entities.unescape(mailto[0])))
            if "{" in attributes and "mail" in attributes.lower():
                self._line.notes.append((self._length, "script", entities.unescape(attributes[:MAX_ATTRIBUTES])))
        if self._until or name not in _INLINE:
            return
        if "none" in attributes and _HIDDEN.search(attributes):
            self._line.spans.append(Span(self._length, self._length, "hidden"))
            self._until, self._depth, self._muted = name, 1, True
        elif (
            ("bidi" in attributes or "rtl" in attributes)
            and (name == "bdo" or "bidi" in attributes)
            and _REVERSED.search(attributes)
        ):
            self._until, self._depth, self._reversed_from = name, 1, self._length

    def _begin_link(self, href: str) -> None:
        how = ""
        if _HASH in href:
            address = decode_cloudflare(href.partition(_HASH)[2]) if self._decode else None
            self._result.protected += not self._decode
            href, how = ("mailto:" + address, "cloudflare") if address else ("", "")
        elif "ncryptmailto" in href.lower():
            plain = decode_typo3(href) if self._decode else None
            self._result.protected += not self._decode
            href, how = (plain, "typo3") if plain else ("", "")
        elif href[:7].lower() == "znvygb:":
            self._result.protected += not self._decode
            href, how = (decode_rot13(href), "rot13") if self._decode else ("", "")
        elif "#mc#" in href and (parts := _SPIP.match(href)):
            self._result.protected += not self._decode
            href, how = (f"mailto:{parts[1]}@{parts[2]}", "script") if self._decode else ("", "")
        elif "&" in href:
            plain = entities.unescape(href)
            how = "entity" if plain.count("@") > href.count("@") else ""
            href = plain
        href = href.strip()
        if "@" in href and (forgotten := _FORGOTTEN.match(href)):
            href = "mailto:" + forgotten[1]
        self._link = Link(self._length, self._length, href, how)

    def _data_attributes(self, attributes: str) -> None:
        lower = attributes.lower()
        if code := "data-cfemail" in lower and _value(_CLOUDFLARE, attributes):
            self._disguised(decode_cloudflare(code) if self._decode else None, "cloudflare")
        elif token := "data-mailto-token" in lower and _value(_TYPO3_TOKEN, attributes):
            plain = decode_typo3_token(entities.unescape(token)) if self._decode else None
            self._disguised(plain.partition(":")[2] if plain else None, "typo3")
        elif text := "data-enc-email" in lower and _value(_ROT13, attributes):
            self._disguised(decode_rot13(entities.unescape(text)) if self._decode else None, "rot13")
        elif "mail" in lower and "@" in attributes and (value := _value(_DATA_MAIL, attributes)):
            self._line.links.append(Link(self._length, self._length, "mailto:" + entities.unescape(value)))

    def _disguised(self, plain: str | None, how: str) -> None:
        if plain is None:
            self._result.protected += 1
            return
        self._line.links.append(Link(self._length, self._length, "mailto:" + plain, how))

    def _end_special(self) -> None:
        if self._reversed_from >= 0 and self._reversed_from < self._length:
            text = "".join(self._parts)
            start = self._reversed_from
            # Left alone it must not be read backwards either: `moc.emca@enaj` can look like an address.
            turned = text[start:][::-1] if self._decode else ""
            self._result.protected += not self._decode
            self._parts = [text[:start], turned]
            self._length = start + len(turned)
            self._line.cuts = [cut for cut in self._line.cuts if cut <= start]
            self._line.spans.append(Span(start, self._length, "reversed"))
        self._until, self._depth, self._muted, self._reversed_from = "", 0, False, -1

    def _end_link(self) -> None:
        link = self._link
        if link is not None:
            link.end = max(self._length, link.start)
            self._line.links.append(link)
            self._link = None

    def end_line(self) -> None:
        link = self._link
        if link is not None and (self._length > link.start or not self._length):
            # A link round a whole card goes on in the next line, but its text there is not the link's own.
            self._end_link()
        line = self._line
        if self._length or line.links or line.notes:
            line.text = "".join(self._parts)
            self._result.lines.append(line)
            self._line = Line("", "pre" if self._pre else self._block)
            self._parts, self._length = [], 0
        else:
            # Three of four block tags end a line in which nothing was.
            line.tag = "pre" if self._pre else self._block
            if line.spans:
                line.spans = []
        self._space = False
        self._reversed_from = min(0, self._reversed_from)

    def finish(self) -> Text:
        self._end_link()
        self.end_line()
        self._end_prop()
        return self._result

    # Microdata and hCard: the innermost scope alone watches for its end tag, so that a nest costs no more than its tags.

    def _scope_attributes(self, name: str, attributes: str) -> None:
        value = _value(_ITEMPROP, attributes) if "itemprop" in attributes else None
        if "itemscope" in attributes or "itemtype" in attributes:
            kind = (_value(_ITEMTYPE, attributes) or "").rstrip("/").rpartition("/")[2].lower()
            self._open_scope(kind, name)
        elif "card" in attributes and _CARD_CLASSES & set((_value(_CLASS, attributes) or "").lower().split()):
            self._open_scope("hcard", name)
            return
        elif self._scopes and value is None and self._scopes[-1][0].kind == "hcard" and "class" in attributes:
            classes = (_value(_CLASS, attributes) or "").lower().split()
            value = next((_HCARD[each] for each in classes if each in _HCARD), None)
        if value and self._scopes and "itemscope" not in attributes:
            scope = self._scopes[-1][0]
            given = _value(_CONTENT, attributes)
            if given is None and value == "email" and name == "a":
                given = (_value(_HREF, attributes) or "").removeprefix("mailto:").partition("?")[0] or None
            if given is not None:
                scope.props.append((value, entities.unescape(given)))
            elif name not in ("meta", "link", "img", "input", "br"):
                self._end_prop()
                self._prop = (scope, value, name, 1, [])
        elif value and not self._scopes and value == "email":
            given = _value(_CONTENT, attributes)
            if given:
                self._result.scopes.append(Scope("", len(self._result.lines), [("email", entities.unescape(given))]))

    def _open_scope(self, kind: str, name: str) -> None:
        if name in ("meta", "link", "input", "br", "img"):
            return
        scope = Scope(kind, len(self._result.lines))
        self._result.scopes.append(scope)
        self._scopes.append((scope, name, 1))

    def _open_in_scope(self, name: str, *, same_prop: bool) -> None:
        scope, tag, depth = self._scopes[-1]
        if tag == name:
            self._scopes[-1] = (scope, tag, depth + 1)
        if same_prop and self._prop is not None and self._prop[2] == name:
            self._prop = (*self._prop[:3], self._prop[3] + 1, self._prop[4])

    def _close_scopes(self, name: str) -> None:
        if self._prop is not None and self._prop[2] == name:
            if self._prop[3] == 1:
                self._end_prop()
            else:
                self._prop = (*self._prop[:3], self._prop[3] - 1, self._prop[4])
        if self._scopes and self._scopes[-1][1] == name:
            scope, tag, depth = self._scopes[-1]
            if depth == 1:
                self._scopes.pop()
            else:
                self._scopes[-1] = (scope, tag, depth - 1)

    def _end_prop(self) -> None:
        if self._prop is not None:
            scope, name, _, _, parts = self._prop
            if text := " ".join("".join(parts).split())[:500]:
                scope.props.append((name, text))
            self._prop = None


def _value(attribute: re.Pattern[str], attributes: str) -> str | None:
    match = attribute.search(attributes)
    return next((group for group in match.groups() if group is not None), None) if match else None
