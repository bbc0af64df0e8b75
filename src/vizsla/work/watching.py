"""Who is told how far the taking in of pages has come? Commands draw a line of it, loops write it into a row."""

from vizsla.crawl.report import Progress as CrawlProgress
from vizsla.harvest.folder import Progress as HarvestProgress


class Watcher:
    """Is told how far the work has come; this one does not care."""

    def listing(self, done: int, total: int) -> None:
        """*done* of *total* parts of an index of pages were looked through."""

    def fetching(self, done: int, total: int) -> None:
        """*done* bytes of an archive have come, of *total* (0: not known)."""

    def reading(self, progress: HarvestProgress) -> None:
        """Archives are read, or what was read is folded."""

    def merging(self, done: int, total: int) -> None:
        """*done* of *total* sightings are merged."""

    def crawling(self, progress: CrawlProgress) -> None:
        """A page was fetched."""

    def found(self, addresses: int) -> None:
        """So many distinct addresses were read from the pages that a crawl has fetched so far."""


NOBODY = Watcher()
