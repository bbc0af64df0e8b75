"""The operator's pages: users and plans, the index, work that is due or stuck, the way out, backups, settings."""

import asyncio
from functools import partial

from starlette.responses import Response

from vizsla.accounts.directory import list_users
from vizsla.accounts.operating import count_users, lock_out, remove_user, set_operator
from vizsla.accounts.plans import choose_plan, list_plans
from vizsla.accounts.recovery import create_password_link
from vizsla.accounts.store import Member, find_user
from vizsla.desk.due_work import look_at_work, retry
from vizsla.desk.self_test import examine
from vizsla.desk.versions import list_versions
from vizsla.index.figures import ask_for_count, read_figures
from vizsla.index.runs import list_runs
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.kit.settings import show_settings
from vizsla.web.charts import Bar
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_PAGE = 50
_RUNS = 5


@views.get("/admin", operator=True)
async def show_overview(visit: Visit) -> Response:
    """Is all well?"""
    stores, services = visit.stores, visit.house.services
    work = await look_at_work(stores, visit.now)
    return visit.page(
        "admin.html",
        counted=await read_figures(stores.index, visit.now),
        n_users=await count_users(stores.app),
        stuck=[due for due in work if due.is_stuck(visit.now)],
        waiting=sum(due.waiting for due in work),
        report=services.way_out.report,
        probe=services.settings.probe,
        backups=await visit.house.backups.list(),
        runs=await list_runs(stores.index, most=_RUNS, now=visit.now),
        versions=await list_versions(services.settings, stores),
    )


@views.get("/admin/users", operator=True)
async def show_users(visit: Visit) -> Response:
    """Everybody, page by page."""
    return await _users(visit)


async def _users(
    visit: Visit, *, link: str = "", whose: str = "", problem: str | None = None, status: int = 200
) -> Response:
    after = visit.query("after", most=320)
    users = await list_users(visit.stores.app, visit.now, after=after, limit=_PAGE + 1)
    shown = users[:_PAGE]
    return visit.page(
        "admin_users.html",
        users=shown,
        plans=list_plans(visit.house.services.settings),
        first="/admin/users" if after else "",
        older=f"/admin/users?after={shown[-1].member.email}" if len(users) > _PAGE else "",
        link=link,
        whose=whose,
        problem=problem,
        status=status,
    )


@views.post("/admin/users", operator=True)
async def change_user(visit: Visit) -> Response:
    """What the buttons of one row do."""
    form = await visit.form()
    act = _ACTS.get(form.text("act"))
    if act is None:
        raise NotFound("There is no such thing to do.")
    who = await _whom(visit, form)
    try:
        return await act(visit, who, form)
    except VizslaError as error:
        return await _users(visit, problem=error.details, status=422)


async def _whom(visit: Visit, form: Form) -> Member:
    try:
        found = await find_user(visit.stores.app, form.text("email", most=320))
    except VizslaError:
        found = None
    if found is None:
        raise NotFound("There is no such user; somebody may have removed them meanwhile.")
    return found


async def _choose_plan(visit: Visit, who: Member, form: Form) -> Response:
    plan = form.text("plan", most=100)
    async with visit.stores.app.write() as conn:
        await choose_plan(conn, visit.house.services.settings, who.account_id, plan, visit.now)
    return visit.go("/admin/users", f"{who.email} and their team have the plan {plan}.")


async def _make_operator(visit: Visit, who: Member, form: Form) -> Response:
    async with visit.stores.app.write() as conn:
        await set_operator(conn, who, is_admin=True)
    return visit.go("/admin/users", f"{who.email} runs this installation, too.")


async def _take_operator(visit: Visit, who: Member, form: Form) -> Response:
    async with visit.stores.app.write() as conn:
        await set_operator(conn, who, is_admin=False)
    return visit.go("/admin/users", f"{who.email} no longer runs this installation.")


async def _reset(visit: Visit, who: Member, form: Form) -> Response:
    async with visit.stores.app.write() as conn:
        token = await create_password_link(conn, who, visit.now)
    return await _users(visit, link=visit.link(f"/reset/{token}"), whose=who.email)


async def _lock_out(visit: Visit, who: Member, form: Form) -> Response:
    async with visit.stores.app.write() as conn:
        await lock_out(conn, who, visit.now)
    return visit.go("/admin/users", f"Every session and key of {who.email} has ended.")


async def _remove(visit: Visit, who: Member, form: Form) -> Response:
    async with visit.stores.app.write() as conn:
        is_account_gone = await remove_user(conn, who, visit.now)
    return visit.go("/admin/users", f"{who.email} is gone{', with all of their account' if is_account_gone else ''}.")


_ACTS = {
    "plan": _choose_plan,
    "operator": _make_operator,
    "no-operator": _take_operator,
    "reset": _reset,
    "lock-out": _lock_out,
    "remove": _remove,
}


@views.get("/admin/index", operator=True)
async def show_index(visit: Visit) -> Response:
    """How large and how fresh it is."""
    counted = await read_figures(visit.stores.index, visit.now)
    return visit.page(
        "admin_index.html",
        counted=counted,
        ages=[Bar(age.within, (float(age.addresses),)) for age in counted.figures.ages],
    )


@views.post("/admin/index", operator=True)
async def count_index(visit: Visit) -> Response:
    """Have it counted anew."""
    async with visit.stores.index.write() as conn:
        await ask_for_count(conn, visit.now)
    return visit.go("/admin/index")


@views.get("/admin/work", operator=True)
async def show_work(visit: Visit) -> Response:
    """What is due, and what is stuck."""
    return visit.page("admin_work.html", work=await look_at_work(visit.stores, visit.now))


@views.post("/admin/work", operator=True)
async def hurry(visit: Visit) -> Response:
    """Let what waits for another attempt be begun now."""
    table = (await visit.form()).text("table", most=50)
    count = await retry(visit.stores, table, visit.now)
    said = "Nothing waited for another attempt." if not count else f"{count:,} will be tried again at once."
    return visit.go("/admin/work", said)


@views.get("/admin/egress", operator=True)
async def show_egress(visit: Visit) -> Response:
    """The self-test: can mail servers be asked from here?"""
    services = visit.house.services
    return visit.page(
        "admin_egress.html",
        report=services.way_out.report,
        is_making=services.way_out.is_making,
        probe=services.settings.probe,
    )


@views.post("/admin/egress", operator=True)
async def test_egress(visit: Visit) -> Response:
    """Make one now. It opens connections, so only where probing is on."""
    services = visit.house.services
    if not services.settings.probe:
        return visit.go("/admin/egress", "VIZSLA_PROBE is off, so nobody is knocked at.")
    services.way_out.begin(partial(examine, services.settings, services.clock))
    return visit.go("/admin/egress")


@views.get("/admin/backups", operator=True)
async def show_backups(visit: Visit) -> Response:
    """Those that are there."""
    backups = visit.house.backups
    return visit.page(
        "admin_backups.html",
        backups=await backups.list(),
        is_making=backups.is_making,
        problem=backups.problem,
        folder=str(visit.house.services.settings.home / "backups"),
    )


@views.post("/admin/backups", operator=True)
async def back_up(visit: Visit) -> Response:
    """Make one now."""
    backups = visit.house.backups
    await backups.begin()
    return visit.go("/admin/backups", "" if backups.is_making or backups.problem else "The backup is made.")


@views.get("/admin/settings", operator=True)
async def show_all_settings(visit: Visit) -> Response:
    """Every setting as it is in force."""
    settings = visit.house.services.settings
    return visit.page(
        "admin_settings.html", settings=await asyncio.to_thread(show_settings, settings), home=settings.home
    )
