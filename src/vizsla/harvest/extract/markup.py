"""
Which lines does a reader of this markup see?

Tags are read one after the other, without a tree: an address needs its line and the lines round it, and a tree costs ten
times as much and, unclosed and nested by the ten thousand, quadratic time. Block tags end a line; inline tags do not, so an
address cut by tags is whole again, but the place is remembered: `<b>Jane Doe</b><i>Manager</i>` is two things.
Tags are told as in the HTML standard 13.2.5: a quote counts after `=` alone, and what is never closed runs to the end.
"""

import html as entities
import re

from vizsla.harvest.extract.attributes import CONTENT, find_href, find_value, value_pattern
from vizsla.harvest.extract.decode import decode_cloudflare, decode_rot13, decode_typo3, decode_typo3_token
from vizsla.harvest.extract.lines import MAX_LINE, Line, Link, Span, Text
from vizsla.harvest.extract.microdata import ScopeReader

_ATTRIBUTES = r"(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s\"'>][^\s>]*+)?+)*+"
_TOKEN = re.compile(
    rf"<(?:(?P<raw>script|style|noembed|noframes|xmp|iframe)(?=[\s/>]){_ATTRIBUTES}(?:>.*?(?:</(?P=raw)[^>]*+(?:>|\Z)|\Z)|\Z)"
    rf"|!--.*?(?:-->|\Z)|(?P<close>/?)(?P<name>[a-z][a-z0-9:-]*+)(?P<attributes>{_ATTRIBUTES})(?:>|\Z)|[!?/][^>]*+(?:>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark nobr q s samp small span strike strong sub sup time tt u var wbr svg use path".split()
)
_PRE = frozenset(["pre", "listing"])
_VOID_OR_SOFT = frozenset(["wbr", "img", "use", "path", "input"])
_CLOUDFLARE = value_pattern("data-cfemail")
_TYPO3_TOKEN = value_pattern("data-mailto-token")
_ROT13 = value_pattern("data-enc-email")
_DATA_MAIL = value_pattern(r"data-[\w-]{0,30}mail[\w-]{0,30}")
_PLACEHOLDER = value_pattern("placeholder")
_SHOWN = value_pattern(r"(?<![\w-])(?:title|alt)")
_MAILTO = re.compile(r"mailto:[^\"'<>\s\\]{3,200}", re.IGNORECASE)
_FORGOTTEN = re.compile(r"(?:https?://)?([\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})/?\Z", re.IGNORECASE)
"""An address for a link where somebody forgot `mailto:`, or took it for a site."""
_HIDDEN = re.compile(r"display\s{0,9}:\s{0,9}none", re.IGNORECASE)
_REVERSED = re.compile(r"unicode-bidi\s{0,9}:\s{0,9}bidi-override|dir\s{0,9}=\s{0,9}[\"']?rtl", re.IGNORECASE)
_SPIP = re.compile(r"#([\w.+-]{1,64})#mc#([\w.-]{4,190})#\Z")
_HASH = "/cdn-cgi/l/email-protection#"
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]+")
MAX_ATTRIBUTES = 20_000
SPLITS = 20_000
"""Tags split off at a time, so that four megabytes of nothing but tags are not all in memory in pieces."""


def read_lines(html: str, *, in_pre: bool = False, decode_protected: bool = False) -> Text:
    """The lines of *html*, which may begin anywhere between tags."""
    reader = _Reader(in_pre, decode_protected)
    more = True
    while more:
        # Splitting makes no object for each tag, which takes a fifth off reading them.
        pieces = _TOKEN.split(html, SPLITS)
        html = pieces.pop()
        more = len(pieces) == 5 * SPLITS
        each = iter(pieces)
        for text, raw, close, name, attributes in zip(each, each, each, each, each, strict=True):
            if text:
                reader.text(text)
            if name:
                if close:
                    reader.end_tag(name.lower())
                else:
                    reader.start_tag(name.lower(), attributes)
            elif raw:
                reader.end_line()
    if html:
        reader.text(html)
    return reader.finish()


