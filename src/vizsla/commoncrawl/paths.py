"""Which files does a crawl consist of, and which part of them is ours?"""

import zlib

from vizsla.commoncrawl.archive import Archive
from vizsla.commoncrawl.asking import NotRead
from vizsla.commoncrawl.listed import CommonCrawlError, check_crawl, is_file_name

MAX_LIST, MAX_LINES = 32 << 20, 2_000_000
"""Compressed bytes of a list of paths, and paths. A crawl has some 90,000 files in 300 KB."""
_MAX_TEXT = 512 << 20


async def list_warc_files(archive: Archive, crawl: str) -> list[str]:
    """The WARC files of *crawl*, in the order of its list. Raises CommonCrawlError."""
    return await _listed(archive, f"crawl-data/{check_crawl(crawl)}/warc.paths.gz", (".warc.gz",))


async def list_index_files(archive: Archive, crawl: str) -> list[str]:
    """The files of the columnar index of *crawl*, of successful captures only. Raises CommonCrawlError."""
    folder = f"cc-index/table/cc-main/warc/crawl={check_crawl(crawl)}/subset=warc"
    if names := await archive.names_in(folder):
        return [f"{folder}/{name}" for name in names if name.endswith(".parquet")]
    listed = await _listed(archive, f"crawl-data/{crawl}/cc-index-table.paths.gz", (".parquet",))
    return [name for name in listed if "/subset=warc/" in name]


async def newest_crawl(archive: Archive) -> str | None:
    """The newest crawl that *archive* can list, by its name; None where folders cannot be listed."""
    names = await archive.names_in("crawl-data") or [
        name.removeprefix("crawl=") for name in await archive.names_in("cc-index/table/cc-main/warc")
    ]
    crawls = [name for name in names if name.startswith("CC-MAIN-")]
    return check_crawl(max(crawls)) if crawls else None


def shard_of(names: list[str], shard: str) -> list[str]:
    """Part i of n of *names*, for *shard* `i/n`: every n-th, so that parts are alike. Raises CommonCrawlError."""
    number, _, parts = shard.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts) <= 1_000_000):
        raise CommonCrawlError(f"{shard[:40]!r} is no part of a list. Parts are written 1/8, 2/8 … 8/8.")
    return names[int(number) - 1 :: int(parts)]


async def _listed(archive: Archive, name: str, endings: tuple[str, ...]) -> list[str]:
    try:
        data = await archive.read(name, 0, MAX_LIST)
    except NotRead as error:
        raise CommonCrawlError(f"There is no list {name}: {error.details}") from None
    try:
        stream = zlib.decompressobj(wbits=31)
        text = stream.decompress(data, _MAX_TEXT)
    except zlib.error:
        raise CommonCrawlError(f"{name} is not compressed as it says.") from None
    if not stream.eof:
        raise CommonCrawlError(f"{name} is longer than a list of paths can be, or cut.")
    lines = text.decode("ascii", "replace").split()
    return [line for line in lines[:MAX_LINES] if is_file_name(line) and line.endswith(endings)]
