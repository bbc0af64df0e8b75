"""
Which pages are labelled?

Drawn at random, with a fixed seed, from the pages that hold anything shaped like an address in any of its disguises. The
filter is wide on purpose and no extractor's: it also lets through `logo@2x.png` and shell prompts, so that precision is
measured where it hurts. A site gives two pages at most, because a second page of one template teaches little.

    .venv/bin/python -m evaluation.draw      writes build/evaluation/drawn.jsonl and the pages beside it
"""

import json
import random
import re
import tarfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from publicsuffixlist import PublicSuffixList

from evaluation.corpus import CACHE, Source, digest, fetch, load_sources, read_pages

SEED = 20261123
MAX_PER_SITE = 2
MAX_ADDRESSES = 60
"""A page with more is a list (a mailing list's archive, a table of projects): days of labelling, one template."""

ADDRESS_LIKE = re.compile(
    rb"\w@\w|[\[({<]\s*at\s*[\])}>]|cfemail|email-protection|%40|&#0*64;|&#x0*40;|&commat;|\\u0040|UnCryptMailto"
    rb"|['\"]\s*@\s*['\"]|data-enc-email|\bat\b[^<>]{1,40}\b(?:dot|punkt)\b",
    re.IGNORECASE,
)
PLAIN = re.compile(rb"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
OWN_URI = re.compile(
    rb"""<link[^>]+rel=["']?canonical["']?[^>]*?href=["']?(https?://[^"'\s>]+)"""
    rb"""|<link[^>]+href=["']?(https?://[^"'\s>]+)["']?[^>]+rel=["']?canonical"""
    rb"""|property=["']og:url["'][^>]+content=["'](https?://[^"'\s>]+)"""
    rb"""|<base[^>]+href=["']?(https?://[^"'\s>]+)""",
    re.IGNORECASE,
)
SUFFIXES = PublicSuffixList()


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A page to label: where it is and what it is."""

    family: str
    package: str
    version: str
    path: str
    sha256: str
    uri: str
    split: str
    """dev: its errors are shown. held_out: only counted."""


def find_own_uri(body: bytes) -> str | None:
    """The address that the page gives itself."""
    match = OWN_URI.search(body)
    return next(part for part in match.groups() if part).decode("utf-8", "replace") if match else None


def site_of(uri: str) -> str | None:
    return SUFFIXES.privatesuffix(urlsplit(uri).hostname or "") if "://" in uri else None


def read_recorded_uris(archive: Path) -> dict[str, str]:
    """Formasaurus keeps the address of each page it saved in an index beside them."""
    if archive.suffix == ".deb":
        return {}
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith("/data/index.json"):
                pages = json.load(members.extractfile(member))
                return {path: page["url"] for path, page in pages.items() if "url" in page}
    return {}


def draw(
    source: Source, archive: Path, seen: set[str], per_site: Counter[str], skipped: Counter[str]
) -> dict[Drawn, bytes]:
    recorded = read_recorded_uris(archive)
    pool = sorted((path, body) for path, body in read_pages(archive) if ADDRESS_LIKE.search(body))
    random.Random(f"{SEED} {source.package}").shuffle(pool)
    drawn: dict[Drawn, bytes] = {}
    for path, body in pool:
        if len(drawn) == source.draw:
            break
        sha256 = digest(body)
        uri = recorded.get("/".join(path.split("/")[-2:])) or find_own_uri(body) or path
        site = site_of(uri) if source.family == "web" else None
        if sha256 in seen:
            skipped["seen"] += 1
        elif len({hit.lower() for hit in PLAIN.findall(body)}) > MAX_ADDRESSES:
            skipped["over sixty addresses"] += 1
        elif site and per_site[site] >= MAX_PER_SITE:
            skipped["site full"] += 1
        else:
            seen.add(sha256)
            if site:
                per_site[site] += 1
            split = random.Random(f"{SEED} {sha256}").choice(("dev", "held_out"))
            drawn[
                Drawn(
                    family=source.family,
                    package=source.package,
                    version=source.version,
                    path=path,
                    sha256=sha256,
                    uri=uri,
                    split=split,
                )
            ] = body
    return drawn


def main() -> None:
    pages = CACHE / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    per_site: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    lines = []
    for source in load_sources():
        drawn = draw(source, fetch(source), seen, per_site, skipped)
        for page, body in drawn.items():
            (pages / f"{page.sha256}.html").write_bytes(body)
            lines.append(msgspec.json.encode(page))
        print(f"{len(drawn):4} of {source.draw:3}  {source.package}")
    (CACHE / "drawn.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    print(f"{len(lines)} pages drawn; passed over: {dict(skipped)}")


if __name__ == "__main__":
    main()
