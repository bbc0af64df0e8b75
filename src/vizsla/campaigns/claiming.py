"""
Who is written to next?

One worker holds a sender (`storage.lease` on its `due`) and claims for it: those that have waited longest, of campaigns that run,
within the hours of both, as many as the day's cap leaves, one at a time where a gap is kept. What waited while nobody worked goes
out at the same pace as ever, so a late start is never a burst. Each campaign is asked for its own first rows, so that those of
campaigns that are paused cost nothing, however many they are.

A recipient that is claimed has no `due` any more, and its message is a row with a name before anything is said to a mail server.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from vizsla.accounts.store import next_ids
from vizsla.campaigns.stopping import STOPS, stop_recipients
from vizsla.campaigns.tables import sender as sender_table
from vizsla.campaigns.tracking import Tokens
from vizsla.campaigns.window import Window, local_day, next_slot
from vizsla.privacy.claims import Claims
from vizsla.privacy.suppression import suppressed_of
from vizsla.storage.database import Connection, Reader, Row
from vizsla.storage.lease import lease
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

BATCH = 20
"""Messages of one claim, where no gap is kept."""
LASTS = 120
"""Seconds that a sender and a message are a worker's; it renews both while it works."""
MOST_SLEEP = 900
"""Seconds after which a sender is looked at whatever happened to clocks and wake-ups."""
_LONGEST_PAUSE = 3_600
"""Seconds that a sender rests at most, the gap left out."""
_ROUNDS = 5
"""Looks of one claim: it goes on when those it found may not be written to."""

senders = lease(sender_table)
_ARE_DUE = statement("SELECT 1 FROM sender WHERE due <= :now LIMIT 1")
_HOLD = statement("""
    UPDATE sender SET due = :until WHERE account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt
    RETURNING email, state, daily_cap, ramp_start, ramp_step, ramp_since, gap, timezone, days, start_second, end_second, free_at
""")
_ACTIVE = statement("""
    SELECT campaign.id, campaign.timezone, campaign.days, campaign.start_second, campaign.end_second, start_at, (
        SELECT due FROM recipient WHERE recipient.account_id = campaign.account_id AND sender_id = :sender_id
        AND campaign_id = campaign.id AND due IS NOT NULL ORDER BY due LIMIT 1
    ), (
        SELECT sent FROM sender_day WHERE sender_day.account_id = campaign.account_id AND sender_day.sender_id = :sender_id
        AND day = :day
    ) FROM campaign_sender JOIN campaign
    ON campaign.account_id = campaign_sender.account_id AND campaign.id = campaign_sender.campaign_id
    WHERE campaign_sender.account_id = :account_id AND campaign_sender.sender_id = :sender_id
    AND started_at IS NOT NULL AND paused_at IS NULL AND archived_at IS NULL
""")
_PICKED = "recipient.id, recipient.campaign_id, recipient.lead_id, recipient.email, recipient.address, recipient.step, recipient.due"
_OF_EACH = """
    SELECT {columns} FROM recipient first WHERE first.account_id = :account_id AND first.sender_id = :sender_id
    AND first.campaign_id = {campaign} AND first.due <= :now ORDER BY first.due, first.id LIMIT :limit
"""
_PICK = statement(
    f"""
    SELECT {_PICKED} FROM json_each(:campaigns) wanted CROSS JOIN recipient ON recipient.account_id = :account_id
    AND recipient.id IN ({_OF_EACH.format(campaign="wanted.value", columns="first.id")}) ORDER BY recipient.due, recipient.id LIMIT :limit
    """,  # noqa: S608
    postgresql=f"""
    SELECT {_PICKED} FROM (
        SELECT found.id FROM jsonb_array_elements_text(CAST(:campaigns AS jsonb)) wanted
        CROSS JOIN LATERAL ({_OF_EACH.format(campaign="CAST(wanted.value AS bigint)", columns="first.id, first.due")}) found
        ORDER BY found.due, found.id LIMIT :limit
    ) next JOIN recipient ON recipient.account_id = :account_id AND recipient.id = next.id
    ORDER BY recipient.due, recipient.id
    """,  # noqa: S608
)
# Asked again, for on PostgreSQL somebody may have stopped them since they were found.
_TAKE = statement("""
    UPDATE recipient SET due = NULL WHERE account_id = :account_id AND id IN :ids[bigint] AND due IS NOT NULL
    AND state = 'scheduled' RETURNING id
""")
_NAME = RowsStatement(
    """
    INSERT INTO message (account_id, id, campaign_id, recipient_id, step, sender_id, message_id, state, phase, token, due,
        attempts, claimed_at)
    SELECT :account_id, r.id, r.campaign_id, r.recipient_id, r.step, :sender_id, r.message_id, 'sending', 'claimed', :token,
        :until, 0, :now FROM {rows} WHERE true
    ON CONFLICT (account_id, recipient_id, step) DO UPDATE SET state = 'sending', phase = 'claimed', token = excluded.token,
        due = excluded.due, sender_id = excluded.sender_id, claimed_at = excluded.claimed_at,
        attempts = CASE WHEN message.state IN ('error', 'canceled') THEN 0 ELSE message.attempts END
        WHERE message.state IN ('retry', 'held', 'canceled', 'error')
    RETURNING id, recipient_id, message_id, attempts
    """,
    id="bigint",
    campaign_id="bigint",
    recipient_id="bigint",
    step="bigint",
    message_id="text",
)
_COUNT = statement("""
    INSERT INTO sender_day (account_id, sender_id, day, sent) VALUES (:account_id, :sender_id, :day, :count)
    ON CONFLICT (account_id, sender_id, day) DO UPDATE SET sent = sender_day.sent + excluded.sent
""")
_FREE_AT = statement("UPDATE sender SET free_at = :free_at WHERE account_id = :account_id AND id = :sender_id")
_FIRST_CLAIM = statement("""
    SELECT due FROM message WHERE account_id = :account_id AND sender_id = :sender_id AND due IS NOT NULL ORDER BY due LIMIT 1
""")
_LET_GO = statement("""
    UPDATE sender SET due = CASE WHEN free_at > :due AND free_at <= :most THEN free_at ELSE :due END, worker = NULL
    WHERE account_id = :account_id AND id = :id AND worker = :worker AND attempt = :attempt
""")
# Always written, though a held sender keeps its time: whoever holds it then waits for our commit before it looks what comes next.
_WAKE = statement("""
    UPDATE sender SET due = CASE WHEN worker IS NOT NULL AND due IS NOT NULL THEN due WHEN due < :at THEN due ELSE :at END
    WHERE account_id = :account_id AND id IN (
        SELECT sender_id FROM campaign_sender WHERE account_id = :account_id AND campaign_id = :campaign_id
    )
""")
_RENEW = RowsStatement(
    """
    UPDATE sender SET due = :until FROM {rows} WHERE sender.account_id = r.account_id AND sender.id = r.id
    AND sender.worker = r.worker AND sender.attempt = r.attempt
    """,
    # Who has locked one claims for it just now, and waits for nobody who waits for us.
    postgresql="""
    WITH mine AS MATERIALIZED (
        SELECT sender.account_id, sender.id FROM {rows} JOIN sender ON sender.account_id = r.account_id AND sender.id = r.id
        AND sender.worker = r.worker AND sender.attempt = r.attempt FOR UPDATE OF sender SKIP LOCKED
    ) UPDATE sender SET due = :until FROM mine WHERE sender.account_id = mine.account_id AND sender.id = mine.id
    """,
    account_id="bigint",
    id="bigint",
    worker="text",
    attempt="bigint",
)
# No sender sleeps longer than MOST_SLEEP: what is due later was written under another clock.
_HEAL = statement("UPDATE sender SET due = :now WHERE due > :most")

