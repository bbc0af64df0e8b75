"""
How often did mail arrive where a verification said what it said?

What came of our own messages is counted by provider and reason: a hard bounce, or a reply or anything else that shows that a
person got it. The counts update a Beta distribution whose prior is the score's own table; a provider with few of its own is
judged by all. Each verification counts once, however much is written to its address, and a bounce outweighs an arrival.
"""

import math
from typing import Literal

import msgspec

from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement
from vizsla.verifier.verdict import Verdict

Arrival = Literal["delivered", "bounced"]
_PRIOR_WEIGHT = 30.0
"""Messages that the prior of a reason is worth."""
_SHARED_WEIGHT = 20.0
"""Messages that what all providers together showed is worth beside a provider's own."""
_EDGE = 0.002
"""Nothing is believed more firmly than this before odds are compared."""

_FIND = statement("SELECT id, verdict, arrival FROM verification WHERE domain = :domain AND local = :local")
# The condition makes it once: of two who report the same, one changes the row.
_MARK = statement("""
    UPDATE verification SET arrival = :arrival
    WHERE id = :id AND verdict IS NOT NULL AND coalesce(arrival, '') = :before
""")
_COUNT = statement("""
    INSERT INTO arrival_tally (provider, reason, delivered, bounced) VALUES (:provider, :reason, :delivered, :bounced)
    ON CONFLICT (provider, reason) DO UPDATE SET delivered = arrival_tally.delivered + excluded.delivered,
        bounced = arrival_tally.bounced + excluded.bounced
""")
_LOAD = statement("SELECT provider, reason, delivered, bounced FROM arrival_tally")
_decode = msgspec.json.Decoder(Verdict).decode


class Tally(msgspec.Struct, frozen=True):
    """Messages that arrived and that did not."""

    delivered: int = 0
    bounced: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.delivered + other.delivered, self.bounced + other.bounced)

    def update(self, prior: float, weight: float) -> float:
        """The mean of the Beta distribution that *prior*, worth *weight* messages, becomes by these."""
        return (prior * weight + self.delivered) / (weight + self.delivered + self.bounced)


class Learned(msgspec.Struct, frozen=True):
    """The counts, by provider and reason."""

    tallies: dict[tuple[str, str], Tally] = {}

    def adjust(self, probability: float, verdict: Verdict, *, prior: float) -> float:
        """
        *probability* moved by as much, in odds, as what arrived moved the *prior* of all with this provider and reason.

        So addresses of one kind keep their order, and the kind as a whole gets its true share.
        """
        own = self.tallies.get((verdict.provider, verdict.reason), Tally())
        total = sum((tally for (_, reason), tally in self.tallies.items() if reason == verdict.reason), Tally())
        if total == Tally():
            return probability
        shared = total.update(prior, _PRIOR_WEIGHT)
        return _sigmoid(_logit(probability) + _logit(own.update(shared, _SHARED_WEIGHT)) - _logit(prior))


NOTHING = Learned()


async def record_outcome(conn: Connection, domain: str, local: str, arrival: Arrival) -> bool:
    """
    Learn that a message to *local*@*domain* was delivered, or bounced because there is no such mailbox.

    Bounces for other reasons (full, spam, our reputation) say nothing of the address: do not report them. False if nothing
    was learnt: the address was never verified, or this was known.
    """
    row = await conn.fetch_one(_FIND, {"domain": domain, "local": local})
    if row is None or row[1] is None or row[2] == arrival or row[2] == "bounced":
        return False
    before = row[2] or ""
    if not await conn.execute(_MARK, {"id": row[0], "arrival": arrival, "before": before}):
        return False
    verdict = _decode(row[1])
    delivered, bounced = int(arrival == "delivered"), int(arrival == "bounced")
    values = {"provider": verdict.provider, "reason": verdict.reason, "bounced": bounced}
    await conn.execute(_COUNT, {**values, "delivered": delivered - (before == "delivered")})
    return True


async def load_learned(reader: Reader) -> Learned:
    """What was learnt so far: at most a row for each provider and reason."""
    rows = await reader.fetch_all(_LOAD, {})
    return Learned({(provider, reason): Tally(delivered, bounced) for provider, reason, delivered, bounced in rows})


def _logit(probability: float) -> float:
    bounded = min(1 - _EDGE, max(_EDGE, probability))
    return math.log(bounded / (1 - bounded))


def _sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))
