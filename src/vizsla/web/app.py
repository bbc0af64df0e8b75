"""
The pages for people: what is running here, what can be asked of it, and the one-time set-up.

Server-rendered, no script, a content security policy without exceptions. Cross-site posts are refused by Sec-Fetch-Site
and Origin; the set-up link's token is the only credential there is before the first account.
"""

import re
from importlib import resources
from typing import Any, Protocol
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vizsla import __version__
from vizsla.kit.errors import VizslaError
from vizsla.web.reference import list_operations

_CODE = re.compile("`([^`]+)`")


def _with_code(text: str) -> Markup:
    """*text*, escaped, what is in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


_pages = Environment(loader=PackageLoader("vizsla.web", "pages"), autoescape=True, undefined=StrictUndefined)
_pages.filters["with_code"] = _with_code
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
MAX_FORM = 4_096


class Desk(Protocol):
    """What the pages ask of the house; the door that serves them brings it."""

    base_url: str

    def describe_api(self) -> dict[str, Any]:
        """The OpenAPI document."""
        ...

    async def has_users(self) -> bool:
        """Whether anybody has an account."""
        ...

    async def example_domain(self) -> str | None:
        """A domain that the index has addresses of; None if it has none."""
        ...

    async def is_setup_open(self, token: str) -> bool:
        """Whether *token* is the set-up link's and unused."""
        ...

    async def set_up(self, token: str, email: str) -> str | None:
        """The first administrator's API key, or None if the link is used up. Raises InvalidEmail."""
        ...


def create_web(desk: Desk) -> Starlette:
    """The pages as an ASGI application."""
    css = resources.files("vizsla.web").joinpath("static/vizsla.css").read_bytes()

    async def home(request: Request) -> Response:
        return _page(
            "home.html",
            base_url=desk.base_url,
            has_users=await desk.has_users(),
            domain=await desk.example_domain(),
        )

    async def docs(request: Request) -> Response:
        document = desk.describe_api()
        return _page("docs.html", about=document["info"]["description"], calls=list_operations(document))

    async def setup(request: Request) -> Response:
        token = request.path_params["token"]
        if not await desk.is_setup_open(token):
            return _page("gone.html", status=404)
        if request.method != "POST":
            return _page("setup.html", problem=None, email="")
        if _is_cross_site(request):
            return _page("gone.html", status=403)
        email = await _read_email(request)
        try:
            api_key = await desk.set_up(token, email)
        except VizslaError as error:
            return _page("setup.html", problem=error.details, email=email, status=422)
        if api_key is None:
            return _page("gone.html", status=404)
        return _page("ready.html", api_key=api_key, base_url=desk.base_url)

    async def style(request: Request) -> Response:
        return Response(css, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    return Starlette(
        exception_handlers={404: _nothing_here, 405: _nothing_here, 500: _our_fault},
        routes=[
            Route("/", home, methods=["GET"]),
            Route("/docs", docs, methods=["GET"]),
            Route("/setup/{token}", setup, methods=["GET", "POST"]),
            Route("/static/vizsla.css", style, methods=["GET"]),
        ],
    )


async def _nothing_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _refusal(request, status, "not_found", "There is nothing at this path.")


async def _our_fault(request: Request, error: Exception) -> Response:
    return _refusal(request, 500, "internal_error", "Something went wrong here. It is in the log.")


def _refusal(request: Request, status: int, id: str, sentence: str) -> Response:
    """A page for a person; for a program what the API would say, as it may have mistaken the path."""
    if "text/html" in request.headers.get("accept", ""):
        return _page("refusal.html", sentence=sentence, status=status)
    return JSONResponse({"errors": [{"id": id, "code": status, "details": sentence}]}, status, headers=_HEADERS)


def _page(name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(name).render(version=__version__, **values), status, headers=_HEADERS)


def _is_cross_site(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")


async def _read_email(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            return ""
    try:
        values = parse_qs(body.decode("utf-8"), max_num_fields=20).get("email", [""])
    except ValueError:
        return ""
    return values[0].strip()
