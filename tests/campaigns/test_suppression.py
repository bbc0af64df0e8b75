"""Whom an account does not write to: by address or domain, by the strongest word, and by a hash alone once they are forgotten."""

import pytest

from accounts.conftest import NOW
from vizsla.accounts.store import Member
from vizsla.kit.whom import Whom
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import (
    InvalidSuppression,
    count_suppressed,
    forget,
    import_suppressed,
    is_suppressed,
    list_suppressed,
    remove_suppressed,
    suppress,
    suppressed_of,
)
from vizsla.storage.open import Stores

CLAIMS = Claims(b"0" * 32)


async def test_addresses_domains_and_the_strongest_word(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    async with stores.app.write() as conn:
        assert await suppress(conn, CLAIMS, me, "Ann@A.test", "bounce", now=NOW)
        assert not await suppress(conn, CLAIMS, me, "ann@a.test", "bounce", now=NOW + 1)
        assert await is_suppressed(conn, CLAIMS, me, "ann@a.test") == "bounce"
        # Who left is not had back by a mailbox that works again.
        assert await suppress(conn, CLAIMS, me, "ann@a.test", "unsubscribe", now=NOW + 2, campaign_id=7)
        assert not await suppress(conn, CLAIMS, me, "ann@a.test", "bounce", now=NOW + 3)
        await suppress(conn, CLAIMS, me, "www.Bücher.example", "manual", now=NOW + 4)
        with pytest.raises(InvalidSuppression):
            await suppress(conn, CLAIMS, me, "a b@c", "manual", now=NOW)

    asked = [
        "ann@a.test",
        "bob@a.test",
        "x@xn--bcher-kva.example",
        "x@mail.xn--bcher-kva.example",
        "x@notxn--bcher-kva.example",
    ]
    assert await suppressed_of(stores.app, CLAIMS, me, asked) == {
        "ann@a.test": "unsubscribe",
        "x@xn--bcher-kva.example": "manual",
        "x@mail.xn--bcher-kva.example": "manual",
    }
    assert await suppressed_of(stores.app, CLAIMS, me + 1, asked) == {}
    newest, ann = await list_suppressed(stores.app, me, limit=9)
    assert (newest.kind, newest.value, ann.value, ann.campaign_id) == (
        "domain",
        "xn--bcher-kva.example",
        "ann@a.test",
        7,
    )
    async with stores.app.write() as conn:
        assert not await remove_suppressed(conn, me + 1, ann.hash)
        assert await remove_suppressed(conn, me, ann.hash)
    assert await is_suppressed(stores.app, CLAIMS, me, "ann@a.test") is None


async def test_a_list_is_taken_in_and_what_is_no_address_is_named(stores: Stores, owner: Member) -> None:
    lines = ["ann@a.test", " ANN@a.test ", "", '"b.test"', "not an address", "cy@c.test\r"]
    async with stores.app.write() as conn:
        first = await import_suppressed(conn, CLAIMS, owner.account_id, lines, NOW)
        again = await import_suppressed(conn, CLAIMS, owner.account_id, lines, NOW)
        with pytest.raises(InvalidSuppression):
            await import_suppressed(conn, CLAIMS, owner.account_id, ["x@y.test"] * 1_001, NOW)

    assert (first.added, first.known, first.refused) == (3, 0, ("not an address",))
    assert (again.added, again.known) == (0, 3)
    assert await count_suppressed(stores.app, owner.account_id) == 3


async def test_who_is_forgotten_is_still_not_written_to(stores: Stores, owner: Member) -> None:
    me = owner.account_id
    claimed = Claims(b"0" * 32, [("email", CLAIMS.hash("dee@a.test"))])
    async with stores.app.write() as conn:
        for value in ("ann@a.test", "ann@sub.a.test", "a.test", "mary-ann@a.test"):
            await suppress(conn, CLAIMS, me, value, "manual", now=NOW)
        # Who said stop to all is never written down by name.
        await suppress(conn, claimed, me, "dee@a.test", "unsubscribe", now=NOW)
        assert await forget(conn, Whom("a.test", "ann"), NOW) == {"suppression": 1}

    assert {one.value for one in await list_suppressed(stores.app, me, limit=9)} == {
        None,
        "ann@sub.a.test",
        "a.test",
        "mary-ann@a.test",
    }
    assert set(await suppressed_of(stores.app, CLAIMS, me, ["ann@a.test", "dee@a.test"])) == {
        "ann@a.test",
        "dee@a.test",
    }
    async with stores.app.write() as conn:
        assert await forget(conn, Whom("a.test"), NOW) == {"suppression": 3}
    assert await is_suppressed(stores.app, CLAIMS, me, "anybody@deep.sub.a.test") == "manual"
