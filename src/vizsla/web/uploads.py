"""
How does a person make a list? A file or pasted lines; then which column is what, with their own rows before their eyes; then what
it will cost; then it starts. At each step what was sent stays where it is, whatever is wrong with what was said of it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from vizsla.accounts.uploads import Kind, Upload, delete_upload, get_upload
from vizsla.desk.columns import FIELDS, KINDS, Mapped, check_columns, propose
from vizsla.desk.estimate import Estimate, estimate
from vizsla.desk.uploads import LARGEST_FILE, first_rows, start, take_file
from vizsla.finder.bulk_searches import MOST_PER_DOMAIN
from vizsla.kit.csv_file import Record
from vizsla.kit.errors import VizslaError, WrongParams
from vizsla.web.finder import MAX_DURATION
from vizsla.web.lists import TITLES
from vizsla.web.problems import problem_of
from vizsla.web.views import Views
from vizsla.web.visit import FormTooLarge, Visit

views = Views()
_ROUND_A_FILE = 200_000
"""Bytes of a form beside its file."""
_ROWS = 6
_COLUMNS = 40
"""Rows and columns of a file that are shown; all of them can be chosen."""
_MOST_COLUMNS = 2_000
_PER_DOMAIN = 10


@views.get("/lists/new")
async def ask(visit: Visit) -> Response:
    """The form for a file or for pasted lines."""
    return _form(visit, _kind(visit.query("kind")) or "verifications")


def _kind(text: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == text), None)


def _form(visit: Visit, kind: Kind, *, text: str = "", status: int = 200, problem: str = "") -> Response:
    return visit.page(
        "list_new.html", status=status, kind=kind, titles=TITLES, text=text, problem=problem, largest=LARGEST_FILE
    )


@views.post("/lists/new")
async def take(visit: Visit) -> Response:
    """Read the file and keep its rows; on to its columns."""
    kind, text = _kind(visit.query("kind")) or "verifications", ""
    try:
        form = await visit.form(largest=LARGEST_FILE + _ROUND_A_FILE)
        kind = _kind(form.text("kind")) or kind
        text = form.text("text", most=LARGEST_FILE)
        file = await form.file("file")
        if file is None and not text:
            raise WrongParams("Choose a file, or paste some lines.")
        name, content = file or ("", text.encode(errors="replace"))
        if len(content) > LARGEST_FILE:
            raise FormTooLarge
        id_ = await take_file(await visit.asker(), kind, name, content)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return _form(visit, kind, text=text[:100_000], status=status, problem=sentence)
    return visit.go(f"/lists/uploads/{id_}")


@views.get("/lists/uploads/{id:int}")
async def ask_columns(visit: Visit) -> Response:
    """The first rows of a file, and which column is what, as far as that can be guessed."""
    upload = await _upload(visit)
    return await _columns(visit, upload, visit.request.query_params)


async def _upload(visit: Visit) -> Upload:
    return await get_upload(visit.stores.app, visit.visitor.account_id, visit.number_in_path())


async def _columns(
    visit: Visit, upload: Upload, given: Mapping[str, Any], *, status: int = 200, problem: str = ""
) -> Response:
    rows = await first_rows(visit.stores.app, visit.visitor.account_id, upload)
    has_header = _has_header(upload, given)
    columns = _chosen(upload.kind, given)
    if columns is None:
        columns = propose(upload.kind, rows, has_header=has_header).columns
    width = min(max((len(row.cells) for row in rows), default=0), _MOST_COLUMNS)
    return visit.page(
        "list_columns.html",
        status=status,
        problem=problem,
        upload=upload,
        title=TITLES[upload.kind],
        fields=FIELDS[upload.kind],
        columns=columns,
        has_header=has_header,
        names=_names(rows, width, has_header),
        rows=rows[1 if has_header else 0 :][:_ROWS],
        width=width,
        most_shown=_COLUMNS,
        per_domain=_per_domain(given),
        most_per_domain=MOST_PER_DOMAIN,
    )


def _names(rows: list[Record], width: int, has_header: bool) -> list[str]:
    """What the columns are called: by the header, else by the first thing that stands in them."""
    names = []
    for at in range(width):
        seen = next((row.cells[at].strip() for row in rows if at < len(row.cells) and row.cells[at].strip()), "")
        name = rows[0].cells[at].strip() if has_header and at < len(rows[0].cells) else seen
        names.append(f"{at + 1}: {name[:40] or 'empty'}")
    return names


def _chosen(kind: Kind, given: Mapping[str, Any]) -> dict[str, int | None] | None:
    """The columns that were chosen, counted from 0; None if none were yet."""
    if "header" not in given:
        return None
    return {field.name: _place(given.get(field.name)) for field in FIELDS[kind]}


def _place(text: object) -> int | None:
    if (
        isinstance(text, str)
        and text.isascii()
        and text.isdigit()
        and len(text) < 5
        and 1 <= int(text) <= _MOST_COLUMNS
    ):
        return int(text) - 1
    return None


def _has_header(upload: Upload, given: Mapping[str, Any]) -> bool:
    return given["header"] == "1" if given.get("header") in ("0", "1") else bool(upload.has_header)


def _per_domain(given: Mapping[str, Any]) -> int:
    text = given.get("per_domain", "")
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 6:
        return min(max(1, int(text)), MOST_PER_DOMAIN)
    return _PER_DOMAIN


@views.get("/lists/uploads/{id:int}/estimate")
async def show_estimate(visit: Visit) -> Response:
    """What the list would be and cost; with the columns' form again if it could not be one."""
    upload, given = await _upload(visit), visit.request.query_params
    columns = _chosen(upload.kind, given)
    if columns is None:
        return visit.go(f"/lists/uploads/{upload.id}")
    upload = _with_header(upload, given)
    try:
        check_columns(upload.kind, columns)
        found = await estimate(await visit.asker(), upload, columns, per_domain=_per_domain(given))
        _check_estimate(found)
    except VizslaError as error:
        status, sentence = await problem_of(visit, error)
        return await _columns(visit, upload, given, status=status, problem=sentence)
    chosen = {name: at + 1 for name, at in columns.items() if at is not None}
    params = {"header": int(bool(upload.has_header)), **chosen, "per_domain": _per_domain(given)}
    return visit.page(
        "list_estimate.html",
        upload=upload,
        title=TITLES[upload.kind],
        found=found,
        params=params,
        back=f"/lists/uploads/{upload.id}?{urlencode(params)}",
        is_probing=visit.house.services.settings.probe,
    )


