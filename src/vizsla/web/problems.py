"""
What is said when a question was refused, beside its form or on a page of its own?

The sentence of the error, with what a person can do about it, so that nothing that was typed is lost. What nobody can answer for
here (a database that is away) goes on to the page that says so.
"""

from vizsla.accounts.quota import period_end
from vizsla.desk.asking import QuotaUsedUp
from vizsla.kit.clock import day
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.web.visit import Visit

_STATUSES = {
    "not_found": 404,
    "forbidden": 403,
    "payload_too_large": 413,
    "too_many_requests": 429,
    "claimed_email": 451,
}


async def problem_of(visit: Visit, error: VizslaError) -> tuple[int, str]:
    """The status and the sentence of *error*; raises it again if it is no fault of the question."""
    if isinstance(error, StoreError):
        raise error
    sentence = error.details
    if isinstance(error, QuotaUsedUp):
        caller = await visit.house.caller(visit.visitor)
        renewed_at = period_end(visit.now, caller.period_day)
        sentence = (
            f"The plan of this period is used up. It is whole again on {day(renewed_at)}; what was asked within "
            "a day stays free. The page Plan and usage shows what was counted, and an owner can ask the operator for more."
        )
    return _STATUSES.get(error.id, 422), sentence
