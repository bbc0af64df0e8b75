"""`GET /v2/account` and `GET /v2/usage`: whose key is this, what may they do, what have they done? Both free."""

from itertools import groupby

import msgspec

from vizsla.accounts.quota import MemberUsed, Used, get_usage, list_member_usage, list_usage, period_end
from vizsla.accounts.roles import is_manager
from vizsla.accounts.store import find_member
from vizsla.accounts.team import Teammate, list_members
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


class MemberAllowance(msgspec.Struct, frozen=True):
    """How many requests of a kind a member made, and how many of the team's they may make."""

    used: int
    available: int | None


class MemberUsage(msgspec.Struct, frozen=True):
    """What one member used, and what they may; `available` is null where they have no limit of their own."""

    id: int
    email: str | None
    """Null: they left the team."""
    searches: MemberAllowance
    verifications: MemberAllowance


class Period(msgspec.Struct, frozen=True):
    """What was used from the first day of a period up to, but not including, its reset date."""

    start_date: str
    reset_date: str
    searches: Allowance
    verifications: Allowance
    members: tuple[MemberUsage, ...]
    """Whose it was, as far as keys belong to somebody; of all members for owners and admins, for members of themselves."""


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
    used = await get_usage(reader, caller.account_id, call.now, caller.period_day)
    data = AccountData(
        member.first_name if member else None,
        member.last_name if member else None,
        member.email if member else None,
        caller.plan_name,
        caller.plan_level,
        day(period_end(call.now, caller.period_day)),
        caller.account_id,
        Sum(_NOTICE, used.searches + used.verifications, caller.searches + caller.verifications),
        Requests(Allowance(used.searches, caller.searches), Allowance(used.verifications, caller.verifications)),
    )
    return AccountAnswer(data)


@calls("GET", "/v2/usage")
async def get_periods(call: Call, params: NoParams) -> UsageAnswer:
    """
    What was used in this period and in those before it, newest first, and by whom.

    Periods without any use are left out, but for the current one.
    """
    caller, reader = call.caller, call.services.stores.app
    current = await get_usage(reader, caller.account_id, call.now, caller.period_day)
    past = await list_usage(reader, caller.account_id, limit=_PERIODS)
    periods = [current, *(used for used in past if used.period < current.period)]
    by_member = await list_member_usage(reader, caller.account_id, since=periods[-1].period)
    if not is_manager(caller.role):
        by_member = [used for used in by_member if used.member_id == caller.member_id]
    members = {one.member.id: one for one in await list_members(reader, caller.account_id)}
    whose = {period: tuple(group) for period, group in groupby(by_member, key=lambda used: used.period)}

    def show(used: Used) -> Period:
        return Period(
            day(used.period),
            day(period_end(used.period, caller.period_day)),
            Allowance(used.searches, caller.searches),
            Allowance(used.verifications, caller.verifications),
            tuple(_member_usage(one, members.get(one.member_id)) for one in whose.get(used.period, ())),
        )

    return UsageAnswer(UsageData(tuple(show(used) for used in periods)))


def _member_usage(used: MemberUsed, whose: Teammate | None) -> MemberUsage:
    return MemberUsage(
        used.member_id,
        whose.member.email if whose else None,
        MemberAllowance(used.searches, whose.limit_searches if whose else None),
        MemberAllowance(used.verifications, whose.limit_verifications if whose else None),
    )
