"""Every disguise of the obfuscation table, read or left alone as the operator decides, and what only looks like an address."""

import base64
import codecs
from collections.abc import Callable

import pytest

from vizsla.harvest.extract.gate import find_spots
from vizsla.harvest.extract.page import extract
from vizsla.harvest.records import Page

ADDRESS = "mira.sol@fjord-werft.de"
LOCAL, DOMAIN = ADDRESS.split("@")


def read(html: str | bytes, *, decode_protected: bool = False) -> dict[str, str]:
    """What a harvest would read of *html*, gate included: the addresses, and how."""
    body = html.encode() if isinstance(html, str) else html
    if not find_spots(body, decode_protected=decode_protected):
        return {}
    page = Page("https://fjord-werft.de/leute/mira", 1_700_000_000, body)
    return {
        f"{seen.local}@{seen.domain}": seen.how
        for seen in extract(page, decode_protected=decode_protected).observations
    }


def cloudflare(text: str, key: int = 0x54) -> str:
    return bytes([key, *(byte ^ key for byte in text.encode())]).hex()


def typo3(text: str, offset: int) -> str:
    def turn(character: str) -> str:
        for low, high in ((0x2B, 0x3A), (0x40, 0x5A), (0x61, 0x7A)):
            if low <= ord(character) <= high:
                return chr(low + (ord(character) - low + offset) % (high - low + 1))
        return character

    return "".join(turn(character) for character in text)


def entities(text: str, form: Callable[[int], str]) -> str:
    return "".join(form(ord(character)) for character in text)


OPEN = {
    "plain": (f"<p>Schreib an {ADDRESS}.</p>", "text"),
    "mailto": (f'<a href="mailto:{ADDRESS}">Mail</a>', "mailto"),
    "mailto in capitals": (f'<A HREF="MAILTO:{ADDRESS.upper()}">Mail</A>', "mailto"),
    "mailto with %40 and a subject": (f'<a href="mailto:{LOCAL}%40{DOMAIN}?subject=Hallo">Mail</a>', "mailto"),
    "decimal entities": (f"<p>{entities(ADDRESS, '&#{};'.format)}</p>", "entity"),
    "hexadecimal entities": (f"<p>{entities(ADDRESS, '&#x{:x};'.format)}</p>", "entity"),
    "&commat;": (f"<p>{LOCAL}&commat;{DOMAIN}</p>", "entity"),
    "[at] and [dot]": ("<p>mira.sol [at] fjord-werft [dot] de</p>", "obfuscated"),
    "(at)": (f"<p>{LOCAL}(at){DOMAIN}</p>", "obfuscated"),
    "[[at]]": (f"<p>{LOCAL}[[at]]{DOMAIN}</p>", "obfuscated"),
    "(at) before a tag": (f"<p>{LOCAL} (at)\n  <b>{DOMAIN}</b></p>", "obfuscated"),
    "AT before a tag": (f"<p>{LOCAL} AT <b>{DOMAIN}</b></p>", "obfuscated"),
    "cut by tags and a comment": ("<p>mira.sol<!-- <b> --><i><b>@</b></i>fjord-werft.de</p>", "joined"),
    "AT": (f"<p>{LOCAL} AT {DOMAIN}</p>", "obfuscated"),
    "words": ("<p>mira.sol at fjord-werft dot de</p>", "obfuscated"),
    "dots in words before the sign too": ("<p>mira dot sol (at) fjord-werft dot de</p>", "obfuscated"),
    "cut by tags": ("<p><b>mira.sol</b><i>@</i><b>fjord-werft</b>.de</p>", "joined"),
    "cut by comments": ("<p>mira.<!-- no -->sol@fjord-<!-- robots -->werft.de</p>", "text"),
    "SpamSpan": (f'<span class="spamspan"><span class="u">{LOCAL}</span> [at] <span class="d">{DOMAIN}</span></span>', "obfuscated"),
    "\\u0040 in JSON": (f'<script>window.data = {{"mail": "{LOCAL}\\u0040{DOMAIN}"}};</script>', "script"),
    "JSON-LD": (f'<script type="application/ld+json">{{"@type": "Person", "email": "mailto:{ADDRESS}"}}</script>', "jsonld"),
    "microdata": (f'<div itemscope itemtype="https://schema.org/Person"><meta itemprop="email" content="{ADDRESS}"></div>', "microdata"),
}  # fmt: skip
PROTECTED = {
    "Cloudflare": (f'<a class="__cf_email__" data-cfemail="{cloudflare(ADDRESS)}">[email&#160;protected]</a>', "cloudflare"),
    "Cloudflare link": (f'<a href="/cdn-cgi/l/email-protection#{cloudflare(ADDRESS)}">Mail</a>', "cloudflare"),
    "TYPO3": (f"<a href=\"javascript:linkTo_UnCryptMailto('{typo3('mailto:' + ADDRESS, 2)}');\">Mail</a>", "typo3"),
    "TYPO3, other offset": (f"<a href=\"javascript:linkTo_UnCryptMailto(%27{typo3('mailto:' + ADDRESS, -3)}%27);\">Mail</a>", "typo3"),
    "TYPO3 11": (f'<a href="#" data-mailto-token="{typo3("mailto:" + ADDRESS, 1)}" data-mailto-vector="1">Mail</a>', "typo3"),
    "ROT13": (f'<span data-enc-email="{codecs.encode(ADDRESS, "rot13").replace("@", "[at]")}"></span>', "rot13"),
    "reversed": (f'<span style="unicode-bidi:bidi-override; direction: rtl">{ADDRESS[::-1]}</span>', "reversed"),
    "hidden letters": (f'<p>{LOCAL}<span style="display:none">nospam</span>@{DOMAIN}</p>', "hidden"),
    "joined by a script": (f"<script>document.write('{LOCAL}' + '@' + '{DOMAIN}');</script>", "script"),
    "variables of a script": (f"<script>var u = '{LOCAL}'; var h = '{DOMAIN}'; document.write('mailto:' + u + '@' + h + '.');</script>", "script"),
    "atob": (f"<script>show(atob('{base64.b64encode(ADDRESS.encode()).decode()}'))</script>", "script"),
    "character codes": (f"<script>show(String.fromCharCode({','.join(str(ord(c)) for c in ADDRESS)}))</script>", "script"),
}  # fmt: skip
LOOKALIKES = {
    "asset": '<img src="/logo@2x.png" alt="logo@2x.png"> logo@3x.webp',
    "package version": "<p>npm i react@18.2.0 vue@3.4.21</p>",
    "key of an error tracker": '<script>Sentry.init({dsn: "https://4f2c0d9e@o123.ingest.sentry.io/15"})</script>',
    "handle in a path": '<a href="https://medium.com/@fjord.werft">medium.com/@fjord.werft</a>',
    "package in a URL": "<p>https://cdn.jsdelivr.net/npm/@popperjs/core@2.11.8/dist/umd/popper.min.js</p>",
    "a sentence": "<p>We met at fjord-werft.de. Let us meet at acme.com (at noon).</p>",
    "login": "<pre>git clone git@github.com:fjord/werft.git\nmira@host.fjord-werft.de:~$ ls</pre>",
    "user of a URL": "<p>ftp://mira@files.fjord-werft.de/pub</p>",
    "message_id": "<pre>Message-ID: &lt;20240101120000.GA1234@mail.fjord-werft.de&gt;</pre>",
    "no_such_suffix": "<p>mira@fjord.filterempty, a@b</p>",
    "comment": f"<!-- {ADDRESS} --><p>Hallo</p>",
    "comment of a script": f"<script>/* by {ADDRESS} */\n// {ADDRESS}\nrun();</script>",
    "style sheet": f"<style>/* {ADDRESS} */ a {{ color: red }}</style>",
}


