"""What an operator sees and does: figures, due and stuck work, backups, settings."""

import sqlite3
import tarfile
from pathlib import Path

import msgspec
import pytest

from accounts.conftest import NOW
from api.conftest import sightings
from vizsla.accounts.store import create_user, find_user
from vizsla.crawl.requests import Standing, request_crawl, take_turn
from vizsla.desk.due_work import LATE, look_at_work, retry
from vizsla.index.figures import EVERY, ask_for_count, count_if_due, read_figures
from vizsla.index.merge import Merge
from vizsla.kit.clock import DAY
from vizsla.kit.settings import Settings, show_settings
from vizsla.privacy.claims import Claims
from vizsla.storage.backup import BackupError, backup_path, list_backups, make_backup, restore_backup
from vizsla.storage.open import Stores, open_stores


async def test_the_index_is_counted_once_an_hour_or_when_somebody_asks(stores: Stores) -> None:
    merging = Merge(sightings=sightings(), claims=Claims(b"0" * 32), today=NOW)
    while merging.has_more:
        async with stores.index.write() as conn:
            await merging.step(conn)
    assert (await read_figures(stores.index, NOW)).made_at is None

    assert await count_if_due(stores.index, worker="w", now=NOW)
    assert not await count_if_due(stores.index, worker="v", now=NOW + EVERY - 1)

    counted = await read_figures(stores.index, NOW)
    assert (counted.figures.domains, counted.figures.addresses, counted.figures.sightings) == (52, 78, 78)
    assert counted.figures.newest == NOW
    assert counted.figures.bytes > 100_000
    assert sum(age.addresses for age in counted.figures.ages) == 78
    assert counted.figures.ages[0].addresses == 78
    async with stores.index.write() as conn:
        await ask_for_count(conn, NOW + 60)
    assert (await read_figures(stores.index, NOW + 60)).is_due
    assert await count_if_due(stores.index, worker="v", now=NOW + 400 * DAY)
    assert [age.addresses for age in (await read_figures(stores.index, NOW)).figures.ages][-2:] == [78, 0]


async def test_work_that_nobody_takes_is_seen_and_hurried(stores: Stores) -> None:
    async with stores.index.write() as conn:
        for name in ("a.test", "b.test", "c.test"):
            await request_crawl(conn, name, NOW)
        turn = await take_turn(conn, now=NOW, until=NOW + 60, worker="w")
        assert turn is not None
        await turn.end(conn, Standing(), state="waiting", ending="", now=NOW, due=NOW + 3_600)
        assert await take_turn(conn, now=NOW, until=NOW + 60, worker="w")

    (crawls,) = [due for due in await look_at_work(stores, NOW) if due.kind.table == "crawl_request"]
    assert (crawls.waiting, crawls.due, crawls.in_hand, crawls.oldest) == (3, 1, 2, NOW)
    assert not crawls.is_stuck(NOW)
    assert crawls.is_stuck(NOW + LATE + 1)
    assert await retry(stores, "crawl_request", NOW) == 1  # not the one that somebody has
    assert await retry(stores, "verification", NOW) == 0
    assert await retry(stores, "account; DROP TABLE account", NOW) == 0
    (crawls,) = [due for due in await look_at_work(stores, NOW) if due.kind.table == "crawl_request"]
    assert crawls.due == 2


async def test_a_backup_holds_what_cannot_be_made_anew_and_comes_back(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    async with open_stores(settings) as stores:
        (settings.home / "secret_key").write_text("k" * 64)
        async with stores.app.write() as conn:
            await create_user(conn, "before@acme.com", now=NOW)
        made = await make_backup(settings, backup_path(settings.home, NOW))
        async with stores.app.write() as conn:
            await create_user(conn, "after@acme.com", now=NOW)
    path = settings.home / "backups" / made.name
    assert [one.name for one in list_backups(settings.home)] == [made.name]
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        assert sorted(archive.getnames()) == ["app.db", "secret_key"]
    with pytest.raises(BackupError, match="there already"):
        await make_backup(settings, path)
    (settings.home / "secret_key").write_text("lost")

    moved = restore_backup(settings, path)

    assert {one.name.partition(".before-")[0] for one in moved} >= {"app.db", "secret_key"}
    assert (settings.home / "secret_key").read_text() == "k" * 64
    async with open_stores(settings) as stores:
        assert await find_user(stores.app, "before@acme.com") is not None
        assert await find_user(stores.app, "after@acme.com") is None


async def test_what_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    async with open_stores(settings) as stores, stores.app.write() as conn:
        await create_user(conn, "here@acme.com", now=NOW)
    broken, empty, foreign = tmp_path / "broken.tar", tmp_path / "empty.tar", tmp_path / "foreign.tar"
    broken.write_bytes(b"x" * 2_000)
    with tarfile.open(empty, "w"):
        pass
    (tmp_path / "app.db").write_bytes(b"no database")
    with tarfile.open(foreign, "w") as archive:
        archive.add(tmp_path / "app.db", "app.db")
        archive.add(tmp_path / "app.db", "../../outside")
    for path in (broken, empty, foreign, tmp_path / "missing.tar"):
        with pytest.raises(BackupError):
            restore_backup(settings, path)

    assert not (tmp_path.parent / "outside").exists()
    async with open_stores(settings) as stores:
        assert await find_user(stores.app, "here@acme.com") is not None
    with pytest.raises(BackupError, match="pg_dump"):
        await make_backup(msgspec.structs.replace(settings, database_url="postgresql://u:p@h/d"), tmp_path / "x.tar")
    with pytest.raises(BackupError):
        await make_backup(settings, Path("/proc/nowhere/x.tar"))


async def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    async with open_stores(settings) as stores:
        for number in range(20):
            async with stores.app.write() as conn:
                await create_user(conn, f"p{number}@acme.com", now=NOW)
        made = await make_backup(settings, tmp_path / "b.tar")
        assert made.size > 0
    with tarfile.open(tmp_path / "b.tar") as archive:
        file = archive.extractfile("app.db")
        assert file is not None
        (tmp_path / "app.db").write_bytes(file.read())
    raw = sqlite3.connect(tmp_path / "app.db")
    assert raw.execute("SELECT count(*) FROM member").fetchone() == (20,)
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()


def test_settings_are_shown_without_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "vizsla.toml").write_text("crawl_delay = 2.0\n")
    settings = Settings(
        home=tmp_path,
        database_url="postgresql://me:pass/wo@rd@db.example/x",
        secret_key="s3cret",
        metrics_token="t0ken",
    )

    shown = {one.name: one for one in show_settings(settings, {"VIZSLA_SECRET_KEY": "s3cret"})}

    text = " ".join(one.value for one in shown.values())
    assert not any(word in text for word in ("s3cret", "t0ken", "pass", "wo@"))
    assert shown["database_url"].value.endswith("@db.example/x")
    assert shown["secret_key"].origin == "VIZSLA_SECRET_KEY"
    assert shown["crawl_delay"].origin == str(tmp_path / "vizsla.toml")
    assert (shown["probe"].value, shown["probe"].origin, shown["probe"].variable) == ("off", "default", "VIZSLA_PROBE")
