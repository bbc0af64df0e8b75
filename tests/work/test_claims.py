"""People say stop by themselves: by a link that is mailed to them, or a DNS record. Nobody else does it for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from accounts.conftest import NOW
from api.conftest import Moment
from vizsla.erasure.asking import ask_by_dns, ask_by_mail, claim_by_mail, show
from vizsla.harvest.records import Sighting
from vizsla.index.merge import merge
from vizsla.kit.clock import DAY
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims, has_pending, parse_claimed
from vizsla.privacy.ledger import list_ledger
from vizsla.privacy.requests import (
    DNS_LASTS,
    LINK_LASTS,
    PER_CLIENT,
    PER_SUBJECT,
    ClaimRequest,
    LinkGone,
    TooManyClaimRequests,
    find_request,
    record_name,
    record_value,
)
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work.claims import LASTS, finish_pending, look_for_proofs
from vizsla.work.workplace import Workplace
from worlds.dns import World, dns
from worlds.outbox import Mail, posted

BASE = "https://vizsla.test"


def tell(event: str, *, level: str = "info", **values: object) -> None:
    """The log."""


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
async def place(stores: Stores, settings: Settings, clock: Moment) -> Workplace:
    async with stores.index.write() as conn:
        sightings = [
            Sighting(domain, local, f"https://{domain}/", NOW, NOW, "mailto")
            for domain, local in (("acme.test", "jane"), ("acme.test", "joe"), ("globex.test", "info"))
        ]
        await merge(conn, sightings=sightings, claims=Claims(b"0" * 32), today=NOW)
    return Workplace(settings, stores, find_secret(settings), clock)


async def ask(place: Workplace, email: str = "jane@acme.test", client: str = "192.0.2.1") -> None:
    claims = await place.claims()
    async with place.stores.app.write() as conn:
        await ask_by_mail(
            conn, claims, parse_claimed(email),
            client=client, base_url=BASE, secret=place.secret, now=place.clock.now(),
        )  # fmt: skip


async def request_of(place: Workplace, mail: Mail) -> ClaimRequest:
    assert mail.link.startswith(f"{BASE}/claim/")
    return await find_request(place.stores.app, mail.link.rpartition("/")[2], "email", secret=place.secret)


async def known(place: Workplace) -> set[str]:
    rows = await place.stores.index.fetch_all(statement("SELECT local, domain FROM email"))
    return {f"{local}@{domain}" for local, domain in rows}


async def test_who_reads_the_mail_sees_what_is_held_and_has_it_erased(place: Workplace) -> None:
    await ask(place)
    (mail,) = await posted(place)
    assert mail.to == "jane@acme.test"
    request = await request_of(place, mail)
    shown = await show(place.stores, await place.claims(), request, place.clock.now())
    assert [seen.uri for seen in shown.public_web.seen] == ["https://acme.test/"]
    assert await known(place) == {"jane@acme.test", "joe@acme.test", "info@globex.test"}, "looking is not claiming"

    await claim_by_mail(place.stores, await place.claims(), request, place.clock)

    assert await known(place) == {"joe@acme.test", "info@globex.test"}
    assert (await place.claims()).is_claimed("acme.test", "jane")
    assert [(line.what, line.label, line.who) for line in await list_ledger(place.stores.app)] == [
        ("erased", "j***@acme.test", "mail"), ("claimed", "j***@acme.test", "mail"),
    ]  # fmt: skip
    with pytest.raises(LinkGone):
        await claim_by_mail(place.stores, await place.claims(), request, place.clock)


async def test_a_link_works_for_an_hour_and_only_in_its_place(place: Workplace, clock: Moment) -> None:
    await ask(place)
    (mail,) = await posted(place)
    request = await request_of(place, mail)
    token = mail.link.rpartition("/")[2]
    for wrong, kind in (
        (token, "domain"),
        (token[:-1] + "_", "email"),
        ("", "email"),
        ("\ud800", "email"),
        (request.hash, "email"),
    ):
        with pytest.raises(LinkGone):
            await find_request(place.stores.app, wrong, kind, secret=place.secret)  # type: ignore[arg-type]

    assert request.is_open(clock.at + LINK_LASTS - 1)
    clock.at += LINK_LASTS
    assert not request.is_open(clock.at)
    with pytest.raises(LinkGone):
        await claim_by_mail(place.stores, await place.claims(), request, place.clock)
    await finish_pending(place, tell)
    with pytest.raises(LinkGone):
        await request_of(place, mail)
    assert "jane@acme.test" in await known(place)


async def test_known_and_unknown_addresses_are_mailed_alike(place: Workplace) -> None:
    await ask(place, "jane@acme.test")
    await ask(place, "nobody@unheard.test")

    mails = sorted(await posted(place))
    assert [mail.to for mail in mails] == ["jane@acme.test", "nobody@unheard.test"]
    assert len({mail.subject for mail in mails}) == 1
    assert (await show(place.stores, await place.claims(), await request_of(place, mails[1]), NOW)).is_empty


async def test_nobodys_mailbox_is_filled(place: Workplace, clock: Moment) -> None:
    await asyncio.gather(*(ask(place, client=f"192.0.2.{number}") for number in range(30)))
    assert len(await posted(place)) == PER_SUBJECT

    clock.at += DAY
    await ask(place, "JANE@acme.test")
    assert len(await posted(place)) == PER_SUBJECT + 1


async def test_one_network_cannot_ask_for_everybody(place: Workplace, clock: Moment) -> None:
    for number in range(PER_CLIENT):
        await ask(place, f"p{number}@acme.test", f"2001:db8::{number:x}")
    with pytest.raises(TooManyClaimRequests):
        await ask(place, "other@acme.test", "2001:db8::ffff")
    await ask(place, "other@acme.test", "2001:db8:0:1::1")

    clock.at += DAY
    await ask(place, "other@acme.test", "2001:db8::1")


async def test_the_database_names_nobody_who_asked(place: Workplace) -> None:
    await ask(place, "zelda.moehnert@quux.example")
    (mail,) = await posted(place)
    token = mail.link.rpartition("/")[2]
    for table in ("claim_request", "claim_limit", "mail_out", "claim_event"):
        for row in await place.stores.app.fetch_all(statement(f"SELECT * FROM {table}")):
            text = repr(tuple(row))
            assert not any(word in text for word in ("moehnert", "quux", token, "192.0.2.1"))


# By DNS


@pytest.fixture
async def world(place: Workplace) -> AsyncIterator[World]:
    async with dns() as made:
        made.zone("acme.test", minimum=300)
        yield made


def asking(place: Workplace, world: World) -> Workplace:
    return msgspec.structs.replace(place, settings=msgspec.structs.replace(place.settings, dns_servers=(world.server,)))


async def ask_for(place: Workplace, domain: str = "acme.test") -> ClaimRequest:
    async with place.stores.app.write() as conn:
        token = await ask_by_dns(
            conn, await place.claims(), parse_claimed(domain),
            client="192.0.2.1", secret=place.secret, now=place.clock.now(),
        )  # fmt: skip
    assert token is not None
    return await find_request(place.stores.app, token, "domain", secret=place.secret)


async def test_an_owners_record_is_noticed_and_the_whole_domain_is_claimed(
    place: Workplace, world: World, clock: Moment
) -> None:
    request = await ask_for(place)
    house = asking(place, world)
    clock.at += 60
    assert await look_for_proofs(house, "w", tell) == 0
    assert "jane@acme.test" in await known(place)

    # What was answered a minute ago (no such name, for five minutes) is not believed.
    world.add(record_name("acme.test"), "TXT", "other=1", record_value(request, place.secret))
    clock.at += 60
    assert await look_for_proofs(house, "w", tell) == 1

    assert await known(place) == {"info@globex.test"}
    assert (await place.claims()).is_claimed("eu.acme.test", "anybody")
    erased, claimed = await list_ledger(place.stores.app)
    assert (claimed.who, claimed.label) == ("dns", "acme.test")
    assert claimed.proof == f'_vizsla-claim.acme.test TXT "{record_value(request, place.secret)}"'
    assert erased.erased["email"] == 2
    clock.at += DAY
    assert await look_for_proofs(house, "w", tell) == 0


@pytest.mark.parametrize("where", ["acme.test", "_vizsla-claim.www.acme.test", "_vizsla-claim.test"])
async def test_a_record_elsewhere_or_of_another_request_proves_nothing(
    place: Workplace, world: World, clock: Moment, where: str
) -> None:
    request, other = await ask_for(place), await ask_for(place, "globex.test")
    world.zone("test")
    world.add(where, "TXT", record_value(request, place.secret))
    world.add(
        record_name("acme.test"), "TXT", record_value(other, place.secret), "vizsla-claim=", "vizsla-claim=" + "0" * 40
    )
    clock.at += 60

    assert await look_for_proofs(asking(place, world), "w", tell) == 0
    assert len(await known(place)) == 3


async def test_a_record_that_was_left_claims_nothing_later(place: Workplace, world: World) -> None:
    request = await ask_for(place)
    again = await ask_for(place)

    assert record_value(request, place.secret) != record_value(again, place.secret)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_dns_is_asked_for_a_week_less_and_less_often(place: Workplace, world: World, clock: Moment) -> None:
    await ask_for(place)
    house = asking(place, world)
    began = clock.at
    times = []
    due = statement("SELECT min(due) FROM claim_request")
    while (row := await place.stores.app.fetch_one(due)) and row[0] is not None:
        clock.at = row[0]
        times.append(clock.at - began)
        await look_for_proofs(house, "w", tell)

    assert 290 < len(times) < 300
    assert (times[0], times[1], times[-1] <= DNS_LASTS) == (60, 120, True)
    assert times[-1] > DNS_LASTS - 3_700
    clock.at = began + DNS_LASTS
    await finish_pending(place, tell)
    assert await place.stores.app.fetch_all(statement("SELECT 1 FROM claim_request")) == []


@pytest.mark.parametrize("how", ["servfail", "garbage"])
async def test_a_dns_that_does_not_answer_proves_nothing_and_is_asked_again(
    place: Workplace, world: World, clock: Moment, how: str
) -> None:
    request = await ask_for(place)
    world.add(record_name("acme.test"), "TXT", record_value(request, place.secret))
    world.behave(record_name("acme.test"), how, kind="TXT", times=200)
    clock.at += 60
    assert await look_for_proofs(asking(place, world), "w", tell) == 0
    world.behaviours.clear()
    clock.at += 60
    assert await look_for_proofs(asking(place, world), "w", tell) == 1


async def test_who_dies_while_looking_is_followed_by_another(
    place: Workplace, world: World, clock: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await ask_for(place)
    world.add(record_name("acme.test"), "TXT", record_value(request, place.secret))
    world.behave(record_name("acme.test"), "drop", kind="TXT")
    clock.at += 60
    dying = asyncio.create_task(look_for_proofs(asking(place, world), "dying", tell))
    await asyncio.sleep(0.2)
    dying.cancel()
    await asyncio.wait([dying])
    world.behaviours.clear()

    assert await look_for_proofs(asking(place, world), "heir", tell) == 0
    clock.at += LASTS
    assert await look_for_proofs(asking(place, world), "heir", tell) == 1


async def test_a_reader_who_goes_away_does_not_stop_the_erasure(place: Workplace) -> None:
    await ask(place)
    (mail,) = await posted(place)
    going: asyncio.Task[Any] = asyncio.create_task(
        claim_by_mail(place.stores, await place.claims(), await request_of(place, mail), place.clock)
    )
    await until(lambda: has_pending(place.stores.app))
    going.cancel()
    await asyncio.wait([going])

    async def is_over() -> bool:
        return not await has_pending(place.stores.app)

    await until(is_over)
    assert "jane@acme.test" not in await known(place)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)