Why = Literal["lost", "resting", "closed", "cap", "gap", "done", "more"]


class Held(msgspec.Struct, frozen=True):
    """A sender in the hands of a worker."""

    account_id: int
    id: int
    worker: str
    attempt: int


class Claimed(msgspec.Struct, frozen=True):
    """A message that is this worker's to send."""

    account_id: int
    id: int
    token: str
    message_id: str
    """RFC 5322 3.6.4, without angles: the same at each try."""
    attempts: int
    """Those that the server turned away for the time being."""
    claimed_at: int
    due: int
    """When it was to leave."""
    day: int
    """Of the sender, that it is counted on."""
    sender_id: int
    campaign_id: int
    recipient_id: int
    step: int
    lead_id: int | None
    email: str
    address: str
    window: Window
    """The campaign's hours."""
    hours: Window
    """The sender's."""


class Turn(msgspec.Struct, frozen=True):
    """What a claim came to."""

    why: Why
    """`more`: there may be others that could leave at once."""
    claimed: tuple[Claimed, ...] = ()
    look_at: int | None = None
    """When the sender has something to do next; None: nothing is scheduled."""
    gap: int = 0
    """Seconds that it keeps between two messages."""


class _Pace(msgspec.Struct, frozen=True):
    email: str
    state: str
    daily_cap: int
    ramp_start: int | None
    ramp_step: int | None
    ramp_since: int | None
    gap: int
    timezone: str
    days: int
    start_second: int
    end_second: int
    free_at: int | None

    @property
    def hours(self) -> Window:
        return Window(self.timezone, self.days, self.start_second, self.end_second)

    def cap(self, day: int) -> int:
        if self.ramp_start is None or self.ramp_since is None:
            return self.daily_cap
        age = max(0, day - local_day(self.ramp_since, self.timezone))
        return min(self.daily_cap, self.ramp_start + age * (self.ramp_step or 0))


