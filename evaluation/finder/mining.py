"""
Where do people publish their name beside their work address, on a machine that has only Debian?

In package lists (Maintainer, Uploaders), in source trees that Debian ships as packages, in its keyrings, in the copyright files
of what is installed; and in git histories that are given as paths. Every mention counts once; `pairs` decides which are people.
"""

import lzma
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

SOURCE_PACKAGES = ("linux-source-6.1", "gcc-12-source", "binutils-source", "glibc-source")
KEYRING_PACKAGES = ("debian-keyring", "archlinux-keyring")
COPYRIGHTS = Path("/usr/share/doc")
FETCH_SECONDS = 600

Mention = tuple[str, str]
"""A name and an address, as they stand there."""

_BRACKETED = re.compile(rb"<([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{4,100})>")
_NAME_REACH = 80
_NAME_AT_END = re.compile(r"(?<![^\W\d_])[^\W\d_](?:[^\W\d_]|[ .'’\-])*\Z")
_CREDITS = re.compile(r"^N: (.+)\n((?:E: .+\n)+)", re.MULTILINE)
_UPLOADER = re.compile(r'\s*"?([^<>"]{3,80}?)"?\s*<([^<>@\s]+@[^<>@\s]+)>\s*,?')
_USER_ID = re.compile(r"^([^<>()]{3,80}?)\s*(?:\([^)]*\)\s*)?<([^<>@\s]+@[^<>@\s]+)>")
_COUNTED = re.compile(r"^\w*Maintainer: (.+)$|^Uploaders: (.+)$|^Original-Maintainer: (.+)$", re.MULTILINE)
_LARGEST_FILE = 12_000_000
_TEXT_BESIDES = re.compile(r"\.(?:png|gif|jpe?g|gz|xz|bz2|zip|pdf|o|a|so|bin|fw|ihex|pot?|gmo)\Z", re.IGNORECASE)
_TREE_IN_DEB = re.compile(r"\.tar\.(?:xz|bz2|gz)\Z")


def mine_package_lists(lists: Path) -> Iterator[Mention]:
    """Maintainer and Uploaders of Debian's package and source lists."""
    for field in _list_fields(lists):
        yield from _UPLOADER.findall(field)


def mine_deb(deb: Path) -> Iterator[Mention]:
    """What the text files of a package that carries a source tree say; the tree is read, never unpacked."""
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    with unpack, tarfile.open(fileobj=unpack.stdout, mode="r|") as members:
        for member in members:
            if member.isfile() and _TREE_IN_DEB.search(member.name) and (packed := members.extractfile(member)):
                with tempfile.TemporaryFile() as whole:
                    while block := packed.read(1 << 20):
                        whole.write(block)
                    whole.seek(0)
                    with tarfile.open(fileobj=whole) as tree:
                        yield from _mine_tree(tree)


def mine_keyring(deb: Path, folder: Path) -> Iterator[Mention]:
    """The user ids of the keys in a keyring package."""
    subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    for ring in sorted(folder.rglob("*.gpg")):
        command = ["gpg", "--homedir", folder, "--batch", "--show-keys", "--with-colons", ring]
        shown = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
        for line in shown.splitlines():
            fields = line.split(":")
            if fields[0] == "uid" and (found := _USER_ID.match(fields[9].replace(r"\x3a", ":"))):
                yield found[1], found[2]


def mine_copyrights(folder: Path = COPYRIGHTS) -> Iterator[Mention]:
    """Holders named in the copyright files of what is installed here."""
    for file in sorted(folder.glob("*/copyright")):
        if file.is_file():
            yield from mine_text(file.read_bytes())


def mine_history(repository: Path) -> Iterator[Mention]:
    """Authors, committers and trailers (`Signed-off-by:` …) of a git history."""
    command = ["git", "-C", repository, "log", "--all", "--format=%an <%ae>%n%cn <%ce>%n%b"]
    log = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert log.stdout
    with log:
        for line in log.stdout:
            if b"@" in line and b"<" in line:
                yield from mine_text(line)


def mine_text(text: bytes) -> Iterator[Mention]:
    """Every `Name <address>` of *text*, the name cut to what looks like one."""
    for found in _BRACKETED.finditer(text):
        before = text[max(0, found.start() - _NAME_REACH) : found.start()].rpartition(b"\n")[2].rstrip()
        name = _NAME_AT_END.search(_decode(before.rpartition(b"<")[2]))
        if name:
            yield name[0].strip(), found[1].decode()


def fetch_debs(packages: Iterable[str], folder: Path) -> tuple[list[Path], list[str]]:
    """The packages out of Debian, kept in *folder*, and the names of those that could not be had."""
    folder.mkdir(parents=True, exist_ok=True)
    found, lacking = [], []
    for package in packages:
        if not list(folder.glob(f"{package}_*.deb")):
            command = ["apt-get", "download", "-q", package]
            subprocess.run(command, cwd=folder, capture_output=True, timeout=FETCH_SECONDS, check=False)
        debs = sorted(folder.glob(f"{package}_*.deb"))
        found.extend(debs[-1:])
        if not debs:
            lacking.append(package)
    return found, lacking


def fetch_source_lists(folder: Path) -> Path:
    """Debian's source lists, asked for with apt's own client into *folder*: this machine's sources stay as they are."""
    lists, parts = folder / "lists", folder / "parts"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    sources = [_as_source_entry(file) for file in sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))]
    old = Path("/etc/apt/sources.list")
    lines = old.read_text().splitlines() if old.exists() else []
    entries = [re.sub(r"^deb ", "deb-src ", line) for line in lines if line.startswith("deb ") and "debian" in line]
    (folder / "sources.list").write_text("\n".join(entries) + "\n")
    for number, source in enumerate(filter(None, sources)):
        (parts / f"{number}.sources").write_text(source)
    command = ["apt-get", "update", "-q", "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Etc::sourceparts={parts}",
               "-o", f"Dir::Etc::sourcelist={folder / 'sources.list'}", "-o", "Dir::Cache::pkgcache=", "-o",
               "Dir::Cache::srcpkgcache="]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=False)
    return lists


def _as_source_entry(file: Path) -> str:
    text = file.read_text()
    return re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE) if "debian" in text.lower() else ""


def _list_fields(lists: Path) -> Iterator[str]:
    for file in sorted([*lists.glob("*_Packages*"), *lists.glob("*_Sources*")]):
        reading = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", file], capture_output=True, check=False)
        text = reading.stdout.decode("utf-8", "replace")
        seen = Counter(next(filter(None, groups)) for groups in _COUNTED.findall(text))
        for field, count in seen.items():
            yield from [field] * min(count, 5)


def _mine_tree(tree: tarfile.TarFile) -> Iterator[Mention]:
    try:
        for member in tree:
            if not member.isfile() or member.size > _LARGEST_FILE or _TEXT_BESIDES.search(member.name):
                if member.isfile() and _TREE_IN_DEB.search(member.name) and (packed := tree.extractfile(member)):
                    with tarfile.open(fileobj=packed) as inner:
                        yield from _mine_tree(inner)
                continue
            body = tree.extractfile(member).read()
            if b"@" not in body or b"\0" in body[:4096]:
                continue
            yield from mine_text(body)
            if member.name.endswith("CREDITS"):
                for name, addresses in _CREDITS.findall(_decode(body)):
                    yield from ((name.strip(), address.strip()) for address in re.findall(r"E: (\S+@\S+)", addresses))
    except (EOFError, lzma.LZMAError):
        return


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
