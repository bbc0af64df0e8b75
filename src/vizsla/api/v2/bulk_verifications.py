"""`/v2/bulk/verifications`: lists of addresses. Sent as JSON or CSV, worked on in the background, read row by row meanwhile."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec

from vizsla.accounts.lists import Status, at_most
from vizsla.api.errors import SHOWN_IDS, STATUSES, ErrorItem
from vizsla.api.params import Given, NoParams, Params, check_text, parse_body
from vizsla.api.registry import Call, Calls, Streamed, Upload
from vizsla.desk.exports import export_verifications
from vizsla.finder.bulk_verifications import Text, accept, cancel, delete, get, is_shown, resume, texts_of
from vizsla.finder.email_verifier import DEPRECATED, Verified
from vizsla.kit.clock import time_text
from vizsla.kit.errors import ClaimedEmail, WrongParams
from vizsla.verifier.bulk import BulkList, BulkRow, Ending
from vizsla.verifier.bulk_csv import open_table
from vizsla.verifier.bulk_results import WHY
from vizsla.verifier.bulk_store import count_lists, page_of_lists, rows_after
from vizsla.verifier.verdict import REASONS, Reason

calls = Calls()
LARGEST = 16_000_000
"""Bytes: a hundred thousand rows of 160."""
_ERRORS = {
    "malformed": "invalid_email",
    "claimed": "claimed_email",
    "failed": "verification_failed",
    "domain_limit": "too_many_requests",
}


class _Sent(msgspec.Struct, frozen=True):
    """A JSON body; typed, so that sixteen megabytes of something else are not made into objects."""

    emails: list[str] | msgspec.UnsetType = msgspec.UNSET
    api_key: str | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Sent).decode


def _parse(content_type: bytes, body: bytes) -> Given:
    kind = content_type.partition(b";")[0].strip().lower()
    if kind not in (b"application/json", b"") or not body.strip():
        return parse_body(content_type, body)
    try:
        sent = _decode(body)
    except msgspec.ValidationError as error:
        raise WrongParams(f'The body must be {{"emails": ["jane@acme.com", …]}}: {error}.') from None
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise WrongParams(f"The body is not valid JSON: {str(error)[:200]}") from None
    if b"\\u" in body:
        check_text(sent)
    return {name: value for name, value in msgspec.structs.asdict(sent).items() if value is not msgspec.UNSET}


class NewListParams(Params, frozen=True):
    """The addresses: as `emails`, or in a CSV file that is the whole body."""

    emails: tuple[str, ...] = ()
    column: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """Of a CSV file: the name of the column with the addresses, or its number from 1. It is found where it is called email."""

    whole: ClassVar = frozenset({"emails"})


class ListsParams(Params, frozen=True):
    """Which of the lists."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class ResultsParams(Params, frozen=True):
    """Which of the rows."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0

    wrong: ClassVar = {"limit": "pagination_error", "offset": "pagination_error"}


class BulkData(msgspec.Struct, frozen=True):
    """One list, and how far it is."""

    id: int
    status: Status
    rows: int
    done: int
    charged: int
    """Verifications counted against the plan: every row at first; what turns out to be free is given back as it ends."""
    tally: dict[str, int]
    """How many rows ended with each status; `malformed`, `claimed`, `failed` and `domain_limit` are those without one."""
    created_at: str
    ended_at: str | None


class BulkAnswer(msgspec.Struct, frozen=True):
    """One list."""

    data: BulkData


class BulkListsData(msgspec.Struct, frozen=True):
    """Newest first."""

    bulk_verifications: tuple[BulkData, ...]


class PageAskedFor(msgspec.Struct, frozen=True):
    """Which part was asked for."""

    limit: int
    offset: int


class PageMeta(msgspec.Struct, frozen=True):
    """How many there are in all."""

    total: int
    params: PageAskedFor


class BulkListsAnswer(msgspec.Struct, frozen=True):
    """The account's lists."""

    data: BulkListsData
    meta: PageMeta


class BulkVerified(Verified, frozen=True):
    """The answer for one row: as of `GET /v2/email-verifier`, with the reason in the place of the sources."""

    reason: Reason
    details: str


class BulkRowData(msgspec.Struct, frozen=True):
    """One row: with `data`, or with an `error`, or with neither as long as it is not done."""

    number: int
    email: str | None
    """As it was sent; null if its person asked us to stop."""
    data: BulkVerified | None
    error: ErrorItem | None


class ResultsData(msgspec.Struct, frozen=True):
    """In the order in which they were sent."""

    rows: tuple[BulkRowData, ...]


class ResultsMeta(msgspec.Struct, frozen=True):
    """How far the list is."""

    status: Status
    total: int
    done: int
    params: PageAskedFor


class ResultsAnswer(msgspec.Struct, frozen=True):
    """Some rows of a list."""

    data: ResultsData
    meta: ResultsMeta


async def _read(call: Call, params: NewListParams) -> None:
    call.content = await call.read_file(lambda file: at_most(texts_of(open_table(file, params.column or ""))))


@calls(
    "POST",
    "/v2/bulk/verifications",
    status=201,
    limit="verify",
    writes=True,
    before=_read,
    upload=Upload((b"text/csv",), LARGEST, _parse),
    errors=("wrong_params", "payload_too_large", "too_many_requests"),
)
async def create_bulk_verification(call: Call, params: NewListParams) -> BulkAnswer:
    """
    Verify a list of up to 100,000 addresses.

    All rows are counted now, and what turns out to be free is given back as it ends: what is no address, claimed, or could not
    be verified (222, `block`), duplicates, and what was asked within a day.
    """
    caller = call.caller
    found = await accept(
        call.transaction,
        caller.account_id,
        _texts(call, params),
        allowed=caller.verifications,
        now=call.now,
        share=caller.share("verifications"),
    )
    return BulkAnswer(_shown(found))


