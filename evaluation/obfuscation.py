"""
In which disguises is an address still read, and what that looks like one is left alone?

One page a case, the address `anna.berg@nordlicht-verlag.de` in all of them. The disguises are those met on 1,797 saved real
pages; the image stays unread, reading it costs more than it gives. A protected disguise must be read with
`DECODE_PROTECTED=on` and left alone with off; a plain one is read either way; for the rest either is right.
"""

import base64
import codecs
import json

import msgspec

ADDRESS = "anna.berg@nordlicht-verlag.de"
LOCAL, DOMAIN = ADDRESS.split("@")
NAME, TLD = DOMAIN.rsplit(".", 1)

PLAIN, PROTECTED, EITHER = "plain", "protected", "either"


class Case(msgspec.Struct, frozen=True):
    """A page whose only address is ADDRESS, or which has none although it looks so."""

    name: str
    html: str
    kind: str = PLAIN
    readable: bool = True


def _page(body: str, head: str = "") -> str:
    return (
        f'<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Kontakt | Nordlicht Verlag</title>{head}</head>'
        f"<body><h1>Kontakt</h1><p>Nordlicht Verlag, Hafenstraße 4, Kiel</p>{body}<p>Wir antworten binnen zwei Tagen.</p></body></html>"
    )


def _entities(text: str) -> str:
    return "".join(
        f"&#{ord(character)};" if index % 2 else f"&#x{ord(character):x};" for index, character in enumerate(text)
    )


def _cloudflare(text: str, key: int = 0x5A) -> str:
    return bytes([key, *(byte ^ key for byte in text.encode())]).hex()


def _typo3(text: str, offset: int = 1) -> str:
    """TYPO3's encryptEmail: three ranges of ASCII, each turned within itself."""

    def turn(character: str) -> str:
        for low, high in ((0x2B, 0x3A), (0x40, 0x5A), (0x61, 0x7A)):
            if low <= ord(character) <= high:
                return chr(low + (ord(character) - low + offset) % (high - low + 1))
        return character

    return "".join(map(turn, text))


_PERSON = {"@context": "https://schema.org", "@type": "Person", "name": "Anna Berg", "email": f"mailto:{ADDRESS}"}

DISGUISES = (
    Case("plain text", _page(f"<p>E-Mail: {ADDRESS}</p>")),
    Case("mailto link", _page(f'<p><a href="mailto:{ADDRESS}">Schreiben Sie uns</a></p>')),
    Case(
        "mailto with %40 and a subject",
        _page(f'<p><a href="mailto:{LOCAL}%40{DOMAIN}?subject=Anfrage%20Buch">Schreiben Sie uns</a></p>'),
    ),
    Case("every character an entity", _page(f"<p>E-Mail: {_entities(ADDRESS)}</p>")),
    Case("&commat;", _page(f"<p>E-Mail: {LOCAL}&commat;{NAME}&period;{TLD}</p>")),
    Case("[at] and [dot]", _page(f"<p>E-Mail: {LOCAL} [at] {NAME} [dot] {TLD}</p>")),
    Case("(at)", _page(f"<p>E-Mail: {LOCAL}(at){DOMAIN}</p>")),
    Case("AT in capitals", _page(f"<p>E-Mail: {LOCAL} AT {DOMAIN}</p>")),
    Case("at and dot as words", _page(f"<p>E-Mail: {LOCAL} at {NAME} dot {TLD}</p>")),
    Case(
        "Cloudflare data-cfemail",
        _page(f'<p><span class="__cf_email__" data-cfemail="{_cloudflare(ADDRESS)}">[email&#160;protected]</span></p>'),
        PROTECTED,
    ),
    Case(
        "Cloudflare link with #hash",
        _page(f'<p><a href="/cdn-cgi/l/email-protection#{_cloudflare(ADDRESS)}">Schreiben Sie uns</a></p>'),
        PROTECTED,
    ),
    Case(
        "TYPO3",
        _page(
            f"<p><a href=\"javascript:linkTo_UnCryptMailto('{_typo3(f'mailto:{ADDRESS}')}');\">Schreiben Sie uns</a></p>"
        ),
        PROTECTED,
    ),
    Case(
        "joined by a script",
        _page(
            f"<script>document.write('<a href=\"mailto:' + '{LOCAL}' + '@' + '{NAME}' + '.{TLD}\">Mail</a>');</script>"
        ),
        PROTECTED,
    ),
    Case(
        "atob() in a script",
        _page(f'<script>mail.textContent = atob("{base64.b64encode(ADDRESS.encode()).decode()}");</script>'),
        PROTECTED,
    ),
    Case(
        "\\u0040 in a script", _page(f'<script>var contact = {{"email": "{LOCAL}\\u0040{DOMAIN}"}};</script>'), EITHER
    ),
    Case(
        "ROT13 in data-enc-email",
        _page(
            f'<p><a href="#" data-enc-email="{codecs.encode(ADDRESS, "rot13").replace("@", "[at]")}">Schreiben Sie uns</a></p>'
        ),
        PROTECTED,
    ),
    Case(
        "reversed by CSS",
        _page(f'<p><span style="unicode-bidi:bidi-override;direction:rtl">{ADDRESS[::-1]}</span></p>'),
        PROTECTED,
    ),
    Case("a hidden piece inside", _page(f'<p>{LOCAL}@<span style="display:none">nospam</span>{DOMAIN}</p>'), EITHER),
    Case(
        "cut by tags (SpamSpan)",
        _page(
            f'<p><span class="spamspan"><span class="u">{LOCAL}</span> [at] <span class="d">{DOMAIN}</span></span></p>'
        ),
    ),
    Case("JSON-LD", _page("", f'<script type="application/ld+json">{json.dumps(_PERSON)}</script>')),
    Case(
        "microdata in content=",
        _page(
            f'<div itemscope itemtype="https://schema.org/Person"><span itemprop="name">Anna Berg</span><meta itemprop="email" content="{ADDRESS}"></div>'
        ),
    ),
    Case(
        "image",
        _page('<p><img src="/img/mail-anna-berg.png" alt="E-Mail" width="180" height="16"></p>'),
        readable=False,
    ),
)

LOOKALIKES = (
    Case(
        "image at twice the size",
        _page('<img src="/img/logo@2x.png" srcset="/img/logo@2x.png 2x, /img/logo@3x.png 3x" alt="Logo">'),
    ),
    Case(
        "package version",
        _page('<script src="https://unpkg.com/react@18.2.0/umd/react.production.min.js"></script><p>react@18.2.0</p>'),
    ),
    Case(
        "Sentry DSN",
        _page(
            '<script>Sentry.init({dsn: "https://3f8a9c1b2d4e5f60718293a4b5c6d7e8@o12345.ingest.sentry.io/42"});</script>'
        ),
    ),
    Case(
        "handle in a URL",
        _page('<p><a href="https://medium.com/@nordlicht.verlag">medium.com/@nordlicht.verlag</a></p>'),
    ),
    Case(
        "file of a CDN",
        _page('<link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/bootstrap@5.3.2/dist/css/bootstrap.min.css">'),
    ),
    Case("a sentence with at", _page("<p>We met at nordlicht-verlag.de and talked at length.</p>")),
)
