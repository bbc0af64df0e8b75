"""
Which lists has an account, whatever their kind, and how far is each?

The three kinds keep what they need; a person looks at them as one: newest first, so many of so many, and what came of them in words.
"""

from collections.abc import AsyncIterator, Iterable
from heapq import merge

import msgspec

from vizsla.accounts.lists import Status
from vizsla.accounts.uploads import Kind
from vizsla.desk.asking import Asker
from vizsla.desk.exports import export_findings, export_searches, export_verifications
from vizsla.finder import bulk_verifications
from vizsla.finder.bulk import FindingList, findings
from vizsla.finder.bulk_searches import SearchList, searches
from vizsla.storage.database import Connection, Reader
from vizsla.verifier.bulk import BulkList
from vizsla.verifier.bulk_store import bulk_lists


class Share(msgspec.Struct, frozen=True):
    """How many rows came to one end."""

    word: str
    rows: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A list of any kind."""

    kind: Kind
    id: int
    created_at: int
    ended_at: int | None
    size: int
    done: int
    status: Status
    name: str | None
    """Of the file it came from; None of one that a program sent."""
    tally: tuple[Share, ...]
    charged: int | None = None
    """Verifications that it counts as; None: its questions were counted as they were answered."""
    addresses: int | None = None
    """Addresses in its file, of a list of domains."""
    per_domain: int | None = None

    @property
    def is_resumable(self) -> bool:
        """Whether it was stopped before its end."""
        return self.status == "cancelled" and self.done < self.size


def _overview(kind: Kind, one: BulkList | FindingList | SearchList, tally: Iterable[tuple[str, int]]) -> Overview:
    more = {"charged": one.charged} if isinstance(one, BulkList) else {}
    if isinstance(one, SearchList):
        more = {"addresses": one.addresses, "per_domain": one.per_domain}
    return Overview(
        kind=kind,
        id=one.id,
        created_at=one.created_at,
        ended_at=one.ended_at,
        size=one.size,
        done=one.done,
        status=one.status,
        name=one.name,
        tally=tuple(Share(word, rows) for word, rows in tally if rows),
        **more,
    )


def _of_verifications(one: BulkList) -> Overview:
    return _overview("verifications", one, sorted(one.tally.items(), key=lambda pair: -pair[1]))


def _of_findings(one: FindingList) -> Overview:
    return _overview("findings", one, [("found", one.found), ("not found", one.done - one.found)])


def _of_searches(one: SearchList) -> Overview:
    return _overview("searches", one, [("with addresses", one.found), ("without", one.done - one.found)])


async def list_all(reader: Reader, account_id: int, *, limit: int, offset: int) -> list[Overview]:
    """The account's lists, newest first."""
    most = offset + limit
    found = [
        map(_of_verifications, await bulk_lists.page(reader, account_id, limit=most, offset=0)),
        map(_of_findings, await findings.page(reader, account_id, limit=most, offset=0)),
        map(_of_searches, await searches.page(reader, account_id, limit=most, offset=0)),
    ]
    # Ids are counted per account, whatever they are the ids of.
    return list(merge(*found, key=lambda one: -one.id))[offset:most]


async def get_list(reader: Reader, account_id: int, kind: Kind, list_id: int) -> Overview:
    """One list. Raises NotFound."""
    if kind == "verifications":
        return _of_verifications(await bulk_verifications.get(reader, account_id, list_id))
    if kind == "findings":
        return _of_findings(await findings.get(reader, account_id, list_id))
    return _of_searches(await searches.get(reader, account_id, list_id))


async def cancel_list(conn: Connection, asker: Asker, kind: Kind, list_id: int) -> None:
    """Stop a list where it is. Raises NotFound."""
    account_id, now = asker.caller.account_id, asker.now
    if kind == "verifications":
        await bulk_verifications.cancel(conn, account_id, list_id, now=now)
    elif kind == "findings":
        await findings.cancel(conn, account_id, list_id, now)
    else:
        await searches.cancel(conn, account_id, list_id, now)


async def resume_list(conn: Connection, asker: Asker, kind: Kind, list_id: int) -> None:
    """Go on with a list that was cancelled. Raises NotFound, and QuotaTooSmall."""
    caller, now = asker.caller, asker.now
    if kind == "verifications":
        share = caller.share("verifications")
        await bulk_verifications.resume(
            conn, caller.account_id, list_id, allowed=caller.verifications, now=now, share=share
        )
    elif kind == "findings":
        await findings.resume(conn, caller.account_id, list_id, now)
    else:
        await searches.resume(conn, caller.account_id, list_id, now)


async def delete_list(conn: Connection, asker: Asker, kind: Kind, list_id: int) -> None:
    """Stop a list and forget its rows. Raises NotFound."""
    account_id = asker.caller.account_id
    if kind == "verifications":
        await bulk_verifications.delete(conn, account_id, list_id, now=asker.now)
    elif kind == "findings":
        await findings.delete(conn, account_id, list_id)
    else:
        await searches.delete(conn, account_id, list_id)


async def export_list(asker: Asker, kind: Kind, list_id: int) -> AsyncIterator[bytes]:
    """A list as a CSV file, with what is done so far. Raises NotFound before its first part."""
    services, account_id = asker.services, asker.caller.account_id
    if kind == "verifications":
        found = await bulk_verifications.get(services.stores.app, account_id, list_id)
        return export_verifications(services, found, asker.now)
    await get_list(services.stores.app, account_id, kind, list_id)
    if kind == "findings":
        return export_findings(services, account_id, list_id)
    return export_searches(services, account_id, list_id, asker.now)
