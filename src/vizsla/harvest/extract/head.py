"""
What do the head of a page and its edges state: title, meta, links, scripts, what the header and footer link to?

Tags are read where they stand, without a DOM: lexbor takes quadratic time on unclosed nests, and nothing here needs a tree.
Everything is bounded: a page of 10,000 meta tags is read as far as a real one would go.
"""

import html as entities
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import islice

import msgspec

MAX_HTML = 1_500_000
MAX_HEAD = 400_000
MAX_TAG = 4_096
MAX_TAGS = 2_000
MAX_LINKS = 600
EDGE = 60_000
"""How much of a header, and of a footer, is looked at."""

_TAG = re.compile(r"<(?=[hilmstHILMST])(html|iframe|link|meta|script|title)(?=[\s>/])", re.IGNORECASE)
_WHOLE_TAG = re.compile(r"""<[^"'>]*+(?:(?:"[^"]*+"|'[^']*+')[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(r"""([a-zA-Z][a-zA-Z0-9:_.-]{0,40}+)\s{0,8}+=\s{0,8}+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""")
_QUOTED_OR_END = re.compile(r"""["'>]""")
_HREF = re.compile(r"""href\s{0,8}=\s{0,8}["']?([^"'\s>]{1,1024})""", re.IGNORECASE)
_TAGS_AND_SCRIPTS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)|<[^>]*>", re.IGNORECASE | re.DOTALL)
_BLANK = re.compile(r"[ \t\r\f\v\xa0]+")


def attributes_of(tag: str) -> dict[str, str]:
    """The attributes in the text of a start tag, names in lower case, entities decoded; the first of two alike counts."""
    found: dict[str, str] = {}
    for name, quoted, single, bare in _ATTRIBUTE.findall(tag):
        value = quoted or single or bare
        found.setdefault(name.lower(), (entities.unescape(value) if "&" in value else value).strip())
    return found


def tag_at(html: str, start: int) -> str:
    """The start tag that begins at *start*, a `>` inside quotes not ending it; cut at MAX_TAG."""
    limit = min(len(html), start + MAX_TAG)
    if whole := _WHOLE_TAG.match(html, start, limit):
        return whole[0]
    at = start
    while match := _QUOTED_OR_END.search(html, at, limit):
        if match[0] == ">":
            return html[start : match.end()]
        closing = html.find(match[0], match.end(), limit)
        if closing < 0:
            break
        at = closing + 1
    end = html.find(">", start, limit)
    return html[start : end + 1 if end >= 0 else limit]


class Tag(msgspec.Struct, frozen=True, gc=False):
    """A start tag of those that say what a page is or load what it needs."""

    name: str
    start: int
    end: int
    """Behind its `>`."""
    attributes: dict[str, str]


def read_tags(html: str, end: int = MAX_HTML) -> list[Tag]:
    """The `html`, `title`, `meta`, `link`, `script` and `iframe` tags of *html* that begin before *end*; at most MAX_TAGS."""
    tags: list[Tag] = []
    at = 0
    for match in _TAG.finditer(html, 0, end):
        start = match.start()
        if start < at:
            # Inside of an attribute of the tag before.
            continue
        tag = tag_at(html, start)
        at = start + len(tag)
        tags.append(Tag(match[1].lower(), start, at, attributes_of(tag)))
        if len(tags) >= MAX_TAGS:
            break
    return tags


class Head:
    """The head and the edges of one page, of which *tags* are read already; each other part is read when first asked for."""

    def __init__(self, html: str, tags: Sequence[Tag]) -> None:
        self._html = html
        self.title: str | None = None
        self.lang: str | None = None
        self.links: list[dict[str, str]] = []
        self._metas: dict[str, list[str]] = {}
        self._read(tags)

    def metas(self, name: str) -> list[str]:
        """The non-empty contents of `<meta name=…>`, `property=…` or `itemprop=…`, in page order."""
        return self._metas.get(name, [])

    def meta(self, *names: str) -> str | None:
        """The first content under the first of *names* that has one."""
        return next((contents[0] for name in names if (contents := self._metas.get(name))), None)

    @cached_property
    def footer(self) -> str:
        """The HTML of the last `<footer>`, else the page's last stretch."""
        html = self._html
        reach = max(0, len(html) - 400_000)
        at = html.rfind("<footer", reach)
        at = max(at, html.rfind('id="footer', max(at, reach)))
        if at < 0:
            return html[-EDGE // 3 :]
        end = html.find("</footer", at, at + EDGE)
        return html[at : end if end >= 0 else at + EDGE]

    @cached_property
    def header(self) -> str:
        """The HTML of the first `<header>`, empty without one."""
        at = self._html.find("<header", 0, MAX_HEAD)
        end = self._html.find("</header", at, at + EDGE) if at >= 0 else -1
        return self._html[at:end] if end >= 0 else ""

    @cached_property
    def edge_links(self) -> list[str]:
        """Where the header and the footer link to, in page order; at most MAX_LINKS each."""
        return [
            entities.unescape(match[1])
            for edge in (self.header, self.footer)
            for match in islice(_HREF.finditer(edge), MAX_LINKS)
        ]

    def footer_text(self) -> str:
        """The footer without tags, a line break where a tag was."""
        text = _TAGS_AND_SCRIPTS.sub("\n", self.footer[-8_000:])
        return _BLANK.sub(" ", entities.unescape(text))

    def _read(self, tags: Sequence[Tag]) -> None:
        html = self._html
        end = html.find("</head", 0, MAX_HEAD)
        # Some put their meta tags into the body by an unclosed or early-closed head; a few of those are still read.
        last = MAX_HEAD if end < 0 else min(end + 20_000, MAX_HEAD)
        for tag in tags:
            if tag.start > last:
                break
            attributes = tag.attributes
            if tag.name == "meta":
                content = " ".join(attributes.get("content", "").split())
                for key in ("name", "property", "itemprop", "http-equiv"):
                    if content and (stated := attributes.get(key)):
                        self._metas.setdefault(stated.lower(), []).append(content)
            elif tag.name == "link" and "href" in attributes:
                self.links.append(attributes)
            elif tag.name == "html":
                self.lang = self.lang or attributes.get("lang") or attributes.get("xml:lang")
            elif tag.name == "title" and self.title is None:
                # An SVG in the page has titles too; the page's own comes first.
                close = html.find("</", tag.end, tag.end + MAX_TAG)
                if close >= 0:
                    self.title = " ".join(entities.unescape(html[tag.end : close]).split()) or None
