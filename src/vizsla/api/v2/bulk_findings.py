"""`/v2/bulk/findings`: lists of people to find. Sent as JSON or CSV, worked on in the background, read row by row meanwhile. Ours."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec

from vizsla.accounts.lists import Status, at_most
from vizsla.api.door import LARGEST_BODY
from vizsla.api.errors import SHOWN_IDS, STATUSES, ErrorItem, PayloadTooLarge
from vizsla.api.params import Given, NoParams, Params, parse_body
from vizsla.api.registry import Call, Calls, Streamed, Upload
from vizsla.api.v2.bulk_verifications import LARGEST
from vizsla.api.v2.email_finder import MAX_DURATION
from vizsla.desk.exports import export_findings
from vizsla.finder.bulk import (
    Asked,
    FindingList,
    FindingRow,
    add_list,
    findings,
    rows_after,
)
from vizsla.finder.finding import EmailFinderData
from vizsla.finder.people_csv import open_people
from vizsla.kit.clock import time_text
from vizsla.kit.errors import WrongParams

calls = Calls()
Text = Annotated[str, msgspec.Meta(max_length=400)]


def parse_short(content_type: bytes, body: bytes) -> Given:
    """The parameters of a body that is no file. Raises PayloadTooLarge for one that should have been."""
    if len(body) > LARGEST_BODY:
        # As objects, sixteen megabytes would be hundreds; a file's rows are made one by one.
        raise PayloadTooLarge(
            "The body is larger than 1 MB. Send a longer list as a CSV file, with Content-Type: text/csv."
        )
    return parse_body(content_type, body)


class PersonSent(msgspec.Struct, frozen=True):
    """One person: `domain` or `company`; both names, or `full_name`."""

    first_name: Text | None = None
    last_name: Text | None = None
    full_name: Text | None = None
    domain: Text | None = None
    company: Text | None = None


class NewFindingsParams(Params, frozen=True):
    """Who is looked for: as `people`, or in a CSV file that is the whole body."""

    people: Annotated[tuple[PersonSent, ...], msgspec.Meta(max_length=10_000)] = ()
    max_duration: Annotated[int, msgspec.Meta(ge=3, le=20)] = MAX_DURATION
    """Seconds for each row."""

    wrong: ClassVar = {"max_duration": "invalid_max_duration"}


class FindingsParams(Params, frozen=True):
    """Which of the lists."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class FoundParams(Params, frozen=True):
    """Which of the rows."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class FindingsData(msgspec.Struct, frozen=True):
    """One list, and how far it is."""

    id: int
    status: Status
    rows: int
    done: int
    found: int
    created_at: str
    ended_at: str | None


class FindingsAnswer(msgspec.Struct, frozen=True):
    """One list."""

    data: FindingsData


class FindingsListData(msgspec.Struct, frozen=True):
    """Newest first."""

    bulk_findings: tuple[FindingsData, ...]


class FindingsPage(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class FindingsListMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: FindingsPage


class FindingsListAnswer(msgspec.Struct, frozen=True):
    """The account's lists."""

    data: FindingsListData
    meta: FindingsListMeta


class FoundRow(msgspec.Struct, frozen=True):
    """One row: with `data`, or with an `error`, or with neither as long as it is not done."""

    number: int
    person: Asked
    """As it was sent; nulls if that person asked us to stop."""
    data: EmailFinderData | None
    error: ErrorItem | None


class FoundData(msgspec.Struct, frozen=True):
    """In the order in which they were sent."""

    rows: tuple[FoundRow, ...]


class FoundMeta(msgspec.Struct, frozen=True):
    """How far the list is."""

    status: Status
    total: int
    done: int
    params: FindingsPage


class FoundAnswer(msgspec.Struct, frozen=True):
    """Some rows of a list."""

    data: FoundData
    meta: FoundMeta


async def _read(call: Call, params: NewFindingsParams) -> None:
    call.content = await call.read_file(lambda file: at_most(open_people(file).asked()))


@calls(
    "POST",
    "/v2/bulk/findings",
    status=201,
    limit="search",
    writes=True,
    before=_read,
    upload=Upload((b"text/csv",), LARGEST, parse_short),
    errors=("wrong_params", "invalid_max_duration", "payload_too_large"),
)
async def create_findings(call: Call, params: NewFindingsParams) -> FindingsAnswer:
    """
    Find up to 10,000 people, or 100,000 in a CSV file.

    The first line of a file names its columns: `first_name` and `last_name`, or `full_name`; and `domain`, or `company`. Every row
    is answered as by `GET /v2/email-finder`, and counts as one search when an address is found.
    """
    made = await add_list(
        call.transaction,
        call.caller.account_id,
        _asked(call, params),
        max_duration=float(params.max_duration),
        now=call.now,
        member_id=call.caller.member_id,
    )
    return FindingsAnswer(_shown(made))


