"""What has served its time goes, in portions; what has not stays."""

import pytest

from accounts.conftest import NOW, owner
from vizsla.accounts.changes import note_change
from vizsla.accounts.guesses import Allowance, take_guess
from vizsla.accounts.invitations import invite
from vizsla.accounts.quota import Meter
from vizsla.accounts.recovery import create_password_link
from vizsla.accounts.request_log import RequestLog
from vizsla.accounts.sessions import open_session
from vizsla.accounts.sign_up import request_sign_up
from vizsla.accounts.store import Member
from vizsla.kit.clock import DAY
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.tidying import tidy
from vizsla.work.workplace import Workplace

__all__ = ["owner"]
TABLES = ("session", "ticket", "sign_up", "invitation", "guess", "usage_charge", "request_log", "caller_change")


class Moment:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


async def counts(stores: Stores) -> dict[str, int]:
    found = {}
    for table in TABLES:
        row = await stores.app.fetch_one(statement(f"SELECT count(*) FROM {table}"))
        assert row
        found[table] = row[0]
    return found


@pytest.mark.parametrize("portion", [2])
async def test_what_has_served_its_time_goes(stores: Stores, settings: Settings, owner: Member, portion: int) -> None:
    log, clock = RequestLog(stores.app), Moment()
    for number in range(3):
        async with stores.app.write() as conn:
            await open_session(conn, owner, now=NOW)
            await create_password_link(conn, owner, NOW)
            await request_sign_up(conn, "open", f"p{number}@b.example", client=f"10.0.0.{number}", now=NOW)
            await invite(conn, owner, f"p{number}@b.example", "member", mode="open", now=NOW)
            await take_guess(conn, Allowance("x", 1, 1), str(number), NOW)
            await note_change(conn, owner.account_id, NOW)
        await Meter(stores.app).charge(owner.account_id, "searches", str(number), allowed=9, now=NOW)
        log.note(account_id=owner.account_id, key_id=1, member_id=None, at=NOW, method="GET", path="/", call="x",
                 status=200, seconds=0.0, request_id="")  # fmt: skip
    await log.flush()
    before = await counts(stores)
    place = Workplace(settings, stores, b"0" * 32, clock)

    assert all(before.values())
    assert await tidy(place, portion=portion) == 0
    assert await counts(stores) == before
    clock.at = NOW + 31 * DAY
    assert await tidy(place, portion=portion) == sum(before.values()) - 1
    assert await counts(stores) == dict.fromkeys(TABLES, 0) | {"caller_change": 1}
