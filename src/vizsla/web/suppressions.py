"""
To whom does the team no longer write, and why? Those who unsubscribed, complained or bounced, and whoever the team names itself.

Taking somebody out needs a second look, for most of them asked to be in. A claim made at this server is stronger, and not shown here.
"""

import io
from collections.abc import Iterator
from urllib.parse import quote

from starlette.responses import Response

from vizsla.campaigns.campaign import get_campaign
from vizsla.kit.csv_file import open_sheet
from vizsla.kit.errors import NotFound, VizslaError, WrongParams
from vizsla.privacy.suppression import (
    MOST_AT_ONCE,
    REASONS,
    Imported,
    Reason,
    Suppressed,
    count_suppressed,
    find_hash,
    import_suppressed,
    list_suppressed,
    remove_suppressed,
)
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 50
_MOST_ROWS = 20_000
"""Of one file: they are added while the browser waits."""
_LARGEST_FILE = 2_000_000
_ROUND_A_FILE = 10_000
_REFUSED_SHOWN = 50
WHY: dict[Reason, str] = {
    "bounce": "bounced",
    "unsubscribe": "unsubscribed",
    "complaint": "called it spam",
    "manual": "added by the team",
}
_SURE: dict[Reason, str] = {
    "bounce": "Mail to this address came back for good. If it does not exist, more mail to it harms how your mail is received everywhere.",
    "unsubscribe": "They asked not to be written to any more. Writing to them again without their word is against the law in many countries.",
    "complaint": "They told their mail provider that your message was spam. More of it may have all of your mail turned away.",
    "manual": "Your team added this itself. Campaigns may write there again.",
}
assert set(WHY) == set(_SURE) == set(REASONS)


class NotListed(NotFound):
    """That is not on the list any more."""


@views.get("/do-not-contact")
async def show_list(visit: Visit) -> Response:
    """A page of it, newest first, or what a search finds."""
    return await _list(visit)


async def _list(
    visit: Visit, *, status: int = 200, problem: str = "", typed: str = "", imported: Imported | None = None
) -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    text, offset = visit.query("q", most=254), visit.count("offset", most=10_000_000)
    found = await list_suppressed(app, account_id, limit=_PAGE + 1, offset=offset, containing=text)
    kept = f"q={quote(text, safe='')}&" if text else ""
    return visit.page(
        "suppressions.html",
        status=status,
        problem=problem,
        typed=typed,
        imported=imported,
        refused=imported.refused[:_REFUSED_SHOWN] if imported else (),
        q=text,
        rows=found[:_PAGE],
        total=await count_suppressed(app, account_id),
        matches=await count_suppressed(app, account_id, containing=text) if text else None,
        why=WHY,
        largest=_LARGEST_FILE,
        before=f"/do-not-contact?{kept}offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/do-not-contact?{kept}offset={offset + _PAGE}" if len(found) > _PAGE else "",
    )


@views.post("/do-not-contact")
async def add(visit: Visit) -> Response:
    """Some lines, each an address or a domain."""
    typed = (await visit.form()).text("lines", most=100_000)
    try:
        if not typed:
            raise WrongParams("Type an address or a domain.")
        imported = await _import(visit, iter(typed.splitlines()))
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _list(visit, status=status, problem=sentence, typed=typed)
    if imported.refused and not imported.added and not imported.known:
        sentence = f"“{imported.refused[0]}” is neither an address nor a domain."
        return await _list(visit, status=422, problem=sentence, typed=typed)
    if imported.refused:
        return await _list(visit, imported=imported)
    return visit.go("/do-not-contact", _said(imported))


@views.post("/do-not-contact/import")
async def take_file(visit: Visit) -> Response:
    """A file from another tool: of each row the first cell that is an address or a domain."""
    try:
        found = await (await visit.form(largest=_LARGEST_FILE + _ROUND_A_FILE)).file("file")
        if found is None:
            raise WrongParams("Choose a file.")
        imported = await _import(visit, _cells(found[1]))
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        if error.id == "payload_too_large":
            sentence = "The file is too large: 2 MB at most. Send it in parts."
        return await _list(visit, status=status, problem=sentence)
    if imported.refused:
        return await _list(visit, imported=imported)
    return visit.go("/do-not-contact", _said(imported))


def _cells(content: bytes) -> Iterator[str]:
    """What is named in each row. Raises WrongParams."""
    sheet = open_sheet(io.BytesIO(content))
    rows = [sheet.first.cells, *(record.cells for record in sheet.records)]
    if len(rows) > _MOST_ROWS:
        raise WrongParams(f"The file has more than {_MOST_ROWS:,} rows. Send it in parts.")
    named = [_named(cells) for cells in rows]
    # A header names columns, and no column is called like an address or a domain.
    return iter(named[1:] if named and "." not in named[0] else named)


def _named(cells: list[str]) -> str:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return next(
        (cell for cell in filled if "@" in cell),
        next((cell for cell in filled if "." in cell), filled[0] if filled else ""),
    )


async def _import(visit: Visit, lines: Iterator[str]) -> Imported:
    """All of *lines*, a transaction for each part."""
    everything = list(lines)
    if len(everything) > _MOST_ROWS:
        raise WrongParams(f"Add {_MOST_ROWS:,} lines at most, and the others after them.")
    added, known, refused = 0, 0, list[str]()
    for start in range(0, len(everything), MOST_AT_ONCE):
        async with visit.stores.app.write() as conn:
            part = everything[start : start + MOST_AT_ONCE]
            did = await import_suppressed(conn, visit.house.services.claims, visit.visitor.account_id, part, visit.now)
        added, known = added + did.added, known + did.known
        refused += did.refused
    return Imported(added, known, tuple(refused))


def _said(imported: Imported) -> str:
    known = f" {imported.known:,} were on the list already." if imported.known else ""
    return f"{imported.added:,} added.{known}"


@views.get("/do-not-contact/{hash}")
async def ask_whether(visit: Visit) -> Response:
    """Why they are on the list, and a button."""
    app, account_id, one = visit.stores.app, visit.visitor.account_id, await _find(visit)
    campaign = None
    if one.campaign_id is not None:
        try:
            campaign = await get_campaign(app, account_id, one.campaign_id)
        except NotFound:
            campaign = None
    return visit.page("suppression.html", one=one, why=WHY[one.reason], sure=_SURE[one.reason], campaign=campaign)


@views.post("/do-not-contact/{hash}/remove")
async def remove(visit: Visit) -> Response:
    """Let campaigns write to them again."""
    one = await _find(visit)
    async with visit.stores.app.write() as conn:
        await remove_suppressed(conn, visit.visitor.account_id, one.hash)
    return visit.go("/do-not-contact", f"{one.value or 'Somebody who was forgotten'} is not on the list any more.")


async def _find(visit: Visit) -> Suppressed:
    found = await find_hash(visit.stores.app, visit.visitor.account_id, str(visit.request.path_params["hash"])[:200])
    if found is None:
        raise NotListed
    return found
