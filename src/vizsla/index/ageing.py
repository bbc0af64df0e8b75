"""
How do scores stay true when nothing new is read?

`confidence` is a probability that falls with the time since an address was last seen, and rows are made of what was read
and of the day. So every row is made anew once a week: a score is never more than a point too high for that.
"""

from vizsla.index.merge import alone
from vizsla.index.refresh import DOMAINS_AT_ONCE, refresh_addresses, refresh_domains
from vizsla.index.truth import Pair
from vizsla.kit.clock import DAY, midnight
from vizsla.storage.database import Connection, Database
from vizsla.storage.statement import statement

LASTS = 7 * DAY
"""The steepest that a confidence falls is from 100 to 89 in its first year: a fifth of a point a week."""
_ADDRESSES_AT_ONCE = 25
"""Making one takes a tenth of a millisecond of the event loop."""

_OLDEST = statement("SELECT domain FROM domain WHERE made_on <= :before ORDER BY made_on, domain LIMIT :most")
_ADDRESSES = statement("""
    SELECT domain, local FROM sighting WHERE domain IN :domains[text]
    UNION SELECT domain, local FROM email WHERE domain IN :domains[text] ORDER BY 1, 2
""")
_MADE = statement("UPDATE domain SET made_on = :today WHERE domain IN :domains[text]")


class Ageing:
    """
    One pass over the domains whose rows are a week old, in steps that are transactions of the door's.

        ageing = Ageing(today)
        while await ageing.has_more(index):
            async with index.write() as conn:
                await ageing.step(conn)
    """

    def __init__(self, today: int) -> None:
        self._today = midnight(today)
        self._domains: list[str] = []
        self._pairs: list[Pair] = []

    async def has_more(self, index: Database) -> bool:
        """Whether a step is left to do."""
        if not self._domains:
            rows = await index.fetch_all(_OLDEST, {"before": self._today - LASTS, "most": DOMAINS_AT_ONCE})
            self._domains = [row[0] for row in rows]
            found = await index.fetch_all_slowly(_ADDRESSES, {"domains": self._domains}) if rows else []
            self._pairs = [(row[0], row[1]) for row in found]
        return bool(self._domains)

    async def step(self, conn: Connection) -> None:
        """Make some addresses anew, or, when all of theirs are, the domains."""
        await alone(conn)
        if self._pairs:
            some, self._pairs = self._pairs[:_ADDRESSES_AT_ONCE], self._pairs[_ADDRESSES_AT_ONCE:]
            await refresh_addresses(conn, some, self._today)
        else:
            await refresh_domains(conn, self._domains, self._today)
            await conn.execute(_MADE, {"domains": self._domains, "today": self._today})
            self._domains = []
