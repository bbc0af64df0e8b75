"""
How is a CSV file verified, however long it is and however often we are killed meanwhile?

Its rows are read as there is room for them, their verifications begun or joined, and how each ended is appended to a journal
beside the file that is to be: one line a row, in whatever order they end. What is in the journal is not asked for again. When all rows are
there, the file is written from both and takes its name at once; whoever reads it never sees half of it.
"""

import array
import asyncio
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from vizsla.finder.bulk_verifications import Waiting, end_row, read_row
from vizsla.index.verifications import find_confidences
from vizsla.kit.csv_file import Record, write_rows
from vizsla.kit.errors import VizslaError
from vizsla.privacy.claims import Claims, following
from vizsla.verifier.bulk import Ending, Tally
from vizsla.verifier.bulk_csv import Table, open_table
from vizsla.verifier.bulk_results import COLUMNS, cells_of
from vizsla.verifier.bulk_store import State, begin_many
from vizsla.verifier.learning import load_learned
from vizsla.verifier.syntax import Address
from vizsla.work.awaited import CHUNK, WINDOW, Awaited
from vizsla.work.workplace import Workplace

_EMPTY = "There is no address in this row."
_PREFIX = "verification_"


class OtherList(VizslaError):
    """The journal beside the output is of another file."""

    id = "other_list"


class Progress(msgspec.Struct):
    """How far the file is."""

    done: int = 0
    waiting: int = 0
    """Rows whose mail server wants us back later."""
    tally: Tally = {}
    size: int = 0
    """Bytes of the file."""
    read: int = 0
    """Bytes of it that were read."""


class Summary(msgspec.Struct, frozen=True):
    """What came of a file: `vizsla verify --file … --json`."""

    rows: int
    resumed: int
    """Rows that were done before this time."""
    tally: Tally
    out: str
    seconds: float


class _Line(msgspec.Struct, frozen=True):
    """A line of the journal."""

    n: int
    e: Ending


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class Journal:
    """How rows ended, in the order in which they did. One process at a time."""

    def __init__(self, path: Path, stamp: str) -> None:
        self.path = path
        self.tally: Tally = {}
        self._places = array.array("q")
        """Where each row's line begins, and -1 for rows that have none."""
        self.count = 0
        self._file = self._open(stamp)

    def _open(self, stamp: str) -> BinaryIO:
        self.path.touch(0o600)
        file = self.path.open("r+b")
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise OtherList(f"Another process is at work on {self.path}. Wait for it to end.") from None
        head = file.readline()
        if not head.endswith(b"\n"):
            file.seek(0)
            file.truncate()
            file.write(stamp.encode() + b"\n")
            file.flush()
            return file
        if head[:-1] != stamp.encode():
            file.close()
            raise OtherList(
                f"{self.path} was begun for another file, or this one changed since. Remove it to begin anew, "
                "or choose another --out."
            )
        end = file.tell()
        # The last line may be the beginning of one: whoever wrote it was killed.
        while (text := file.readline()).endswith(b"\n"):
            try:
                self._note(_decode(text), end)
            except msgspec.MsgspecError:
                break
            end = file.tell()
        file.seek(end)
        file.truncate()
        return file

    def _note(self, line: _Line, place: int) -> None:
        while len(self._places) <= line.n:
            self._places.append(-1)
        if self._places[line.n] < 0:
            self.count += 1
            self.tally[line.e.counts_as] = self.tally.get(line.e.counts_as, 0) + 1
            self._places[line.n] = place

    def has(self, number: int) -> bool:
        return number < len(self._places) and self._places[number] >= 0

    def add(self, endings: list[tuple[int, Ending]]) -> None:
        """Append; a killed process loses what the kernel has not seen, nothing of this."""
        place = self._file.tell()
        lines = []
        for number, ending in endings:
            if self.has(number):
                continue
            line = _Line(number, ending)
            text = _encode(line) + b"\n"
            self._note(line, place)
            place += len(text)
            lines.append(text)
        self._file.write(b"".join(lines))
        self._file.flush()

    def ending(self, number: int) -> Ending:
        self._file.seek(self._places[number])
        return _decode(self._file.readline()).e

    def close(self) -> None:
        self._file.close()


