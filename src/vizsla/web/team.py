"""
Who is in the team, what may each of them do, and who was asked to come?

What a role allows is decided where the rows are changed (`accounts.team`, `accounts.invitations`); the page shows no button that
would be refused there.
"""

from starlette.responses import Response

from vizsla.accounts.invitations import (
    Invitation,
    InvitationNotFound,
    invite,
    list_invitations,
    revoke_invitation,
)
from vizsla.accounts.quota import MemberUsed, list_member_usage, period_end, period_start
from vizsla.accounts.roles import ROLES, NotAllowed, Role, is_manager, may_grant
from vizsla.accounts.team import change_role, get_teammate, list_members, remove_member, rename_team, set_limits
from vizsla.kit.clock import day
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.mail.messages import invitation as invitation_letter
from vizsla.mail.outgoing import queue_mail
from vizsla.storage.database import Connection
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_HIGHEST = 10**12
_MEANINGS: dict[Role, str] = {
    "owner": "does everything",
    "admin": "looks after members and keys",
    "member": "uses the account",
}


class NoSuchRole(WrongParams):
    """A role is owner, admin or member."""


@views.get("/team")
async def show_team(visit: Visit) -> Response:
    """Members and invitations; for plain members to be looked at only."""
    return await _team(visit)


async def _team(visit: Visit, *, at: str = "", problem: str | None = None, typed: str = "") -> Response:
    """The page; *problem* is said at the form *at*."""
    who, app = visit.visitor, visit.stores.app
    caller = await visit.house.caller(who)
    since = period_start(visit.now, caller.period_day)
    used = {one.member_id: one for one in await list_member_usage(app, who.account_id, since=since)}
    members = await list_members(app, who.account_id)
    manages = is_manager(who.role)
    return visit.page(
        "team.html",
        status=422 if problem else 200,
        at=at,
        problem=problem,
        typed=typed,
        members=members,
        used={one.member.id: used.get(one.member.id, MemberUsed(since, one.member.id, 0, 0)) for one in members},
        caller=caller,
        resets_on=day(period_end(visit.now, caller.period_day)),
        manages=manages,
        may_change={one.member.id for one in members if manages and may_grant(who.role, one.member.role)},
        owners=sum(one.member.role == "owner" for one in members),
        roles=[role for role in reversed(ROLES) if may_grant(who.role, role)],
        meanings=_MEANINGS,
        invitations=await list_invitations(app, who.account_id, visit.now) if manages else [],
        is_closed=visit.house.services.settings.signup == "closed",
        outbox=_outbox(visit) if manages else None,
    )


def _outbox(visit: Visit) -> str | None:
    """Where invitations lie, for the operator; empty for others; None: they are sent."""
    settings = visit.house.services.settings
    if settings.smtp_url:
        return None
    return str(settings.home / "outbox") if visit.visitor.is_admin else ""


@views.post("/team/name")
async def rename(visit: Visit) -> Response:
    """What the team is called."""
    visit.must_manage()
    name = (await visit.form()).line("name")
    try:
        async with visit.stores.app.write() as conn:
            await rename_team(conn, visit.visitor.member, name)
    except VizslaError as error:
        return await _refused(visit, error, at="name")
    return visit.go("/team", "The team's name is saved.")


@views.post("/team/invite")
async def ask_to_come(visit: Visit) -> Response:
    """An invitation by mail."""
    visit.must_manage()
    form = await visit.form()
    email = form.text("email", most=320)
    try:
        role = _role(form)
        async with visit.stores.app.write() as conn:
            await _invite(visit, conn, email, role)
    except VizslaError as error:
        return await _refused(visit, error, at="invite", typed=email)
    return visit.go("/team", _sent(visit, email))


