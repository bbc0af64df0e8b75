"""
How does somebody get in, and out? Set-up, sign-up, invitations, signing in with or without a code, a forgotten password.

What these pages say does not tell whether an address has an account here.
"""

from typing import TypedDict
from urllib.parse import quote

from starlette.responses import Response

from vizsla.accounts.invitations import accept_invitation, find_invitation
from vizsla.accounts.passwords import check_password, hash_password
from vizsla.accounts.recovery import find_reset, request_reset, reset_password
from vizsla.accounts.second_factor import find_standing, finish
from vizsla.accounts.sessions import close_session, open_session
from vizsla.accounts.sign_in import ask_for_code, check
from vizsla.accounts.sign_up import find_sign_up, finish_sign_up, request_sign_up
from vizsla.accounts.store import Member, create_user, is_setup_token, set_password, use_setup_token
from vizsla.kit.errors import VizslaError
from vizsla.mail.messages import already_member, confirm_sign_up, password_reset
from vizsla.mail.outgoing import queue_mail
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_CODE = "vizsla_code"
_CODE_SECONDS = 600
_RESET_SECONDS = 3_600
_SIGN_UP_SECONDS = 86_400
_WRONG = "No account has this address and this password."
_GONE = "This link does not work. It was used, has run out, or a part of it is missing."


@views.get("/login", signed_in=False)
async def ask_to_sign_in(visit: Visit) -> Response:
    """The form."""
    if visit.known is not None:
        return visit.go(visit.query("next") or "/")
    return _login(visit)


def _login(visit: Visit, *, email: str = "", problem: str | None = None, status: int = 200) -> Response:
    return visit.page(
        "login.html",
        status=status,
        email=email,
        problem=problem,
        next=visit.query("next"),
        can_sign_up=visit.house.services.settings.signup == "open",
    )


@views.post("/login", signed_in=False)
async def sign_in(visit: Visit) -> Response:
    """Address and password; a code is asked for next, if they use one."""
    form = await visit.form()
    email = form.text("email", most=320)
    try:
        found = await check(
            visit.stores.app, email, form.exact("password", most=2_000), client=visit.client, now=visit.now
        )
    except VizslaError as error:
        return _login(visit, email=email, problem=error.details, status=429)
    if found is None:
        return _login(visit, email=email, problem=_WRONG, status=401)
    return await _let_in(visit, found.member, needs_code=found.needs_code, to=visit.query("next") or form.text("next"))


async def _let_in(visit: Visit, member: Member, *, needs_code: bool, to: str, note: str = "") -> Response:
    """A session of their own for this browser; or the question for a code."""
    if not needs_code:
        return await _begin(visit, member, to=to, note=note)
    async with visit.stores.app.write() as conn:
        ticket = await ask_for_code(conn, member, visit.now)
    response = visit.go(f"/login/code?next={quote(to, safe='/')}")
    response.set_cookie(
        _CODE, ticket, max_age=_CODE_SECONDS, path="/login", httponly=True, samesite="lax", secure=visit.house.is_https
    )
    return response


async def _begin(visit: Visit, member: Member, *, to: str = "/", note: str = "") -> Response:
    """A new session, whatever the browser had before: an attacker may have put it there."""
    agent = visit.request.headers.get("user-agent", "")
    async with visit.stores.app.write() as conn:
        if visit.known is not None:
            await close_session(conn, visit.known.account_id, visit.known.member_id, visit.known.session_id)
        token = await open_session(conn, member, now=visit.now, user_agent=agent, address=visit.client)
    return visit.sign_in(visit.go(to or "/", note), token)


@views.get("/login/code", signed_in=False)
async def ask_for_the_code(visit: Visit) -> Response:
    """The second form."""
    return visit.page("code.html", problem=None, next=visit.query("next"))


@views.post("/login/code", signed_in=False)
async def take_code(visit: Visit) -> Response:
    """A code of their app, or a recovery code."""
    form = await visit.form()
    ticket = visit.request.cookies.get(_CODE, "")
    problem, status = "This code is not right, or the sign-in took too long. Try the next code, or sign in again.", 401
    try:
        member = await finish(visit.stores.app, ticket, form.text("code", most=100), visit.house.secret, visit.now)
    except VizslaError as error:
        member, problem, status = None, error.details, 429
    if member is None:
        return visit.page("code.html", problem=problem, next=visit.query("next"), status=status)
    response = await _begin(visit, member, to=visit.query("next"))
    response.delete_cookie(_CODE, path="/login")
    return response


