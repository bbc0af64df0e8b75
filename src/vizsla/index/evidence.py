"""
What stood round an address on a page, as it is kept beside the sighting?

One JSON text, so that two sightings of one moment have an order that does not depend on which was read first.
"""

import msgspec

from vizsla.harvest.records import Sighting

MAX_URI = 1_500
"""Bytes. PostgreSQL's index rows end at 2,704, and the key holds the address as well."""
MAX_VALUE = 800
"""Bytes of a fact, for the same reason."""
MAX_TEXT = 200
"""Characters of a name or a title as a page writes it."""


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an address was read, and whose the page says it is."""

    name_score: int = 0
    """First, and left out when 0: of two texts of one moment, the one that has a name is the greater."""
    how: str = "text"
    first_name: str | None = None
    last_name: str | None = None
    position: str | None = None
    phone: str | None = None
    twitter: str | None = None
    linkedin: str | None = None
    lang: str | None = None


_decoder = msgspec.json.Decoder(Evidence)


def encode_evidence(sighting: Sighting) -> str:
    """What is kept of *sighting*."""
    named = sighting.name_score > 0
    evidence = Evidence(
        name_score=sighting.name_score,
        how=clean(sighting.how, 20),
        first_name=_kept(sighting.first_name) if named else None,
        last_name=_kept(sighting.last_name) if named else None,
        position=_kept(sighting.position),
        phone=_kept(sighting.phone),
        twitter=_kept(sighting.twitter),
        linkedin=_kept(sighting.linkedin),
        lang=_kept(sighting.lang),
    )
    return msgspec.json.encode(evidence).decode()


def decode_evidence(text: str) -> Evidence:
    """The evidence that was kept."""
    return _decoder.decode(text)


def clean(text: str, most: int) -> str:
    """
    *text* as both databases take it, in at most *most* UTF-8 bytes.

    PostgreSQL refuses U+0000, and neither takes half a surrogate pair; a page may hold either.
    """
    encoded = text.replace("\0", "").encode("utf-8", "replace")
    return encoded[:most].decode("utf-8", "ignore")


def _kept(text: str | None) -> str | None:
    return (clean(text[:MAX_TEXT], 4 * MAX_TEXT) or None) if text else None