def _with_header(upload: Upload, given: Mapping[str, Any]) -> Upload:
    return Upload(upload.id, upload.kind, upload.name, upload.created_at, upload.size, int(_has_header(upload, given)))


def _check_estimate(found: Estimate) -> None:
    if not found.rows:
        raise WrongParams("There are no rows below the first line. If that line is no header, say so.")
    if found.unreadable == found.rows:
        raise WrongParams(
            f"No row can be read with these columns. Of the first it is said: {found.problem} Choose others; nothing is lost."
        )


@views.post("/lists/uploads/{id:int}/start")
async def begin(visit: Visit) -> Response:
    """Make a list of the file, and on to it."""
    upload = await _upload(visit)
    form = await visit.form()
    given = {name: form.text(name) for name in ("header", "per_domain", *(field.name for field in FIELDS[upload.kind]))}
    columns: Mapped = _chosen(upload.kind, given) or {}
    upload = _with_header(upload, given)
    asker = await visit.asker()
    try:
        check_columns(upload.kind, columns)
        await asker.keep_pace("verify" if upload.kind == "verifications" else "search", f"/v2/bulk/{upload.kind}")
        async with visit.stores.app.write() as conn:
            per_domain = _per_domain(given)
            id_ = await start(conn, asker, upload, columns, per_domain=per_domain, max_duration=MAX_DURATION)
    except VizslaError as error:
        if error.id == "not_found":
            raise
        status, sentence = await problem_of(visit, error)
        return await _columns(visit, upload, given, status=status, problem=sentence)
    return visit.go(f"/lists/{upload.kind}/{id_}", "It has begun. You can leave this page.")


@views.post("/lists/uploads/{id:int}/drop")
async def drop(visit: Visit) -> Response:
    """Drop a file that no list was made of."""
    upload = await _upload(visit)
    async with visit.stores.app.write() as conn:
        await delete_upload(conn, visit.visitor.account_id, upload.id)
    return visit.go("/lists", "The file is dropped.")
