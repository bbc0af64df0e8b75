"""`vizsla harvest --domain`, `--focus` and `--full`: pages that Common Crawl has fetched."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from vizsla.cli.output import put_json, put_table, talk
from vizsla.cli.progress import WorkLine
from vizsla.cli.shown import Shown
from vizsla.commoncrawl.listed import CommonCrawlError, check_crawl
from vizsla.harvest.folder import Engine
from vizsla.kit.domain_name import parse_domain, registrable_domain, to_ascii
from vizsla.kit.errors import InvalidDomain
from vizsla.kit.settings import Settings
from vizsla.work.common_crawl import (
    AT_ONCE,
    MOST_DOMAINS,
    MOST_PAGES,
    CommonCrawlSummary,
    Wanted,
    take_crawl,
    take_pages,
)
from vizsla.work.workplace import open_workplace


@dataclass(frozen=True, kw_only=True)
class CommonCrawlOptions:
    """Pages of Common Crawl instead of files."""

    domain: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = ()
    """Domains whose pages are wanted: --domain acme.com globex.com"""
    focus: Annotated[bool, Parameter(negative=())] = False
    """Only pages on which companies speak of themselves (home, contact, about, team, press, imprint …), of --domain and --tld."""
    tld: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = ()
    """With --focus: every domain below these: --tld de co.uk"""
    full: Annotated[bool, Parameter(negative=())] = False
    """Every WARC file of the crawl."""
    shard: str = "1/1"
    """With --full: part i of n of the files, for n machines."""
    crawl: str | None = None
    """CC-MAIN-2026-40 …; the newest by default."""
    most: int = MOST_PAGES
    """Pages of a domain."""
    keep: Annotated[bool, Parameter(negative=())] = False
    """With --full: keep the files that were read."""
    dry_run: Annotated[bool, Parameter(negative=())] = False
    """Only say how much there is to fetch."""

    def wanted(self, paths: tuple[str, ...]) -> Wanted | None:
        """What these options ask for; None if they ask for nothing. Raises CommonCrawlError, InvalidDomain."""
        asks = bool(self.domain or self.focus or self.tld or self.full)
        if not asks:
            if self.crawl or self.dry_run or self.keep or self.shard != "1/1":
                raise CommonCrawlError(
                    "Say what of the crawl is wanted: --domain acme.com, --focus --tld de, or --full."
                )
            return None
        if paths:
            raise CommonCrawlError(
                "Files and pages of Common Crawl are harvested one after the other: leave one of them out."
            )
        if self.full and (self.domain or self.focus or self.tld):
            raise CommonCrawlError("--full is the whole crawl: leave out --domain, --focus and --tld, or --full.")
        if not self.full and (self.keep or self.shard != "1/1"):
            raise CommonCrawlError("--shard and --keep go with --full.")
        if self.tld and not self.focus:
            raise CommonCrawlError(
                "All pages below a suffix are a crawl: say --focus --tld de for the pages that matter."
            )
        if self.focus and not (self.tld or self.domain):
            raise CommonCrawlError("Say whose pages: --focus --tld de, or --focus --domain acme.com globex.com")
        if not 1 <= self.most <= 10_000:
            raise CommonCrawlError("--most is a number of pages of each domain, from 1 to 10,000.")
        domains = tuple(sorted({_registrable(name) for name in self.domain}))
        if len(domains) > MOST_DOMAINS:
            raise CommonCrawlError(f"{len(domains):,} domains are too many at once; {MOST_DOMAINS:,} are not.")
        return Wanted(
            "full" if self.full else "focus" if self.focus else "domain",
            domains,
            tuple(sorted({_suffix(name) for name in self.tld})),
            check_crawl(self.crawl) if self.crawl else None,
            self.most,
            self.shard,
        )


def harvest_common_crawl(
    settings: Settings,
    wanted: Wanted,
    options: CommonCrawlOptions,
    *,
    engine: Engine,
    at_once: int | None,
    json: bool,
) -> int:
    """Do what the options ask for; the exit code."""

    async def run() -> CommonCrawlSummary:
        with WorkLine("files") as line:
            async with open_workplace(settings) as place:
                if wanted.mode == "full":
                    return await take_crawl(
                        place,
                        wanted,
                        engine=engine,
                        at_once=at_once or AT_ONCE,
                        keep=options.keep,
                        dry_run=options.dry_run,
                        watcher=Shown(line),
                    )
                return await take_pages(place, wanted, engine=engine, dry_run=options.dry_run, watcher=Shown(line))

    summary = asyncio.run(run())
    if json:
        put_json(summary)
    else:
        _tell(summary)
    return 1 if summary.failed and not summary.fetched else 0


def _tell(summary: CommonCrawlSummary) -> None:
    unit = "files" if summary.mode == "full" else "pages"
    todo = summary.to_fetch
    talk(f"{summary.crawl}: {summary.chosen:,} {unit}; {summary.unchanged:,} of them are known already.")
    if summary.dry_run:
        size = f" ({todo.bytes / 1e6:,.1f} MB out of {todo.files:,} files)" if summary.mode != "full" else ""
        talk(f"To be fetched: {todo.records:,} {unit}{size}.")
    elif summary.harvest is not None:
        read = summary.harvest
        talk(
            f"Fetched {summary.fetched:,} {unit} in {summary.requests:,} requests, {summary.bytes / 1e6:,.1f} MB: "
            f"{read.addresses:,} addresses, {read.domains:,} domains in {read.seconds:.1f} s."
        )
        tell_left_out(read.dropped)
    if summary.left_out:
        talk("Of the index, left out by reason:")
        put_table(("reason", "count"), Counter(summary.left_out).most_common())
    for reason, count in summary.failed.items():
        talk(f"Not fetched: {count:,} ({reason})")


def tell_left_out(dropped: dict[str, int]) -> None:
    """What a harvest left out."""
    if dropped:
        talk("Left out, by reason:")
        put_table(("reason", "count"), Counter(dropped).most_common())


def _registrable(text: str) -> str:
    name = registrable_domain(parse_domain(text))
    if name is None:
        raise InvalidDomain(f"{text} is no domain that somebody can register. Give a name such as stripe.com.")
    return name


def _suffix(text: str) -> str:
    name = text.strip().strip(".").lower()
    # A suffix may be a single label, which is no domain name.
    if to_ascii(f"x.{name}") is None:
        raise InvalidDomain(f"{text} is no suffix of domains. Give one such as de or co.uk.")
    return (to_ascii(f"x.{name}") or "").removeprefix("x.")
