"""
What do the addresses in mails answer: pixels, links, and the way to get no more?

Whoever asks is a stranger, and most are programs. Looking changes nothing but counts; to unsubscribe takes a POST, which mail programs
send for their users (RFC 8058) and the page for everybody else. Of a token that is not ours it is said that there is nothing, at
the same price as ever.
"""

import base64
import re

from starlette.responses import RedirectResponse, Response

from vizsla.campaigns.facts import Ground, note_return, note_unsubscribe
from vizsla.campaigns.links import find_link
from vizsla.campaigns.senders import find_writer
from vizsla.campaigns.sightings import Sighting, counts, judge_agent
from vizsla.campaigns.tracking import Clicked, Opened, Unsubscribing
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.privacy.suppression import find_hash
from vizsla.storage.database import StoreUnavailable
from vizsla.web.render import HEADERS
from vizsla.web.views import CrossSite, Views
from vizsla.web.visit import Visit

views = Views()
_GIF = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
_QUIET = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_TRIES = 3
# What a mail program or a person has glued to a link is none of it.
_TOKEN = re.compile(r"([A-Za-z0-9_-]{10,200})(?:[&?;].*)?\Z", re.DOTALL)


class NoSuchLink(NotFound):
    """There is nothing at this address. If it came in a mail, see that it was copied whole."""


class TooManyMisses(VizslaError):
    """Too many addresses were tried that do not exist. Wait a minute."""

    id = "too_many_requests"


def _missed(visit: Visit) -> VizslaError:
    return NoSuchLink() if visit.house.misses.count(visit.client, visit.now) else TooManyMisses()


@views.get("/t/o/{token}.gif", signed_in=False)
async def show_pixel(visit: Visit) -> Response:
    """A picture of nothing, the same for every token."""
    found = visit.house.tokens.read(visit.request.path_params["token"])
    if isinstance(found, Opened):
        _see(visit, found)
    return Response(_GIF, media_type="image/gif", headers=_QUIET)


@views.get("/t/c/{rest:path}", signed_in=False)
async def follow_link(visit: Visit) -> Response:
    """On to where the link of that number leads, and nowhere else."""
    token = _TOKEN.match(visit.request.path_params["rest"])
    found = visit.house.tokens.read(token[1]) if token else None
    if not isinstance(found, Clicked):
        raise _missed(visit)
    url = await find_link(visit.stores.app, found.account_id, found.campaign_id, found.link)
    if url is None:
        raise NoSuchLink("The mail that this link was in is gone, and where it led with it.")
    _see(visit, found)
    return RedirectResponse(url, 302, headers=_QUIET)


def _see(visit: Visit, what: Opened | Clicked) -> None:
    headers = visit.request.headers
    if counts(visit.request.method, headers):
        agent = headers.get("user-agent", "")[:300].replace("\0", "")
        visit.house.sightings.add(Sighting(what, visit.now, judge_agent(agent), agent))


@views.get("/u/{token}", signed_in=False)
async def show_unsubscribe(visit: Visit) -> Response:
    """Whether they get mails, and a button."""
    return await _page(visit, _leaving(visit))


@views.post("/u/{token}", signed_in=False, from_anywhere=True)
async def unsubscribe(visit: Visit) -> Response:
    """No more mails of anybody in that account. Whatever the body says: mail programs send `List-Unsubscribe=One-Click`."""
    leaving = _leaving(visit)
    for left in reversed(range(_TRIES)):
        # Mail programs ask once: what a moment mends must not be theirs to ask again for.
        try:
            async with visit.stores.app.write() as conn:
                await note_unsubscribe(
                    conn, _ground(visit), leaving.account_id, leaving.recipient_id, leaving.hash, at=visit.now
                )
            break
        except StoreUnavailable:
            if not left:
                raise
    if "text/html" not in visit.request.headers.get("accept", ""):
        return Response("You are unsubscribed.\n", media_type="text/plain", headers=dict(HEADERS))
    return await _page(visit, leaving)


@views.post("/u/{token}/stay", signed_in=False)
async def stay(visit: Visit) -> Response:
    """They changed their mind: a click on our page, which a browser says that it is."""
    headers = visit.request.headers
    if headers.get("sec-fetch-site", "same-origin") != "same-origin" or not (
        "sec-fetch-site" in headers or "origin" in headers
    ):
        raise CrossSite
    leaving = _leaving(visit)
    async with visit.stores.app.write() as conn:
        await note_return(conn, _ground(visit), leaving.account_id, leaving.recipient_id, leaving.hash)
    return visit.go(f"/u/{visit.request.path_params['token']}")


def _leaving(visit: Visit) -> Unsubscribing:
    found = visit.house.tokens.read(visit.request.path_params["token"])
    if not isinstance(found, Unsubscribing):
        raise _missed(visit)
    return found


def _ground(visit: Visit) -> Ground:
    return Ground(visit.stores.index, visit.house.services.claims)


async def _page(visit: Visit, leaving: Unsubscribing) -> Response:
    known = await find_hash(visit.stores.app, leaving.account_id, leaving.hash)
    return visit.page(
        "unsubscribe.html",
        token=visit.request.path_params["token"],
        sender=await find_writer(visit.stores.app, leaving.account_id, leaving.recipient_id),
        has_left=known is not None,
        may_return=known is not None and known.reason == "unsubscribe",
    )
