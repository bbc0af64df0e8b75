"""
Which pages bear out what is known?

Those are looked at again first, for they say whether an address is still there.
"""

from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_EVIDENCE = statement("SELECT DISTINCT uri FROM sighting WHERE domain = :domain LIMIT :most")


async def list_evidence(reader: Reader, domain: str, most: int) -> list[str]:
    """Pages on which addresses at *domain* were read, *most* of them at most."""
    return [row[0] for row in await reader.fetch_all(_EVIDENCE, {"domain": domain, "most": most})]