class _Reader:
    def __init__(self, in_pre: bool, decode_protected: bool) -> None:
        self._decode = decode_protected
        self._result = Text()
        self._parts: list[str] = []
        self._length = 0
        self._is_spaced = False
        # Of the line that is being read. Most have none of these, and an empty list is not made anew.
        self._cuts: list[int] = []
        self._links: list[Link] = []
        self._spans: list[Span] = []
        self._notes: list[tuple[int, str, str]] = []
        self._in_pre = in_pre
        self._block = "pre" if in_pre else ""
        self._link: Link | None = None
        # What runs until the matching end tag: its name, how deep, what it is.
        self._until = ""
        self._depth = 0
        self._is_muted = False
        self._reversed_from = -1
        self._scopes = ScopeReader()

    def text(self, text: str) -> None:
        """Text between two tags, entities and all."""
        if self._is_muted:
            return
        if text.isspace() and not self._in_pre:
            self._is_spaced = True
            return
        how = ""
        if "&" in text:
            signs = text.count("@")
            text = entities.unescape(text)
            if text.count("@") > signs:
                how = "entity"
        if not text.isascii():
            text = _INVISIBLE.sub("", text)
        if self._in_pre and "\n" in text:
            *whole, text = text.split("\n")
            for line in whole:
                self._add(line, how)
                self.end_line()
        self._add(text, how)

    def _add(self, text: str, how: str) -> None:
        words = " ".join(text.split())
        if not words:
            self._is_spaced = self._is_spaced or bool(text)
            return
        length = self._length
        if length:
            if length > MAX_LINE:
                self.end_line()
                length = 0
            elif self._is_spaced or text[0].isspace():
                words = " " + words
        self._is_spaced = text[-1].isspace()
        self._parts.append(words)
        self._length = length + len(words)
        if how:
            self._spans.append(Span(length, self._length, how))
        if self._scopes.watches:
            self._scopes.text(words)

    def start_tag(self, name: str, attributes: str) -> None:
        inline = name in _INLINE
        if self._until:
            self._pass_special(name, 1, inline=inline)
        if self._is_muted:
            return
        if inline:
            if self._length and name not in _VOID_OR_SOFT:
                self._cut()
        else:
            self._break(name)
            if name in _PRE:
                self._in_pre = True
        if len(attributes) > 2:
            self._read_attributes(name, attributes, inline=inline)
        if self._scopes.watches or (attributes and ("item" in attributes or "card" in attributes)):
            self._scopes.start(name, attributes, len(self._result.lines))

    def end_tag(self, name: str) -> None:
        inline = name in _INLINE
        if self._until:
            self._pass_special(name, -1, inline=inline)
        if self._is_muted:
            return
        if inline:
            if self._length and name not in _VOID_OR_SOFT:
                self._cut()
            if name == "a":
                self._end_link()
        else:
            self._break("")
            if name in _PRE:
                self._in_pre = False
        if self._scopes.watches:
            self._scopes.end(name)

    def _cut(self) -> None:
        cuts = self._cuts
        if not cuts or cuts[-1] != self._length:
            cuts.append(self._length)

    def _break(self, block: str) -> None:
        """End the line for a tag after which lines stand in *block*."""
        if self._length or self._link is not None or self._links or self._notes:
            self.end_line()
        else:
            # Three of four block tags end a line in which nothing was.
            self._is_spaced = False
            if self._spans:
                self._spans = []
        self._block = block

    def _read_attributes(self, name: str, attributes: str, *, inline: bool) -> None:
        has_sign = "@" in attributes
        if name == "a" or (has_sign and name in ("link", "area")):
            self._end_link()
            if href := find_href(attributes):
                self._begin_link(href)
        if "data-" in attributes:
            self._read_data_attributes(attributes)
        if has_sign:
            self._read_signs(name, attributes)
        if not inline or self._until:
            return
        if "none" in attributes and _HIDDEN.search(attributes):
            self._spans.append(Span(self._length, self._length, "hidden"))
            self._until, self._depth, self._is_muted = name, 1, True
        elif (
            ("bidi" in attributes or "rtl" in attributes)
            and (name == "bdo" or "bidi" in attributes)
            and _REVERSED.search(attributes)
        ):
            self._until, self._depth, self._reversed_from = name, 1, self._length

    def _read_signs(self, name: str, attributes: str) -> None:
        """The attributes of a tag with an `@` in one."""
        lower = attributes.lower()
        if name == "meta" and "itemprop" not in attributes and (value := find_value(CONTENT, attributes)):
            self._notes.append((0, "meta", entities.unescape(value[:1_000])))
        elif "placeholder" in lower and "@" in (find_value(_PLACEHOLDER, attributes) or ""):
            self._result.placeholders += 1
        elif ("title" in lower or "alt" in lower) and (value := find_value(_SHOWN, attributes)):
            self._notes.append((self._length, "text", entities.unescape(value[:1_000])))
        is_linked = self._link is not None and "mailto:" in self._link.href.lower()
        if "mailto:" in lower and not is_linked and (mailto := _MAILTO.search(attributes)):
            # A script moves to it when the element is clicked.
            self._links.append(Link(self._length, self._length, entities.unescape(mailto[0])))
        if "{" in attributes and "mail" in lower:
            self._notes.append((self._length, "script", entities.unescape(attributes[:MAX_ATTRIBUTES])))

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

    def _read_data_attributes(self, attributes: str) -> None:
        lower = attributes.lower()
        if code := "data-cfemail" in lower and find_value(_CLOUDFLARE, attributes):
            self._disguised(decode_cloudflare(code) if self._decode else None, "cloudflare")
        elif token := "data-mailto-token" in lower and find_value(_TYPO3_TOKEN, attributes):
            plain = decode_typo3_token(entities.unescape(token)) if self._decode else None
            self._disguised(plain.partition(":")[2] if plain else None, "typo3")
        elif text := "data-enc-email" in lower and find_value(_ROT13, attributes):
            self._disguised(decode_rot13(entities.unescape(text)) if self._decode else None, "rot13")
        elif "mail" in lower and "@" in attributes and (value := find_value(_DATA_MAIL, attributes)):
            self._links.append(Link(self._length, self._length, "mailto:" + entities.unescape(value)))

    def _disguised(self, plain: str | None, how: str) -> None:
        if plain is None:
            self._result.protected += 1
            return
        self._links.append(Link(self._length, self._length, "mailto:" + plain, how))

    def _pass_special(self, name: str, step: int, *, inline: bool) -> None:
        """Look at a tag inside of what runs until its matching end tag."""
        if name == self._until:
            self._depth += step
        if not self._depth or not inline:
            # What hides or turns letters of an address sits inside one line; unclosed, it must not swallow the page.
            self._end_special()

    def _end_special(self) -> None:
        if self._reversed_from >= 0 and self._reversed_from < self._length:
            text = "".join(self._parts)
            start = self._reversed_from
            # Left alone it must not be read backwards either: `moc.emca@enaj` can look like an address.
            turned = text[start:][::-1] if self._decode else ""
            self._result.protected += not self._decode
            self._parts = [text[:start], turned]
            self._length = start + len(turned)
            self._cuts = [cut for cut in self._cuts if cut <= start]
            self._spans.append(Span(start, self._length, "reversed"))
        self._until, self._depth, self._is_muted, self._reversed_from = "", 0, False, -1

    def _end_link(self) -> None:
        link = self._link
        if link is not None:
            link.end = max(self._length, link.start)
            self._links.append(link)
            self._link = None

    def end_line(self) -> None:
        link = self._link
        if link is not None and (self._length > link.start or not self._length):
            # A link round a whole card goes on in the next line, but its text there is not the link's own.
            self._end_link()
        if self._length or self._links or self._notes:
            self._result.lines.append(self._whole_line())
            self._parts, self._length = [], 0
        elif self._spans:
            self._spans = []
        self._is_spaced = False
        self._reversed_from = min(0, self._reversed_from)

    def _whole_line(self) -> Line:
        line = Line("".join(self._parts), "pre" if self._in_pre else self._block)
        if self._cuts:
            line.cuts, self._cuts = self._cuts, []
        if self._links:
            line.links, self._links = self._links, []
        if self._spans:
            line.spans, self._spans = self._spans, []
        if self._notes:
            line.notes, self._notes = self._notes, []
        return line

    def finish(self) -> Text:
        self._end_link()
        self.end_line()
        self._scopes.end_property()
        self._result.scopes = self._scopes.found
        return self._result
