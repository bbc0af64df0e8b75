"""`GET /v2/account` and `GET /v2/usage`: whose key is this, what may they do, what have they done? Both free."""

import msgspec

from vizsla.accounts.quota import Used, get_usage, list_usage, period_end
from vizsla.accounts.store import find_member
from vizsla.api.params import NoParams
from vizsla.api.registry import Call, Calls
from vizsla.kit.clock import day

calls = Calls()
_PERIODS = 24
_NOTICE = "Sums the searches and the verifications, giving an unprecise look of the requests available"


class Allowance(msgspec.Struct, frozen=True):
    """How many requests of a kind were made in this period, and how many the plan has."""

    used: int
    available: int


class Sum(msgspec.Struct, frozen=True):
    """Both kinds together."""

    deprecation_notice: str = msgspec.field(name="_deprecation_notice")
    used: int
    available: int


class Requests(msgspec.Struct, frozen=True):
    """Requests by kind."""

    searches: Allowance
    verifications: Allowance


class AccountData(msgspec.Struct, frozen=True):
    """The account of the key."""

    first_name: str | None
    last_name: str | None
    email: str | None
    plan_name: str
    plan_level: int
    reset_date: str
    team_id: int
    calls: Sum
    requests: Requests


class AccountAnswer(msgspec.Struct, frozen=True):
    """The account of the key."""

    data: AccountData


class Period(msgspec.Struct, frozen=True):
    """What was used from the first day of a period up to, but not including, its reset date."""

    start_date: str
    reset_date: str
    searches: Allowance
    verifications: Allowance


class UsageData(msgspec.Struct, frozen=True):
    """The current period first."""

    usage: tuple[Period, ...]


class UsageAnswer(msgspec.Struct, frozen=True):
    """Usage by period."""

    data: UsageData


@calls("GET", "/v2/account")
async def get_account(call: Call, params: NoParams) -> AccountAnswer:
    """
    Whose API key this is, and what is left of the plan.

    `calls` is deprecated; `requests` has each kind of request by itself.
    """
    caller, reader = call.caller, call.services.stores.app
    member = await find_member(reader, caller.account_id, caller.member_id)
    used = await get_usage(reader, caller.account_id, call.now)
    data = AccountData(
        member.first_name if member else None,
        member.last_name if member else None,
        member.email if member else None,
        caller.plan_name,
        caller.plan_level,
        day(period_end(call.now)),
        caller.account_id,
        Sum(_NOTICE, used.searches + used.verifications, caller.searches + caller.verifications),
        Requests(Allowance(used.searches, caller.searches), Allowance(used.verifications, caller.verifications)),
    )
    return AccountAnswer(data)


@calls("GET", "/v2/usage")
async def get_periods(call: Call, params: NoParams) -> UsageAnswer:
    """
    What was used in this month and in those before it, newest first.

    Months without any use are left out, but for the current one.
    """
    caller, reader = call.caller, call.services.stores.app
    current = await get_usage(reader, caller.account_id, call.now)
    past = await list_usage(reader, caller.account_id, limit=_PERIODS)
    periods = [current, *(used for used in past if used.period < current.period)]

    def show(used: Used) -> Period:
        return Period(
            day(used.period),
            day(period_end(used.period)),
            Allowance(used.searches, caller.searches),
            Allowance(used.verifications, caller.verifications),
        )

    return UsageAnswer(UsageData(tuple(show(used) for used in periods)))
