"""
What did somebody answer, without what they quote, and in a form that is safe to show?

Quoted text is found line by line, each looked at once: patterns over the whole text take minutes for a few kilobytes that were written
to make them. Of HTML only words and their order are kept, and links that say where they lead; nothing is loaded from anywhere.
"""

import re

import nh3

LONGEST_TEXT = 100_000
_LONGEST_LINE, _MOST_LINES = 400, 5_000
_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre",
    "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_MOST_TAGS = 8_000
"""What is nested as deep takes longer than it is long."""
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


def clean_html(html: str) -> str:
    """*html* without anything that runs, loads or hides: for a frame that runs and loads nothing either."""
    cut = "<".join(html[: 2 * LONGEST_TEXT].split("<", _MOST_TAGS + 1)[: _MOST_TAGS + 1])
    return nh3.clean(
        cut,
        tags=_TAGS,
        clean_content_tags={"script", "style", "title"},
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