@views.post("/logout", signed_in=False)
async def sign_out(visit: Visit) -> Response:
    """End the session, here and in the database."""
    if (who := visit.known) is not None:
        async with visit.stores.app.write() as conn:
            await close_session(conn, who.account_id, who.member_id, who.session_id)
    return visit.sign_out(visit.go("/login", "You are signed out."))


@views.get("/forgot-password", signed_in=False)
async def ask_for_address(visit: Visit) -> Response:
    """The form."""
    return visit.page("forgot.html", problem=None, email="", is_sent=False)


@views.post("/forgot-password", signed_in=False)
async def mail_reset(visit: Visit) -> Response:
    """A link to the address, if it has an account; the page says the same if not."""
    email = (await visit.form()).text("email", most=320)
    try:
        async with visit.stores.app.write() as conn:
            reset = await request_reset(conn, email, client=visit.client, now=visit.now)
            if reset is not None:
                link = visit.link(f"/reset/{reset.token}")
                letter = password_reset(reset.member.email, link=link, until=visit.now + _RESET_SECONDS)
                await queue_mail(conn, letter, secret=visit.house.secret, now=visit.now)
    except VizslaError as error:
        return visit.page("forgot.html", problem=error.details, email=email, is_sent=False, status=422)
    return visit.page("forgot.html", problem=None, email=email, is_sent=True)


@views.get("/reset/{token}", signed_in=False)
async def ask_for_new_password(visit: Visit) -> Response:
    """The form, as long as the link is good."""
    member = await find_reset(visit.stores.app, visit.request.path_params["token"], visit.now)
    if member is None:
        return _gone(visit)
    return visit.page("reset.html", email=member.email, problem=None)


@views.post("/reset/{token}", signed_in=False)
async def set_new_password(visit: Visit) -> Response:
    """Every session of theirs ends; this browser gets a new one."""
    token = visit.request.path_params["token"]
    member = await find_reset(visit.stores.app, token, visit.now)
    if member is None:
        return _gone(visit)
    try:
        hashed = await _password(await visit.form(), member.email)
    except VizslaError as error:
        return visit.page("reset.html", email=member.email, problem=error.details, status=422)
    async with visit.stores.app.write() as conn:
        member = await reset_password(conn, token, hashed, visit.now)
    if member is None:
        return _gone(visit)
    standing = await find_standing(visit.stores.app, member.account_id, member.id)
    return await _let_in(
        visit, member, needs_code=standing.since is not None, to="/", note="Your password is set. You are signed in."
    )


async def _password(form: Form, email: str) -> str:
    """The hash of the password that was sent, as typed; raises WeakPassword with what to do."""
    password = form.exact("password", most=2_000)
    check_password(password, email=email)
    return await hash_password(password)


@views.get("/signup", signed_in=False)
async def ask_to_sign_up(visit: Visit) -> Response:
    """The form, where sign-up is open."""
    return _sign_up(visit)


def _sign_up(visit: Visit, *, email: str = "", problem: str | None = None, is_sent: bool = False) -> Response:
    return visit.page(
        "signup.html",
        status=422 if problem else 200,
        email=email,
        problem=problem,
        is_sent=is_sent,
        mode=visit.house.services.settings.signup,
    )


@views.post("/signup", signed_in=False)
async def mail_sign_up(visit: Visit) -> Response:
    """
    A link to the address: only who reads its mail can make an account with it.

    A password may come along and is judged now, so that a weak one is heard of at once; it is chosen behind the link.
    """
    form = await visit.form()
    email = form.text("email", most=320)
    settings = visit.house.services.settings
    try:
        if password := form.exact("password", most=2_000):
            check_password(password, email=email)
        async with visit.stores.app.write() as conn:
            asked = await request_sign_up(conn, settings.signup, email, client=visit.client, now=visit.now)
            if asked.token is None:
                letter = already_member(asked.email, link=visit.link("/login"))
            else:
                link = visit.link(f"/signup/{asked.token}")
                letter = confirm_sign_up(asked.email, link=link, until=visit.now + _SIGN_UP_SECONDS)
            await queue_mail(conn, letter, secret=visit.house.secret, now=visit.now)
    except VizslaError as error:
        return _sign_up(visit, email=email, problem=error.details)
    return _sign_up(visit, email=email, is_sent=True)


