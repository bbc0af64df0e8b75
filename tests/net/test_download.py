"""A large file comes whole or not at all, whatever happens on the way."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from vizsla.kit.settings import Settings
from vizsla.net.download import download
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient
from worlds.web import Request, Web, redirect, status, web

FILE = bytes(range(256)) * 2_000
URL = "http://acme.test/crawl.warc.gz"


class Archive:
    """A route with ranges and an ETag; breaks the connection after *breaks_after* bytes, *times* times."""

    def __init__(self, content: bytes = FILE, *, breaks_after: int = 0, times: int = 0, etag: str = '"v1"') -> None:
        self.content = content
        self.breaks_after = breaks_after
        self.times = times
        self.etag = etag

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(wanted[1]) if wanted and request.headers.get("if-range") == self.etag else 0
        if wanted and start == len(self.content):
            head = f"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{start}\r\nContent-Length: 0\r\n"
        elif start:
            last = len(self.content) - 1
            head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{last + 1}\r\nContent-Length: {last + 1 - start}\r\n"
        else:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.content)}\r\n"
        body = self.content[start:]
        if self.times:
            self.times -= 1
            body = body[: self.breaks_after]
        writer.write(f"{head}ETag: {self.etag}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


async def bring(site: Web, path: Path, url: str = URL, **options) -> None:
    settings = Settings(
        egress_allow=("127.0.0.1/32",), http_ports=(80,), http_resolve=(f"acme.test:80=127.0.0.1:{site.port}",)
    )
    async with HttpClient(settings) as client:
        await download(client, url, path, pause=0, **options)


async def test_a_file_comes_once(tmp_path: Path) -> None:
    path, told = tmp_path / "new" / "file", []
    async with web() as site:
        site.route("/moved", redirect("/crawl.warc.gz"))
        site.route("/crawl.warc.gz", Archive())
        await bring(site, path, "http://acme.test/moved", progress=lambda done, total: told.append((done, total)))
        asked = len(site.asked)
        await bring(site, path, "http://acme.test/moved")

        assert len(site.asked) == asked == 2
    assert path.read_bytes() == FILE
    assert told[-1] == (len(FILE), len(FILE))
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert site.asked[-1].headers["accept-encoding"] == "identity"


async def test_the_rest_is_asked_for_when_a_connection_breaks(tmp_path: Path) -> None:
    async with web() as site:
        site.route("/crawl.warc.gz", Archive(breaks_after=200_000, times=2))
        await bring(site, tmp_path / "file")

        assert [request.headers.get("range") for request in site.asked] == [None, "bytes=200000-", "bytes=400000-"]
    assert (tmp_path / "file").read_bytes() == FILE


async def test_another_file_by_now_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    async with web() as site:
        site.route("/crawl.warc.gz", Archive(breaks_after=100_000, times=4))
        with pytest.raises(FetchError, match=r"crawl\.warc\.gz"):
            await bring(site, tmp_path / "file")
        assert (tmp_path / "file.part").stat().st_size == 400_000
        site.route("/crawl.warc.gz", Archive(FILE[::-1], etag='"v2"'))
        await bring(site, tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == FILE[::-1]


async def test_what_came_whole_before_a_process_died_is_not_fetched_again(tmp_path: Path) -> None:
    async with web() as site:
        site.route("/crawl.warc.gz", Archive())
        await bring(site, tmp_path / "other")
        (tmp_path / "file.part").write_bytes(FILE)
        (tmp_path / "file.part.json").write_text(json.dumps({"url": URL, "validator": '"v1"'}))
        await bring(site, tmp_path / "file")

        assert site.asked[-1].headers["range"] == f"bytes={len(FILE)}-"
    assert (tmp_path / "file").read_bytes() == FILE


@pytest.mark.parametrize("location", ["http://127.0.0.2/", "http://169.254.169.254/latest", "file:///etc/passwd", "http://acme.test:25/"])  # fmt: skip
async def test_a_redirect_leads_nowhere_private(tmp_path: Path, location: str) -> None:
    async with web() as site:
        site.route("/crawl.warc.gz", redirect(location))
        with pytest.raises((FetchError, EgressRefused)):
            await bring(site, tmp_path / "file")

    assert not list(tmp_path.iterdir())


async def test_an_error_of_the_server_is_said_and_a_stall_has_an_end(tmp_path: Path) -> None:
    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await writer.drain()
        await asyncio.sleep(30)

    async with web() as site:
        site.route("/crawl.warc.gz", status(404))
        with pytest.raises(FetchError, match="answered 404"):
            await bring(site, tmp_path / "file")
        site.route("/crawl.warc.gz", silent)
        with pytest.raises(FetchError, match="nothing came for"):
            await asyncio.wait_for(bring(site, tmp_path / "file", stall=0.1), 15)
