"""`/docs`: every call of the API, for people, with examples that run and a form that tries it."""

from functools import lru_cache
from itertools import groupby

import msgspec
from markupsafe import Markup, escape
from starlette.responses import JSONResponse, Response

from vizsla.accounts.keys import create_key
from vizsla.web.house import House
from vizsla.web.reference import Answer, Operation, common_errors, list_operations, own_answers
from vizsla.web.render import HEADERS
from vizsla.web.samples import CURL, PYTHON
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
KEY_NAME = "API docs"


class Shown(msgspec.Struct, frozen=True):
    """All that the page shows, worked out once."""

    about: str
    calls: list[tuple[Operation, list[Answer], Markup, Markup]]
    """With the answers that not every call may give, and the examples with the place of the key marked."""
    subjects: list[tuple[str, list[Operation]]]
    common: list[Answer]


@views.get("/docs", signed_in=False)
async def show_docs(visit: Visit) -> Response:
    """The reference."""
    shown = _shown(visit.house)
    return visit.page("docs.html", about=shown.about, calls=shown.calls, subjects=shown.subjects, common=shown.common)


@views.post("/docs/key")
async def make_key(visit: Visit) -> Response:
    """A key for whoever is signed in, as they may make on the page of keys: said once, to the page's own module alone."""
    visitor = visit.visitor
    async with visit.stores.app.write() as conn:
        key = await create_key(conn, visitor.account_id, KEY_NAME, now=visit.now, member_id=visitor.member_id)
    return JSONResponse({"api_key": key.plaintext}, 201, headers=dict(HEADERS))


@lru_cache(8)
def _shown(house: House) -> Shown:
    document = house.describe_api()
    calls = list_operations(document)
    common = common_errors(calls)
    return Shown(
        document["info"]["description"],
        [(call, own_answers(call, common), _marked(call.curl, CURL), _marked(call.python, PYTHON)) for call in calls],
        [(name, list(members)) for name, members in groupby(calls, key=lambda call: call.group)],
        common,
    )


def _marked(code: str, key: str) -> Markup:
    """*code*, escaped, with the place of the key marked for the page's module to fill."""
    name = escape(key)
    place = Markup('<span data-fill="{}">{}</span>').format("text" if key == CURL else "string", name)
    return Markup(str(escape(code)).replace(str(name), str(place)))  # noqa: S704
