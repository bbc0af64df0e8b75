"""The start page: for strangers what this is, for people what they used and what to do next. And the theme."""

from starlette.responses import Response

from vizsla.accounts.keys import count_keys
from vizsla.accounts.quota import get_usage, list_usage, period_end
from vizsla.accounts.store import has_users
from vizsla.kit.clock import day
from vizsla.storage.statement import statement
from vizsla.web.charts import Bar
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_ANY = statement("SELECT domain FROM domain LIMIT 1")
_YEAR = 31_536_000
_MONTHS = 12


class Step:
    """One thing to do next."""

    def __init__(self, title: str, text: str, path: str, label: str) -> None:
        self.title, self.text, self.path, self.label = title, text, path, label


@views.get("/", signed_in=False)
async def start(visit: Visit) -> Response:
    """Home."""
    if visit.known is None:
        return visit.page("start.html", has_users=await has_users(visit.stores.app))
    caller = await visit.house.caller(visit.visitor)
    app = visit.stores.app
    used = await get_usage(app, caller.account_id, visit.now, caller.period_day)
    periods = await list_usage(app, caller.account_id, limit=_MONTHS)
    return visit.page(
        "home.html",
        caller=caller,
        used=used,
        resets_on=day(period_end(visit.now, caller.period_day)),
        months=[Bar(day(one.period)[:7], (float(one.searches), float(one.verifications))) for one in reversed(periods)],
        steps=await _steps(visit),
    )


async def _steps(visit: Visit) -> list[Step]:
    """What is still to be done before this installation is of full use to its visitor."""
    steps, settings = [], visit.house.services.settings
    if not await count_keys(visit.stores.app, visit.visitor.account_id):
        steps.append(
            Step("Make an API key", "Programs written for the Hunter API work with it, once their base URL is changed.",
                 "/api-keys", "Make a key")
        )  # fmt: skip
    if await visit.stores.index.fetch_one(_ANY) is None:
        steps.append(
            Step("Fill the index", "Crawl the site of a company you know, or harvest WARC files at the terminal.",
                 "/crawls", "Crawl a site")
        )  # fmt: skip
    if not settings.probe:
        steps.append(
            Step("Let mail servers be asked", "Until VIZSLA_PROBE is on, the verifier asks DNS alone and says unknown for most.",
                 "/verifier", "See the verifier")
        )  # fmt: skip
    return steps


@views.post("/theme", signed_in=False)
async def choose_theme(visit: Visit) -> Response:
    """For browsers that run no scripts: the others do it themselves. An empty one is the system's."""
    form = await visit.form()
    theme = form.text("theme")
    response = visit.go(form.text("back") or "/")
    if theme in ("light", "dark"):
        response.set_cookie("theme", theme, max_age=_YEAR, path="/", samesite="lax")
    elif form.has("theme"):
        response.delete_cookie("theme", path="/")
    return response
