"""
`vizsla find --file`: a CSV file of people in, the same with their addresses out.

Answers are appended in the order of the rows to a file beside the one that is to be, which takes its name when all are there. Killed
meanwhile, the same command goes on after the last whole row.
"""

import asyncio
import csv
import io
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.finder.bulk import Answer, refused
from vizsla.finder.email_finder import find_email
from vizsla.finder.finding import Means
from vizsla.finder.outcomes import record_finding
from vizsla.finder.people_csv import COLUMNS, People, cells_of, open_people, read_asked
from vizsla.finder.questions import read_query
from vizsla.kit.csv_file import Record, write_rows
from vizsla.kit.errors import StoreError, VizslaError, WrongParams
from vizsla.work.workplace import Workplace

Answering = tuple[list[str], asyncio.Task[Answer]]
AT_ONCE = 16
"""Rows that are worked on side by side; most of them wait for mail servers."""


class Summary(msgspec.Struct):
    """What came of a file: `vizsla find --file … --json`."""

    rows: int = 0
    resumed: int = 0
    """Rows that were done before this time."""
    found: int = 0
    errors: int = 0
    out: str = ""
    seconds: float = 0.0


def target_of(source: Path, out: Path | None) -> Path:
    """Where the answers go; WrongParams for what will not do."""
    if not source.is_file():
        raise WrongParams(f"There is no file {source}.")
    target = out or source.with_name(f"{source.stem}.found.csv")
    if target.resolve() == source.resolve():
        raise WrongParams("--out must be another file than --file.")
    if not target.resolve().parent.is_dir():
        raise WrongParams(f"There is no folder {target.resolve().parent}.")
    return target


async def find_file(place: Workplace, means: Means, source: Path, target: Path, *, max_duration: float) -> Summary:
    """Find everybody in *source* and write *target*, or go on where that was stopped."""
    began = time.monotonic()
    partial = target.with_name(f"{target.name}.part")
    summary = Summary(out=str(target))
    with source.open("rb") as file:
        people = open_people(file)
        with partial.open("a+", encoding="utf-8", newline="") as out, WorkLine("rows") as line:
            out.seek(0)
            rows = _after(people, out.read(), partial, summary)
            out.seek(0, 2)
            if out.tell() == 0:
                out.write(write_rows([[*people.header, *COLUMNS]], people.delimiter))
            waiting: deque[Answering] = deque()
            for record in rows:
                answering = asyncio.create_task(_answer(place, means, record, people, max_duration))
                waiting.append((record.cells, answering))
                if len(waiting) >= AT_ONCE:
                    await _write_first(waiting, out.write, people, summary, line)
            while waiting:
                await _write_first(waiting, out.write, people, summary, line)
    partial.replace(target)
    summary.seconds = round(time.monotonic() - began, 1)
    return summary


def show(summary: Summary, *, json: bool) -> None:
    """Say what came of it."""
    if json:
        put_json(summary)
        return
    put_table(
        ("rows", "n"),
        [
            ("found", summary.found),
            ("not found", summary.rows - summary.found - summary.errors),
            ("errors", summary.errors),
        ],
    )
    talk(f"{summary.out}: {summary.rows:,} rows in {summary.seconds:,.1f} s.")


async def _answer(place: Workplace, means: Means, record: Record, people: People, max_duration: float) -> Answer:
    if record.fault:
        return refused(WrongParams(record.fault))
    now = place.clock.now()
    try:
        query = read_query(read_asked(record.cells, people.columns), max_duration=max_duration)
        finding = await find_email(means, query, now=now)
    except StoreError:
        raise
    except VizslaError as error:
        return refused(error)
    if finding.answered:
        async with place.stores.app.write() as conn:
            await record_finding(conn, finding, now)
    return Answer(data=finding.data)


async def _write_first(
    waiting: deque[Answering], write: Callable[[str], object], people: People, summary: Summary, line: WorkLine
) -> None:
    row, answering = waiting.popleft()
    answer = await answering
    padded = [*row, *[""] * (len(people.header) - len(row))]
    write(write_rows([[*padded, *cells_of(answer)]], people.delimiter))
    _count(summary, answer.error or "", has_email=answer.email is not None)
    line.say(f"{summary.rows:,} rows · {summary.found:,} found")


def _count(summary: Summary, error: str, *, has_email: bool) -> None:
    summary.rows += 1
    summary.found += has_email
    summary.errors += bool(error)


def _after(people: People, written: str, partial: Path, summary: Summary) -> Iterator[Record]:
    """The rows that are not yet in *written*; what is there must be of this file."""
    whole = written[: written.rfind("\n") + 1]
    while whole.count('"') % 2:
        # This line ends within a cell.
        whole = whole[: whole.rfind("\n", 0, -1) + 1]
    done = csv.reader(io.StringIO(whole, newline=""), delimiter=people.delimiter)
    head = next(done, None)
    if head is not None and head != [*people.header, *COLUMNS]:
        raise WrongParams(f"{partial} is of another file. Remove it, or name another --out.")
    if whole != written:
        # The last row is the beginning of one: whoever wrote it was killed.
        partial.write_text(whole, "utf-8", newline="")
    width = len(people.header)
    for answered in done:
        record = next(people.records, None)
        row = record.cells if record is not None else []
        if record is None or [*row, *[""] * (width - len(row))] != answered[: -len(COLUMNS)]:
            raise WrongParams(f"{partial} is of another file, or this one changed. Remove it, or name another --out.")
        cells = dict(zip(COLUMNS, answered[-len(COLUMNS) :], strict=True))
        _count(summary, cells["error"], has_email=bool(cells["email"]))
        summary.resumed += 1
    return people.records
