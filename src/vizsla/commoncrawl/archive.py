"""
Where are Common Crawl's files, and how is a part of one read?

A website, a bucket of S3, or a folder that mirrors either. Each reads so many bytes from a place, or brings a file here whole.
Websites are asked through the guarded client and left alone for as long as they say; what S3's own client does is told in
docs/decisions/0009.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from vizsla.commoncrawl.asking import Asking, NotRead, error_of_server
from vizsla.commoncrawl.listed import CommonCrawlError, is_file_name
from vizsla.kit.settings import Settings
from vizsla.net.download import download
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

T = TypeVar("T")
CONNECTIONS = 4
"""To a website at once. It is one for everybody, and asks not to be hurried."""
PIECE = 1 << 20
REGION = "us-east-1"
"""Where Common Crawl's bucket is."""
Progress = Callable[[int, int], None]


class Archive(Protocol):
    """Files by their names as Common Crawl's lists and indexes give them. All of it may raise NotRead, CommonCrawlError."""

    async def read(self, name: str, start: int, length: int) -> bytes:
        """*length* bytes of the file from *start* on; fewer where it ends before."""
        ...

    async def size(self, name: str) -> int:
        """Bytes of the file."""
        ...

    async def bring(self, name: str, path: Path, progress: Progress) -> Path:
        """The whole file here: at *path*, or where it is already."""
        ...

    async def names_in(self, folder: str) -> list[str]:
        """The names in *folder*, sorted; none where it is not there, or where folders cannot be listed."""
        ...


@asynccontextmanager
async def open_archive(settings: Settings) -> AsyncIterator[Archive]:
    """What VIZSLA_COMMON_CRAWL names. Raises CommonCrawlError."""
    place = settings.common_crawl
    if not place:
        raise CommonCrawlError(
            "Common Crawl is not used: set VIZSLA_COMMON_CRAWL to https://data.commoncrawl.org (or s3://commoncrawl, or a "
            "folder that mirrors it), and VIZSLA_COMMON_CRAWL_INDEX to https://index.commoncrawl.org."
        )
    async with AsyncExitStack() as stack:
        if place.startswith(("http://", "https://")):
            client = await stack.enter_async_context(HttpClient(settings, per_host=CONNECTIONS))
            yield Website(client, place)
        elif place.startswith("s3://"):
            yield await open_bucket(settings, place)
        else:
            yield Mirror(place)


class Mirror:
    """A folder."""

    def __init__(self, place: str) -> None:
        root = Path(place).expanduser()
        if not root.is_dir():
            raise CommonCrawlError(f"VIZSLA_COMMON_CRAWL names {root}, and there is no such folder.")
        self._root = root

    async def read(self, name: str, start: int, length: int) -> bytes:
        return await asyncio.to_thread(self._read, name, start, length)

    def _read(self, name: str, start: int, length: int) -> bytes:
        with self._find(name).open("rb") as file:
            return os.pread(file.fileno(), length, start)

    async def size(self, name: str) -> int:
        return self._find(name).stat().st_size

    async def bring(self, name: str, path: Path, progress: Progress) -> Path:
        return self._find(name)

    async def names_in(self, folder: str) -> list[str]:
        path = self._root / folder
        return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []

    def _find(self, name: str) -> Path:
        path = self._root / _checked(name)
        if not path.is_file():
            raise NotRead("missing", f"there is no {path}")
        return path


class Website:
    """`https://data.commoncrawl.org`, or what stands for it."""

    def __init__(self, client: HttpClient, base: str) -> None:
        self._client = client
        self._asking = Asking(client)
        self._base = base.rstrip("/")

    async def read(self, name: str, start: int, length: int) -> bytes:
        url = f"{self._base}/{_checked(name)}"
        data, _ = await self._asking.part_of(url, f"bytes={start}-{start + length - 1}", start, length)
        return data

    async def size(self, name: str) -> int:
        _, total = await self._asking.part_of(f"{self._base}/{_checked(name)}", "bytes=0-0", 0, 1)
        return total

    async def bring(self, name: str, path: Path, progress: Progress) -> Path:
        url = f"{self._base}/{_checked(name)}"
        await self._asking.patiently(lambda: download(self._client, url, path, progress=progress))
        return path

    async def names_in(self, folder: str) -> list[str]:
        return []


