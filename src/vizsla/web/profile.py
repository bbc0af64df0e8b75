"""What is somebody called here, and how do their pages look? Whatever else a form brings is not read."""

from starlette.responses import Response

from vizsla.accounts.store import set_name
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
_LONGEST = 100
THEMES = (("", "As the system says"), ("light", "Light"), ("dark", "Dark"))


@views.get("/settings/profile")
async def show_profile(visit: Visit) -> Response:
    """The names, the theme, and where to see what is held about them."""
    theme = visit.request.cookies.get("theme", "")
    return visit.page("profile.html", themes=THEMES, chosen=theme if theme in ("light", "dark") else "")


@views.post("/settings/profile")
async def change_names(visit: Visit) -> Response:
    """The names, and nothing else; a name that was not sent stays."""
    form, who = await visit.form(), visit.visitor
    first, last = _name(form, "first_name", who.first_name), _name(form, "last_name", who.last_name)
    async with visit.stores.app.write() as conn:
        await set_name(conn, who.account_id, who.member_id, first_name=first, last_name=last)
    return visit.go("/settings/profile", "Your name is saved.")


def _name(form: Form, field: str, before: str | None) -> str | None:
    return (form.line(field, most=_LONGEST) or None) if form.has(field) else before
