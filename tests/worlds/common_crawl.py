"""
A Common Crawl of our own: WARC files, both indexes of them, and the servers that hand them out.

`data.test` answers ranges, `index.test` speaks CDX, `s3.test` (any path-style bucket) speaks S3. Files are what a test puts
there; rows of the indexes say what is in them, or whatever a test wants them to say.
"""

import asyncio
import base64
import gzip
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from archives import gz, page_about, record, response
from vizsla.kit.settings import Settings
from worlds.web import Request, Route, Web, status, web

CRAWL, NEXT = "CC-MAIN-2026-40", "CC-MAIN-2026-44"
_SCHEMA = pa.schema(
    [
        ("url_surtkey", pa.string()), ("url", pa.string()), ("url_host_registered_domain", pa.string()),
        ("fetch_time", pa.timestamp("ms", "UTC")), ("fetch_status", pa.int16()), ("content_digest", pa.string()),
        ("content_mime_type", pa.string()), ("content_mime_detected", pa.string()), ("warc_filename", pa.string()),
        ("warc_record_offset", pa.int32()), ("warc_record_length", pa.int32()),
    ]
)  # fmt: skip


@dataclass
class CommonCrawl:
    """Files by name, and rows of the indexes by crawl."""

    site: Web
    files: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lines_a_page: int = 100
    twist: Callable[[Request], Route | None] = lambda request: None
    """What a test wants to be answered instead."""

    def add(
        self, number: int, pages: dict[str, bytes], *, crawl: str = CRAWL, date: str = "2026-10-02T03:04:05Z"
    ) -> str:
        """A WARC file of *pages* by URL, each after its request, and their rows."""
        name = f"crawl-data/{crawl}/segments/1/warc/{crawl}-{number:05}.warc.gz"
        content = gz(record("urn:info", b"", kind="warcinfo", content_type="application/warc-fields"))
        for url, body in pages.items():
            content += gz(record(url, b"GET / HTTP/1.1\r\n\r\n", kind="request"))
            digest = base64.b32encode(hashlib.sha1(body).digest()).decode()
            member = gz(response(url, body, date=date, warc_headers=[f"WARC-Payload-Digest: sha1:{digest}"]))
            self.list_row(crawl, url, digest, name, len(content), len(member), date)
            content += member
        self.files[name] = content
        self._write_lists(crawl)
        return name

    def list_row(
        self, crawl: str, url: str, digest: str, name: str, offset: int, length: int, date: str, **other: Any
    ) -> None:
        """A row of both indexes."""
        at = datetime.fromisoformat(date)
        self.rows.setdefault(crawl, []).append(
            {
                "urlkey": surt(url), "timestamp": at.astimezone(UTC).strftime("%Y%m%d%H%M%S"), "url": url, "mime": "text/html",
                "mime-detected": "text/html", "status": "200", "digest": digest, "length": str(length), "offset": str(offset),
                "filename": name,
            } | other
        )  # fmt: skip

    def _write_lists(self, crawl: str) -> None:
        names = sorted(name for name in self.files if name.endswith(".warc.gz") and crawl in name)
        self.files[f"crawl-data/{crawl}/warc.paths.gz"] = gzip.compress("\n".join(names).encode())

    def write_columns(self, crawl: str = CRAWL, *, files: int = 1, rows_a_group: int = 5) -> list[str]:
        """The columnar index, sorted, in *files*."""
        rows = sorted(self.rows.get(crawl, []), key=lambda row: row["urlkey"])
        folder = f"cc-index/table/cc-main/warc/crawl={crawl}/subset=warc"
        size = -(-len(rows) // files)
        names = []
        for number in range(files):
            name = f"{folder}/part-{number:05}.c000.gz.parquet"
            out = io.BytesIO()
            table = pa.Table.from_pylist([_columns(row) for row in rows[number * size : (number + 1) * size]], _SCHEMA)
            pq.write_table(table, out, row_group_size=rows_a_group, compression="gzip")
            self.files[name] = out.getvalue()
            names.append(name)
        self.files[f"crawl-data/{crawl}/cc-index-table.paths.gz"] = gzip.compress("\n".join(names).encode())
        return names

    def write_to(self, root: Path) -> Path:
        """All files as a folder that mirrors them."""
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    def asked(self, host: str) -> list[str]:
        """What *host* was asked for."""
        return [request.target for request in self.site.asked if request.host == host]

    @property
    def ranges(self) -> list[tuple[str, str]]:
        """The ranges of WARC files that were asked for."""
        return [
            (request.path.removeprefix("/"), request.headers.get("range", ""))
            for request in self.site.asked
            if request.host == "data.test" and request.path.endswith(".warc.gz")
        ]

    def settings(self, settings: Settings, **other: Any) -> Settings:
        """*settings* that reach this world and nothing else."""
        port = self.site.port
        chosen = {
            "common_crawl": "http://data.test",
            "common_crawl_index": "http://index.test",
            "egress_allow": ("127.0.0.1/32",),
            "http_ports": (80,),
            "http_resolve": (f"data.test:80=127.0.0.1:{port}", f"index.test:80=127.0.0.1:{port}"),
            "crawl_delay": 0.0,
        }
        return msgspec.structs.replace(settings, **(chosen | other))

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await (self.twist(request) or self._route(request))(request, writer)

    def _route(self, request: Request) -> Route:
        if request.host == "index.test":
            return self._index
        if request.host == "data.test":
            return self._data
        return self._s3

    async def _data(self, request: Request, writer: asyncio.StreamWriter) -> None:
        content = self.files.get(request.path.removeprefix("/"))
        if content is None:
            await status(404)(request, writer)
        else:
            _send(request, writer, content)

    async def _index(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/collinfo.json":
            crawls = sorted({*self.rows, CRAWL}, reverse=True)
            _send(request, writer, json.dumps([{"id": name, "cdx-api": ""} for name in crawls]).encode())
            return
        crawl = request.path.removeprefix("/").removesuffix("-index")
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.target).query).items()}
        assert query["output"] == "json"
        prefix = surt("http://" + query["url"].removeprefix("*."))[:-2]
        rows = sorted(self.rows.get(crawl, []), key=lambda row: row["urlkey"])
        found = [row for row in rows if row["urlkey"].startswith((f"{prefix})", f"{prefix},"))]
        fields = query["fl"].split(",")
        lines = [json.dumps({name: row[name] for name in fields if name in row}) + "\n" for row in found]
        pages = -(-len(lines) // self.lines_a_page)
        if query.get("showNumPages") == "true":
            _send(request, writer, json.dumps({"pages": pages, "pageSize": 5, "blocks": pages}).encode() + b"\n")
        elif not lines:
            await status(404)(request, writer)
        else:
            at = int(query["page"]) * self.lines_a_page
            _send(request, writer, "".join(lines[at : at + self.lines_a_page]).encode())

    async def _s3(self, request: Request, writer: asyncio.StreamWriter) -> None:
        _, bucket, *_ = request.path.split("/", 2)
        query = parse_qs(urlsplit(request.target).query)
        if "list-type" in query:
            prefix = query.get("prefix", [""])[0]
            names = [name for name in sorted(self.files) if name.startswith(prefix)]
            files = [name for name in names if "/" not in name[len(prefix) :]]
            folders = {prefix + name[len(prefix) :].partition("/")[0] + "/" for name in names if name not in files}
            items = "".join(
                f"<Contents><Key>{name}</Key><Size>{len(self.files[name])}</Size>"
                "<LastModified>2026-10-02T03:04:05.000Z</LastModified></Contents>"
                for name in files
            ) + "".join(f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" for name in sorted(folders))
            text = (
                '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(names)}</KeyCount>"
                f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
            )
            _send(request, writer, text.encode())
            return
        content = self.files.get(unquote(request.path).removeprefix(f"/{bucket}/"))
        if content is None:
            await status(404)(request, writer)
        else:
            _send(request, writer, content)


def _send(request: Request, writer: asyncio.StreamWriter, content: bytes) -> None:
    head, size = "200 OK", len(content)
    if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", "")):
        first = int(wanted[1])
        last = min(int(wanted[2] or size - 1), size - 1)
        if first >= size:
            writer.write(f"HTTP/1.1 416 X\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        content = content[first : last + 1]
        head = f"206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}"
    lines = f'HTTP/1.1 {head}\r\nContent-Length: {len(content)}\r\nETag: "1"\r\nLast-Modified: Fri, 02 Oct 2026 03:04:05 GMT\r\n\r\n'
    writer.write(lines.encode() + (b"" if request.method == "HEAD" else content))


@asynccontextmanager
async def common_crawl() -> AsyncIterator[CommonCrawl]:
    """The servers; files and rows are up to the test."""
    async with web() as site:
        world = CommonCrawl(site)
        site.route("*", world.answer)
        yield world


def people(name: str, *addresses: str) -> bytes:
    """A page with addresses."""
    return page_about(name, *addresses)


def surt(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    query = f"?{parts.query}" if parts.query else ""
    return f"{','.join(reversed(host.split('.')))}){parts.path.lower() or '/'}{query}"


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "url_surtkey": row["urlkey"],
        "url": row["url"],
        "url_host_registered_domain": ".".join((urlsplit(row["url"]).hostname or "").split(".")[-2:]),
        "fetch_time": datetime.strptime(row["timestamp"], "%Y%m%d%H%M%S").replace(tzinfo=UTC),
        "fetch_status": int(row["status"]),
        "content_digest": row["digest"],
        "content_mime_type": row["mime"],
        "content_mime_detected": row["mime-detected"],
        "warc_filename": row["filename"],
        "warc_record_offset": int(row["offset"]),
        "warc_record_length": int(row["length"]),
    }
