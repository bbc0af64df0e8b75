"""
What did somebody answer, without what they quote, and in a form that is safe to show?

Quoted text is found line by line, each looked at once: patterns over the whole text take minutes for a few kilobytes that were written
to make them. Of HTML words, their order and their plain looks are kept, and links; nothing is loaded from anywhere.
"""

import re

from nh3 import Cleaner

LONGEST_TEXT = 100_000
_LONGEST_LINE, _MOST_LINES = 400, 5_000
_LARGEST_HTML, _MOST_TAGS = 400_000, 8_000
"""Characters; what is nested as deep takes longer than it is long."""
_TAGS = {
    "a", "abbr", "address", "b", "big", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt",
    "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strike",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
}  # fmt: skip
# English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish/Danish/Norwegian, Polish, Czech, Russian.
_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał\(?a?\)?|napsal\(?a?\)?|написал\(?а?\)?)\b"
)
_ORIGINAL = re.compile(
    r"[-_ ]{2,}(?:original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|mensaje original"
    r"|messaggio originale|mensagem original|oorspronkelijk bericht)[-_ ]{2,}\Z",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:from|von|de|da|van|från|fra|od|от)\s?:\*?\s", re.IGNORECASE)
_REST_OF_HEADER = re.compile(
    r"\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoyé|date|à|objet|enviado|fecha|para|asunto|inviato|data|a|oggetto|assunto"
    r"|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|wysłano|do|temat)\s?:",
    re.IGNORECASE,
)


def answer_of(text: str) -> str:
    """What was written anew in *text*. If that is between the lines that are quoted, they alone are left out."""
    lines = [
        line[:_LONGEST_LINE] if line.startswith(">") else line
        for line in text[:LONGEST_TEXT].splitlines()[:_MOST_LINES]
    ]
    end = next((at for at in range(len(lines)) if _begins_quote(lines, at)), len(lines))
    kept = lines[:end]
    signature = next((at for at, line in enumerate(kept) if line in ("-- ", "--")), len(kept))
    return _unquoted(kept[:signature]) or _unquoted(lines)


def _unquoted(lines: list[str]) -> str:
    return "\n".join(line for line in lines if not line.lstrip().startswith(">")).strip()


def _begins_quote(lines: list[str], at: int) -> bool:
    line = lines[at].strip()[:_LONGEST_LINE]
    if line.startswith(">"):
        # An answer between the lines has more to come.
        return (
            all(not later.strip() or later.lstrip().startswith(">") for later in lines[at : at + 200]) if at else False
        )
    if line.endswith(":") and _WROTE.search(line):
        return True
    after = lines[at + 1].strip()[:_LONGEST_LINE] if at + 1 < len(lines) else ""
    # Wrapped by a mail program: `On ..., Alice <alice@sender.test>` and `wrote:`.
    if after.endswith(":") and len(after) < 80 and _WROTE.search(after) and any(mark.isdigit() for mark in line):
        return True
    if _ORIGINAL.match(line):
        return True
    if len(line) >= 20 and set(line) == {"_"}:
        return any(_FROM.match(later.strip()[:_LONGEST_LINE] + " ") for later in lines[at + 1 : at + 3])
    return (
        bool(_FROM.match(line + " "))
        and sum(bool(_REST_OF_HEADER.match(later.strip()[:_LONGEST_LINE])) for later in lines[at + 1 : at + 6]) >= 2
    )


_CELL = {"align", "bgcolor", "colspan", "height", "rowspan", "valign", "width"}
_ATTRIBUTES = {
    "a": {"href"}, "img": {"alt", "src", "width", "height"}, "font": {"color", "size"}, "table": {"align", "bgcolor", "border", "width"},
    "td": _CELL, "th": _CELL, "tr": {"align", "bgcolor", "valign"}, "p": {"align"}, "div": {"align"}, "ol": {"start"},
}  # fmt: skip
_DROPPED_WHOLE = {
    "script",
    "style",
    "title",
    "head",
    "template",
    "noscript",
    "svg",
    "math",
    "iframe",
    "object",
    "select",
}


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The attribute as it is kept: a picture has to come with the message, a link leads to the web or to an address."""
    start = value.strip().lower()
    if name == "src":
        return value if start.startswith(("data:image/png;", "data:image/jpeg;", "data:image/gif;")) else None
    if name == "href":
        return value if start.startswith(("http://", "https://", "mailto:")) else None
    return value


_WITHOUT_PICTURES, _WITH_PICTURES = (
    Cleaner(
        tags=tags,
        clean_content_tags=_DROPPED_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    for tags in (_TAGS, _TAGS | {"img"})
)


def clean_html(html: str, *, with_pictures: bool = False) -> str:
    """*html* without what acts, hides, or is fetched from elsewhere; *with_pictures*, those that came with it stay."""
    cut = "<".join(html[:_LARGEST_HTML].split("<", _MOST_TAGS + 1)[: _MOST_TAGS + 1])
    return (_WITH_PICTURES if with_pictures else _WITHOUT_PICTURES).clean(cut)