class FileWork:
    """One file on its way through."""

    def __init__(
        self, place: Workplace, source: Path, out: Path, *, column: str = "", show: Callable[[Progress], None]
    ) -> None:
        self._place = place
        self._source, self._out, self._column = source, out, column
        self._show = show
        self._awaited = Awaited(place.stores.app)

    async def run(self) -> Summary:
        """Verify what is not verified yet, and write the file. Needs somebody to do the verifications meanwhile."""
        started = asyncio.get_running_loop().time()
        journal_path = self._out.with_name(self._out.name + ".part")
        journal = Journal(journal_path, _stamp(self._source, self._column))
        try:
            resumed = journal.count
            app, secret = self._place.stores.app, self._place.secret
            with self._place.waiting.listening(self._awaited.hear):
                async with following(app, secret) as claims:
                    await self._verify(journal, claims)
            rows = await asyncio.to_thread(self._write, journal)
            journal_path.unlink()
        finally:
            journal.close()
        seconds = asyncio.get_running_loop().time() - started
        return Summary(rows, resumed, dict(sorted(journal.tally.items())), str(self._out), round(seconds, 3))

    async def _verify(self, journal: Journal, claims: Claims) -> None:
        with self._source.open("rb") as file:
            table = open_table(file, self._column)
            rows = enumerate(table.records, 1)
            progress = Progress(size=os.fstat(file.fileno()).st_size)
            is_read = False
            while not is_read or len(self._awaited):
                endings = await self._end(await self._awaited.take_ended())
                room = self._awaited.room(WINDOW)
                if not is_read and room >= WINDOW // 8:
                    fresh, is_read = await self._read(table, rows, journal, claims, min(room, CHUNK))
                    endings += await self._begin(fresh)
                journal.add(endings)
                progress.done, progress.tally, progress.waiting = journal.count, journal.tally, self._awaited.put_off
                progress.read = progress.size if is_read else os.lseek(file.fileno(), 0, os.SEEK_CUR)
                self._show(progress)
                if len(self._awaited) and (is_read or self._awaited.room(WINDOW) < WINDOW // 8):
                    await self._awaited.pause()

    async def _read(
        self, table: Table, rows: Iterator[tuple[int, Record]], journal: Journal, claims: Claims, count: int
    ) -> tuple[list[tuple[int, Address | Ending]], bool]:
        """Up to *count* rows that are not in the journal, and whether the file is at its end."""
        fresh: list[tuple[int, Address | Ending]] = []
        now = self._place.clock.now()
        for seen, (number, record) in enumerate(rows, 1):
            if seen % 50 == 0:
                await asyncio.sleep(0)
            if journal.has(number):
                continue
            text = table.text_of(record)
            if record.fault or not text:
                fresh.append((number, Ending("malformed", now, record.fault or _EMPTY)))
            else:
                fresh.append((number, read_row(text, claims, now)))
            if len(fresh) == count:
                return fresh, False
        return fresh, True

    async def _begin(self, fresh: list[tuple[int, Address | Ending]]) -> list[tuple[int, Ending]]:
        """Ask for the verifications of *fresh*; how those ended that need none, or whose verdict holds."""
        now = self._place.clock.now()
        endings = [(number, one) for number, one in fresh if isinstance(one, Ending)]
        addresses = [(number, one) for number, one in fresh if not isinstance(one, Ending)]
        if not addresses:
            return endings
        async with self._place.stores.app.write() as conn:
            per_domain = self._place.settings.verify_per_domain
            asked = await begin_many(conn, (one for _, one in addresses), per_domain=per_domain, now=now)
        over: list[tuple[Waiting, State | None]] = []
        for number, address in addresses:
            found = asked.found.get((address.domain, address.local))
            if found is None or (address.domain, address.local) in asked.left_out:
                endings.append((number, Ending("domain_limit", now, domain=address.domain, local=address.local)))
                continue
            row = Waiting(number, address, found.id)
            if found.is_pending:
                self._awaited.add(row)
            else:
                over.append((row, State(False, found.verdict, found.ended_at)))
        self._place.waiting.announce_work()
        return endings + await self._end(over)

    async def _end(self, over: list[tuple[Waiting, State | None]]) -> list[tuple[int, Ending]]:
        if not over:
            return []
        now = self._place.clock.now()
        pairs = [(row.address.domain, row.address.local) for row, _ in over]
        sure = await find_confidences(self._place.stores.index, pairs)
        learned = await load_learned(self._place.stores.app)
        return [
            (row.number, end_row(row.address, state, sure.get(pair), learned, now))
            for (row, state), pair in zip(over, pairs, strict=True)
        ]

    def _write(self, journal: Journal) -> int:
        """The rows as they stand in the file, each with how it ended; how many there are."""
        fresh = self._out.with_name(self._out.name + ".new")
        number = 0
        with self._source.open("rb") as file, fresh.open("w", encoding="utf-8", newline="") as out:
            table = open_table(file, self._column)
            width = len(table.header)
            if table.header:
                header = [*table.header, *(_PREFIX + name for name in COLUMNS)]
                out.write(write_rows([header], table.delimiter))
            for number, record in enumerate(table.records, 1):
                if not journal.has(number):
                    raise OtherList(f"{self._source} changed while it was verified. Run the command once more.")
                # What stands beyond the header's last column comes after ours, and nothing is lost.
                at = width or len(record.cells)
                cells = [*record.cells[:at], *[""] * (width - len(record.cells))]
                row = [*cells, *cells_of(journal.ending(number)), *record.cells[at:]]
                out.write(write_rows([row], table.delimiter))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._out)
        return number


def _stamp(source: Path, column: str) -> str:
    """What tells this file and column from others."""
    with source.open("rb") as file:
        return f"vizsla 1 {hashlib.file_digest(file, 'sha256').hexdigest()} {column}"
