"""The finder: the most likely address of a person, how likely it is, and everything that this rests on."""

import msgspec
from starlette.responses import Response

from vizsla.desk.asking import find_person
from vizsla.finder.explanation import Explanation, explain_finding
from vizsla.finder.finding import EmailFinderData, Finding
from vizsla.finder.questions import read_query
from vizsla.kit.errors import VizslaError
from vizsla.web.lead_saving import Saving, offer_saving
from vizsla.web.problems import problem_of
from vizsla.web.sources import Source, read_sources
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
PATH = "/v2/email-finder"
"""Of the API's call, whose rate limit is this page's."""
MAX_DURATION = 10.0
LABELS = {
    "known": "Seen with this name",
    "fit": "Fit with the pattern",
    "pattern": "Pattern of the domain",
    "webmail": "Mailbox provider",
    "seen": "Seen without a name",
    "another's": "Somebody else's",
    "unanswered": "Mail server silent",
    "calibration": "Corrected by experience",
    "floor": "Too improbable",
    "cap": "No surer than this",
    "valid": "Mail server takes it",
    "invalid": "Mail server refuses it",
    "accept_all": "Mail server takes everything",
}


class Question(msgspec.Struct, frozen=True):
    """What was typed."""

    full_name: str | None
    domain: str | None
    company: str | None
    where: str
    first_name: str | None = None
    last_name: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What came of it."""

    data: EmailFinderData
    sources: list[Source]
    explanation: Explanation


@views.get("/finder")
async def find(visit: Visit) -> Response:
    """The form, and below it the answer to what was typed."""
    asked = _question(visit)
    if not (asked.full_name or asked.where) or visit.is_led_here:
        return _page(visit, asked)
    try:
        if not asked.full_name:
            return _page(
                visit, asked, status=422, problem="Type the name of the person, first and last.", wrong="full_name"
            )
        if not asked.where:
            return _page(
                visit,
                asked,
                status=422,
                problem="Type the company's domain, such as acme.com, or its name.",
                wrong="where",
            )
        asker = await visit.asker()
        query = read_query(asked, max_duration=MAX_DURATION)
        await asker.keep_pace("search", PATH)
        finding = await find_person(asker, query)
        answer = await _answer(visit, finding)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        wrong = "where" if error.id == "invalid_domain" else "full_name" if "name" in error.id else ""
        return _page(visit, asked, status=status, problem=sentence, wrong=wrong)
    saving = await offer_saving(visit, [answer.data.email or ""])
    return _page(visit, asked, answer=answer, saving=saving)


def _question(visit: Visit) -> Question:
    name = visit.query("full_name", most=400) or " ".join(
        filter(None, (visit.query("first_name", most=200), visit.query("last_name", most=200)))
    )
    where = visit.query("where", most=300) or visit.query("domain", most=300) or visit.query("company", most=300)
    is_domain = ("." in where and " " not in where) or "/" in where
    return Question(name or None, where if is_domain else None, None if is_domain else where or None, where)


async def _answer(visit: Visit, finding: Finding) -> Answer:
    services = visit.house.services
    explanation = await explain_finding(services.stores.search, services.claims, finding)
    return Answer(finding.data, read_sources(finding.data.sources) if finding.data.email else [], explanation)


def _page(
    visit: Visit,
    asked: Question,
    *,
    status: int = 200,
    problem: str = "",
    wrong: str = "",
    answer: Answer | None = None,
    saving: Saving | None = None,
) -> Response:
    return visit.page(
        "finder.html",
        status=status,
        asked=asked,
        problem=problem,
        wrong=wrong,
        answer=answer,
        labels=LABELS,
        saving=saving,
        this=visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else ""),
    )
