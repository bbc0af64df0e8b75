"""
How is an account kept safe by its owner? Password, one-time codes, and the browsers that are signed in.

Whoever sits at a browser that is signed in is not always its owner: what would shut the owner out, or open another way in, asks
for the password first. Recovery codes and the secret of an app are on the answer to the form that made them, and nowhere else.
"""

from markupsafe import Markup
from starlette.responses import Response

from vizsla.accounts.passwords import check_password, hash_password
from vizsla.accounts.recovery import change_password
from vizsla.accounts.second_factor import (
    Enrolment,
    begin,
    draw_qr_code,
    find_enrolment,
    find_standing,
    renew_recovery_codes,
    turn_off,
    turn_on,
)
from vizsla.accounts.sessions import close_other_sessions, close_session, list_sessions, open_session
from vizsla.accounts.sign_in import confirm
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.web.browsers import describe_browser
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_FEW_CODES = 3
_WRONG = "This is not your password. Nothing was changed."
_WRONG_CODE = "This code is not right. Wait for the next one, and see that the clock of your telephone is right."


class SessionNotFound(NotFound):
    """This browser is not signed in any more."""


@views.get("/security")
async def show_security(visit: Visit) -> Response:
    """All of it."""
    return await _security(visit)


async def _security(visit: Visit, *, at: str = "", problem: VizslaError | str | None = None) -> Response:
    """The page; *problem* is said at the form *at*."""
    who, app = visit.visitor, visit.stores.app
    sentence, status = problem, 422 if problem else 200
    if isinstance(problem, VizslaError):
        sentence, status = problem.details, 429 if problem.id == "too_many_requests" else 422
    return visit.page(
        "security.html",
        status=status,
        at=at,
        problem=sentence,
        standing=await find_standing(app, who.account_id, who.member_id),
        few_codes=_FEW_CODES,
        sessions=await list_sessions(app, who.account_id, who.member_id, visit.now),
        describe_browser=describe_browser,
    )


async def _is_theirs(visit: Visit, form: Form) -> bool:
    """Whether the visitor gave their password. Raises TooManyGuesses."""
    who = visit.visitor
    password = form.exact("current_password", most=2_000)
    return await confirm(visit.stores.app, who.account_id, who.member_id, password, client=visit.client, now=visit.now)


@views.post("/security/password")
async def set_password(visit: Visit) -> Response:
    """A new password: every other browser is signed out, and this one gets a new session."""
    form, who = await visit.form(), visit.visitor
    password = form.exact("password", most=2_000)
    try:
        if not await _is_theirs(visit, form):
            return await _security(visit, at="password", problem=_WRONG)
        check_password(password, email=who.email)
    except VizslaError as error:
        return await _security(visit, at="password", problem=error)
    hashed = await hash_password(password)
    agent = visit.request.headers.get("user-agent", "")
    async with visit.stores.app.write() as conn:
        await change_password(conn, who.member, hashed, keep=who.session_id)
        await close_session(conn, who.account_id, who.member_id, who.session_id)
        token = await open_session(conn, who.member, now=visit.now, user_agent=agent, address=visit.client)
    return visit.sign_in(visit.go("/security", "Your password is changed. Every other browser is signed out."), token)


@views.get("/security/codes")
@views.get("/security/codes/on")
@views.get("/security/codes/recovery")
async def go_back(visit: Visit) -> Response:
    """What these show is shown once."""
    return visit.go("/security")


@views.post("/security/codes")
async def begin_codes(visit: Visit) -> Response:
    """The secret for their app. Nothing is asked for until a code of it was right."""
    form = await visit.form()
    try:
        if not await _is_theirs(visit, form):
            return await _security(visit, at="codes", problem=_WRONG)
        async with visit.stores.app.write() as conn:
            enrolment = await begin(conn, visit.visitor.member, visit.house.secret)
    except VizslaError as error:
        return await _security(visit, at="codes", problem=error)
    return _enrolment(visit, enrolment)


def _enrolment(visit: Visit, enrolment: Enrolment, problem: str | None = None) -> Response:
    return visit.page(
        "codes.html",
        status=422 if problem else 200,
        problem=problem,
        secret=" ".join(enrolment.secret[at : at + 4] for at in range(0, len(enrolment.secret), 4)),
        picture=Markup(draw_qr_code(enrolment.uri)),  # noqa: S704
    )


@views.post("/security/codes/on")
async def turn_codes_on(visit: Visit) -> Response:
    """The first code; then the recovery codes, once."""
    form, who, secret = await visit.form(), visit.visitor.member, visit.house.secret
    try:
        async with visit.stores.app.write() as conn:
            codes = await turn_on(conn, who, form.text("code", most=100), secret, visit.now)
            enrolment = await find_enrolment(conn, who, secret) if codes is None else None
    except VizslaError as error:
        return await _security(visit, at="codes", problem=error)
    if codes is not None:
        return visit.page("recovery_codes.html", codes=codes, is_new=True)
    if enrolment is None:
        return await _security(visit, at="codes", problem="Begin anew: nothing is set up yet.")
    return _enrolment(visit, enrolment, _WRONG_CODE)


@views.post("/security/codes/off")
async def turn_codes_off(visit: Visit) -> Response:
    """Only the password from now on."""
    form = await visit.form()
    try:
        if not await _is_theirs(visit, form):
            return await _security(visit, at="codes", problem=_WRONG)
    except VizslaError as error:
        return await _security(visit, at="codes", problem=error)
    async with visit.stores.app.write() as conn:
        await turn_off(conn, visit.visitor.member)
    return visit.go("/security", "One-time codes are off.")


@views.post("/security/codes/recovery")
async def renew_codes(visit: Visit) -> Response:
    """New recovery codes, once; the ones before are good no more."""
    form, who = await visit.form(), visit.visitor
    standing = await find_standing(visit.stores.app, who.account_id, who.member_id)
    if standing.since is None:
        return visit.go("/security")
    try:
        if not await _is_theirs(visit, form):
            return await _security(visit, at="recovery", problem=_WRONG)
    except VizslaError as error:
        return await _security(visit, at="recovery", problem=error)
    async with visit.stores.app.write() as conn:
        codes = await renew_recovery_codes(conn, who.member)
    return visit.page("recovery_codes.html", codes=codes, is_new=False)


@views.post("/security/sessions/{id:int}/end")
async def end_session(visit: Visit) -> Response:
    """Sign one browser out."""
    who, id_ = visit.visitor, visit.id()
    async with visit.stores.app.write() as conn:
        if not await close_session(conn, who.account_id, who.member_id, id_):
            raise SessionNotFound
    if id_ == who.session_id:
        return visit.sign_out(visit.go("/login", "You are signed out."))
    return visit.go("/security", "That browser is signed out.")


@views.post("/security/sessions/end-others")
async def end_others(visit: Visit) -> Response:
    """Sign every browser out but this one."""
    who = visit.visitor
    async with visit.stores.app.write() as conn:
        ended = await close_other_sessions(conn, who.account_id, who.member_id, keep=who.session_id)
    return visit.go("/security", f"{ended:,} other {'browser is' if ended == 1 else 'browsers are'} signed out.")
