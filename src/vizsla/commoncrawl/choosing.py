"""
Which captures of a domain are worth their bytes?

The newest of each page; of the pages those that bear out what we know, then the front page, then those on which a company
speaks of itself, then the rest by how near to the front they are.
"""

from collections.abc import Container, Iterable, Iterator

from vizsla.commoncrawl.listed import Listed
from vizsla.harvest.extract.profile_paths import is_home_path, is_profile_path


class Choice:
    """Captures of one domain, of which it keeps the best *most* as they are offered. The order of offers does not matter."""

    def __init__(self, most: int, evidence: Container[str] = (), *, only_profiles: bool = False) -> None:
        self._most = most
        self._evidence = evidence
        self._only_profiles = only_profiles
        self._rows: dict[str, Listed] = {}

    def offer(self, row: Listed) -> None:
        """Take *row* unless there are better ones."""
        if self._only_profiles and row.uri not in self._evidence and not is_profile_path(row.uri):
            return
        before = self._rows.get(row.uri)
        if before is not None and (before.fetched_at, before.digest, before.offset) >= (
            row.fetched_at,
            row.digest,
            row.offset,
        ):
            return
        self._rows[row.uri] = row
        # Twice as many are kept before the worse half goes: a capture costs one comparison, not a sorted insertion.
        if len(self._rows) > 2 * self._most:
            self._rows = {one.uri: one for one in self.taken()}

    def taken(self) -> list[Listed]:
        """The best, best first."""
        return sorted(self._rows.values(), key=self._worth)[: self._most]

    def _worth(self, row: Listed) -> tuple[int, bool, int, int, str]:
        uri = row.uri
        if uri in self._evidence:
            kind = 0
        elif is_home_path(uri):
            kind = 1
        else:
            kind = 2 if is_profile_path(uri) else 3
        return kind, "?" in uri, uri.count("/"), len(uri), uri


def choose_by_domain(rows: Iterable[Listed], most: int, *, only_profiles: bool) -> Iterator[Listed]:
    """
    The best of each domain whose *rows* come one after the other, as they do in an index that is sorted.

    Memory is that of one domain; a domain that comes in two pieces may get twice as many.
    """
    domain, choice = "", Choice(most, only_profiles=only_profiles)
    for row in rows:
        if row.domain != domain:
            yield from choice.taken()
            domain, choice = row.domain, Choice(most, only_profiles=only_profiles)
        choice.offer(row)
    yield from choice.taken()
