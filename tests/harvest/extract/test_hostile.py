"""
What does the worst page cost?

The goal is 250 ms for 1 MB, and the worst of these takes 200 ms of CPU time alone on a core (2026-11). Counted in CPU time,
best of up to five tries, with the collector set as in a worker. A busy neighbour on the core's other thread still takes
half as much again, which no trying removes: hence the factor.
"""

import gc
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.harvest.extract.gate import find_spots
from vizsla.harvest.extract.page import extract
from vizsla.harvest.records import Extraction, Page
from vizsla.harvest.worker import COLLECTOR

MEGABYTE = 1_000_000
GOAL_SECONDS = 0.25
BUSY_NEIGHBOUR = 1.5

REDOS = {
    "a": lambda n: "a" * n,
    "a.": lambda n: "a." * (n // 2),
    "a@a.a.!": lambda n: "a@" + "a." * (n // 2) + "!",
    "@": lambda n: "@" * n,
    "<": lambda n: "<" * n,
    "mailto:": lambda n: "mailto:" * (n // 7),
    " at ": lambda n: " at " * (n // 4),
    "a-@": lambda n: "a-" * (n // 2) + "@",
    "&#64": lambda n: "&#64" * (n // 4),
    "no-break space": lambda n: "\u00a0" * n,
}


def fill(text: str, size: int = MEGABYTE) -> str:
    return (text * (size // len(text) + 1))[:size]


HOSTILE = {
    "addresses": fill("x@werft.de "),
    "unknown domains": fill("a@b.c "),
    "signs and letters": fill("a@"),
    "links": "".join(f'<a href="mailto:mira{i}@werft{i % 90}.de">mira{i}@werft{i % 90}.de</a> ' for i in range(14_000)),
    "cards": "".join(f'<p>Mira Sol<br>Manager<br>Tel. 0171 23456{i % 90:02}<br><a href="mailto:mira.sol{i}@werft.de">Mail</a></p>' for i in range(9_000)),
    "names": fill("Mira Sol Ben Ode ") + " mira@werft.de",
    "a name for each address": "".join(f"<p>Mira Sol Ben Ode Ana Rey mira{i}@werft.de" for i in range(18_000)),
    "disguises": fill("a[at]b[dot]c "),
    "percent": fill("%40"),
    "entities": fill("&#64;"),
    "twice-coded": fill("&amp;lt;mira@werft.de"),
    "nested div": fill("<div>") + "mira@werft.de",
    "nested lists": fill("<ul><li>mira@werft.de"),
    "nested items": fill("<div itemscope itemtype=x/Person><b itemprop=email>mira@werft.de"),
    "nested cards": fill("<div class=vcard><b class=email>mira@werft.de"),
    "open comments": fill("<!--") + "mira@werft.de",
    "comments": fill("<!-- mira@werft.de -->"),
    "open scripts": fill("<script>") + "mira@werft.de",
    "scripts": fill('<script>"mira@werft.de"</script>'),
    "capital scripts": fill('<SCRIPT>"mira@werft.de"</script>'),
    "open pre": fill("<pre>mira@werft.de\n"),
    "attributes": "<a " + fill('x="mira@werft.de" '),
    "open quotes": fill("<a b='mira@werft.de "),
    "hidden": fill('<span style="display:none">mira@werft.de'),
    "inline tags": fill("<b>x</b>@") + "werft.de",
    "objects": "<script>" + fill('{"email":"mira@werft.de","name":"Mira Sol"},'),
    "nested objects": "<script>" + fill('{"a":') + '"mira@werft.de"',
    "json-ld": '<script type="application/ld+json">[' + fill('{"@type":"Person","email":"mira@werft.de"},'),
    "base64": fill("aGVsbG8gd29ybGQ") + "@werft.de",
    "digits": fill("tel 0123456789012345678901234 ") + "<p>mira@werft.de",
    "cloudflare": fill('<a data-cfemail="543931142c7a3b2633">x</a>'),
    "atob": "<script>" + fill("atob('aGVsbG8gd29ybGQ=')"),
    "joined": "<script>" + fill("'a'+'@'+'werft.de'+"),
    "backslashes": "<script>" + fill("\\" * 3_900 + "x 'mira@werft.de' "),
    "variables": "<script>" + fill("var a = 'x'; b = a + '@' + a;"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTOR)
    yield
    gc.set_threshold(*before)


def run(html: str, *, decode_protected: bool) -> Extraction:
    body = html.encode()
    spots = find_spots(body, decode_protected=decode_protected)
    return extract(Page("https://www.werft.de/x", 0, body), spots, decode_protected=decode_protected)


def seconds(html: str, *, decode_protected: bool, enough: float) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        run(html, decode_protected=decode_protected)
        best = min(best, time.process_time() - start)
        if best < enough:
            break
    return best


@pytest.mark.parametrize("name", HOSTILE)
def test_no_page_of_a_megabyte_is_slow(name: str) -> None:
    most = GOAL_SECONDS * BUSY_NEIGHBOUR

    assert seconds(HOSTILE[name], decode_protected=True, enough=GOAL_SECONDS) < most


@pytest.mark.parametrize("name", REDOS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_time_grows_with_length_and_no_faster(name: str, wrapped: bool) -> None:
    def html(size: int) -> str:
        # As a page, and where every reader of text gets to see it.
        text = REDOS[name](size)
        return f"<p>{text} mira@werft.de {text}</p>" if wrapped else text

    double = seconds(html(200_000), decode_protected=True, enough=0.02)

    assert double < 0.1
    if double > 0.02:
        assert double / seconds(html(100_000), decode_protected=True, enough=0.0) < 3


def test_a_hundred_thousand_nested_tags_hide_nothing() -> None:
    extraction = run("<div>" * 100_000 + "mira@werft.de", decode_protected=False)

    assert [one.local for one in extraction.observations] == ["mira"]


@pytest.mark.parametrize(
    "form", ["{}", '<a href="mailto:{}">x</a>', '<a href="mailto:{}">{}</a>', "<tr><td>Mira Sol</td><td>{}</td></tr>"]
)
def test_ten_thousand_addresses_on_one_page_are_ten_thousand(form: str) -> None:
    addresses = [f"mira{number}@werft{number % 97}.de" for number in range(10_000)]

    extraction = run(" ".join(form.replace("{}", address) for address in addresses), decode_protected=False)

    assert {f"{one.local}@{one.domain}" for one in extraction.observations} == set(addresses)


def test_twenty_megabytes_cost_what_four_do() -> None:
    page = fill("<p>Mira Sol, mira.sol@werft.de</p>" + "<p>nothing</p>" * 2_000, 20 * MEGABYTE)

    assert seconds(page, decode_protected=False, enough=2.0) < 2.0


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(["", "text/html; charset=utf-16", "text/html; charset=iso-2022-jp", "text/html; charset=utf-7"]),
    st.booleans(),
)
def test_no_bytes_make_it_raise(noise: bytes, content_type: str, plain: bool) -> None:
    for body in (
        noise,
        noise + b"mira@werft.de" + noise,
        b"<script>" + noise + b"'a@b.de'",
        b"<a href='mailto:" + noise + b"@werft.de'" + noise,
    ):
        extract(
            Page("https://werft.de/" + noise.hex()[:8], 0, body, content_type=content_type, plain=plain),
            decode_protected=True,
        )


PIECES = ["<p>", "</p>", "<b>", "</div>", "<script>", "</script>", "<!--", "-->", "<style>", "@", "@media", " at ", "[at]", "&#64;", "%40", "mailto:", '"', "'", "<", ">", "=", "{", "}", "\\", "&", "<pre>", "<a href=", "é", "\n", " ", "Mira Sol", "a@b", "display:none", "itemscope", "data-cfemail="]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_markup_makes_it_raise(pieces: list[str]) -> None:
    run("".join(pieces) + "mira@werft.de" + "".join(pieces), decode_protected=True)


BLOCKS = st.lists(
    st.sampled_from(
        ["<p>Hello there.</p>", "<div class='card'><img src='logo@2x.png'>", "<script>var a = 1;</script>", "<!-- a comment -->", "<style>@media print { a { color: red } }</style>",
         "<h2>Fjord Werft</h2>", "<ul><li>One<li>Two</ul>", "<p>react@18.2.0</p>", "<p>" + "lorem ipsum " * 200 + "</p>", "<pre>x\n  y</pre>", "<p>ben@other.de</p>"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    before=BLOCKS,
    after=BLOCKS,
    form=st.sampled_from(
        ["<p>{}</p>", "<a href='mailto:{}'>x</a>", "<b>Mail:</b> {}<br>", "<script>a = {'mail': '{}'}</script>"]
    ),
)
def test_noise_hides_no_address(before: str, after: str, form: str) -> None:
    extraction = run(before + form.replace("{}", "mira.sol@werft.de") + after, decode_protected=False)

    assert "mira.sol" in {one.local for one in extraction.observations}