@pytest.mark.parametrize("case", OPEN)
@pytest.mark.parametrize("decode_protected", [False, True])
def test_what_is_not_protected_is_always_read(case: str, decode_protected: bool) -> None:
    html, how = OPEN[case]

    assert read(html, decode_protected=decode_protected) == {ADDRESS: how}


@pytest.mark.parametrize("case", PROTECTED)
def test_what_is_protected_is_read_when_the_operator_says_so(case: str) -> None:
    html, how = PROTECTED[case]

    assert read(html, decode_protected=True) == {ADDRESS: how}


@pytest.mark.parametrize("case", PROTECTED)
def test_what_is_protected_is_left_alone_by_default(case: str) -> None:
    assert read(PROTECTED[case][0]) == {}


@pytest.mark.parametrize("case", LOOKALIKES)
@pytest.mark.parametrize("decode_protected", [False, True])
def test_a_lookalike_is_no_address(case: str, decode_protected: bool) -> None:
    page = Page("https://fjord-werft.de/", 0, LOOKALIKES[case].encode())

    assert extract(page, decode_protected=decode_protected).observations == []


@pytest.mark.parametrize(
    "html",
    [
        "<style>@media (max-width: 9px) { a { color: red } }</style>",
        '<a href="https://twitter.com/werft">@werft</a>',
        '<link href="https://fonts.example/css2?family=Inter:wght@400;600&amp;family=Mono">',
        "<p>Served from: werft @ 2019-06-21</p>",
        "<p>Jobs @ Werft</p>",
        '<p>by <a href="/werft"><s>@</s><b>werft</b></a></p>',
        '<label><input name="yandex">\n<span>@yandex.ru</span></label>',
        "<p>ENJOY THE MOMENT AT THE SHIPYARD. SEE YOU.</p>",
        "<script>if(typeof g[aT]==='function'){g[at](0)}</script>",
        '<img alt="Deutsch (AT)" src="at.gif">',
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Thing"}</script>',
    ],
)
def test_pages_with_a_sign_and_no_address_stop_at_the_gate(html: str) -> None:
    assert not find_spots(html.encode(), decode_protected=True)
