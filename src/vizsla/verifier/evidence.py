"""
What was asked, and what was answered, step by step?

The trail of a verification: everything its verdict rests on, in the order in which it happened. What servers said is cut and
cleaned before it gets here; the trail as a whole is bounded, so that a server that is asked for an hour fills nothing.
"""

from typing import Literal

import msgspec

MOST_STEPS = 160
LONGEST = 400
"""Characters of a reply that are kept."""

Stage = Literal["flags", "dns", "memo", "egress", "smtp", "accept_all", "control", "rule", "wait", "end"]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was asked, done or concluded."""

    at: int
    """Seconds since 1970."""
    stage: Stage
    did: str
    """What we asked or did, in words or as the SMTP command."""
    got: str = ""
    """What came back."""
    ms: int | None = None
    host: str = ""
    """Whom we asked: an MX address."""


Trail = list[Step]
_decode = msgspec.json.Decoder(Trail).decode
_encode = msgspec.json.Encoder().encode


def cut(text: str) -> str:
    """*text* as long as it is kept."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def dump_trail(trail: Trail) -> str:
    """*trail* as it is stored: the beginning and the newest end of it."""
    if len(trail) > MOST_STEPS:
        trail = trail[: MOST_STEPS // 2] + trail[-(MOST_STEPS // 2) :]
    return _encode(trail).decode()


def load_trail(text: str) -> Trail:
    """A stored trail."""
    return _decode(text)
