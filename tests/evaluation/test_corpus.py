"""Pages are drawn and fetched so that anybody gets the same ones, or is told which are lacking."""

import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from evaluation.corpus import Source, digest, fetch, gather, read_pages
from evaluation.draw import draw, find_own_uri

from evaluation import corpus

PAGES = {f"pages-1.0/tests/{number}.html": b"<p>jo%d@nordlicht.de" % number for number in range(20)}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source package in an otherwise empty cache; no client can download anything."""
    archive = tmp_path / "archives" / "pages-1.0" / "pages-1.0.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as members:
        for path, body in {**PAGES, "pages-1.0/setup.py": b"a@nordlicht.de", "pages-1.0/x.html.gz": b"a@b.de"}.items():
            member = tarfile.TarInfo(path)
            member.size = len(body)
            members.addfile(member, io.BytesIO(body))
    pages = Source(
        registry="pypi", package="pages", version="1.0", sha256=digest(archive.read_bytes()), family="web", draw=5
    )
    monkeypatch.setattr(corpus, "CACHE", tmp_path)
    monkeypatch.setattr(corpus, "load_sources", lambda: [pages])
    monkeypatch.setattr(corpus.sys, "executable", "/nowhere/python")
    return pages


def test_only_html_files_are_pages(source: Source) -> None:
    assert dict(read_pages(fetch(source))) == PAGES


def test_the_lot_falls_the_same_way_twice(source: Source) -> None:
    first, second = (draw(source, fetch(source), set(), Counter(), Counter()) for _ in range(2))

    assert list(first) == list(second)
    assert len(first) == 5


def test_a_page_already_drawn_is_passed_over(source: Source) -> None:
    seen = {digest(body) for body in list(PAGES.values())[:17]}
    skipped: Counter[str] = Counter()

    drawn = draw(source, fetch(source), seen, Counter(), skipped)

    assert len(drawn) == 3
    assert skipped["seen"] == 17


def test_a_labelled_page_is_found_by_its_digest(source: Source) -> None:
    path, body = next(iter(PAGES.items()))

    found = gather({("pages", path): digest(body)})

    assert found.bodies == {digest(body): body}
    assert found.lacking == {}


def test_a_page_that_changed_is_left_out_aloud(source: Source) -> None:
    found = gather({("pages", next(iter(PAGES))): digest(b"the page as it was labelled")})

    assert found.bodies == {}
    assert found.lacking == {"pages": "its version here has other pages"}


def test_a_package_that_cannot_be_had_is_named(source: Source, tmp_path: Path) -> None:
    next((tmp_path / "archives" / "pages-1.0").iterdir()).unlink()

    found = gather({("pages", next(iter(PAGES))): "0" * 64})

    assert found.bodies == {}
    assert found.lacking["pages"].startswith("pages 1.0: ")


@pytest.mark.parametrize(
    "html",
    [
        b'<link rel="canonical" href="https://nordlicht.de/kontakt">',
        b"<link href='https://nordlicht.de/kontakt' rel='canonical'>",
        b'<meta property="og:url" content="https://nordlicht.de/kontakt">',
        b'<base href="https://nordlicht.de/kontakt">',
    ],
)
def test_a_page_tells_its_own_address(html: bytes) -> None:
    assert find_own_uri(html) == "https://nordlicht.de/kontakt"
