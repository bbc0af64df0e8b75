"""Which page is worth the next request: pure, so asked directly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from vizsla.crawl.frontier import MAX_PENDING, MAX_URL, SAME_FOLDER, SAME_NUMBER, SAME_QUERY, Frontier, canonical
from vizsla.crawl.words import word_score

BASE = "http://www.acme.test/de/start?x=1"


def drain(frontier: Frontier) -> list[str]:
    urls = []
    while candidate := frontier.take():
        urls.append(candidate.url)
    return urls


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("HTTP://WWW.Acme.Test:80/a/../b/./c#frag", "http://www.acme.test/b/c"),
        ("https://acme.test:443", "https://acme.test/"),
        ("https://acme.test:80/", "https://acme.test:80/"),
        ("kontakt", "http://www.acme.test/de/kontakt"),
        ("/kontakt/", "http://www.acme.test/kontakt/"),
        ("..", "http://www.acme.test/"),
        ("../../../x", "http://www.acme.test/x"),
        ("?p=2", "http://www.acme.test/de/start?p=2"),
        ("//shop.acme.test", "http://shop.acme.test/"),
        (" \n/a\tb ", "http://www.acme.test/ab"),
        ("/a b", "http://www.acme.test/a%20b"),
        ("/%7ejane/%e4", "http://www.acme.test/~jane/%E4"),
        ("/100%", "http://www.acme.test/100%25"),
        ("/über", "http://www.acme.test/%C3%BCber"),
        ("http://bücher.test/", "http://xn--bcher-kva.test/"),
        ("/a?utm_source=x&id=1&fbclid=2&PHPSESSID=3", "http://www.acme.test/a?id=1"),
        ("/a;jsessionid=99?x=1", "http://www.acme.test/a?x=1"),
        ("mailto:a@acme.test", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("gopher://acme.test/", None),
        ("http://user:pw@acme.test/", None),
        ("http://acme.test\\@127.0.0.1/", None),
        ("http://127.0.0.1/", None),
        ("http://[::1]/", None),
        ("http://2130706433/", None),
        ("http://localhost/", None),
        ("http://acme.test:99999/", None),
        ("http://" + "a" * 64 + ".test/", None),
        ("/" + "a" * MAX_URL, None),
        ("\ud800", None),
        ("http://[", None),
    ],
)
def test_a_page_has_one_spelling(href: str, expected: str | None) -> None:
    assert canonical(href, BASE) == expected


@given(st.text(max_size=100) | st.from_regex(r"https?://[a-z.]{1,20}(:[0-9]{1,5})?/[ -~]{0,60}", fullmatch=True))
def test_the_canonical_spelling_is_its_own_and_ascii(href: str) -> None:
    url = canonical(href, BASE)

    if url is not None:
        assert url.isascii() and url.isprintable() and " " not in url and "#" not in url
        assert canonical(url) == url
        assert str(URL(url, encoded=True)) == url  # what is asked for, kept and looked up is the same text


def test_each_page_comes_out_once_and_best_first() -> None:
    frontier = Frontier("acme.test", max_depth=3)
    for href in (
        "/blog/",
        "/impressum",
        "/contact",
        "/contact#form",
        "/CONTACT/../contact",
        "/about",
        "http://else.test/contact",
    ):
        frontier.add(href, base=BASE, depth=1)

    assert drain(frontier) == [f"http://www.acme.test{path}" for path in ("/contact", "/impressum", "/about", "/blog/")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/contact-us", ""), ("/de/kontakt.html", ""), ("/contatti", ""), ("/contacto", ""), ("/fale-conosco", "Contato"),
        ("/x", "Impressum"), ("/mentions-legales", ""), ("/aviso-legal", ""), ("/colofon", ""), ("/team/", ""), ("/x", "Équipe"),
        ("/chi-siamo", ""), ("/quienes-somos", ""), ("/over-ons", ""), ("/om-oss", ""), ("/o-nas", ""), ("/x", "Über uns"),
        ("/geschaeftsfuehrung", ""), ("/x", "Geschäftsführung"), ("/zespół", ""), ("/hakkımızda", ""), ("/yhteystiedot", ""),
        ("/elérhetőség", ""), ("/x", "Контакты"), ("/о-компании", ""), ("/x", "联系我们"), ("/x", "お問い合わせ"), ("/x", "회사소개"),
        ("/x", "צור קשר"), ("/x", "اتصل بنا"), ("/x", "επικοινωνία"), ("/press", ""), ("/presse", ""), ("/leadership", ""),
    ],
)  # fmt: skip
def test_pages_that_promise_people_are_known_in_many_languages(path: str, text: str) -> None:
    assert word_score(path, text) > 40


@pytest.mark.parametrize("path", ["/", "/produkte/tag/x", "/cart", "/story", "/2026/11/23/we-won", "/login"])
def test_others_promise_nothing(path: str) -> None:
    assert word_score(path) <= 0


def test_calendars_facets_and_blogs_cannot_swallow_the_budget() -> None:
    frontier = Frontier("acme.test", max_depth=3)
    for number in range(200):
        frontier.add(f"/calendar/2026/{number}", base=BASE)
        frontier.add(f"/list?page={number}", base=BASE)
        frontier.add(f"/list?page={number}&sort=asc", base=BASE)
        frontier.add(f"/blog/{'abcdefghij'[number % 10]}{'abcdefghijklmnopqrst'[number // 10]}", base=BASE)

    taken = drain(frontier)

    assert sum("/calendar" in url for url in taken) == SAME_NUMBER
    assert sum("/list" in url for url in taken) == 2 * SAME_QUERY
    assert sum("/blog" in url for url in taken) == SAME_FOLDER
    assert frontier.skipped["same shape"] == 800 - len(taken)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/a/b/a/b/a/b", "repeated path"),
        ("/a/b/c/d/e/f/g/h/i", "deep path"),
        ("/s?a=1&b=2&c=3&d=4", "long query"),
        ("/brochure.PDF", "not a page"),
    ],
)
def test_what_is_not_worth_a_request_is_counted_once(path: str, reason: str) -> None:
    frontier = Frontier("acme.test", max_depth=3)

    assert not frontier.add(path, base=BASE)
    assert frontier.skipped == {reason: 1}


def test_a_flood_of_links_does_not_push_out_the_good_ones() -> None:
    frontier = Frontier("acme.test", max_depth=3)
    frontier.add("/contact", base=BASE, depth=2)
    for number in range(3 * MAX_PENDING):
        frontier.add(f"/{number}x/y", base=BASE, depth=1)
    frontier.add("/impressum", base=BASE, depth=2)

    assert len(frontier) <= MAX_PENDING
    assert drain(frontier)[:2] == ["http://www.acme.test/contact", "http://www.acme.test/impressum"]


def test_a_page_put_back_comes_first() -> None:
    frontier = Frontier("acme.test", max_depth=3)
    frontier.add("/story", base=BASE)
    frontier.add("/contact", base=BASE)
    first = frontier.take()
    assert first

    frontier.put_back(first)

    assert frontier.take() == first
