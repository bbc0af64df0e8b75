"""What does the index hold about one address? Everything, for its person to read."""

import msgspec

from vizsla.index.evidence import Evidence, decode_evidence
from vizsla.kit.clock import day
from vizsla.kit.whom import Whom
from vizsla.storage.database import Database
from vizsla.storage.mentions import mentioning, says
from vizsla.storage.statement import statement

_SHOWN = (
    "type", "confidence", "first_name", "last_name", "position", "position_raw", "seniority", "department", "phone_number",
    "twitter", "linkedin", "verification_status",
)  # fmt: skip
_ROW = statement(f"SELECT {', '.join(_SHOWN)} FROM email WHERE domain = :domain AND local = :local")  # noqa: S608
_SIGHTINGS = statement("""
    SELECT uri, first_seen, last_seen, evidence FROM sighting WHERE domain = :domain AND local = :local
    ORDER BY first_seen, uri
""")
_MENTIONS = mentioning(
    f"SELECT uri, uri FROM sighting WHERE {says('uri')} UNION SELECT uri, value FROM fact WHERE {says('uri', 'value')}"  # noqa: S608
)


class Seen(msgspec.Struct, frozen=True):
    """The address was read on a page."""

    uri: str
    first_seen_on: str
    last_seen_on: str
    read: Evidence
    """How it was read, and what stood beside it."""


class Indexed(msgspec.Struct, frozen=True):
    """What the public web said of an address."""

    shown: dict[str, str | int]
    """What a search shows, beside the address itself; empty if nothing is shown."""
    seen: list[Seen]
    mentioned_on: list[str]
    """Pages that speak of the address in another way: in their own address, or in a company's description."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held."""
        return not (self.shown or self.seen or self.mentioned_on)


async def hold(index: Database, domain: str, local: str) -> Indexed:
    """All of it."""
    key, whom = {"domain": domain, "local": local}, Whom(domain, local)
    rows = await index.fetch_all(_ROW, key)
    shown = {name: value for row in rows for name, value in zip(_SHOWN, row, strict=True) if value is not None}
    seen = [
        Seen(uri, day(first), day(last), decode_evidence(evidence))
        for uri, first, last, evidence in await index.fetch_all_slowly(_SIGHTINGS, key)
    ]
    mentions = await index.fetch_all_slowly(_MENTIONS, whom.needles)
    return Indexed(shown, seen, sorted({uri for uri, text in mentions if whom.is_in(uri) or whom.is_in(text)}))
