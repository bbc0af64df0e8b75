"""
What does each page say, as a person read it?

Labels hold real people's published addresses, so git gets keyed digests of them only: who has the page can check a label,
who has only the labels learns nobody. The clear text stays in `build/evaluation/working.jsonl` on the labeller's machine.

    .venv/bin/python -m evaluation.labels      working.jsonl → evaluation/labels.jsonl
"""

import hashlib
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from evaluation.corpus import CACHE, ROOT
from evaluation.draw import Drawn

T = TypeVar("T")
WORKING = CACHE / "working.jsonl"
SEALED = ROOT / "labels.jsonl"


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One address of a page; clear in the working copy, digests in the repository."""

    email: str
    protected: bool = False
    """Readable only when the site's deliberate protection is undone."""
    doubtful: bool = False
    """Neither missed nor false: the label guide says which these are."""
    names: tuple[str, ...] = ()
    """Spellings of the person's name that are right, as `first/last`; empty when the page names nobody."""
    name_optional: bool = False
    """A role's mailbox behind a person's name: the name is not wrong, nor is its absence."""
    position: str | None = None


class Page(Drawn, frozen=True, kw_only=True):
    """A drawn page and its addresses."""

    addresses: tuple[Address, ...]


class ClearAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address as the labeller writes it down."""

    email: str
    protected: bool = False
    doubtful: bool = False
    names: tuple[tuple[str, str], ...] = ()
    name_optional: bool = False
    position: str | None = None


class ClearPage(Drawn, frozen=True, kw_only=True):
    """A page as the labeller writes it down."""

    addresses: tuple[ClearAddress, ...]


def seal(page_sha256: str, value: str) -> str:
    """The digest that stands for *value* on that page; the same value on another page has another."""
    return hashlib.sha256(f"{page_sha256}\0{' '.join(value.lower().split())}".encode()).hexdigest()[:16]


def seal_name(page_sha256: str, first: str, last: str) -> str:
    """The digest of a name; initials are the same with and without their dots."""
    return seal(page_sha256, f"{first.strip()}/{last.strip()}".replace(".", ""))


def seal_page(page: ClearPage) -> Page:
    def sealed(address: ClearAddress) -> Address:
        return Address(
            email=seal(page.sha256, address.email),
            protected=address.protected,
            doubtful=address.doubtful,
            names=tuple(seal_name(page.sha256, first, last) for first, last in address.names),
            name_optional=address.name_optional,
            position=seal(page.sha256, address.position) if address.position else None,
        )

    drawn = {name: getattr(page, name) for name in Drawn.__struct_fields__}
    return Page(**drawn, addresses=tuple(sorted(map(sealed, page.addresses), key=lambda address: address.email)))


def read_lines(path: Path, kind: type[T]) -> list[T]:
    decoder = msgspec.json.Decoder(kind)
    return [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]


def load_labels() -> list[Page]:
    return read_lines(SEALED, Page)


def load_clear() -> dict[str, ClearPage]:
    """The working copy by page digest; empty on a machine that never labelled."""
    return {page.sha256: page for page in read_lines(WORKING, ClearPage)} if WORKING.exists() else {}


def main() -> None:
    pages = read_lines(WORKING, ClearPage)
    SEALED.write_bytes(b"".join(msgspec.json.encode(seal_page(page)) + b"\n" for page in pages))
    print(f"{len(pages)} pages, {sum(len(page.addresses) for page in pages)} addresses sealed", file=sys.stderr)


if __name__ == "__main__":
    main()
