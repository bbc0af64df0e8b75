"""
The pages for people.

Rendered on the server, usable without scripts, under a content security policy without exceptions. What a page may do and who
may see it is said in `views`; each module here holds the pages of one subject.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vizsla.web import (
    calibration,
    campaign_editor,
    campaign_preview,
    campaign_recipients,
    campaign_settings,
    campaign_stats,
    campaigns,
    claims,
    connectors,
    crawls,
    docs,
    finder,
    home,
    inbox,
    keys,
    lead_bulk,
    lead_imports,
    lead_names,
    lead_page,
    lead_saving,
    lead_views,
    leads,
    lists,
    operator,
    plan,
    profile,
    requests,
    search,
    security,
    senders,
    signing_in,
    suppressions,
    team,
    tracking,
    uploads,
    verifier,
    webhooks,
)
from vizsla.web.house import House
from vizsla.web.render import static_files
from vizsla.web.views import name_of, say
from vizsla.web.visit import Visit, find_visitor

_MODULES = (
    home, signing_in, claims, search, finder, verifier, uploads, lists, leads, lead_bulk, lead_names, lead_page, lead_saving, lead_views,
    lead_imports, crawls, calibration, operator, docs, keys, requests, webhooks, connectors, team, plan,
    security, profile, campaigns, campaign_stats, campaign_editor, campaign_recipients, campaign_settings, campaign_preview, inbox,
    senders, suppressions, tracking,
)  # fmt: skip
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def create_web(house: House) -> Starlette:
    """The pages as an ASGI application."""

    async def nothing_here(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        visit = Visit(request, house, await find_visitor(request, house))
        id_ = "method_not_allowed" if status == 405 else "not_found"
        return say(visit, status, id_, "There is nothing at this path.")

    async def our_fault(request: Request, error: Exception) -> Response:
        house.fault(error, request_id="", name=name_of(request))
        return say(Visit(request, house, None), 500, "internal_error", "Something went wrong here. It is in the log.")

    return Starlette(
        # No page holds both a secret and somebody else's text of choice, so what is compressed tells nothing (BREACH).
        middleware=[Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)],
        exception_handlers={404: nothing_here, 405: nothing_here, 500: our_fault},
        routes=[
            *(route for module in _MODULES for route in module.views.routes(house)),
            Route("/static/{version}/{name:path}", _static, methods=["GET"]),
        ],
    )


def list_pages() -> list[str]:
    """The addresses of all pages that are looked at, as they are declared."""
    return [path for module in _MODULES for path in module.views.looked_at()]


async def _static(request: Request) -> Response:
    """A file of ours. Its address names its content, so it never changes."""
    name = request.path_params["name"]
    content = static_files().get(name)
    if content is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=_KINDS.get(name.rpartition(".")[2]), headers=headers)
