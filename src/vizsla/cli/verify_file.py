"""`vizsla verify --file`: a CSV file of addresses, verified row by row beside its other columns."""

import asyncio
import gc
from pathlib import Path

import uvloop

from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.kit.errors import WrongParams
from vizsla.work.bulk_file import FileWork, Progress, Summary
from vizsla.work.orphans import free_orphans
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Tell, open_workplace


def verify_file(source: Path, out: Path | None, column: str, *, json: bool, tell: Tell) -> None:
    """Verify *source* into *out*, or go on where that was stopped, and say what came of it."""
    if not source.is_file():
        raise WrongParams(f"There is no file {source}.")
    target = out or source.with_name(f"{source.stem}.verified.csv")
    if target.resolve() == source.resolve():
        raise WrongParams("--out must be another file than --file.")
    if not target.resolve().parent.is_dir():
        raise WrongParams(f"There is no folder {target.resolve().parent}.")
    # What is there by now stays; of what comes, little is garbage that only a collection finds.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    summary, is_off = uvloop.run(_verify(source, target, column, tell))
    if json:
        put_json(summary)
    else:
        put_table(("status", "rows"), [*summary.tally.items(), ("all", summary.rows)])
        talk(f"{summary.out}: {summary.rows:,} rows in {summary.seconds:,.1f} s.")
    if is_off:
        talk("Mail servers were not asked: VIZSLA_PROBE is off. Turn it on where you may open connections to port 25.")


async def _verify(source: Path, out: Path, column: str, tell: Tell) -> tuple[Summary, bool]:
    async with open_workplace() as place:
        await free_orphans(place)
        async with open_pipeline(place) as pipeline:
            working = asyncio.create_task(Verifying(place, pipeline, tell).run())
            try:
                with WorkLine("rows") as line:
                    work = FileWork(place, source, out, column=column, show=lambda now: _show(line, now))
                    return await work.run(), not place.settings.probe
            finally:
                working.cancel()
                await asyncio.wait([working])


def _show(line: WorkLine, now: Progress) -> None:
    parts = [f"{now.done:,} rows", *(f"{count:,} {word}" for word, count in sorted(now.tally.items()))]
    if now.waiting:
        parts.append(f"{now.waiting:,} wait for servers that want us back later")
    # Rows are read a window ahead of their ends; the last of them are the whole rest.
    line.move(0.99 * now.read / max(1, now.size), " · ".join(parts))
