"""
How is a message shown that somebody else wrote?

HTML is cleaned (`campaigns.cleaning`) and put into a frame without scripts, forms, pictures from elsewhere and styles of its own; the
page's policy holds within the frame as well. A link in it opens a page of its own, which is not told where it was followed.
"""

from markupsafe import Markup, escape

from vizsla.campaigns.cleaning import clean_html
from vizsla.web.render import address_of

_SHORT = 600
"""Characters of a message for which a low frame will do."""


def frame(html: str, title: str) -> Markup:
    """*html* in a frame of its own that is called *title*."""
    look = "letter short" if len(html) < _SHORT else "letter"
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<link rel="stylesheet" href="{address_of("letter.css")}"><body>{clean_html(html, with_pictures=True)}'
    )
    return Markup(  # noqa: S704
        f'<iframe class="{look}" title="{escape(title)}" sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'referrerpolicy="no-referrer" srcdoc="{escape(page)}"></iframe>'
    )
