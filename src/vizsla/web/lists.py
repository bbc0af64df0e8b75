"""Bulk lists: all of them, and one of them with how far it is, its first rows, its file, and what can be done with it."""

from collections.abc import Sequence

from starlette.responses import Response, StreamingResponse

from vizsla.accounts.lists import ListNotFound
from vizsla.accounts.uploads import Kind, list_uploads
from vizsla.desk.columns import KINDS
from vizsla.desk.lists import Overview, cancel_list, delete_list, export_list, get_list, list_all, resume_list
from vizsla.finder import bulk
from vizsla.finder.bulk_searches import show_rows
from vizsla.finder.bulk_verifications import is_shown
from vizsla.kit.errors import VizslaError
from vizsla.verifier.bulk import BulkRow, Ending
from vizsla.verifier.bulk_results import WHY
from vizsla.verifier.bulk_store import rows_after
from vizsla.verifier.verdict import REASONS
from vizsla.web.problems import problem_of
from vizsla.web.render import HEADERS
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
_PAGE = 20
_SHOWN = 25
"""Rows of a list that its page shows; the file has all."""
TITLES: dict[Kind, str] = {
    "verifications": "Addresses to verify",
    "findings": "People to find",
    "searches": "Domains to search",
}


@views.get("/lists")
async def show_all(visit: Visit) -> Response:
    """All lists, newest first, and the files that wait to become one."""
    account_id = visit.visitor.account_id
    offset = _offset(visit)
    found = await list_all(visit.stores.app, account_id, limit=_PAGE + 1, offset=offset)
    lists = found[:_PAGE]
    mark = "-".join(str(one.done) for one in lists)
    is_running = any(one.status == "running" for one in lists)
    if is_running and _is_unchanged(visit, mark):
        return Response(status_code=204)
    return visit.page(
        "lists.html",
        lists=lists,
        uploads=await list_uploads(visit.stores.app, account_id) if not offset else [],
        titles=TITLES,
        is_running=is_running,
        mark=mark,
        offset=offset,
        before=f"/lists?offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"/lists?offset={offset + _PAGE}" if len(found) > _PAGE else "",
    )


def _offset(visit: Visit) -> int:
    text = visit.query("offset")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _is_unchanged(visit: Visit, mark: str) -> bool:
    """Whether a page that asks for itself again has this already."""
    return "hx-request" in visit.request.headers and visit.query("seen") == mark


def _which(visit: Visit) -> tuple[Kind, int]:
    """The list that the path names."""
    kind = next((kind for kind in KINDS if kind == visit.request.path_params["kind"]), None)
    if kind is None:
        raise ListNotFound
    return kind, visit.number_in_path()


@views.get("/lists/{kind}/{id:int}")
async def show_one(visit: Visit) -> Response:
    """One list; while it is worked on, the page asks for itself again."""
    return await _page(visit)


async def _page(visit: Visit, *, status: int = 200, problem: str = "") -> Response:
    kind, id_ = _which(visit)
    found = await get_list(visit.stores.app, visit.visitor.account_id, kind, id_)
    mark = f"{found.done}-{found.status}"
    if found.status == "running" and _is_unchanged(visit, mark):
        return Response(status_code=204)
    return visit.page(
        "list.html",
        status=status,
        problem=problem,
        list=found,
        title=TITLES[kind],
        mark=mark,
        rows=await _rows(visit, found),
        shown=_SHOWN,
        reasons=REASONS,
        why=WHY,
        seconds_left=_seconds_left(found, visit.now),
    )


async def _rows(visit: Visit, found: Overview) -> Sequence[object]:
    """The first rows of a list, as its kind has them."""
    services, account_id = visit.house.services, visit.visitor.account_id
    app, claims = services.stores.app, services.claims
    if found.kind == "verifications":
        rows = await rows_after(app, account_id, found.id, 0, _SHOWN)
        return [row if is_shown(row, claims) else BulkRow(row.number, "", Ending("claimed", visit.now)) for row in rows]
    if found.kind == "findings":
        return await bulk.rows_after(app, account_id, found.id, after=0, limit=_SHOWN, claims=claims)
    return await show_rows(
        app, services.stores.search, claims, account_id, found.id, after=0, limit=_SHOWN, now=visit.now
    )


def _seconds_left(found: Overview, now: int) -> float | None:
    """As fast as it went so far; None where that says nothing yet."""
    passed = now - found.created_at
    if found.status != "running" or passed < 5 or found.done < 20:
        return None
    return passed / found.done * (found.size - found.done)


@views.get("/lists/{kind}/{id:int}/results.csv")
async def download(visit: Visit) -> Response:
    """All rows of a list, with what is done so far."""
    kind, id_ = _which(visit)
    parts = await export_list(await visit.asker(), kind, id_)
    headers = dict(HEADERS) | {"Content-Disposition": f'attachment; filename="{kind}-{id_}.csv"'}
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


@views.post("/lists/{kind}/{id:int}/cancel")
async def cancel(visit: Visit) -> Response:
    """Stop a list where it is."""
    kind, id_ = _which(visit)
    async with visit.stores.app.write() as conn:
        await cancel_list(conn, await visit.asker(), kind, id_)
    here = f"/lists/{kind}/{id_}"
    return visit.go(here, "Stopped. What is done stays.", undo=f"{here}/resume")


@views.post("/lists/{kind}/{id:int}/resume")
async def resume(visit: Visit) -> Response:
    """Go on with a list that was stopped."""
    kind, id_ = _which(visit)
    try:
        async with visit.stores.app.write() as conn:
            await resume_list(conn, await visit.asker(), kind, id_)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _page(visit, status=status, problem=sentence)
    return visit.go(f"/lists/{kind}/{id_}", "It goes on.")


@views.get("/lists/{kind}/{id:int}/delete")
async def ask_whether(visit: Visit) -> Response:
    """What would be lost, and a button."""
    kind, id_ = _which(visit)
    found = await get_list(visit.stores.app, visit.visitor.account_id, kind, id_)
    return visit.page("list_delete.html", list=found, title=TITLES[kind])


@views.post("/lists/{kind}/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Drop a list and all of its rows."""
    kind, id_ = _which(visit)
    async with visit.stores.app.write() as conn:
        await delete_list(conn, await visit.asker(), kind, id_)
    return visit.go("/lists", f"List {id_} and its rows are deleted.")
