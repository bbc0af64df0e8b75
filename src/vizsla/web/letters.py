"""
How is a message shown that somebody else wrote?

HTML is cleaned and put into a frame without scripts, forms, pictures from elsewhere and styles of its own; the page's policy holds
within the frame as well. A link in it opens a page of its own, which is not told where it was followed.
"""

from markupsafe import Markup, escape
from nh3 import Cleaner

from vizsla.web.render import address_of

_LARGEST = 400_000
"""Characters of a message that are shown."""
_MOST_TAGS = 8_000
"""What is nested as deep takes longer than it is long."""
_SHORT = 600
"""Characters of a message for which a low frame will do."""
_TAGS = {
    "a", "abbr", "address", "b", "big", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt",
    "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "li", "ol", "p", "pre", "q", "s", "small", "span", "strike",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
}  # fmt: skip
_CELL = {"align", "bgcolor", "colspan", "height", "rowspan", "valign", "width"}


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The attribute as it is kept: a picture has to come with the message, a link leads to the web or to an address."""
    start = value.strip().lower()
    if name == "src":
        return value if start.startswith(("data:image/png;", "data:image/jpeg;", "data:image/gif;")) else None
    if name == "href":
        return value if start.startswith(("http://", "https://", "mailto:")) else None
    return value


_cleaner = Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "title", "head", "template", "noscript", "svg", "math", "iframe", "object", "select"},
    attributes={
        "a": {"href"}, "img": {"alt", "src", "width", "height"}, "font": {"color", "size"}, "table": {"align", "bgcolor", "border", "width"},
        "td": _CELL, "th": _CELL, "tr": {"align", "bgcolor", "valign"}, "p": {"align"}, "div": {"align"}, "ol": {"start"},
    },
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)  # fmt: skip


def clean_html(html: str) -> str:
    """*html* without what acts, and without what is fetched from elsewhere."""
    cut = "<".join(html[:_LARGEST].split("<", _MOST_TAGS + 1)[: _MOST_TAGS + 1])
    return _cleaner.clean(cut)


def frame(html: str, title: str) -> Markup:
    """*html* in a frame of its own that is called *title*."""
    look = "letter short" if len(html) < _SHORT else "letter"
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<link rel="stylesheet" href="{address_of("letter.css")}"><body>{clean_html(html)}'
    )
    return Markup(  # noqa: S704
        f'<iframe class="{look}" title="{escape(title)}" sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'referrerpolicy="no-referrer" srcdoc="{escape(page)}"></iframe>'
    )
