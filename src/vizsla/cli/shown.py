"""How far the taking in of pages is, on one line of the terminal."""

from vizsla.cli.progress import WorkLine
from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.harvest.folder import Progress as HarvestProgress
from vizsla.work.watching import Watcher


class Shown(Watcher):
    """Progress on one line of the terminal; *unit* is what is counted."""

    def __init__(self, line: WorkLine, *, max_pages: int = 0) -> None:
        self._line = line
        self._max_pages = max_pages

    def listing(self, done: int, total: int) -> None:
        self._line.say(f"looking through the index: {done:,}/{total:,}")

    def fetching(self, done: int, total: int) -> None:
        self._line.say(
            f"fetching: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total else f"fetching: {done / 1e6:,.0f} MB"
        )

    def reading(self, progress: HarvestProgress) -> None:
        if progress.stage != "reading":
            self._line.say(f"folding {progress.done}/{progress.total}")
        elif not self._max_pages:
            self._line.show(
                progress.done,
                progress.total,
                pages=progress.pages,
                addresses=progress.addresses,
                size=progress.bytes_done,
                share=progress.bytes_done / max(progress.bytes_total, 1),
            )

    def merging(self, done: int, total: int) -> None:
        self._line.say(f"merging: {done:,} of {total:,} sightings")

    def crawling(self, progress: CrawlProgress) -> None:
        done, most = progress.pages, self._max_pages
        self._line.show(done, most, pages=done, addresses=None, size=progress.bytes, share=done / most, at=progress.url)
