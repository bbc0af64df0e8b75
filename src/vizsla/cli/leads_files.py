"""`vizsla leads import` and `vizsla leads export`: leads from files and in them, beside a server that runs or without one."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from vizsla.accounts.directory import list_users
from vizsla.accounts.store import find_user
from vizsla.api.params import parse_query, shape_of
from vizsla.api.v2.leads import LeadsParams, filters_of
from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.desk import leads as desk
from vizsla.desk.services import Services
from vizsla.desk.uploads import clean_name
from vizsla.kit.csv_file import list_columns
from vizsla.kit.errors import NotFound, WrongParams
from vizsla.leads.attributes import list_attributes
from vizsla.leads.export import FileFormat, export_refused
from vizsla.leads.filters import Filters
from vizsla.leads.import_file import ReadFile, add_import, read_file
from vizsla.leads.import_store import Import, delete_import, get_import
from vizsla.leads.imports import check_import, hold_import, start_import
from vizsla.leads.lead import Attribute
from vizsla.leads.lists import lists_with_keys
from vizsla.leads.mapping import Plan, propose
from vizsla.leads.store import count_leads
from vizsla.leads.tags import tags_with_keys
from vizsla.storage.database import Reader
from vizsla.work.leads import LASTS, finish_import
from vizsla.work.leased import name_worker
from vizsla.work.workplace import Workplace, open_workplace

_CHUNK = 1_000
_MOST_USERS = 1_000


class Summary(msgspec.Struct):
    """What came of a file: `vizsla leads import … --json`."""

    rows: int
    created: int
    updated: int
    skipped: int
    refused: int
    dry_run: bool
    refused_file: str | None = None
    """Where the rows that were refused are, with the reasons."""
    seconds: float = 0.0


class Wishes(msgspec.Struct, frozen=True):
    """What was said of a file at the terminal."""

    sheet: str
    named: Sequence[str]
    list_name: str
    source: str
    keep: tuple[str, ...]
    update: bool


class Wanted(msgspec.Struct, frozen=True):
    """Which leads were asked for at the terminal."""

    where: Sequence[str]
    list_name: str
    tag: str


def import_leads(
    file: Path,
    /,
    *,
    list: str = "",
    map: tuple[str, ...] = (),
    keep: str = "",
    skip_existing: bool = False,
    source: str = "",
    sheet: str = "",
    user: str = "",
    refused: Path | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """
    Bring leads in from a file: CSV, TSV, an Excel workbook (.xlsx) or JSON lines.

    Parameters
    ----------
    file
        The file: 100,000 rows at most.
    list
        The name of the list they go into, made if there is none; without it the account's last one.
    map
        "Column=field": what a column is, where the proposal is wrong. A field of leads, the slug of a custom attribute, + for a new
        one called like the column, or nothing to leave it out. May be given several times.
    keep
        Fields that are not written over where a lead has them; several with commas.
    skip_existing
        Leave leads that are known as they are.
    source
        The source of leads that have none.
    sheet
        The sheet of a workbook; without it the first.
    user
        The e-mail address of somebody of the account, where there are several accounts.
    refused
        Where rows that are refused go, with the reasons; FILE.refused.csv if not named.
    dry_run
        Only count what would become of the rows.
    json
        One object instead of a table.
    """
    if not file.is_file():
        raise WrongParams(f"There is no file {file}.")
    kept = tuple(name.strip() for name in keep.split(",") if name.strip())
    wishes = Wishes(sheet, map, list.strip(), source, kept, not skip_existing)
    target = refused or file.with_name(f"{file.stem}.refused.csv")
    summary = asyncio.run(_import(file, wishes, target, user, dry_run=dry_run))
    if json:
        put_json(summary)
        return
    counted = ("created", "updated", "skipped", "refused")
    put_table(("leads", "rows"), [(name, getattr(summary, name)) for name in counted])
    if summary.refused_file:
        talk(f"{summary.refused_file} has the rows that were refused, and why.")
    if dry_run:
        talk("Nothing was written. The same command without --dry-run does it.")


async def _import(file: Path, wishes: Wishes, target: Path, user: str, *, dry_run: bool) -> Summary:
    began = time.monotonic()
    async with open_workplace() as place:
        account_id = await _account(place, user)
        with WorkLine("rows") as line, file.open("rb") as opened:
            line.say("reading the file")
            with await read_file(opened, sheet=wishes.sheet) as found:
                # Before anything is written: what is wrong with the wishes leaves nothing behind.
                plan = _plan(found, wishes, await list_attributes(place.stores.app, account_id))
                async with place.stores.app.write() as conn:
                    added = await add_import(
                        conn, account_id, found, file_name=clean_name(file.name), now=place.clock.now()
                    )
            try:
                summary = await _run(place, account_id, added, plan, line, dry_run=dry_run)
                if summary.refused and not dry_run:
                    await _put(target, export_refused(place.stores.app, account_id, added))
                    summary.refused_file = str(target)
            except BaseException:
                await _drop(place, account_id, added.id)
                raise
            if dry_run:
                await _drop(place, account_id, added.id)
        summary.seconds = round(time.monotonic() - began, 1)
        return summary


async def _run(
    place: Workplace, account_id: int, added: Import, plan: Plan, line: WorkLine, *, dry_run: bool
) -> Summary:
    app = place.stores.app
    if dry_run:
        line.say("counting")
        counts = (await check_import(app, await place.claims(), account_id, added.id, plan)).counts
        return Summary(added.size, **msgspec.structs.asdict(counts), dry_run=True)
    async with app.write() as conn:
        now = place.clock.now()
        await start_import(conn, account_id, added.id, plan, now)
        held = await hold_import(conn, account_id, added.id, until=now + LASTS, worker=name_worker())
    await finish_import(place, held, lambda done: line.move(done / added.size, f"{done:,} of {added.size:,} rows"))
    done = await get_import(app, account_id, added.id)
    return Summary(done.size, done.created, done.updated, done.skipped, done.refused, dry_run=False)


async def _drop(place: Workplace, account_id: int, import_id: int) -> None:
    """Whoever interrupts means it: no server is to go on with the rest."""
    try:
        async with place.stores.app.write() as conn:
            await delete_import(conn, account_id, import_id)
    except NotFound:
        pass


def _plan(found: ReadFile, wishes: Wishes, attributes: Sequence[Attribute]) -> Plan:
    """The proposal, with what was said otherwise. Raises WrongParams."""
    targets = [*propose(found.columns, attributes)]
    places = {name.strip().casefold(): at for at, name in reversed([*enumerate(found.columns)])}
    for wish in wishes.named:
        name, is_said, target = wish.rpartition("=")
        at = places.get(name.strip().casefold())
        if not is_said or at is None:
            raise WrongParams(
                f"--map is “Column=field”, and {name.strip()[:60] or wish[:60]!r} is no column of this file. "
                f"There are: {list_columns(found.columns)}."
            )
        wanted = target.strip()
        targets = ["" if one == wanted and one != "+" else one for one in targets]
        targets[at] = wanted
    return Plan(
        tuple(targets), list_name=wishes.list_name, keep=wishes.keep, update=wishes.update, source=wishes.source
    )


def export_leads(
    *,
    format: FileFormat | None = None,
    out: Path | None = None,
    where: tuple[str, ...] = (),
    list: str = "",
    tag: str = "",
    user: str = "",
) -> None:
    """
    Write leads to a file, oldest first, or to stdout.

    Parameters
    ----------
    format
        csv, xlsx or jsonl; without it as the name of --out ends, else csv.
    out
        The file; without it stdout.
    where
        "field=value": a filter of the API, such as company=acme, phone_number=* (any), custom_attributes[size]=~ (none), query=jane.
        May be given several times: all must hold.
    list
        Only leads of the list with this name.
    tag
        Only leads with this tag.
    user
        The e-mail address of somebody of the account, where there are several accounts.
    """
    kind = format or (_format_of(out) if out is not None else "csv")
    if out is None and kind == "xlsx" and sys.stdout.isatty():
        raise WrongParams("A workbook is nothing for a terminal: name a file with --out.")
    if out is not None and not out.resolve().parent.is_dir():
        raise WrongParams(f"There is no folder {out.resolve().parent}.")
    count = asyncio.run(_export(kind, out, Wanted(where, list, tag), user))
    if out is not None:
        talk(f"{out}: {count:,} leads.")


def _format_of(out: Path) -> FileFormat:
    kinds: dict[str, FileFormat] = {".csv": "csv", ".xlsx": "xlsx", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if out.suffix.lower() not in kinds:
        raise WrongParams(
            f"{out.name} does not say what it is to be: end it with .csv, .xlsx or .jsonl, or give --format."
        )
    return kinds[out.suffix.lower()]


async def _export(kind: FileFormat, out: Path | None, wanted: Wanted, user: str) -> int:
    async with open_workplace() as place:
        app = place.stores.app
        account_id = await _account(place, user)
        services = Services(place.settings, place.stores, await place.claims(), clock=place.clock)
        try:
            filters = await _filters(app, account_id, wanted)
            if filters.is_empty:
                count = await count_leads(app, account_id)
            else:
                count = (await services.mirrors.find(account_id, filters, limit=1)).count
            parts = desk.export_leads(services, account_id, filters, kind)
            with WorkLine("leads") as line:
                await _put(out, _told(parts, count, line))
            return count
        finally:
            services.mirrors.close()


async def _filters(reader: Reader, account_id: int, wanted: Wanted) -> Filters:
    """Raises WrongParams for a filter that there is not, NotFound for a list or a tag."""
    for one in wanted.where:
        name = one.partition("=")[0].partition("[")[0].strip()
        if "=" not in one or name not in LeadsParams.__struct_fields__ or name in ("limit", "offset"):
            raise WrongParams(f"--where is “field=value”, and {one[:60]!r} is not: there is no such filter.")
    query = "&".join(
        f"{quote(name, safe='[]')}={quote(value)}" for name, _, value in (one.partition("=") for one in wanted.where)
    )
    filters = await filters_of(reader, account_id, shape_of(LeadsParams)(parse_query(query.encode())))
    for name, noun, look_up, field in (
        (wanted.list_name, "list", lists_with_keys, "list_id"),
        (wanted.tag, "tag", tags_with_keys, "tag_id"),
    ):
        if name:
            known = await look_up(reader, account_id, [name])
            if not known:
                raise NotFound(f"There is no {noun} {name[:100]!r}.")
            filters = msgspec.structs.replace(filters, **{field: next(iter(known.values()))})
    return filters


async def _told(parts: AsyncIterator[bytes], count: int, line: WorkLine) -> AsyncIterator[bytes]:
    """The same parts, each shown when it comes."""
    done = -_CHUNK
    async for part in parts:
        done = min(done + _CHUNK, count)
        line.move(max(0, done) / max(1, count), f"{max(0, done):,} of {count:,} leads")
        yield part


async def _put(out: Path | None, parts: AsyncIterator[bytes]) -> None:
    """Write to a file, which has its name once it is whole, or to stdout."""
    if out is None:
        await _write(sys.stdout.buffer, parts)
        return
    partial = out.with_name(f"{out.name}.part")
    try:
        with partial.open("wb") as file:
            await _write(file, parts)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


async def _write(file: IO[bytes], parts: AsyncIterator[bytes]) -> None:
    async for part in parts:
        file.write(part)
    file.flush()


async def _account(place: Workplace, user: str) -> int:
    """Whose leads are meant. Raises NotFound, WrongParams."""
    app = place.stores.app
    if user:
        member = await find_user(app, user)
        if member is None:
            raise NotFound(f"{user} has no account here. `vizsla user list` shows who has.")
        return member.account_id
    users = await list_users(app, place.clock.now(), limit=_MOST_USERS)
    accounts = {one.member.account_id for one in users}
    if not accounts:
        raise NotFound("Nobody has an account here yet. `vizsla user add EMAIL` makes one.")
    if len(accounts) > 1:
        raise WrongParams("There are several accounts here. Say whose leads are meant: --user EMAIL.")
    return accounts.pop()
