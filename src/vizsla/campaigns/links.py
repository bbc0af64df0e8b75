"""
Where do tracked links lead?

To what stands in the steps of a campaign, word for word: an address that is put together for each recipient says who they are, and
is left alone. It is kept under a number, and judged when it is kept: what is kept may stand in a Location header.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from vizsla.campaigns.tracking import TEXT_URL, hrefs, trim_url
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

_LONGEST = 2_000
_MOST = 200
"""Links of one campaign that are tracked."""
_ALL = statement(
    "SELECT url, number FROM campaign_link WHERE account_id = :account_id AND campaign_id = :campaign_id ORDER BY number"
)
_FIND = statement("""
    SELECT url FROM campaign_link WHERE account_id = :account_id AND campaign_id = :campaign_id AND number = :number
""")
_ADD = statement("""
    INSERT INTO campaign_link (account_id, campaign_id, number, url, hash)
    VALUES (:account_id, :campaign_id, :number, :url, :hash) ON CONFLICT DO NOTHING
""")


def links_of(body: str, format_: str) -> list[str]:
    """The links of a step (its Liquid, unrendered) that can be tracked, in order, each once."""
    found = hrefs(body) if format_ == "html" else [trim_url(match[0]) for match in TEXT_URL.finditer(body)]
    return [url for url in dict.fromkeys(found) if is_trackable(url)][:_MOST]


def is_trackable(url: str) -> bool:
    """
    Whether *url* may be sent to a browser by us: http or https, to a public name, without a user, the same for all.

    No blank and nothing unseen stands in it, so that no header is split by it.
    """
    if len(url) > _LONGEST or not url.isascii() or any(mark <= " " or mark in '<>"\\{}\x7f' for mark in url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or "@" in parts.netloc:
        return False
    lowered = url.lower()
    if "%0d" in lowered or "%0a" in lowered:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        # A last label of digits is an address to browsers, however it is written (WHATWG URL, ends in a number).
        last = host.rstrip(".").rpartition(".")[2]
        return (
            "." in host.strip(".")
            and not last[:1].isdigit()
            and not host.endswith((".localhost", ".local", ".internal"))
        )


async def list_links(reader: Reader, account_id: int, campaign_id: int) -> dict[str, int]:
    """The campaign's links that are tracked, with their numbers."""
    rows = await reader.fetch_all(_ALL, {"account_id": account_id, "campaign_id": campaign_id})
    return {url: number for url, number in rows}  # noqa: C416


async def put_links(conn: Connection, account_id: int, campaign_id: int, urls: Iterable[str]) -> dict[str, int]:
    """Keep those of *urls* that are not kept yet and can be tracked; all of the campaign's links with their numbers."""
    known = await list_links(conn, account_id, campaign_id)
    for url in urls:
        if url in known or not is_trackable(url) or len(known) >= _MOST:
            continue
        number = max(known.values(), default=0) + 1
        values = {"account_id": account_id, "campaign_id": campaign_id, "number": number, "url": url}
        await conn.execute(_ADD, {**values, "hash": hashlib.sha256(url.encode()).hexdigest()})
        known = await list_links(conn, account_id, campaign_id)
    return known


async def find_link(reader: Reader, account_id: int, campaign_id: int, number: int) -> str | None:
    """Where the link of that number leads; None if the campaign is gone."""
    row = await reader.fetch_one(_FIND, {"account_id": account_id, "campaign_id": campaign_id, "number": number})
    return row[0] if row else None
