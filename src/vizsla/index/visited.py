"""
What do we know already of pages that somebody else fetched?

So that a capture which an index lists need not be brought here to say that a page is as it was.
"""

from collections import defaultdict
from collections.abc import Sequence

from vizsla.index.truth import Body
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_BODIES = statement("SELECT uri, digest, first_fetched, last_fetched FROM page WHERE uri IN :uris[text]")
_EVIDENCE = statement("SELECT DISTINCT uri FROM sighting WHERE domain = :domain LIMIT :most")


async def find_bodies(reader: Reader, uris: Sequence[str]) -> dict[str, list[Body]]:
    """The bodies that each of *uris* is known to have had; no entry for a page that was never fetched."""
    bodies: dict[str, list[Body]] = defaultdict(list)
    for row in await reader.fetch_all(_BODIES, {"uris": list(uris)}):
        bodies[row[0]].append(Body(*row[1:]))
    return bodies


async def list_evidence(reader: Reader, domain: str, most: int) -> list[str]:
    """Pages on which addresses at *domain* were read, *most* of them at most."""
    return [row[0] for row in await reader.fetch_all(_EVIDENCE, {"domain": domain, "most": most})]
