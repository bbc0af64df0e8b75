"""What a crawl remembers for the next one, on both stores."""

from vizsla.crawl.pages import CrawledPage
from vizsla.crawl.store import known_pages, record_pages
from vizsla.storage.open import Stores

A = CrawledPage("http://acme.test/a", 200, 100, '"v1"', "Mon, 01 Jun 2026 00:00:00 GMT", "sha1:A", 100)
B = CrawledPage("http://acme.test/b", 404, 200, digest="sha1:B", captured_at=100, missing_since=200)


async def test_pages_come_back_as_they_were_and_by_domain(stores: Stores) -> None:
    async with stores.index.write() as conn:
        await record_pages(conn, "acme.test", [A, B], [])
        await record_pages(conn, "other.test", [A], [])

    assert await known_pages(stores.index, "acme.test") == {A.uri: A, B.uri: B}
    assert await known_pages(stores.index, "nobody.test") == {}


async def test_the_later_visit_wins_whatever_comes_first_and_twice_is_once(stores: Stores) -> None:
    later = CrawledPage(A.uri, 200, 300, digest="sha1:C", captured_at=300)
    for pages in ([A], [later], [later], [A]):
        async with stores.index.write() as conn:
            await record_pages(conn, "acme.test", pages, [])

    assert await known_pages(stores.index, "acme.test") == {A.uri: later}


async def test_what_is_gone_is_forgotten(stores: Stores) -> None:
    async with stores.index.write() as conn:
        await record_pages(conn, "acme.test", [A, B], [])
        await record_pages(conn, "acme.test", [], [B.uri])

    assert await known_pages(stores.index, "acme.test") == {A.uri: A}
