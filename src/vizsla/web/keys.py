"""
Which API keys are there, and how is one used?

A key is on the answer to the form that made it, and nowhere else. Who looks after the team sees everybody's keys, others see
their own. Revoking works at once; for a minute it can be taken back, as whoever has the key has it still.
"""

from typing import NamedTuple

from starlette.responses import Response

from vizsla.accounts.keys import count_keys, create_key, list_keys, rename_key, restore_key, revoke_key
from vizsla.accounts.roles import is_manager
from vizsla.kit.errors import VizslaError
from vizsla.web.views import Views
from vizsla.web.visit import Form, Visit

views = Views()
PAGE = 50
_LONGEST = 100
_UNNAMED = "API key"
_EXAMPLE = "stripe.com"


class Example(NamedTuple):
    """How a key is used."""

    curl: str
    python: str


def whose(visit: Visit) -> int | None:
    """Whose keys the visitor may see: their own; None: everybody's in the team."""
    return None if is_manager(visit.visitor.role) else visit.visitor.member_id


@views.get("/api-keys")
async def show_keys(visit: Visit) -> Response:
    """Masked, newest first."""
    return await _keys(visit)


async def _keys(visit: Visit, *, problem: str | None = None) -> Response:
    app, account_id, member_id = visit.stores.app, visit.visitor.account_id, whose(visit)
    offset = visit.count("offset", most=100_000)
    total = await count_keys(app, account_id, member_id=member_id)
    return visit.page(
        "keys.html",
        status=422 if problem else 200,
        problem=problem,
        keys=await list_keys(app, account_id, limit=PAGE, offset=offset, member_id=member_id),
        total=total,
        is_last=await count_keys(app, account_id) < 2,
        sees_all=member_id is None,
        before=f"/api-keys?offset={max(0, offset - PAGE)}" if offset else "",
        after=f"/api-keys?offset={offset + PAGE}" if offset + PAGE < total else "",
    )


@views.post("/api-keys")
async def make_key(visit: Visit) -> Response:
    """A key of the visitor's own, shown on this answer alone."""
    name, who = _name(await visit.form()), visit.visitor
    async with visit.stores.app.write() as conn:
        key = await create_key(conn, who.account_id, name, now=visit.now, member_id=who.member_id)
    return visit.page("new_key.html", key=key, example=_example(visit.house.base_url, key.plaintext))


def _example(base_url: str, key: str) -> Example:
    url = f"{base_url}/v2/domain-search?domain={_EXAMPLE}"
    return Example(
        f'curl -H "X-API-KEY: {key}" "{url}"',
        f'from urllib.request import Request, urlopen\n\nurl = "{url}"\n'
        f'print(urlopen(Request(url, headers={{"X-API-KEY": "{key}"}})).read().decode())',
    )


@views.post("/api-keys/{id:int}/rename")
async def rename(visit: Visit) -> Response:
    """Another name."""
    name, id_ = _name(await visit.form()), visit.id()
    async with visit.stores.app.write() as conn:
        await rename_key(conn, visit.visitor.account_id, id_, name, member_id=whose(visit))
    return visit.go("/api-keys", f"The key is called “{name}” now.")


@views.post("/api-keys/{id:int}/revoke")
async def revoke(visit: Visit) -> Response:
    """Stop a key, on every node within a second."""
    id_ = visit.id()
    try:
        async with visit.stores.app.write() as conn:
            await revoke_key(conn, visit.visitor.account_id, id_, visit.now, member_id=whose(visit))
    except VizslaError as error:
        if error.id != "validation_failed":
            raise
        return await _keys(visit, problem=error.details)
    visit.house.services.keys.forget()
    return visit.go(
        "/api-keys", "The key is revoked. Programs that use it are refused.", undo=f"/api-keys/{id_}/restore"
    )


@views.post("/api-keys/{id:int}/restore")
async def restore(visit: Visit) -> Response:
    """Take a revocation back that is not a minute old."""
    async with visit.stores.app.write() as conn:
        await restore_key(conn, visit.visitor.account_id, visit.id(), visit.now, member_id=whose(visit))
    visit.house.services.keys.forget()
    return visit.go("/api-keys", "The key works again.")


def _name(form: Form) -> str:
    return form.line("name", most=_LONGEST) or _UNNAMED
