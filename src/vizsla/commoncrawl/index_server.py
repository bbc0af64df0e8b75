"""
Which captures does the index server list?

The CDX API that Common Crawl speaks (pywb's): how many pages an answer has, then page by page, one line of JSON a capture.
The server is a small one: it is asked for one thing at a time, with a pause.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from vizsla.commoncrawl.asking import Asking
from vizsla.commoncrawl.listed import CommonCrawlError, Listed, check_crawl, read_line
from vizsla.net.http import HttpClient

MAX_PAGES = 20
"""Of one domain: some 300,000 captures. What lies beyond is counted, not read."""
MAX_PAGE_BYTES = 16 << 20
_FIELDS = "url,timestamp,status,mime,mime-detected,digest,length,offset,filename"


class _Crawl(msgspec.Struct):
    id: str


class _Pages(msgspec.Struct):
    pages: int


class IndexServer:
    """`https://index.commoncrawl.org`, or what stands for it; *pause* seconds lie between two questions."""

    def __init__(self, client: HttpClient, base: str, pause: float) -> None:
        self._asking = Asking(client)
        self._base = base.rstrip("/")
        self._pause = pause
        self._asked = 0

    async def newest_crawl(self) -> str:
        """The crawl that is listed first."""
        text = await self._text(f"{self._base}/collinfo.json", most=1 << 20)
        try:
            crawls = msgspec.json.decode(text, type=list[_Crawl])
        except msgspec.DecodeError:
            crawls = []
        for crawl in crawls[:1]:
            return check_crawl(crawl.id)
        raise CommonCrawlError(f"{self._base}/collinfo.json lists no crawl. Name one: --crawl CC-MAIN-2026-40")

    async def captures(self, crawl: str, domain: str, dropped: Counter[str]) -> AsyncIterator[Listed]:
        """What *crawl* has of *domain* (registrable) and the hosts below it, good pages only; what else was listed is counted in *dropped*."""
        url = (
            f"{self._base}/{check_crawl(crawl)}-index?url=*.{quote(domain)}&output=json&fl={_FIELDS}"
            "&filter=%3Dstatus:200"
        )
        pages = await self._count_pages(url, crawl)
        if pages > MAX_PAGES:
            dropped["index_page_beyond_limit"] += pages - MAX_PAGES
        for page in range(min(pages, MAX_PAGES)):
            await self._wait()
            async for line in self._asking.lines(f"{url}&page={page}", most_bytes=MAX_PAGE_BYTES, dropped=dropped):
                row = read_line(line, dropped)
                if row is None:
                    continue
                if row.domain == domain:
                    yield row
                else:
                    dropped["other_domain"] += 1

    async def _count_pages(self, url: str, crawl: str) -> int:
        text = await self._text(f"{url}&showNumPages=true", most=64 << 10)
        if not text.strip():
            return 0
        try:
            return msgspec.json.decode(text, type=_Pages).pages
        except msgspec.DecodeError:
            raise CommonCrawlError(
                f"The index server does not say how much it has of {crawl}: {text[:100]!r}"
            ) from None

    async def _text(self, url: str, *, most: int) -> bytes:
        await self._wait()
        return b"\n".join([line async for line in self._asking.lines(url, most_bytes=most, dropped=Counter())])

    async def _wait(self) -> None:
        if self._asked:
            await asyncio.sleep(self._pause)
        self._asked += 1