def _texts(call: Call, params: NewListParams) -> Iterable[Text]:
    if call.content is not None:
        return call.content  # type: ignore[no-any-return]
    if not params.emails:
        raise WrongParams("You are missing the emails parameter")
    return ((email, "") for email in params.emails)


@calls("GET", "/v2/bulk/verifications", errors=("pagination_error",))
async def list_bulk_verifications(call: Call, params: ListsParams) -> BulkListsAnswer:
    """
    The account's lists, newest first. Each is kept for 30 days after its end.
    """
    reader, account_id = call.services.stores.app, call.caller.account_id
    found = await page_of_lists(reader, account_id, limit=params.limit, offset=params.offset)
    total = await count_lists(reader, account_id)
    meta = PageMeta(total, PageAskedFor(params.limit, params.offset))
    return BulkListsAnswer(BulkListsData(tuple(map(_shown, found))), meta)


@calls("GET", "/v2/bulk/verifications/{id}", errors=("not_found",))
async def get_bulk_verification(call: Call, params: NoParams) -> BulkAnswer:
    """
    How far a list is.
    """
    return BulkAnswer(_shown(await _get(call)))


@calls("GET", "/v2/bulk/verifications/{id}/results", errors=("not_found", "pagination_error"))
async def list_bulk_results(call: Call, params: ResultsParams) -> ResultsAnswer:
    """
    The rows of a list, those that are not done yet among them.
    """
    found = await _get(call)
    rows = await rows_after(call.services.stores.app, found.account_id, found.id, params.offset, params.limit)
    meta = ResultsMeta(found.status, found.size, found.done, PageAskedFor(params.limit, params.offset))
    return ResultsAnswer(ResultsData(tuple(_row(call, row) for row in rows)), meta)


@calls("GET", "/v2/bulk/verifications/{id}/results.csv", errors=("not_found",))
async def download_bulk_results(call: Call, params: NoParams) -> Streamed:
    """
    All rows of a list as a CSV file, those that are not done yet without an answer.

    Cells that a spreadsheet would take for a formula begin with an apostrophe.
    """
    found = await _get(call)
    return Streamed(
        b"text/csv; charset=utf-8",
        f"verifications-{found.id}.csv",
        export_verifications(call.services, found, call.now),
    )


@calls("POST", "/v2/bulk/verifications/{id}/cancel", writes=True, errors=("not_found",))
async def cancel_bulk_verification(call: Call, params: NoParams) -> BulkAnswer:
    """
    Stop a list. What is done stays, and what is not is given back.
    """
    return BulkAnswer(_shown(await cancel(call.transaction, call.caller.account_id, call.ids["id"], now=call.now)))


@calls("POST", "/v2/bulk/verifications/{id}/resume", writes=True, errors=("not_found", "too_many_requests"))
async def resume_bulk_verification(call: Call, params: NoParams) -> BulkAnswer:
    """
    Go on with a list that was cancelled. What was given back is counted again.
    """
    caller = call.caller
    found = await resume(
        call.transaction,
        caller.account_id,
        call.ids["id"],
        allowed=caller.verifications,
        now=call.now,
        share=caller.share("verifications"),
    )
    return BulkAnswer(_shown(found))


@calls("DELETE", "/v2/bulk/verifications/{id}", status=204, writes=True, errors=("not_found",))
async def delete_bulk_verification(call: Call, params: NoParams) -> None:
    """
    Stop a list and forget its rows.
    """
    await delete(call.transaction, call.caller.account_id, call.ids["id"], now=call.now)


async def _get(call: Call) -> BulkList:
    return await get(call.services.stores.app, call.caller.account_id, call.ids["id"])


def _shown(one: BulkList) -> BulkData:
    return BulkData(
        id=one.id,
        status=one.status,
        rows=one.size,
        done=one.done,
        charged=one.charged,
        tally=dict(sorted(one.tally.items())),
        created_at=time_text(one.created_at),
        ended_at=time_text(one.ended_at) if one.ended_at is not None else None,
    )


def _row(call: Call, row: BulkRow) -> BulkRowData:
    ending = row.ending if is_shown(row, call.services.claims) else Ending("claimed", call.now)
    if ending is None:
        return BulkRowData(row.number, row.email, None, None)
    verdict = ending.verdict
    if ending.why == "verified" and verdict is not None:
        data = BulkVerified(
            status=verdict.status,
            result=verdict.result,
            deprecation_notice=DEPRECATED,
            score=ending.score,
            email=f"{ending.local}@{ending.domain}",
            regexp=ending.regexp,
            gibberish=verdict.gibberish,
            disposable=verdict.disposable,
            webmail=verdict.webmail,
            mx_records=verdict.mx_records,
            smtp_server=verdict.smtp_server,
            smtp_check=verdict.smtp_check,
            accept_all=verdict.accept_all,
            block=verdict.block,
            reason=verdict.reason,
            details=REASONS[verdict.reason],
        )
        return BulkRowData(row.number, row.email, data, None)
    id_ = _ERRORS[ending.why]
    details = f"{ClaimedEmail().details}" if ending.why == "claimed" else ending.details or WHY[ending.why]
    email = None if ending.why == "claimed" else row.email
    return BulkRowData(row.number, email, None, ErrorItem(SHOWN_IDS.get(id_, id_), STATUSES[id_], details))
