"""Whole pages, field by field. The pages are in tests/golden/pages; their README says how to rewrite what is expected."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from vizsla.harvest.extract.page import extract
from vizsla.harvest.records import Page

PAGES = Path(__file__).parents[2] / "golden" / "pages"
EXPECTED = PAGES / "expected.json"
SHOWN = ("how", "first_name", "last_name", "name_score", "position", "phone", "twitter", "linkedin")


def read(path: Path, *, decode_protected: bool) -> dict[str, object]:
    page = Page(f"https://www.{path.stem}.example/p/{path.stem}", 1_700_000_000, path.read_bytes())
    extraction = extract(page, decode_protected=decode_protected)
    seen = {
        f"{one.local}@{one.domain}": {key: value for key in SHOWN if (value := getattr(one, key))}
        for one in extraction.observations
    }
    return {"observations": seen, "dropped": dict(sorted(extraction.dropped.items()))}


def read_all() -> dict[str, object]:
    return {
        f"{path.name}, protected {'read' if on else 'left alone'}": read(path, decode_protected=on)
        for path in sorted(PAGES.glob("*.html"))
        for on in (False, True)
    }


def test_every_page_reads_as_expected() -> None:
    found = msgspec.to_builtins(read_all())
    if os.environ.get("REWRITE_GOLDEN"):
        EXPECTED.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
        pytest.skip("expected.json is rewritten")

    assert found == json.loads(EXPECTED.read_text("utf-8"))
