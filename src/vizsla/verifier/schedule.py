"""
When is a verification tried again, and how long does its verdict hold?

The state machine's clock: `new → probing → (deferred → probing)* → ended`. All of it is the row's `due`.
"""

from vizsla.kit.clock import DAY
from vizsla.verifier.verdict import Reason, Verdict

RETRIES = (60, 330, 960, 2_100)
"""
Seconds after the first "come back later". Greylists open after one minute (many), five (Postgrey's default), fifteen; what is
still shut after half an hour may stay so for hours.
"""
SOONEST = 30
"""Seconds between two tries at least, also where the process was away when the first was due."""
PATIENCE = 3_600
"""Seconds after which a verification that was put off for whatever reason ends as it stands."""
_BUSY = 5
"""Seconds after which a server that was too busy is asked again at the soonest: twice while somebody waits for the answer."""
MOST_ATTEMPTS = 60
"""Claims of one row: whoever makes workers die is left alone in the end."""

MINUTE = 60
_HOLDS: dict[Reason, int] = {
    "accepted": 30 * DAY,
    "no_user": 30 * DAY,
    "disabled": 30 * DAY,
    "no_domain": 30 * DAY,
    "no_mail_server": 30 * DAY,
    "null_mx": 30 * DAY,
    "disposable": 30 * DAY,
    "accepts_all": DAY,
    "full": DAY,
}


def next_retry(deferred_at: int, deferrals: int, now: int) -> int | None:
    """When to ask again after *deferrals* times "later" since *deferred_at*; None: no more."""
    if deferrals > len(RETRIES):
        return None
    return max(deferred_at + RETRIES[deferrals - 1], now + SOONEST)


def next_busy(asked_at: int, now: int) -> int:
    """How long to leave a server alone that was too busy: longer, the longer it goes on."""
    return max(_BUSY, (now - asked_at) // 2)


def holds_for(verdict: Verdict) -> int:
    """Seconds for which *verdict* answers those who ask again."""
    return _HOLDS.get(verdict.reason, 10 * MINUTE)
