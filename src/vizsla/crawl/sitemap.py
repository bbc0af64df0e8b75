"""
Which URLs does a sitemap name?

Read by looking for `<loc>`, not by an XML parser: no entity is ever expanded, a file that is cut or broken gives what it has,
and the cost is one pass over the bytes. A sitemap is a hint; nothing is fetched because it says so.
"""

from html import unescape

import msgspec

from vizsla.net.inflate import gunzip

MAX_BYTES = 4 * 1024 * 1024
MAX_URLS = 10_000
MAX_URL = 2_000


class Sitemap(msgspec.Struct, frozen=True):
    """What one file names."""

    urls: list[str] = []
    sitemaps: list[str] = []
    """Other sitemaps, when it is an index."""
    refused: str = ""
    """Why nothing was read."""


def parse_sitemap(data: bytes) -> Sitemap:
    """The URLs of a sitemap or a sitemap index, gzipped or not, or one URL a line; cut at 10,000."""
    body = gunzip(data, MAX_BYTES) if data.startswith(b"\x1f\x8b") else data[:MAX_BYTES]
    head = body[:4_096]
    if b"<!ENTITY" in body:
        return Sitemap(refused="declares entities")
    if b"<urlset" not in head and b"<sitemapindex" not in head:
        return Sitemap(refused="not a sitemap") if b"<" in head else Sitemap(urls=_lines(body))
    urls = _locations(body)
    return Sitemap(sitemaps=urls) if b"<sitemapindex" in head else Sitemap(urls=urls)


def _locations(body: bytes) -> list[str]:
    found: list[str] = []
    at = body.find(b"<loc>")
    for _ in range(MAX_URLS):
        if at < 0:
            break
        end = body.find(b"</loc>", at, at + MAX_URL + 64)
        if end > 0:
            text = body[at + 5 : end].decode("utf-8", "replace").strip()
            text = text.removeprefix("<![CDATA[").removesuffix("]]>").strip()
            found.append(unescape(text))
        at = body.find(b"<loc>", at + 5)
    return found


def _lines(body: bytes) -> list[str]:
    lines = (line.strip() for line in body.decode("utf-8", "replace").splitlines()[:MAX_URLS])
    return [line for line in lines if line.startswith(("http://", "https://")) and len(line) <= MAX_URL]
