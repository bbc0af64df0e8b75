"""
What does a page say of itself in JSON-LD?

Only the JSON is read: contexts are not fetched and terms are not expanded, so `schema:name` written out with another
context is not understood. On 1,797 real pages 44 % had JSON-LD and none needed more.
"""

import html as entities
import re
from collections.abc import Iterator, Mapping

import msgspec

from vizsla.harvest.extract.marks import MarkFinder

MAX_NODES = 2_000
MAX_DEPTH = 32
MAX_CHARACTERS = 4_000_000
"""Of all scripts of a page together; real ones stay under 300,000."""
_TAG_REACH = 512
"""How far the MIME type may stand from the `<` of its tag, and the `>` from it: keeps the hop from marker to marker linear."""

_MARKER = "ld+json"
_marker = MarkFinder((_MARKER.encode(),))
_END = re.compile("</script", re.IGNORECASE)
_WRAPPING = re.compile(r"\A(?:\s|<!--|//|/\*|\*/|<!\[CDATA\[)+|(?:\s|-->|//|/\*|\*/|\]\]>|;)+\Z")
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_CONTROL = dict.fromkeys(range(0x20), " ")
_SPACES = re.compile(r"\s+")


def parse_jsonld(html: str) -> list[dict[str, object]]:
    """
    Every JSON object of every JSON-LD script of *html*, a parent before what it holds, in the order of the page.

    At most MAX_NODES. A script that is not JSON even after repair gives nothing; the others are still read.
    """
    nodes: list[dict[str, object]] = []
    for script in _scripts(html):
        document = _decode(script)
        if document is not None:
            _flatten(document, nodes)
        if len(nodes) >= MAX_NODES:
            break
    return nodes


def may_hold_jsonld(body: bytes) -> bool:
    """Whether the page *body*, in a superset of ASCII, may have JSON-LD: most have none, and this tells in a quarter of the time."""
    return _marker.stands_in(body)


def types_of(node: Mapping[str, object]) -> frozenset[str]:
    """The names in `@type`, without vocabulary: `https://schema.org/Person`, `schema:Person` and `Person` are one."""
    stated = node.get("@type")
    names = stated if isinstance(stated, list) else [stated]
    return frozenset(re.split(r"[/#:]", name)[-1] for name in names if isinstance(name, str) and len(name) < 200)


def text_of(node: Mapping[str, object], key: str, limit: int = 1_000) -> str | None:
    """The first text under *key*, entities decoded and white space run together; None if there is none or it is over *limit*."""
    value = node.get(key)
    while isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value", value.get("name"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}" if isinstance(value, float) else str(value)
    if not isinstance(value, str) or len(value) > limit:
        return None
    return _SPACES.sub(" ", entities.unescape(value)).strip() or None


def texts_of(node: Mapping[str, object], key: str, limit: int = 50) -> list[str]:
    """The strings under *key*, one or a list of them, at most *limit*."""
    value = node.get(key)
    values = value if isinstance(value, list) else [value]
    return [text.strip() for text in values[:limit] if isinstance(text, str) and 0 < len(text) <= 2_048]


def _scripts(html: str) -> Iterator[str]:
    left = MAX_CHARACTERS
    at = html.find(_MARKER)
    while at >= 0 and left > 0:
        opening = html.rfind("<", max(0, at - _TAG_REACH), at)
        start = html.find(">", at, at + _TAG_REACH)
        if opening < 0 or start < 0 or html[opening : opening + 7].lower() != "<script" or ">" in html[opening:at]:
            at = html.find(_MARKER, at + len(_MARKER))
            continue
        end = _END.search(html, start)
        if end is None:
            return
        if end.start() - start <= left:
            yield html[start + 1 : end.start()]
        left -= end.start() - start
        at = html.find(_MARKER, end.end())


def _decode(script: str) -> object:
    text = _strip_wrapping(script)
    for repair in (str, _repair):
        try:
            return msgspec.json.decode(repair(text))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return None


def _strip_wrapping(script: str) -> str:
    # Comments and CDATA marks of the XHTML years stand at the two ends; the ends alone are given to the
    # expression, since `+\Z` looked for from every place of a long text would be quadratic.
    text = script.strip()
    head, middle, tail = text[:60], text[60:-60], text[60:][-60:]
    return _WRAPPING.sub("", head) + middle + _WRAPPING.sub("", tail) if middle else _WRAPPING.sub("", text)


def _repair(text: str) -> str:
    return _TRAILING_COMMA.sub("", text.translate(_CONTROL))


def _flatten(document: object, nodes: list[dict[str, object]]) -> None:
    stack: list[tuple[object, int]] = [(document, 0)]
    while stack and len(nodes) < MAX_NODES:
        value, depth = stack.pop()
        if isinstance(value, dict):
            nodes.append(value)
            inner = [held for key, held in value.items() if key != "@context"]
        elif isinstance(value, list):
            inner = value
        else:
            continue
        if depth < MAX_DEPTH:
            stack.extend((held, depth + 1) for held in reversed(inner) if isinstance(held, dict | list))