def _asked(call: Call, params: NewFindingsParams) -> Iterable[tuple[Asked, str]]:
    if call.content is not None:
        return call.content  # type: ignore[no-any-return]
    if not params.people:
        raise WrongParams("You are missing the people parameter")
    return ((Asked(*msgspec.structs.astuple(one)), "") for one in params.people)


@calls("GET", "/v2/bulk/findings", errors=("pagination_error",))
async def list_findings(call: Call, params: FindingsParams) -> FindingsListAnswer:
    """
    The account's lists of people, newest first. Each is kept for 30 days after its end.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await findings.page(reader, account_id, limit=params.limit, offset=params.offset)
    meta = FindingsListMeta(await findings.count(reader, account_id), FindingsPage(params.limit, params.offset))
    return FindingsListAnswer(FindingsListData(tuple(map(_shown, found))), meta)


@calls("GET", "/v2/bulk/findings/{id}", errors=("not_found",))
async def get_findings(call: Call, params: NoParams) -> FindingsAnswer:
    """
    How far a list of people is.
    """
    return FindingsAnswer(_shown(await findings.get(call.services.stores.app, call.caller.account_id, call.ids["id"])))


@calls("GET", "/v2/bulk/findings/{id}/results", errors=("not_found", "pagination_error"))
async def list_found(call: Call, params: FoundParams) -> FoundAnswer:
    """
    The rows of a list of people, those that are not done yet among them.
    """
    services, account_id = call.services, call.caller.account_id
    found = await findings.get(services.stores.app, account_id, call.ids["id"])
    rows = await rows_after(
        services.stores.app,
        account_id,
        found.id,
        after=params.offset,
        limit=params.limit,
        claims=services.claims,
    )
    meta = FoundMeta(found.status, found.size, found.done, FindingsPage(params.limit, params.offset))
    return FoundAnswer(FoundData(tuple(map(_row, rows))), meta)


@calls("GET", "/v2/bulk/findings/{id}/results.csv", errors=("not_found",))
async def download_found(call: Call, params: NoParams) -> Streamed:
    """
    All rows of a list of people as a CSV file, those that are not done yet without an answer.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    found = await findings.get(call.services.stores.app, call.caller.account_id, call.ids["id"])
    return Streamed(
        b"text/csv; charset=utf-8",
        f"findings-{found.id}.csv",
        export_findings(call.services, call.caller.account_id, found.id),
    )


@calls("POST", "/v2/bulk/findings/{id}/cancel", writes=True, errors=("not_found",))
async def cancel_findings(call: Call, params: NoParams) -> FindingsAnswer:
    """
    Stop a list of people. What was found stays.
    """
    return FindingsAnswer(
        _shown(await findings.cancel(call.transaction, call.caller.account_id, call.ids["id"], call.now))
    )


@calls("POST", "/v2/bulk/findings/{id}/resume", writes=True, errors=("not_found",))
async def resume_findings(call: Call, params: NoParams) -> FindingsAnswer:
    """
    Go on with a list of people that was cancelled.
    """
    return FindingsAnswer(
        _shown(await findings.resume(call.transaction, call.caller.account_id, call.ids["id"], call.now))
    )


@calls("DELETE", "/v2/bulk/findings/{id}", status=204, writes=True, errors=("not_found",))
async def delete_findings(call: Call, params: NoParams) -> None:
    """
    Stop a list of people and forget its rows.
    """
    await findings.delete(call.transaction, call.caller.account_id, call.ids["id"])


def _shown(one: FindingList) -> FindingsData:
    ended_at = time_text(one.ended_at) if one.ended_at is not None else None
    return FindingsData(one.id, one.status, one.size, one.done, one.found, time_text(one.created_at), ended_at)


def _row(row: FindingRow) -> FoundRow:
    answer = row.answer
    if answer is None or answer.error is None:
        return FoundRow(row.number, row.asked, answer.data if answer else None, None)
    id_ = answer.error if answer.error in STATUSES else "internal_error"
    return FoundRow(
        row.number, row.asked, None, ErrorItem(SHOWN_IDS.get(id_, id_), STATUSES[id_], answer.details or "")
    )
