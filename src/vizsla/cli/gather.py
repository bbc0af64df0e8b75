"""`vizsla harvest` and `vizsla crawl`: fill the index."""

import asyncio
import os
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vizsla.cli.common_crawl import CommonCrawlOptions, harvest_common_crawl, tell_left_out
from vizsla.cli.output import put_json, talk
from vizsla.cli.progress import WorkLine
from vizsla.cli.shown import Shown
from vizsla.harvest.folder import Engine
from vizsla.harvest.local import run as run_on_pool
from vizsla.harvest.sources import HarvestError
from vizsla.harvest.spark import run as run_on_spark
from vizsla.kit.domain_name import parse_domain, registrable_domain
from vizsla.kit.errors import InvalidDomain
from vizsla.kit.settings import load_settings
from vizsla.work.taking_in import ONE_PROCESS, CrawlSummary, HarvestSummary, crawl_into, fetch_archives, harvest_into
from vizsla.work.workplace import Workplace, open_workplace

NICENESS = 10
"""A server on the same machine comes first: with it the slowest hundredth of its answers takes 1.15 times as long, without 1.4."""


def harvest(
    *paths: str,
    jobs: int | None = None,
    engine: Literal["pool", "spark"] = "pool",
    master: str | None = None,
    folder: Path | None = None,
    json: bool = False,
    common_crawl: Annotated[CommonCrawlOptions | None, Parameter(name="*")] = None,
) -> int:
    """
    Read WARC, WARC.gz, WET and HTML files, or pages of Common Crawl, into the index. Stopped half-way, the same command goes on.

    Parameters
    ----------
    paths
        Files, folders, quoted patterns or URLs.
    jobs
        How many processes read; one a CPU by default.
    engine
        Who reads: processes of this machine, or a Spark cluster.
    master
        Of the cluster: spark://HOST:PORT, yarn, k8s://…; local[*] by default.
    folder
        Where the cluster keeps work in progress; all of its machines must see it, as they must the files.
    json
        The summary as JSON.
    """
    os.nice(NICENESS)
    settings = load_settings()
    chosen = _engine(engine, jobs, master, folder)
    if common_crawl is not None and (wanted := common_crawl.wanted(paths)):
        return harvest_common_crawl(settings, wanted, common_crawl, engine=chosen, at_once=jobs, json=json)

    async def run() -> HarvestSummary:
        async with open_workplace(settings) as place:
            return await _harvest(place, list(paths), chosen)

    summary = asyncio.run(run())
    if json:
        put_json(summary)
    else:
        _tell_harvest(summary)
    return 1 if summary.files and len(summary.files_failed) == summary.files else 0


def crawl(*domains: str, max_pages: int = 50, json: bool = False) -> int:
    """
    Fetch the sites of domains, politely, into WARC files in the home, and harvest them.

    Parameters
    ----------
    domains
        acme.com globex.com …
    max_pages
        How many pages of each.
    json
        Summaries as JSON.
    """
    if not domains:
        raise InvalidDomain("Name at least one domain: vizsla crawl acme.com")
    os.nice(NICENESS)
    names = [_registrable(domain) for domain in domains]

    async def run() -> list[CrawlSummary]:
        async with open_workplace() as place:
            return [await _crawl(place, name, max_pages) for name in names]

    summaries = asyncio.run(run())
    if json:
        put_json(summaries)
    else:
        for one in summaries:
            size = f"{one.bytes / 1e6:.1f} MB"
            talk(f"{one.domain}: {one.pages} pages ({one.unchanged} unchanged), {size}, {one.addresses} addresses.")
            talk(f"  {one.ended}")
            if one.skipped:
                talk(f"  not fetched: {_reasons(one.skipped)}")
            if one.addresses:
                talk(f"  See them: vizsla search {one.domain}")
    return 0 if all(one.pages for one in summaries) else 1


def _registrable(text: str) -> str:
    name = registrable_domain(parse_domain(text))
    if name is None:
        raise InvalidDomain(f"{text} is no domain that somebody can register. Give a name such as stripe.com.")
    return name


def _engine(name: str, jobs: int | None, master: str | None, folder: Path | None) -> Engine:
    if name == "spark":
        if jobs is not None:
            raise HarvestError("--jobs is for processes of this machine. Spark's own settings say how much it takes.")
        return partial(run_on_spark, master=master or "local[*]", folder=folder)
    if master is not None or folder is not None:
        raise HarvestError("--master and --folder are for a cluster: add --engine spark.")
    return partial(run_on_pool, jobs=jobs)


async def _harvest(place: Workplace, given: list[str], engine: Engine, name: str = "") -> HarvestSummary:
    with WorkLine("files") as line:
        watcher = Shown(line)
        paths = await fetch_archives(place, given, watcher=watcher)
        return await harvest_into(place, paths, engine=engine, watcher=watcher, names=[name] if name else given)


async def _crawl(place: Workplace, domain: str, max_pages: int) -> CrawlSummary:
    with WorkLine("pages") as line:
        return await crawl_into(place, domain, max_pages=max_pages, watcher=Shown(line, max_pages=max_pages))


async def load_sample(place: Workplace) -> None:
    """Harvest the companies that came with the program."""
    with resources.as_file(resources.files("vizsla.harvest.sample").joinpath("companies.warc.gz")) as path:
        summary = await _harvest(place, [str(Path(path))], ONE_PROCESS, "the sample")
    talk(f"Sample: {summary.pages} pages of invented companies, {summary.addresses} addresses.")


def _tell_harvest(summary: HarvestSummary) -> None:
    talk(
        f"{summary.pages:,} pages of {summary.files:,} files in {summary.seconds:.1f} s: "
        f"{summary.addresses:,} addresses, {summary.domains:,} domains."
    )
    tell_left_out(summary.dropped)
    for failed in summary.files_failed:
        talk(f"Not read: {failed['path']}: {failed['reason']}")


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
