"""
What was asked with which key lately?

Paged by the id of the last line, so that a page costs the same however far back it is. A status that is rare is looked for among
some thousands of requests at a time: then there is a page with few lines, or none, and a way to go on.
"""

from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from vizsla.accounts.keys import ApiKey, KeyNotFound, list_keys
from vizsla.accounts.request_log import Logged, list_requests
from vizsla.kit.clock import time_text
from vizsla.web.keys import whose
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()
PAGE = 50
_BATCH, _BATCH_OF_MEMBER, _BATCHES = 500, 100, 8
_MOST_KEYS = 100
CLASSES = {"2": "2xx answered", "4": "4xx refused", "5": "5xx our fault"}
_LOOKS = {2: "ok", 3: "ok", 4: "warning", 5: "error"}


class Found(msgspec.Struct, frozen=True):
    """One page of the log."""

    requests: list[Logged]
    last: int | None
    """The id of the last one that was looked at; None: there are no more."""
    looked_at: int


@views.get("/requests")
async def show_requests(visit: Visit) -> Response:
    """The log, newest first."""
    keys = await list_keys(visit.stores.app, visit.visitor.account_id, limit=_MOST_KEYS, member_id=whose(visit))
    key_id, status = visit.count("key"), visit.query("status")
    status = status if status in CLASSES else ""
    before = visit.count("before")
    found = await _find(visit, key_id or None, status, before or None)
    name = next((key.name for key in keys if key.id == key_id), "")
    if key_id and not name and not found.looked_at:
        raise KeyNotFound
    return visit.page(
        "requests.html",
        found=found,
        keys=keys,
        names=_names(keys),
        key_id=key_id,
        key_name=name or f"revoked key {key_id}",
        wanted=status,
        classes=CLASSES,
        looks=_LOOKS,
        time_text=time_text,
        is_filtered=bool(key_id or status),
        newest=_address(key_id, status, 0) if before else "",
        older=_address(key_id, status, found.last) if found.last else "",
    )


async def _find(visit: Visit, key_id: int | None, status: str, before: int | None) -> Found:
    """A page of requests with a status of this class, out of so many and no more."""
    kept: list[Logged] = []
    looked_at, size = 0, PAGE
    if status:
        # A member's log is read key by key: so many rows of each of up to a hundred.
        size = _BATCH if key_id or whose(visit) is None else _BATCH_OF_MEMBER
    for _ in range(_BATCHES):
        batch = await list_requests(
            visit.stores.app,
            visit.visitor.account_id,
            key_id=key_id,
            member_id=whose(visit),
            limit=size,
            before=before,
        )
        for one in batch:
            before, looked_at = one.id, looked_at + 1
            if not status or one.status // 100 == int(status):
                kept.append(one)
            if len(kept) == PAGE:
                return Found(kept, before, looked_at)
        if len(batch) < size:
            return Found(kept, None, looked_at)
    return Found(kept, before, looked_at)


def _names(keys: list[ApiKey]) -> dict[int, str]:
    return {key.id: key.name for key in keys}


def _address(key_id: int, status: str, before: int) -> str:
    given = {"key": key_id, "status": status, "before": before}
    return f"/requests?{urlencode({name: value for name, value in given.items() if value})}"