async def open_bucket(settings: Settings, place: str) -> "Bucket":
    """
    The bucket that *place* (`s3://bucket/prefix?region=…&endpoint=http://…&anonymous=1`) names.

    S3's client makes its own connections, so its server is checked once, here, as those of websites are at each connection.
    """
    parts = urlsplit(place)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.username or parts.password or not parts.hostname or set(asked) - {"region", "endpoint", "anonymous"}:
        raise CommonCrawlError(
            "VIZSLA_COMMON_CRAWL: write S3 as s3://bucket or s3://bucket/prefix?region=us-east-1&endpoint=https://host. "
            "Keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws."
        )
    region = asked.get("region", REGION)
    endpoint = urlsplit(asked.get("endpoint", f"https://s3.{region}.amazonaws.com"))
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.hostname, port)
    except OSError:
        raise CommonCrawlError(f"The name {endpoint.hostname} of S3's server leads nowhere.") from None
    guard = EgressGuard(settings.egress_allow)
    for *_, address in found:
        guard.check(str(address[0]))
    return Bucket(
        await asyncio.to_thread(_open_s3, asked, endpoint.scheme, endpoint.netloc, region),
        f"{parts.hostname}{parts.path}".rstrip("/"),
    )


def _open_s3(asked: dict[str, str], scheme: str, netloc: str, region: str) -> "S3FileSystem":
    # Here, for it starts threads: only who uses S3 is to have them.
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    return S3FileSystem(
        anonymous=asked.get("anonymous", "") in ("1", "on", "true"),
        region=region,
        scheme=scheme,
        endpoint_override=netloc if "endpoint" in asked else None,
        connect_timeout=10,
        request_timeout=60,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=4),
    )


class Bucket:
    """`s3://commoncrawl`, or one that is like it."""

    def __init__(self, files: "S3FileSystem", root: str) -> None:
        self._files = files
        self._root = root
        self._last: tuple[str, Any] = ("", None)

    async def read(self, name: str, start: int, length: int) -> bytes:
        return await self._on_thread(self._read, name, start, length)

    def _read(self, name: str, start: int, length: int) -> bytes:
        # Ranges come sorted by file, and opening one is a request of its own.
        at, file = self._last
        if at != name:
            file = self._files.open_input_file(f"{self._root}/{_checked(name)}")
            self._last = name, file
        size = file.size()
        return bytes(file.read_at(min(length, max(size - start, 0)), min(start, size)))

    async def size(self, name: str) -> int:
        return await self._on_thread(self._size, name)

    def _size(self, name: str) -> int:
        with self._files.open_input_file(f"{self._root}/{_checked(name)}") as file:
            return int(file.size())

    async def bring(self, name: str, path: Path, progress: Progress) -> Path:
        await self._on_thread(self._bring, name, path, progress)
        return path

    def _bring(self, name: str, path: Path, progress: Progress) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with self._files.open_input_file(f"{self._root}/{_checked(name)}") as file, part.open("ab") as out:
            # What came before this process died is kept: an object of Common Crawl is never written again.
            done, total = part.stat().st_size, file.size()
            while done < total and (piece := file.read_at(min(PIECE, total - done), done)):
                out.write(piece)
                done += len(piece)
                progress(done, total)
        part.replace(path)

    async def names_in(self, folder: str) -> list[str]:
        return await self._on_thread(self._names_in, folder)

    def _names_in(self, folder: str) -> list[str]:
        from pyarrow.fs import FileSelector

        chosen = FileSelector(f"{self._root}/{folder}".rstrip("/"), allow_not_found=True)
        return sorted(entry.base_name for entry in self._files.get_file_info(chosen))

    async def _on_thread(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.to_thread(work, *arguments)
        except FileNotFoundError as error:
            raise NotRead("missing", str(error)[:300]) from None
        except OSError as error:
            raise error_of_server(f"S3: {str(error)[:300]}") from None


def _checked(name: str) -> str:
    if not is_file_name(name):
        raise NotRead("no_such_file", f"{name[:100]!r} is no plain path")
    return name