class _Active(msgspec.Struct, frozen=True):
    id: int
    window: Window
    start_at: int | None
    first: int | None
    """When the recipient that has waited longest was, or will be, due."""


async def is_any_sender_due(reader: Reader, now: int) -> bool:
    """Asked before a claim, for a claim is a write."""
    return await reader.fetch_one(_ARE_DUE, {"now": now}) is not None


async def claim_senders(conn: Connection, now: int, worker: str, limit: int) -> list[Held]:
    """Up to *limit* senders that have something to do, this worker's for LASTS seconds."""
    rows = await senders.claim(conn, now=now, until=now + LASTS, worker=worker, limit=limit)
    names = sender_table.c.keys()
    account_id, id_, attempt = (names.index(name) for name in ("account_id", "id", "attempt"))
    return [Held(row[account_id], row[id_], worker, row[attempt]) for row in rows]


async def claim_messages(conn: Connection, held: Held, claims: Claims, tokens: Tokens, now: int) -> Turn:
    """
    The next messages of a sender, named and this worker's for LASTS seconds; those that may not be written to are stopped.

    A sender that nothing is claimed of is let go, until `look_at`.
    """
    row = await conn.fetch_one(_HOLD, {**_named(held), "until": now + LASTS})
    if row is None:
        return Turn("lost")
    turn = await _Claim(conn, held, _Pace(*row), claims=claims, tokens=tokens, now=now).take()
    # In the same transaction: whoever schedules something meanwhile waits for it, and then wakes a sender that sleeps.
    return turn if turn.claimed else await let_go(conn, held, turn, now)


async def let_go(conn: Connection, held: Held, turn: Turn, now: int) -> Turn:
    """The sender is anybody's again when its next message is due, or the claim of one ends; that is `look_at` then."""
    row = await conn.fetch_one(_FIRST_CLAIM, {"account_id": held.account_id, "sender_id": held.id})
    times = [at for at in (turn.look_at, row[0] if row else None) if at is not None]
    look_at = min(max(min(times), now), now + MOST_SLEEP) if times else None
    await conn.execute(_LET_GO, {**_named(held), "due": look_at, "most": now + MOST_SLEEP})
    return msgspec.structs.replace(turn, look_at=look_at)


async def wake_senders(conn: Connection, account_id: int, campaign_id: int, at: int) -> None:
    """Something of this campaign is due *at*: called by whoever schedules, in the same transaction."""
    await conn.execute(_WAKE, {"account_id": account_id, "campaign_id": campaign_id, "at": at})


async def renew_senders(conn: Connection, held: Iterable[Held], now: int) -> None:
    """Keep senders that are worked for."""
    rows = [_named(each) for each in held]
    await _RENEW.execute(conn, rows, {"until": now + LASTS})


async def heal_senders(conn: Connection, now: int) -> int:
    """Senders that would sleep too long, because a clock was set back; how many."""
    return await conn.execute(_HEAL, {"now": now, "most": now + MOST_SLEEP + LASTS})


def pause_after(gap: int, message: Claimed) -> int:
    """Seconds until the sender's next message: the gap and up to a third of it more, the same each time it is asked."""
    digest = hashlib.blake2b(f"{message.recipient_id}.{message.step}".encode(), digest_size=2).digest()
    return gap + gap * int.from_bytes(digest) // (3 * 65_536)


