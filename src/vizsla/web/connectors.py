"""The systems that leads are sent to: set one up, see whether it answers, what waits, what failed and why, and send that again."""

from starlette.responses import Response

from vizsla.leads.connectors import (
    KINDS,
    NAMES,
    Entity,
    InvalidConnector,
    Kind,
    create_connector,
    delete_connector,
    get_connector,
    list_connectors,
    read_secret,
    set_api_key,
    set_state,
)
from vizsla.leads.espocrm import MAPPINGS
from vizsla.leads.lead import SyncStatus
from vizsla.leads.sync import page_of_synced, retry_errors, tally
from vizsla.leads.systems import system_of
from vizsla.web.views import Views
from vizsla.web.visit import Visit
from vizsla.webhooks.endpoints import InvalidWebhook
from vizsla.webhooks.sending import Courier

views = Views()
_PAGE = 25
_LONGEST = 2_000
_STATES: tuple[SyncStatus, ...] = ("error", "pending", "success")


@views.get("/connected-apps")
async def show_connectors(visit: Visit) -> Response:
    """All of them."""
    visit.must_manage()
    return await _connectors(visit)


async def _connectors(
    visit: Visit, *, url: str = "", kind: str = "espocrm", entity: str = "Lead", problem: str | None = None
) -> Response:
    app, account_id = visit.stores.app, visit.visitor.account_id
    found = await list_connectors(app, account_id)
    return visit.page(
        "connectors.html",
        status=422 if problem else 200,
        connectors=found,
        tallies={one.id: await tally(app, account_id, one.id) for one in found},
        kinds=NAMES,
        entities=list(MAPPINGS),
        url=url,
        kind=kind,
        entity=entity,
        problem=problem,
    )


@views.post("/connected-apps")
async def make_connector(visit: Visit) -> Response:
    """A new one; the secret of a webhook is on this answer alone."""
    visit.must_manage()
    form = await visit.form()
    url, kind, entity = form.text("url", most=_LONGEST), _kind(form.text("kind")), _entity(form.text("entity"))
    try:
        target = await Courier(visit.house.services.settings).check(url)
        async with visit.stores.app.write() as conn:
            made, secret = await create_connector(
                conn,
                visit.visitor.account_id,
                kind,
                target,
                api_key=form.text("api_key"),
                entity=entity,
                with_present=form.has("with_present"),
                key=visit.house.secret,
                now=visit.now,
            )
    except (InvalidConnector, InvalidWebhook) as error:
        return await _connectors(visit, url=url, kind=kind, entity=entity, problem=error.details)
    if kind == "webhook":
        return visit.page("connector_secret.html", connector=made, secret=secret)
    return visit.go(f"/connected-apps/{made.id}", "It is connected. See whether it answers.")


@views.get("/connected-apps/{id:int}")
async def show_connector(visit: Visit) -> Response:
    """One: what waits, what failed."""
    visit.must_manage()
    return await _connector(visit)


async def _connector(visit: Visit, *, problem: str | None = None) -> Response:
    app, key = visit.stores.app, (visit.visitor.account_id, visit.id())
    connector = await get_connector(app, *key)
    counts = await tally(app, *key)
    asked = visit.query("state")
    first: SyncStatus = next((each for each in _STATES if counts[each]), "error")
    state: SyncStatus = next((each for each in _STATES if each == asked), first)
    offset = visit.count("offset", most=100_000)
    found = await page_of_synced(app, *key, state, limit=_PAGE + 1, offset=offset)
    here = f"/connected-apps/{connector.id}?state={state}&"
    return visit.page(
        "connector.html",
        status=422 if problem else 200,
        connector=connector,
        tally=counts,
        state=state,
        states=_STATES,
        synced=found[:_PAGE],
        mapping=MAPPINGS[connector.entity] if connector.entity else {},
        before=f"{here}offset={max(0, offset - _PAGE)}" if offset else "",
        after=f"{here}offset={offset + _PAGE}" if len(found) > _PAGE else "",
        problem=problem,
    )


@views.post("/connected-apps/{id:int}/test")
async def test_connector(visit: Visit) -> Response:
    """Ask it whether it would take a lead; nothing is written there."""
    visit.must_manage()
    key = (visit.visitor.account_id, visit.id())
    one = await get_connector(visit.stores.app, *key)
    secret = await read_secret(visit.stores.app, *key, key=visit.house.secret)
    if secret is None:
        raise InvalidConnector("Its key was sealed under another VIZSLA_SECRET_KEY. Give it again.")
    async with Courier(visit.house.services.settings) as courier:
        tested = await system_of(courier, one, secret, visit.now).test()
    if tested.error is not None:
        return await _connector(visit, problem=tested.error)
    return visit.go(f"/connected-apps/{one.id}", "It answers, and takes the key.")


@views.post("/connected-apps/{id:int}/state")
async def turn(visit: Visit) -> Response:
    """On, or off."""
    visit.must_manage()
    form, key = await visit.form(), (visit.visitor.account_id, visit.id())
    is_on = form.text("state") == "on"
    async with visit.stores.app.write() as conn:
        await get_connector(conn, *key)
        await set_state(conn, *key, "on" if is_on else "off")
    return visit.go(f"/connected-apps/{key[1]}", "It is on." if is_on else "It is off. Nothing that changes is missed.")


@views.post("/connected-apps/{id:int}/key")
async def change_key(visit: Visit) -> Response:
    """Another API key."""
    visit.must_manage()
    form, key = await visit.form(), (visit.visitor.account_id, visit.id())
    try:
        async with visit.stores.app.write() as conn:
            await set_api_key(conn, *key, form.text("api_key"), key=visit.house.secret)
    except InvalidConnector as error:
        return await _connector(visit, problem=error.details)
    return visit.go(f"/connected-apps/{key[1]}", "The new key is tried now.")


@views.post("/connected-apps/{id:int}/retry")
async def retry(visit: Visit) -> Response:
    """Send again whatever failed."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        count = await retry_errors(conn, visit.visitor.account_id, visit.id(), visit.now)
    return visit.go(f"/connected-apps/{visit.id()}", f"{count:,} sent again.")


@views.post("/connected-apps/{id:int}/delete")
async def delete(visit: Visit) -> Response:
    """Send it nothing more. What it has stays there."""
    visit.must_manage()
    async with visit.stores.app.write() as conn:
        await delete_connector(conn, visit.visitor.account_id, visit.id())
    return visit.go("/connected-apps", "It is disconnected. What it has stays there.")


def _kind(text: str) -> Kind:
    return next((kind for kind in KINDS if kind == text), "espocrm")


def _entity(text: str) -> Entity:
    return "Contact" if text == "Contact" else "Lead"