async def _invite(visit: Visit, conn: Connection, email: str, role: Role) -> None:
    who = visit.visitor
    settings = visit.house.services.settings
    made, token = await invite(conn, who.member, email, role, mode=settings.signup, now=visit.now)
    called = " ".join(name for name in (who.first_name, who.last_name) if name)
    letter = invitation_letter(
        made.email,
        link=visit.link(f"/invitation/{token}"),
        team=who.team_name or called or "Vizsla",
        inviter=called or who.email.partition("@")[0],
        until=made.expires_at,
    )
    await queue_mail(conn, letter, secret=visit.house.secret, now=visit.now)


def _sent(visit: Visit, email: str) -> str:
    if _outbox(visit) is None:
        return f"An invitation goes to {email}. It is good for a week."
    return f"An invitation for {email} is made, but no mail is sent from here: see below."


@views.post("/team/invitations/{id:int}/revoke")
async def take_back(visit: Visit) -> Response:
    """The link stops working."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        await revoke_invitation(conn, visit.visitor.member, visit.id())
    return visit.go("/team", "The invitation is revoked: its link does not work any more.")


@views.post("/team/invitations/{id:int}/resend")
async def resend(visit: Visit) -> Response:
    """The same again, with a new link; the one before stops working."""
    visit.must_manage()
    old = await _find_invitation(visit)
    if old.role is None:
        raise NotAllowed
    try:
        async with visit.stores.app.write() as conn:
            await _invite(visit, conn, old.email, old.role)
    except VizslaError as error:
        return await _refused(visit, error, at="invitations")
    return visit.go("/team", _sent(visit, old.email))


async def _find_invitation(visit: Visit) -> Invitation:
    id_ = visit.id()
    for one in await list_invitations(visit.stores.app, visit.visitor.account_id, visit.now):
        if one.id == id_:
            return one
    raise InvitationNotFound


@views.post("/team/members/{id:int}")
async def change_member(visit: Visit) -> Response:
    """Their role, and what of the plan they may use."""
    visit.must_manage()
    form, id_, who = await visit.form(), visit.id(), visit.visitor
    try:
        role, searches, verifications = _role(form), _limit(form, "searches"), _limit(form, "verifications")
        async with visit.stores.app.write() as conn:
            them = await get_teammate(conn, who.account_id, id_)
            await set_limits(conn, who.member, id_, searches=searches, verifications=verifications, now=visit.now)
            if role != them.member.role:
                await change_role(conn, who.member, id_, role, visit.now)
    except VizslaError as error:
        return await _refused(visit, error, at=f"member-{id_}")
    visit.house.services.keys.forget()
    return visit.go("/team", f"{them.member.email} is changed.")


@views.post("/team/members/{id:int}/remove")
async def remove(visit: Visit) -> Response:
    """Take somebody out, or leave: sessions and keys end at once."""
    id_, who = visit.id(), visit.visitor
    leaves = id_ == who.member_id
    if not leaves:
        visit.must_manage()
    try:
        async with visit.stores.app.write() as conn:
            await remove_member(conn, who.member, id_, visit.now)
    except VizslaError as error:
        return await _refused(visit, error, at=f"member-{id_}")
    visit.house.services.keys.forget()
    if leaves:
        return visit.sign_out(visit.go("/login", "You have left the team."))
    return visit.go("/team", "They are out: signed out everywhere, and their keys are revoked.")


async def _refused(visit: Visit, error: VizslaError, *, at: str, typed: str = "") -> Response:
    """What can be put right is said on the page; what may not be, or is not there, is no page of the team's."""
    if error.id in ("forbidden", "not_found"):
        raise error
    return await _team(visit, at=at, problem=error.details, typed=typed)


def _role(form: Form) -> Role:
    found = next((role for role in ROLES if role == form.text("role")), None)
    if found is None:
        raise NoSuchRole
    return found


def _limit(form: Form, name: str) -> int | None:
    """An empty field is no limit. Raises WrongParams."""
    text = form.text(name).replace(",", "").replace(" ", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 13 or int(text) > _HIGHEST:
        raise WrongParams("A limit is a number from 0 on. Leave it empty for none.")
    return int(text)
