"""
Who is told what happens: endpoints, what each was told with what it answered, and what is sent again.

Of an answer its status and time are kept and no more: a page that showed bodies would read the servers behind this one to whoever
names their addresses.
"""

from starlette.responses import Response

from vizsla.web.views import Views
from vizsla.web.visit import Visit
from vizsla.webhooks.endpoints import (
    InvalidWebhook,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    get_endpoint,
    page_of_endpoints,
    rotate_secret,
)
from vizsla.webhooks.events import EVENTS, MEANINGS
from vizsla.webhooks.outbox import (
    LASTS,
    DeliveryState,
    add_test,
    page_of_deliveries,
    replay,
    replay_dead,
    tally_deliveries,
)
from vizsla.webhooks.sending import Courier

views = Views()
_PAGE = 25
_LONGEST = 2_000
_STATES: dict[str, DeliveryState] = {"waiting": "waiting", "done": "done", "dead": "dead"}


@views.get("/webhooks")
async def show_webhooks(visit: Visit) -> Response:
    """All of them."""
    visit.must_manage()
    return await _webhooks(visit)


async def _webhooks(
    visit: Visit, *, url: str = "", chosen: list[str] | None = None, problem: str | None = None
) -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    endpoints = await page_of_endpoints(app, account_id)
    return visit.page(
        "webhooks.html",
        status=422 if problem else 200,
        endpoints=endpoints,
        tallies={one.id: await tally_deliveries(app, account_id, one.id) for one in endpoints},
        events=EVENTS,
        meanings=MEANINGS,
        url=url,
        chosen=chosen or [],
        problem=problem,
    )


@views.post("/webhooks")
async def make_webhook(visit: Visit) -> Response:
    """A new one; its secret is on this answer alone."""
    visit.must_manage()
    form = await visit.form()
    url, chosen = form.text("url", most=_LONGEST), form.texts("event")
    try:
        target = await Courier(visit.house.services.settings).check(url)
        async with visit.stores.app.write() as conn:
            made, secret = await create_endpoint(
                conn, visit.visitor.account_id, target, chosen, key=visit.house.secret, now=visit.now
            )
    except InvalidWebhook as error:
        return await _webhooks(visit, url=url, chosen=chosen, problem=error.details)
    return visit.page("webhook_secret.html", endpoint=made, secret=secret, is_new=True)


@views.get("/webhooks/{id:int}")
async def show_webhook(visit: Visit) -> Response:
    """One, and what it was told."""
    visit.must_manage()
    return await _webhook(visit)


async def _webhook(visit: Visit, *, problem: str | None = None) -> Response:
    app, key = visit.stores.app, (visit.visitor.account_id, visit.id())
    endpoint = await get_endpoint(app, *key)
    state, offset = _STATES.get(visit.query("state")), visit.count("offset", most=100_000)
    found = await page_of_deliveries(app, *key, limit=_PAGE + 1, offset=offset, state=state)
    tally = await tally_deliveries(app, *key)
    here = f"/webhooks/{endpoint.id}?" + (f"state={state}&" if state else "")
    return visit.page(
        "webhook.html",
        status=422 if problem else 200,
        endpoint=endpoint,
        deliveries=found[:_PAGE],
        tally=tally,
        total=sum(tally.values()),
        state=state or "",
        is_any_due=any(one.due is not None and one.due <= visit.now + 5 for one in found),
        address=f"{here}offset={offset}",
        before=f"{here}offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"{here}offset={offset + _PAGE}" if len(found) > _PAGE else "",
        events=EVENTS,
        meanings=MEANINGS,
        problem=problem,
        hours=LASTS // 3_600,
    )


@views.post("/webhooks/{id:int}/change")
async def change(visit: Visit) -> Response:
    """Another address, or other events."""
    visit.must_manage()
    form, key = await visit.form(), (visit.visitor.account_id, visit.id())
    await get_endpoint(visit.stores.app, *key)
    try:
        target = await Courier(visit.house.services.settings).check(form.text("url", most=_LONGEST))
        async with visit.stores.app.write() as conn:
            await change_endpoint(conn, *key, url=target, events=form.texts("event"))
    except InvalidWebhook as error:
        return await _webhook(visit, problem=error.details)
    return visit.go(f"/webhooks/{key[1]}", "It is changed.")


@views.post("/webhooks/{id:int}/state")
async def turn(visit: Visit) -> Response:
    """On, or off."""
    visit.must_manage()
    form, key = await visit.form(), (visit.visitor.account_id, visit.id())
    is_on = form.text("state") == "on"
    async with visit.stores.app.write() as conn:
        await change_endpoint(conn, *key, state="on" if is_on else "off")
    return visit.go(f"/webhooks/{key[1]}", "It is on." if is_on else "It is off. What waits is kept for a day.")


@views.post("/webhooks/{id:int}/secret")
async def change_secret(visit: Visit) -> Response:
    """Another secret, on this answer alone."""
    visit.must_manage()
    key = (visit.visitor.account_id, visit.id())
    async with visit.stores.app.write() as conn:
        secret = await rotate_secret(conn, *key, key=visit.house.secret, now=visit.now)
        endpoint = await get_endpoint(conn, *key)
    return visit.page("webhook_secret.html", endpoint=endpoint, secret=secret, is_new=False)


@views.post("/webhooks/{id:int}/test")
async def send_test(visit: Visit) -> Response:
    """Send an event that says nothing, to see whether it hears."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        await add_test(conn, visit.visitor.account_id, visit.id(), visit.now)
    return visit.go(f"/webhooks/{visit.id()}", "A test is on its way.")


@views.post("/webhooks/{id:int}/replay")
async def send_dead_again(visit: Visit) -> Response:
    """Send all again that was given up."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        count = await replay_dead(conn, visit.visitor.account_id, visit.id(), visit.now)
    return visit.go(f"/webhooks/{visit.id()}", f"{count:,} sent again.")


@views.post("/webhooks/{id:int}/deliveries/{delivery:int}/replay")
async def send_again(visit: Visit) -> Response:
    """Send one again."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        await replay(conn, visit.visitor.account_id, visit.id(), visit.id("delivery"), visit.now)
    return visit.go(f"/webhooks/{visit.id()}", "It is sent again.")


@views.post("/webhooks/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Forget it, and what it was still to be told."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        await delete_endpoint(conn, visit.visitor.account_id, visit.id())
    return visit.go("/webhooks", "The webhook is deleted.")
