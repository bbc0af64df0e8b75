"""The verifier: whether an address takes mail, each check in plain words, and every word that was exchanged with its mail server."""

from typing import Literal

import msgspec
from starlette.responses import Response

from vizsla.desk.asking import Evidence, VerificationFailed, VerificationNotFound, show_evidence, verify
from vizsla.finder.email_verifier import read_address
from vizsla.kit.errors import VizslaError
from vizsla.verifier.store import find_attached, find_verification, list_shown
from vizsla.verifier.syntax import Address
from vizsla.verifier.verdict import REASONS, Status, Verdict
from vizsla.web.lead_saving import offer_saving
from vizsla.web.problems import problem_of
from vizsla.web.sources import read_sources
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
PATH = "/v2/email-verifier"
"""Of the API's call, whose rate limit is this page's."""
_RECENT = 10
_PATIENCE = 1.5
"""Seconds for which a form waits, so that what is known at once is shown at once."""
SENTENCES: dict[Status, str] = {
    "valid": "This address takes mail.",
    "invalid": "Mail to this address comes back.",
    "accept_all": "The domain takes mail for any address; whether this mailbox exists, nobody can tell from outside.",
    "webmail": "A mailbox at a provider for everybody: it takes mail unless it says otherwise below.",
    "disposable": "A mailbox that was made to be thrown away.",
    "unknown": "It could not be found out.",
}
_NOT_ASKED = frozenset(
    {"probe_off", "self_test", "private", "dns_failure", "resolver_away", "no_domain", "no_mail_server", "null_mx",
     "disposable", "webmail", "not_askable", "eai", "gave_up"}
)  # fmt: skip
"""Reasons with which a run ends before its mail server is spoken to."""


class Check(msgspec.Struct, frozen=True):
    """One check as a row."""

    name: str
    state: Literal["yes", "no", "warning", "open"]
    word: str
    meaning: str


@views.get("/verifier")
async def ask(visit: Visit) -> Response:
    """The form; what it asks begins with the button alone."""
    return await _form(visit, visit.query("email", most=400))


async def _form(visit: Visit, email: str, *, status: int = 200, problem: str = "") -> Response:
    shown = await list_shown(visit.stores.app, visit.visitor.account_id, limit=_RECENT)
    claims = visit.house.services.claims
    recent = [(id_, one) for id_, one in shown if not claims.is_claimed(one.domain, one.local)]
    return visit.page(
        "verifier.html",
        status=status,
        email=email,
        problem=problem,
        recent=recent,
        is_probing=visit.house.services.settings.probe,
    )


@views.post("/verifier")
async def begin(visit: Visit) -> Response:
    """Begin a verification or join the one that is on, and on to its page."""
    text = (await visit.form()).text("email", most=2_000)
    try:
        if not text:
            return await _form(visit, text, status=422, problem="Type an address, such as jane@acme.com.")
        address = read_address(text)
        asker = await visit.asker()
        await asker.keep_pace("verify", PATH)
        try:
            id_ = (await verify(asker, address, patience=_PATIENCE)).id
        except VerificationFailed:
            id_ = await _number_of(visit, address)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _form(visit, text[:400], status=status, problem=sentence)
    return visit.go(f"/verifier/{id_}")


async def _number_of(visit: Visit, address: Address) -> int:
    """The account's number of a verification that there is."""
    found = await find_verification(visit.stores.app, address.domain, address.local)
    number = await find_attached(visit.stores.app, visit.visitor.account_id, found.id) if found else None
    if number is None:
        raise VerificationNotFound
    return number


@views.get("/verifier/{id:int}")
async def show(visit: Visit) -> Response:
    """How far a verification is, and what came of it. While it is on, the page asks for itself again."""
    try:
        found = await show_evidence(await visit.asker(), visit.number_in_path())
    except VerificationNotFound:
        raise
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return visit.page("verification.html", status=status, problem=sentence, found=None)
    row = found.shown.verification
    mark = f"{len(found.shown.trail)}-{row.due}"
    if "hx-request" in visit.request.headers and visit.query("seen") == mark and row.is_pending:
        return Response(status_code=204)
    verdict = None if row.is_pending else row.verdict
    return visit.page(
        "verification.html",
        problem="",
        found=found,
        saving=await offer_saving(visit, [str(found.address)]),
        id=visit.number_in_path(),
        mark=mark,
        row=row,
        verdict=verdict,
        sentence=SENTENCES[verdict.status] if verdict else "",
        reason=REASONS[verdict.reason] if verdict else "",
        checks=list_checks(found, verdict) if verdict else [],
        sources=read_sources(found.data.sources) if found.data else [],
        is_stale=verdict is not None and not row.holds(visit.now),
    )


def list_checks(found: Evidence, verdict: Verdict) -> list[Check]:
    """Every check of a verification that ended, in the order in which they are made."""
    checks = [
        _check("Syntax", found.address.regexp, "Written as addresses are.", "Allowed, but no usual provider would give it out.", bad="warning"),
        _check("Typed by hand", not verdict.gibberish, "The part before the @ reads like a name or a word.",
               "The part before the @ looks as if keys were hit at random.", bad="warning"),
        _check("Not disposable", not verdict.disposable, "The domain does not give out addresses to throw away.",
               "The domain gives out addresses to throw away."),
        Check("Webmail", "warning" if verdict.webmail else "yes", "yes" if verdict.webmail else "no",
              "A provider where anybody has a mailbox." if verdict.webmail else "The domain belongs to a company or an organisation."),
        _check("Mail servers", verdict.mx_records, "DNS names mail servers for the domain.", "DNS names no mail server for the domain."),
    ]  # fmt: skip
    if verdict.reason in _NOT_ASKED and not verdict.smtp_server:
        return [*checks, Check("Mailbox", "open", "not asked", REASONS[verdict.reason])]
    checks += [
        _check("Server answered", verdict.smtp_server, "A mail server of the domain talked to us.", "No mail server of the domain talked to us.", bad="warning"),
        Check("Blocked", "warning", "yes", "The server turned us away before the question: this says nothing of the address.")
        if verdict.block
        else Check("Blocked", "yes", "no", "The server heard our question."),
    ]  # fmt: skip
    checks.append(_mailbox(verdict))
    if verdict.smtp_check:
        checks.append(
            Check("Accepts everything", "warning", "yes", "It takes any address of this domain, even one that was made up just now.")
            if verdict.accept_all
            else Check("Accepts everything", "yes", "no", "It refused an address that was made up just now.")
        )  # fmt: skip
    return checks


def _check(name: str, holds: bool, good: str, bad_: str, *, bad: Literal["no", "warning"] = "no") -> Check:
    return Check(name, "yes", "yes", good) if holds else Check(name, bad, "no", bad_)


def _mailbox(verdict: Verdict) -> Check:
    if verdict.smtp_check:
        return Check("Mailbox", "yes", "taken", "The server said that it takes mail for this address.")
    if verdict.status == "invalid":
        return Check("Mailbox", "no", "refused", REASONS[verdict.reason])
    return Check("Mailbox", "open", "unknown", REASONS[verdict.reason])
