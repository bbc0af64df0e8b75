"""How does a page look? Templates with what every page shows: who is signed in, where they are, the theme, what to say."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vizsla import __version__
from vizsla.accounts.roles import is_manager
from vizsla.kit.clock import DAY
from vizsla.web.charts import bars, funnel, reliability

if TYPE_CHECKING:
    from vizsla.accounts.sessions import Visitor
    from vizsla.web.house import House

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HSTS = "max-age=31536000"
_CODE = re.compile("`([^`]+)`")


class Note(msgspec.Struct, frozen=True):
    """What is said on the next page, once."""

    text: str
    undo: str = ""
    """Where a button beside it posts to; empty: there is nothing to undo."""


class Place(msgspec.Struct, frozen=True):
    """One entry of the navigation."""

    path: str
    name: str
    icon: str
    group: str
    key: str = ""
    """`g` and this letter lead there."""
    for_operator: bool = False
    for_manager: bool = False
    """Of the team, as `accounts.roles` says."""

    def is_for(self, visitor: "Visitor | None") -> bool:
        """Whether *visitor* may go there."""
        if visitor is None or (self.for_operator and not visitor.is_admin):
            return False
        return not self.for_manager or is_manager(visitor.role)


PLACES = (
    Place("/", "Home", "home", "", "h"),
    Place("/search", "Domain search", "search", "Find", "s"),
    Place("/finder", "Email finder", "person", "Find", "f"),
    Place("/verifier", "Email verifier", "check", "Find", "v"),
    Place("/lists", "Bulk lists", "rows", "Find", "b"),
    Place("/leads", "Leads", "star", "Reach", "l"),
    Place("/leads/import", "Import leads", "up", "Reach", "i"),
    Place("/campaigns", "Campaigns", "send", "Reach", "m"),
    Place("/inbox", "Inbox", "inbox", "Reach", "n"),
    Place("/senders", "Sending accounts", "outbox", "Reach", "a"),
    Place("/do-not-contact", "Do not contact", "hand", "Reach", "d"),
    Place("/crawls", "Crawls", "web", "Index", "c"),
    Place("/calibration", "Calibration", "curve", "Index", "q"),
    Place("/api-keys", "API keys", "key", "Account", "k"),
    Place("/requests", "Request log", "log", "Account", "r"),
    Place("/webhooks", "Webhooks", "hook", "Account", "w", for_manager=True),
    Place("/connected-apps", "Connected apps", "plug", "Account", "a", for_manager=True),
    Place("/team", "Team", "team", "Account", "t"),
    Place("/plan", "Plan and usage", "gauge", "Account", "p"),
    Place("/security", "Security", "lock", "Account", "y"),
    Place("/admin", "Operator", "wrench", "Account", "o", for_operator=True),
)


def with_code(text: object) -> Markup:
    """*text*, escaped, what is in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def day(seconds: int | None) -> str:
    """`2026-11-23`, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d") if seconds else "never"


def moment(seconds: int | None) -> str:
    """`2026-11-23 18:05`, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else "never"


def local(seconds: int | None, timezone: str) -> str:
    """`Tue 2026-11-24 09:05`, as the clocks of *timezone* show it."""
    return datetime.fromtimestamp(seconds, ZoneInfo(timezone)).strftime("%a %Y-%m-%d %H:%M") if seconds else "never"


def ago(seconds: int | None, now: int) -> str:
    """`3 minutes ago`; after a month the day."""
    if not seconds:
        return "never"
    passed = max(0, now - seconds)
    if passed < 60:
        return "just now"
    if passed > 30 * DAY:
        return day(seconds)
    number, unit = next(
        (passed // size, unit) for size, unit in ((DAY, "day"), (3_600, "hour"), (60, "minute")) if passed >= size
    )
    return f"{number} {unit}{'s' if number != 1 else ''} ago"


def number(value: float) -> str:
    """`1,234,567`."""
    return f"{value:,}"


def count(amount: int, noun: str, plural: str = "") -> str:
    """`1 address`, `1,200 addresses`."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """`about 3 min`: a guess, and said like one."""
    if seconds < 45:
        return "under a minute"
    if seconds < 5_400:
        return f"about {max(1, round(seconds / 60))} min"
    if seconds < 129_600:
        return f"about {round(seconds / 3_600)} h"
    return f"about {round(seconds / DAY)} days"


_pages = Environment(
    loader=PackageLoader("vizsla.web", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters.update(
    with_code=with_code, day=day, moment=moment, local=local, ago=ago, number=number, count=count, duration=duration
)
_pages.globals.update(bars=bars, funnel=funnel, reliability=reliability)


@cache
def static_files() -> Mapping[str, bytes]:
    """Every file that pages may load, by name."""
    folder = resources.files("vizsla.web").joinpath("static")
    found = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    vendor = folder.joinpath("vendor")
    return found | {f"vendor/{entry.name}": entry.read_bytes() for entry in vendor.iterdir() if entry.is_file()}


@cache
def address_of(name: str) -> str:
    """Where the file *name* is; the address changes with what is in it, so that browsers may keep it for ever."""
    return f"/static/{hashlib.sha256(static_files()[name]).hexdigest()[:12]}/{name}"


_pages.globals["static"] = address_of


def render(
    house: "House",
    request: Request,
    visitor: "Visitor | None",
    name: str,
    *,
    status: int = 200,
    note: Note | None = None,
    values: Mapping[str, Any],
) -> HTMLResponse:
    """The template *name* as a response."""
    path = request.url.path
    places = [place for place in PLACES if place.is_for(visitor)]
    theme = request.cookies.get("theme", "")
    text = _pages.get_template(name).render(
        version=__version__,
        base_url=house.base_url,
        visitor=visitor,
        places=places,
        groups=[(group, list(entries)) for group, entries in groupby(places, key=attrgetter("group"))],
        path=path,
        here=max((p.path for p in places if path == p.path or path.startswith(f"{p.path}/")), key=len, default=""),
        theme=theme if theme in ("light", "dark") else "",
        note=note,
        now=house.services.clock.now(),
        **values,
    )
    headers = HEADERS | {"Strict-Transport-Security": _HSTS} if house.is_https else HEADERS
    return HTMLResponse(text, status, headers=headers)
