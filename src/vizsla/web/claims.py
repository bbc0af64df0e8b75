"""
How does a person see what is held about them, take it with them, and have it erased?

Nobody signs in for this. Looking never changes anything, for programs follow the links in mails before people do; and what the first
page answers does not tell whether anything is held.
"""

import asyncio
import contextlib

from starlette.responses import Response

from vizsla.erasure.asking import ask_by_dns, ask_by_mail, claim_by_dns, claim_by_mail, show
from vizsla.erasure.holdings import export
from vizsla.kit.errors import VizslaError
from vizsla.mail.outgoing import list_mail
from vizsla.mail.post import outbox_of, sender_of
from vizsla.net.dns import DnsClient
from vizsla.privacy.claims import Kind, parse_claimed
from vizsla.privacy.ledger import list_ledger
from vizsla.privacy.requests import ClaimRequest, LinkGone, find_request, record_name, record_value
from vizsla.web.render import HEADERS
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_ENOUGH = "This domain was asked for three times today. Go on with a page you were given then, or come back tomorrow."
_LINES, _MAILS = 50, 20
_looking = asyncio.Semaphore(8)
"""Pages that may ask DNS at one time."""


@views.get("/claim", signed_in=False)
async def ask_who(visit: Visit) -> Response:
    """The form."""
    return _form(visit)


def _form(
    visit: Visit, *, email: str = "", problem: str | None = None, is_sent: bool = False, status: int = 200
) -> Response:
    return visit.page("claim.html", status=status, email=email, problem=problem, is_sent=is_sent)


@views.post("/claim", signed_in=False)
async def take_request(visit: Visit) -> Response:
    """A link to the address, whether or not it is known here; for a domain on to its own page."""
    text = (await visit.form()).text("email", most=320)
    house, services = visit.house, visit.house.services
    try:
        claimed = parse_claimed(text)
        async with visit.stores.app.write() as conn:
            if claimed.kind == "email":
                await ask_by_mail(
                    conn,
                    services.claims,
                    claimed,
                    client=visit.client,
                    base_url=house.base_url,
                    secret=house.secret,
                    now=visit.now,
                )
                return _form(visit, email=claimed.text, is_sent=True)
            token = await ask_by_dns(
                conn, services.claims, claimed, client=visit.client, secret=house.secret, now=visit.now
            )
    except VizslaError as error:
        status = 429 if error.id == "too_many_requests" else 422
        return _form(visit, email=text, problem=error.details, status=status)
    if token is None:
        return _form(visit, email=text, problem=_ENOUGH, status=429)
    return visit.go(f"/claim/domain/{token}")


async def _find(visit: Visit, kind: Kind) -> tuple[str, ClaimRequest]:
    """The token in the address, and what it was given for. Raises LinkGone."""
    token = visit.request.path_params["token"]
    request = await find_request(visit.stores.app, token, kind, secret=visit.house.secret)
    if kind == "email" and not request.is_open(visit.now):
        raise LinkGone
    return token, request


async def _refresh(visit: Visit) -> None:
    """Let this process know at once; the others look for themselves."""
    services = visit.house.services
    if services.load_claims is not None:
        services.claims = await services.load_claims()


# With a link that was mailed


@views.get("/claim/{token}", signed_in=False)
async def show_holdings(visit: Visit) -> Response:
    """All that is held."""
    return await _holdings(visit)


async def _holdings(visit: Visit, *, problem: str | None = None) -> Response:
    token, request = await _find(visit, "email")
    held = await show(visit.stores, visit.house.services.claims, request, visit.now)
    return visit.page(
        "held.html",
        status=422 if problem else 200,
        held=held,
        token=token,
        expires_at=request.expires_at,
        problem=problem,
    )


@views.get("/claim/{token}/export.json", signed_in=False)
async def take_along(visit: Visit) -> Response:
    """The same as a file."""
    _, request = await _find(visit, "email")
    held = await show(visit.stores, visit.house.services.claims, request, visit.now)
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="vizsla-holds.json"'}
    return Response(export(held), media_type="application/json", headers=headers)


@views.post("/claim/{token}/erase", signed_in=False)
async def erase(visit: Visit) -> Response:
    """Erase it for good; the box must be ticked, for there is no way back."""
    _, request = await _find(visit, "email")
    if (await visit.form()).text("sure") != "yes":
        return await _holdings(visit, problem="Tick the box to say that you mean it: nothing can be brought back.")
    services = visit.house.services
    await claim_by_mail(visit.stores, services.claims, request, services.clock, outbox=outbox_of(services.settings))
    await _refresh(visit)
    return visit.page("erased.html", label=request.claimed.label, is_domain=False)


# With a DNS record


@views.get("/claim/domain/{token}", signed_in=False)
async def show_record(visit: Visit) -> Response:
    """Which record to publish, and whether it was seen."""
    return await _record(visit)


async def _record(visit: Visit, *, problem: str | None = None) -> Response:
    token, request = await _find(visit, "domain")
    if request.used_at is not None:
        return visit.page("erased.html", label=request.claimed.domain, is_domain=True)
    if not request.is_open(visit.now):
        raise LinkGone("A week has passed, and the record was not there. Ask once more.")
    return visit.page(
        "claim_domain.html",
        domain=request.claimed.domain,
        record_name=record_name(request.claimed.domain),
        record_value=record_value(request, visit.house.secret),
        token=token,
        expires_at=request.expires_at,
        problem=problem,
    )


@views.post("/claim/domain/{token}/check", signed_in=False)
async def look_now(visit: Visit) -> Response:
    """Ask DNS at once."""
    _, request = await _find(visit, "domain")
    services = visit.house.services
    if request.is_open(visit.now):
        # A client of its own: what DNS said before the record was there is of no use.
        is_proven = True
        # The loop that looks too may be faster: then it is done already, and the link gone.
        with contextlib.suppress(LinkGone):
            async with _looking, DnsClient(services.settings.dns_servers) as dns:
                is_proven = await claim_by_dns(
                    visit.stores,
                    services.claims,
                    request,
                    dns,
                    services.clock,
                    secret=visit.house.secret,
                    outbox=outbox_of(services.settings),
                )
        if not is_proven:
            return await _record(
                visit,
                problem="The record is not there yet. New records can take an hour to be seen; we go on looking for it "
                "by ourselves.",
            )
        await _refresh(visit)
    return visit.go(visit.request.url.path.removesuffix("/check"))


# For the operator


@views.get("/admin/claims", operator=True)
async def show_ledger(visit: Visit) -> Response:
    """What was done about claims, and what became of our mails."""
    settings, before = visit.house.services.settings, visit.query("before", most=18)
    lines = await list_ledger(visit.stores.app, _LINES + 1, int(before) if before.isdecimal() else None)
    return visit.page(
        "admin_claims.html",
        lines=lines[:_LINES],
        older=f"/admin/claims?before={lines[_LINES - 1].id}" if len(lines) > _LINES else "",
        mails=await list_mail(visit.stores.app, _MAILS),
        relay=bool(settings.smtp_url),
        sender=sender_of(settings),
        outbox=str(outbox_of(settings)),
    )
