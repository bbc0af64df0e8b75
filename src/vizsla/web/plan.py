"""What does the plan allow, what of it is used, by whom, and when is it whole again?"""

import msgspec
from starlette.responses import Response

from vizsla.accounts.quota import get_usage, list_member_usage, list_usage, period_end, period_start
from vizsla.accounts.rate import Limit
from vizsla.accounts.roles import is_manager
from vizsla.accounts.team import list_members
from vizsla.kit.clock import day
from vizsla.web.charts import Bar
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PERIODS = 12
_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


class PersonUsed(msgspec.Struct, frozen=True):
    """What of this period was one person's."""

    name: str
    searches: int
    verifications: int


@views.get("/plan")
async def show_plan(visit: Visit) -> Response:
    """Limits in plain words, and what was used of them."""
    who, app = visit.visitor, visit.stores.app
    caller = await visit.house.caller(who)
    periods = await list_usage(app, who.account_id, limit=_PERIODS)
    since = period_start(visit.now, caller.period_day)
    return visit.page(
        "plan.html",
        caller=caller,
        used=await get_usage(app, who.account_id, visit.now, caller.period_day),
        began_on=day(since),
        resets_on=day(period_end(visit.now, caller.period_day)),
        rates={name: in_words(limits) for name, limits in caller.rates.items()},
        people=await _people(visit, since),
        months=[Bar(day(one.period)[:7], (float(one.searches), float(one.verifications))) for one in reversed(periods)],
        periods=[(day(one.period), one) for one in periods],
    )


async def _people(visit: Visit, since: int) -> list[PersonUsed]:
    """Everybody who used anything in this period, most first; a plain member sees what they used themselves."""
    who, app = visit.visitor, visit.stores.app
    names = {one.member.id: one.member.email for one in await list_members(app, who.account_id)}
    found = [
        PersonUsed(names.get(one.member_id, "Somebody who has left"), one.searches, one.verifications)
        for one in await list_member_usage(app, who.account_id, since=since)
        if is_manager(who.role) or one.member_id == who.member_id
    ]
    return sorted(found, key=lambda one: -(one.searches + one.verifications))


def in_words(limits: tuple[Limit, ...]) -> str:
    """`15 a second and 500 a minute`."""
    return " and ".join(
        f"{limit.count:,} {'an' if limit.name == 'h' else 'a'} {_UNITS[limit.name]}" for limit in limits
    )
