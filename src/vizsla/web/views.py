"""Which pages are there? A page is a function from a visit to an answer; what guards it is said once, where it is declared."""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vizsla.accounts.sessions import note_seen
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.web.house import House
from vizsla.web.problems import problem_of
from vizsla.web.render import HEADERS
from vizsla.web.visit import Visit, find_visitor, is_ours

View = Callable[[Visit], Awaitable[Response]]


class _Number(IntegerConvertor):
    """The number in a path, if it is short enough to be one: Python refuses to read thousands of digits."""

    regex = "[0-9]{1,20}"


register_url_convertor("int", _Number())


class OperatorsOnly(VizslaError):
    """Only the operator of this installation may see this."""

    id = "forbidden"


class CrossSite(VizslaError):
    """This came from another site, so nothing was done. Open the page here and try again."""

    id = "forbidden"


class Views:
    """The pages of one module."""

    def __init__(self) -> None:
        self._declared: list[tuple[str, str, View, bool, bool, bool]] = []

    def get(self, path: str, *, signed_in: bool = True, operator: bool = False) -> Callable[[View], View]:
        """Declare a page that is looked at."""
        return partial(self._declare, "GET", path, signed_in, operator)

    def post(
        self, path: str, *, signed_in: bool = True, operator: bool = False, from_anywhere: bool = False
    ) -> Callable[[View], View]:
        """Declare what a form does. *from_anywhere*: whoever sends it, for what is in the path says enough."""
        return partial(self._declare, "POST", path, signed_in, operator, from_anywhere=from_anywhere)

    def _declare(
        self, method: str, path: str, signed_in: bool, operator: bool, view: View, *, from_anywhere: bool = False
    ) -> View:
        self._declared.append((method, path, view, signed_in, operator, from_anywhere))
        return view

    def looked_at(self) -> list[str]:
        """The addresses of pages, without what forms do."""
        return [path for method, path, *_ in self._declared if method == "GET"]

    def routes(self, house: House) -> list[Route]:
        """As Starlette wants them."""
        return [
            Route(
                path,
                _guarded(house, view, signed_in=signed_in, operator=operator, from_anywhere=from_anywhere),
                methods=[method],
            )
            for method, path, view, signed_in, operator, from_anywhere in self._declared
        ]


def _guarded(
    house: House, view: View, *, signed_in: bool, operator: bool, from_anywhere: bool
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(request, house, await find_visitor(request, house))
        try:
            if visit.known is not None and visit.known.is_due(visit.now):
                async with visit.stores.app.write() as conn:
                    await note_seen(conn, visit.known, visit.now)
            if request.method not in ("GET", "HEAD") and not from_anywhere and not is_ours(request, house):
                raise CrossSite
            if signed_in and visit.known is None:
                wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return visit.go(f"/login?next={quote(wanted, safe='/')}" if request.method == "GET" else "/login")
            if operator and not visit.visitor.is_admin:
                raise OperatorsOnly
            return await view(visit)
        except VizslaError as error:
            return await _refuse(visit, error)

    return answer


def name_of(request: Request) -> str:
    """The page that was asked for, as a log may have it: a path may hold a link's token."""
    route = request.scope.get("route")
    return route.path if isinstance(route, Route) else "no page"


async def _refuse(visit: Visit, error: VizslaError) -> Response:
    """A page that says why not, and what to do; for a program what the API would say, as it may have mistaken the path."""
    if isinstance(error, StoreError):
        visit.house.fault(error, request_id="", name=name_of(visit.request))
        return say(visit, 503, error.id, "A database does not answer. Please try again in a moment.")
    status, sentence = await problem_of(visit, error)
    return say(visit, status, error.id, sentence)


def say(visit: Visit, status: int, id_: str, sentence: str) -> Response:
    """One sentence as a page, or as the API would say it to those who do not read pages."""
    if "text/html" in visit.request.headers.get("accept", ""):
        return visit.page("refusal.html", status=status, sentence=sentence, code=status)
    item = {"id": id_, "code": status, "details": sentence}
    return JSONResponse({"errors": [item]}, status, headers=dict(HEADERS))
