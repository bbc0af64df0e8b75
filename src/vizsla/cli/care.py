"""`vizsla migrate`, `doctor`, `config`: is this installation well?"""

import asyncio
import shutil
import sqlite3
import sys

import msgspec

from vizsla import __version__
from vizsla.cli.output import put_json, put_line, put_table, talk
from vizsla.desk.self_test import examine
from vizsla.kit.clock import SystemClock
from vizsla.kit.settings import Settings, load_settings, mask_url, show_settings
from vizsla.storage.migrate import WHICH, Which, check_schema
from vizsla.storage.open import connect, open_stores
from vizsla.storage.postgres import PostgresDatabase
from vizsla.storage.replicas import LOOK
from vizsla.storage.statement import statement
from vizsla.work.workplace import Workplace, open_workplace


def migrate(*, check: bool = False) -> int:
    """
    Bring both databases to this version's schema.

    Parameters
    ----------
    check
        Only say whether that is needed: exit code 1 if it is.
    """

    async def run() -> int:
        settings = load_settings()
        if not check:
            async with open_stores(settings):
                talk("Both databases are up to date.")
            return 0
        behind = 0
        for which in WHICH:
            database = await connect(_url(settings, which), which)
            try:
                state = await check_schema(database, which)
            finally:
                await database.close()
            put_line(f"{which}: schema {state.current or 'none'}, this version has {state.head}")
            behind += not state.is_current
        return 1 if behind else 0

    return asyncio.run(run())


def config(*, json: bool = False) -> None:
    """Show every setting as it is in force. Secrets are masked."""
    settings = load_settings()
    shown = show_settings(settings)
    if json:
        put_json({one.name: one.value for one in shown})
    else:
        put_table(("setting", "value", "from"), [(one.variable, one.value, one.origin) for one in shown])


class Finding(msgspec.Struct, frozen=True):
    """One thing the doctor looked at."""

    what: str
    ok: bool
    details: str


def doctor(*, json: bool = False) -> int:
    """Look for what would go wrong: settings, databases, disk, network. Exit code 1 if something is not well."""
    findings = asyncio.run(_examine(load_settings()))
    if json:
        put_json(findings)
    else:
        put_table(("", "what", "details"), [("ok" if f.ok else "NOT OK", f.what, f.details) for f in findings])
    return 0 if all(finding.ok for finding in findings) else 1


async def _examine(settings: Settings) -> list[Finding]:
    findings = [
        Finding("vizsla", True, f"{__version__} on Python {sys.version.split()[0]}"),
        Finding("sqlite", True, f"{sqlite3.sqlite_version}{_about_wal()}"),
    ]
    async with open_workplace(settings) as place:
        for which in WHICH:
            database = place.stores.app if which == "app" else place.stores.index
            state = await check_schema(database, which)
            where = mask_url(_url(settings, which))
            findings.append(Finding(f"{which} database", state.is_current, f"{where}, schema {state.current}"))
            if database.dialect == "sqlite":
                row = await database.fetch_one(statement("PRAGMA quick_check(1)"))
                findings.append(Finding(f"{which} integrity", row is not None and row[0] == "ok", str(row and row[0])))
        findings += await _about_copies(place, settings)
        (known,) = await place.stores.index.fetch_all_slowly(statement("SELECT count(*) FROM domain"))
        findings.append(Finding("index", True, f"{known[0]} domains"))
    home = settings.home if settings.home.exists() else settings.home.parent
    free = shutil.disk_usage(home).free
    findings.append(Finding("disk", free > 1 << 30, f"{free / (1 << 30):.1f} GiB free in {settings.home}"))
    readable = settings.home.stat().st_mode & 0o077 if settings.home.exists() else 0
    findings.append(
        Finding("home", not readable, "private" if not readable else f"others may read it: chmod 700 {settings.home}")
    )
    if settings.egress_allow:
        findings.append(
            Finding("egress", True, f"private networks that may be reached: {','.join(settings.egress_allow)}")
        )
    findings.append(
        Finding("probe", True, "SMTP probing is on" if settings.probe else "SMTP probing is off (VIZSLA_PROBE)")
    )
    if settings.probe:
        report = await examine(settings, SystemClock())
        findings += [Finding(f"egress: {check.what}", check.state != "red", check.details) for check in report.checks]
    return findings


async def _about_copies(place: Workplace, settings: Settings) -> list[Finding]:
    """What stands between us and the databases, and what answers in their place."""
    findings = []
    app, replicas = place.stores.app, place.stores.replicas
    if isinstance(app, PostgresDatabase) and app.is_pooled:
        is_one_pool = settings.app_url == settings.index_database_url
        trouble = "; app and index share its pool: give each an entry of its own, or transactions wait for each other"
        findings.append(Finding("pooler", not is_one_pool, f"found; statements are not kept{trouble * is_one_pool}"))
    if replicas is not None:
        await replicas.look()
        await asyncio.sleep(LOOK)  # what was under way at the first look has come by now, or is late
        await replicas.look()
        for url, standing in zip(settings.index_replica_url, replicas.standings, strict=True):
            behind = "more" if standing.lag is None else f"at most {standing.lag:.1f} s"
            may_answer = standing.may_answer(replicas.most_lag)
            findings.append(
                Finding("index replica", may_answer, f"{mask_url(url)}: {standing.trouble or f'{behind} behind'}")
            )
    return findings


def _about_wal() -> str:
    if sqlite3.sqlite_version_info >= (3, 51, 3):
        return ""
    return (
        " (has the WAL-reset bug; Vizsla's write lock keeps clear of it: open its files with nothing else that writes)"
    )


def _url(settings: Settings, which: Which) -> str:
    return settings.app_url if which == "app" else settings.index_database_url
