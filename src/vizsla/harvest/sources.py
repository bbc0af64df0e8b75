"""
What is there to read under the paths that a person named?

A source is one unit of work: a WARC or WET file, or up to 500 HTML files of a folder. Nothing is opened here.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from vizsla.kit.domain_name import registrable_domain, to_ascii
from vizsla.kit.errors import VizslaError

ARCHIVE_SUFFIXES = (".warc", ".warc.gz", ".warc.zst", ".wet", ".wet.gz")
PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".shtml")
FILES_A_SOURCE = 500


class HarvestError(VizslaError):
    """The harvest cannot be done as asked."""

    id = "harvest"


class Source(msgspec.Struct, frozen=True):
    """One unit of work, and what it was when it was found."""

    path: str
    """An archive, or the folder that *files* are in."""
    size: int
    modified: int
    """Nanoseconds since 1970; of a folder's files the newest."""
    files: tuple[str, ...] = ()
    """Paths of HTML files inside of the folder; none for an archive."""


def find_sources(paths: Iterable[str]) -> list[Source]:
    """
    The sources under *paths*: archives, HTML files, folders of either (walked, links not followed) and globs of them.

    A file that is named outright is read as an archive unless its name says HTML. Sorted, each once. Raises HarvestError
    for what is not there, and for a URL: what fetches those stands behind the egress guard, not here.
    """
    found: dict[tuple[str, tuple[str, ...]], Source] = {}
    for path in _expanded(paths):
        for source in _sources_in(path):
            found.setdefault((source.path, source.files[:1]), source)
    if not found:
        raise HarvestError(f"There is no WARC, WET or HTML file in {', '.join(paths) or 'nothing'}.")
    return [found[key] for key in sorted(found)]


def file_uri(folder: str, name: str) -> str:
    """
    The URI of the page in file *name* of *folder*.

    A mirror (`wget -m`) names a folder after the host, so from the topmost folder on that bears a host's name (*folder*
    itself included) the path is an `https:` URI. Where there is none the page is only a file, and its URI says so.
    """
    top = Path(folder).resolve()
    steps = [top.name, *name.split("/")[:-1]]
    for depth, step in enumerate(steps):
        host = to_ascii(step.lower())
        if host and registrable_domain(host):
            rest = [*steps[depth + 1 :], name.rsplit("/", 1)[-1]]
            return f"https://{host}/{quote('/'.join(rest), errors='replace')}"
    return "file://" + quote(f"{top}/{name}", errors="replace")


def _expanded(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if "://" in path[:12] and not path.startswith("file://"):
            raise HarvestError(
                f"{path} is a URL that is not fetched here. Fetch it first; http and https are fetched for you."
            )
        plain = path.removeprefix("file://")
        if os.path.lexists(plain):
            yield plain
        elif matches := _matches(plain):
            yield from matches
        else:
            raise HarvestError(f"There is no {plain}.")


def _matches(pattern: str) -> list[str]:
    path = Path(pattern).absolute()
    return sorted(str(match) for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _sources_in(path: str) -> Iterator[Source]:
    if not Path(path).is_dir():
        entry = Path(path).stat()
        if not stat.S_ISREG(entry.st_mode):
            raise HarvestError(f"{path} is neither a file nor a folder.")
        if path.lower().endswith(PAGE_SUFFIXES):
            folder, name = os.path.split(Path(path).absolute())
            yield Source(folder, entry.st_size, entry.st_mtime_ns, (name,))
        else:
            yield Source(str(Path(path).absolute()), entry.st_size, entry.st_mtime_ns)
        return
    root = str(Path(path).absolute())
    pages: list[tuple[str, os.stat_result]] = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            full = f"{folder}/{name}"
            lower = name.lower()
            if not lower.endswith(ARCHIVE_SUFFIXES + PAGE_SUFFIXES):
                continue
            entry = os.lstat(full)
            if not stat.S_ISREG(entry.st_mode):
                continue
            if lower.endswith(ARCHIVE_SUFFIXES):
                yield Source(full, entry.st_size, entry.st_mtime_ns)
            else:
                pages.append((os.path.relpath(full, root), entry))
    for start in range(0, len(pages), FILES_A_SOURCE):
        some = pages[start : start + FILES_A_SOURCE]
        yield Source(
            root,
            sum(entry.st_size for _, entry in some),
            max(entry.st_mtime_ns for _, entry in some),
            tuple(name for name, _ in some),
        )
