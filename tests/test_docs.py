"""What is documented exists, and what exists is documented."""

import re
from pathlib import Path

import msgspec
import pytest

from vizsla.api.errors import SHOWN_IDS, STATUSES
from vizsla.api.v2 import all_calls
from vizsla.cli.main import app, claim, db, key, user
from vizsla.kit.settings import PlanTerms, Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("evaluation/*.md"), *ROOT.glob("samples/*.md")]
)


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    rows = dict(re.findall(r"(?m)^\| `VIZSLA_(\w+)` \| *`?([^|`]*?)`? *\|", page))
    documented = {name.lower(): default.strip() for name, default in rows.items()}
    actual = {}
    for field in msgspec.structs.fields(Settings):
        if field.name == "plans":
            continue  # tables of the file, with a section of their own
        value = field.default
        switch = {True: "on", False: "off"}.get(value) if isinstance(value, bool) else None
        actual[field.name] = switch or (",".join(map(str, value)) if isinstance(value, tuple) else str(value))

    assert documented == actual
    terms = {field.name for field in msgspec.structs.fields(PlanTerms)}
    assert {name for name in terms if f"| `{name}` |" in page} == terms


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()
    commands = {
        " ".join(filter(None, (group.name[0] if group is not app else "", name)))
        for group in (app, user, key, claim, db)
        for name in group
        if not name.startswith("-") and name not in ("user", "key", "claim", "db")
    }

    assert len(commands) > 10
    assert [name for name in sorted(commands) if f"`vizsla {name}" not in page] == []


def test_every_call_and_every_error_is_documented() -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    names = {endpoint.name for endpoint in all_calls(trial=True).endpoints}
    used = {error for endpoint in all_calls(trial=True).endpoints for error in endpoint.errors}
    ids = {SHOWN_IDS.get(id_, id_) for id_ in used if id_ in STATUSES}

    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
    assert [id_ for id_ in sorted(ids) if f"`{id_}`" not in page] == []


def test_every_reason_to_leave_something_out_is_documented() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()
    sources = "\n".join(path.read_text() for path in (ROOT / "src/vizsla").rglob("*.py"))
    counted = re.findall(r'dropped\[(f?".*?)\] (?:\+?=)', sources) + re.findall(r"_count_cut\((.*?),", sources)
    reasons = {reason for text in counted for reason in re.findall(r'"([a-z_0-9]+)', text)}

    assert len(reasons) > 25
    assert [reason for reason in sorted(reasons) if f"`{reason}" not in page] == []
