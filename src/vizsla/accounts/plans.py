"""
What may an account do?

Three layers: what was agreed with this account alone (columns of `account`), else what the plan of its name says (`[plans.NAME]`
in vizsla.toml), else the settings. A plan that is no longer defined leaves its accounts with the settings' figures.
"""

from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update

from vizsla.accounts.changes import note_change
from vizsla.accounts.store import Plan
from vizsla.accounts.tables import account
from vizsla.kit.errors import NotFound
from vizsla.kit.settings import FREE_PLAN, PlanTerms, Settings
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

DEFAULT_RATE_VERIFY = "10/s,300/min"

_FIND_NAME = statement(select(account.c.plan_name).where(account.c.id == bindparam("account_id_")))
_CHOOSE = statement(
    update(account)
    .where(account.c.id == bindparam("account_id_"))
    .values(plan_name=bindparam("plan_name_"), period_day=bindparam("period_day_"))
)


class UnknownPlan(NotFound):
    """There is no plan of this name."""


def list_plans(settings: Settings) -> dict[str, PlanTerms]:
    """Every plan there is, by name, `free` first, with the settings' figures where it says nothing."""
    named = {FREE_PLAN: PlanTerms()} | settings.plans
    return {name: full_terms(settings, Plan(plan_name=name)) for name in named}


def full_terms(settings: Settings, plan: Plan) -> PlanTerms:
    """What an account with *plan* may do; nothing is left open."""
    named = settings.plans.get(plan.plan_name or FREE_PLAN, PlanTerms())

    def first(*values: int | None) -> int:
        return next(value for value in values if value is not None)

    return PlanTerms(
        searches=first(plan.plan_searches, named.searches, settings.plan_searches),
        verifications=first(plan.plan_verifications, named.verifications, settings.plan_verifications),
        rate_search=plan.rate_search or named.rate_search or settings.rate_search,
        rate_count=plan.rate_count or named.rate_count or settings.rate_count,
        rate_verify=plan.rate_verify or named.rate_verify or DEFAULT_RATE_VERIFY,
        level=first(plan.plan_level, named.level),
    )


async def choose_plan(conn: Connection, settings: Settings, account_id: int, name: str, now: int) -> None:
    """
    Give an account the plan of this name; its periods begin on today's day of the month from now on.

    Nothing happens if it has that plan already: a period is not begun anew by saying so twice. What was agreed with this
    account alone stays. Raises UnknownPlan.
    """
    if name not in list_plans(settings):
        known = ", ".join(list_plans(settings))
        raise UnknownPlan(f"There is no plan {name!r}. There are: {known}. Define it as [plans.NAME] in vizsla.toml.")
    row = await conn.fetch_one(_FIND_NAME, {"account_id_": account_id})
    if row is None or (row[0] or FREE_PLAN) == name:
        return
    today = datetime.fromtimestamp(now, UTC).day
    await conn.execute(_CHOOSE, {"account_id_": account_id, "plan_name_": name, "period_day_": today})
    await note_change(conn, account_id, now)