class _Claim:
    """One claim of a sender, under way."""

    def __init__(self, conn: Connection, held: Held, pace: _Pace, *, claims: Claims, tokens: Tokens, now: int) -> None:
        self._conn, self._held, self._pace = conn, held, pace
        self._claims, self._tokens, self._now = claims, tokens, now
        self._day = local_day(now, pace.timezone)
        self._mine = {"account_id": held.account_id, "sender_id": held.id}

    async def take(self) -> Turn:
        """What there is to take."""
        pace, now = self._pace, self._now
        if pace.state == "paused" or (pace.state == "error" and pace.free_at is None):
            return Turn("resting", look_at=now + MOST_SLEEP)
        if (opens := next_slot(now, pace.hours)) > now:
            return Turn("closed", look_at=min(opens, now + MOST_SLEEP))
        if pace.free_at is not None and pace.free_at > now:
            return Turn("gap", look_at=await self._free_at(pace.free_at))
        claimed: list[Claimed] = []
        for _ in range(_ROUNDS):
            active, sent = await self._active()
            left = pace.cap(self._day) - sent
            if left <= 0:
                return Turn("cap", look_at=now + MOST_SLEEP)
            # One at a time where pace matters, and where it is not known whether the server takes any.
            limit = 1 if pace.gap or pace.state == "error" else min(BATCH, left)
            open_ = [each for each in active if _leaves_at(each, now) == now]
            if not open_:
                break
            claimed += await self._claim(open_, limit - len(claimed))
            if len(claimed) == limit:
                break
        if not claimed:
            return Turn("done", look_at=now if open_ else _next_look(active, pace.hours, now))
        await self._conn.execute(_COUNT, {**self._mine, "day": self._day, "count": len(claimed)})
        if pace.gap:
            await self._rest_until(now + pause_after(pace.gap, claimed[0]))
        return Turn("more", tuple(claimed), now, pace.gap)

    async def _claim(self, campaigns: Sequence[_Active], limit: int) -> list[Claimed]:
        found = await self._pick(campaigns, limit)
        if not found:
            return []
        first = await next_ids(self._conn, self._held.account_id, len(found))
        domain, token = self._pace.email.rpartition("@")[2], secrets.token_hex(8)
        rows = [
            {
                "id": first + number,
                "campaign_id": campaign_id,
                "recipient_id": id_,
                "step": step,
                "message_id": self._tokens.message_name(self._held.account_id, campaign_id, id_, step, domain),
            }
            for number, (id_, campaign_id, _, _, _, step, _) in enumerate(found.values())
        ]
        given = {**self._mine, "token": token, "until": self._now + LASTS, "now": self._now}
        named = {recipient_id: row for row in await _NAME.fetch(self._conn, rows, given) if (recipient_id := row[1])}
        windows = {each.id: each.window for each in campaigns}
        return [
            Claimed(
                self._held.account_id, named[id_][0], token, named[id_][2], named[id_][3], self._now, due, self._day,
                self._held.id, campaign_id, id_, step, lead_id, email, address, windows[campaign_id], self._pace.hours,
            )
            for id_, campaign_id, lead_id, email, address, step, due in found.values()
            if id_ in named
        ]  # fmt: skip

    async def _pick(self, campaigns: Sequence[_Active], limit: int) -> dict[int, Row]:
        """The recipients that are next, taken off what is due; those that may not be written to are stopped."""
        account_id = self._held.account_id
        wanted = msgspec.json.encode([each.id for each in campaigns]).decode()
        picked = await self._conn.fetch_all(
            _PICK, {**self._mine, "campaigns": wanted, "now": self._now, "limit": limit}
        )
        barred = await _barred(self._conn, account_id, self._claims, [row[3] for row in picked])
        for reason in sorted(set(barred.values())):
            theirs = [row[0] for row in picked if barred.get(row[3]) == reason]
            await stop_recipients(self._conn, account_id, theirs, reason, self._now)
        ids = [row[0] for row in picked if row[3] not in barred]
        if not ids:
            return {}
        taken = {row[0] for row in await self._conn.fetch_all(_TAKE, {"account_id": account_id, "ids": ids})}
        return {row[0]: row for row in picked if row[0] in taken}

    async def _active(self) -> tuple[list[_Active], int]:
        """The campaigns that run, and how many messages the sender has sent today."""
        rows = await self._conn.fetch_all(_ACTIVE, {**self._mine, "day": self._day})
        active = [_Active(id_, Window(*window), start_at, first) for id_, *window, start_at, first, _ in rows]
        return active, (rows[0][-1] or 0) if rows else 0

    async def _free_at(self, free_at: int) -> int:
        """When the sender is free; a time that no gap and no pause explains was written under another clock."""
        if free_at > self._now + max(2 * self._pace.gap, _LONGEST_PAUSE):
            free_at = self._now + self._pace.gap
            await self._rest_until(free_at)
        return free_at

    async def _rest_until(self, free_at: int) -> None:
        await self._conn.execute(_FREE_AT, {**self._mine, "free_at": free_at})


async def _barred(conn: Connection, account_id: int, claims: Claims, emails: Sequence[str]) -> dict[str, str]:
    """Those who may not be written to, and why."""
    suppressed = await suppressed_of(conn, claims, account_id, emails)
    barred = {email: STOPS[reason] for email, reason in suppressed.items()}
    for email in emails:
        local, _, domain = email.rpartition("@")
        if claims.is_claimed(domain, local):
            barred[email] = "claimed"
    return barred


def _leaves_at(campaign: _Active, now: int) -> int | None:
    """When the campaign's next message may leave, *now* at the earliest."""
    if campaign.first is None:
        return None
    return next_slot(max(now, campaign.first, campaign.start_at or 0), campaign.window)


def _next_look(active: Iterable[_Active], hours: Window, now: int) -> int | None:
    times = [at for each in active if (at := _leaves_at(each, now)) is not None]
    return min(next_slot(min(times), hours), now + MOST_SLEEP) if times else None


def _named(held: Held) -> dict[str, object]:
    return {"account_id": held.account_id, "id": held.id, "worker": held.worker, "attempt": held.attempt}