@views.get("/signup/{token}", signed_in=False)
async def ask_who_signs_up(visit: Visit) -> Response:
    """The form behind the mailed link."""
    email = await find_sign_up(visit.stores.app, visit.request.path_params["token"], visit.now)
    return _welcome(visit, email, title="Make your account") if email else _gone(visit)


@views.post("/signup/{token}", signed_in=False)
async def make_account(visit: Visit) -> Response:
    """An account of their own."""
    token = visit.request.path_params["token"]
    email = await find_sign_up(visit.stores.app, token, visit.now)
    if email is None:
        return _gone(visit)
    form = await visit.form()
    try:
        hashed = await _password(form, email)
        async with visit.stores.app.write() as conn:
            member = await finish_sign_up(conn, token, hashed, now=visit.now, **_names(form))
    except VizslaError as error:
        return _welcome(visit, email, title="Make your account", problem=error.details, form=form)
    return await _begin(visit, member, note="Welcome to Vizsla.") if member else _gone(visit)


@views.get("/invitation/{token}", signed_in=False)
async def ask_who_joins(visit: Visit) -> Response:
    """The form behind an invitation."""
    invited = await find_invitation(visit.stores.app, visit.request.path_params["token"], visit.now)
    if invited is None:
        return _gone(visit)
    return _welcome(visit, invited.invitation.email, title=f"Join {invited.team_name or 'the team'}")


@views.post("/invitation/{token}", signed_in=False)
async def join(visit: Visit) -> Response:
    """A member of the team, or an account of their own: as they were invited."""
    token = visit.request.path_params["token"]
    invited = await find_invitation(visit.stores.app, token, visit.now)
    if invited is None:
        return _gone(visit)
    email, title = invited.invitation.email, f"Join {invited.team_name or 'the team'}"
    form = await visit.form()
    try:
        hashed = await _password(form, email)
        async with visit.stores.app.write() as conn:
            member = await accept_invitation(conn, token, hashed, now=visit.now, **_names(form))
    except VizslaError as error:
        return _welcome(visit, email, title=title, problem=error.details, form=form)
    return await _begin(visit, member, note="Welcome to the team.") if member else _gone(visit)


@views.get("/setup/{token}", signed_in=False)
async def ask_for_first(visit: Visit) -> Response:
    """The form behind the link that the first start prints."""
    if not await is_setup_token(visit.stores.app, visit.request.path_params["token"]):
        return _gone(visit)
    return _welcome(visit, "", title="Set up Vizsla")


@views.post("/setup/{token}", signed_in=False)
async def set_up(visit: Visit) -> Response:
    """The first account, of whoever runs this installation."""
    token = visit.request.path_params["token"]
    if not await is_setup_token(visit.stores.app, token):
        return _gone(visit)
    form = await visit.form()
    email = form.text("email", most=320)
    try:
        hashed = await _password(form, email)
        async with visit.stores.app.write() as conn:
            if not await use_setup_token(conn, token, visit.now):
                return _gone(visit)
            member = await create_user(conn, email, now=visit.now, is_admin=True, **_names(form))
            await set_password(conn, member.account_id, member.id, hashed)
    except VizslaError as error:
        return _welcome(visit, "", title="Set up Vizsla", problem=error.details, form=form)
    return await _begin(visit, member, note="Vizsla is yours. Make an API key, or search a domain.")


class _Names(TypedDict):
    first_name: str | None
    last_name: str | None


def _names(form: Form) -> _Names:
    return {
        "first_name": form.text("first_name", most=100) or None,
        "last_name": form.text("last_name", most=100) or None,
    }


def _welcome(visit: Visit, email: str, *, title: str, problem: str | None = None, form: Form | None = None) -> Response:
    """*email* is known, or (empty) to be given."""
    return visit.page(
        "welcome.html",
        status=422 if problem else 200,
        heading=title,
        email=email,
        problem=problem,
        typed={name: form.text(name, most=320) if form else "" for name in ("email", "first_name", "last_name")},
    )


def _gone(visit: Visit) -> Response:
    return visit.page("refusal.html", status=404, code=404, sentence=_GONE)
