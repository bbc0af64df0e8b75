"""Save as lead: from the answers of the domain search, the finder and the verifier, each address or all that were ticked."""

from collections.abc import Iterable, Mapping

import msgspec
from starlette.responses import Response

from vizsla.desk.lead_saving import Found, save_found
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.leads.lead import LeadsList
from vizsla.leads.lists import page_of_lists
from vizsla.leads.store import leads_with_emails
from vizsla.web.leads import MOST_CHOICES
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit, own_path

views = Views()
SOURCES = {"domain": "Domain Search", "finder": "Email Finder", "verifier": "Email Verifier"}
"""What `source` says, by where somebody was found."""
_MOST = 100
_OF_THE_FINDER = ("first_name", "last_name", "position", "company", "phone_number", "linkedin_url", "twitter")


class Saving(msgspec.Struct, frozen=True):
    """What a page needs to offer it."""

    lists: list[LeadsList]
    known: Mapping[str, int]
    """Ids of the leads there are already, by address."""


async def offer_saving(visit: Visit, emails: Iterable[str]) -> Saving:
    """The lists to choose from, and which of *emails* are leads already."""
    app, account_id = visit.stores.app, visit.visitor.account_id
    wanted = [email for email in emails if email]
    known = await leads_with_emails(app, account_id, wanted) if wanted else {}
    lists = await page_of_lists(app, account_id, limit=MOST_CHOICES)
    return Saving(lists, {email: one.id for email, one in known.items()})


@views.post("/leads/save")
async def save(visit: Visit) -> Response:
    """Make leads of what was found, and back to where that was."""
    form = await visit.form()
    back = own_path(form.text("back", most=2_000))
    source = SOURCES.get(form.text("from"))
    try:
        found = _found(form)
        if source is None or not found:
            raise WrongParams("Tick at least one address to save.")
        async with visit.stores.app.write() as conn:
            saved = await save_found(
                conn,
                visit.house.services,
                visit.visitor.account_id,
                found,
                source=source,
                list_id=form.number("list"),
                list_name=form.line("list_name", most=300),
                now=visit.now,
            )
    except VizslaError as error:
        _, sentence = await problem_of(visit, error)
        return visit.go(back, sentence)
    known = len(saved.leads) - saved.new
    said = f"{saved.new:,} new lead{'s' if saved.new != 1 else ''}." if saved.new else "No new lead."
    if known:
        said += f" {known:,} {'was one' if known == 1 else 'were leads'} already, and {'is' if known == 1 else 'are'} in the list now."
    if saved.refused:
        said += f" {saved.refused:,} asked us to stop, and {'is' if saved.refused == 1 else 'are'} not saved."
    return visit.go(back, said)


def _found(form: Form) -> list[Found]:
    """What was ticked; of the finder also what its answer said, for a guessed address is in no index."""
    ticked = [form.text("only")] if form.has("only") else form.texts("email")
    emails = list(dict.fromkeys(text[:300] for text in ticked if text))[:_MOST]
    if form.text("from") != "finder":
        return [Found(email) for email in emails]
    values = {name: form.line(name) for name in _OF_THE_FINDER}
    score = form.number("confidence_score")
    return [Found(email, values, score if score is not None and score <= 100 else None) for email in emails[:1]]
