"""
What became of a message, and what follows from that?

`judge` is a table from what a mail server said to one of a few words; `record_outcomes` writes them down, many in one transaction, each only
while the message is still its worker's (`message.token`). The next step is scheduled from the moment that this one left.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import msgspec

from vizsla.campaigns.claiming import Claimed, pause_after
from vizsla.campaigns.events import find_sent
from vizsla.campaigns.facts import Ground, hold_until, note_bounce
from vizsla.campaigns.status import put_statuses
from vizsla.campaigns.telling import tell_sent
from vizsla.campaigns.window import due_of_step, next_slot
from vizsla.kit.clock import DAY
from vizsla.mail.reply import Reply
from vizsla.mail.wire import Phase
from vizsla.storage.database import Connection, Reader
from vizsla.storage.rows import RowsStatement
from vizsla.storage.statement import statement

PAUSES = (300, 900, 3_600, 14_400)
"""Seconds after which a message is tried again that a server turned away for the time being; after the last, it is given up."""
SETTLES = 120
"""Seconds before it is looked up whether a message left that may have: a copy of it needs time to arrive."""
REST = 300
"""Seconds for which a server is left alone that wants it."""
_LONGEST_REPLY = 500
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""RFC 3463: the mailbox or its domain is not there, or takes nothing any more."""
_ABOUT_THE_MESSAGE = frozenset({"5.3.4", "5.6.0", "5.6.1", "5.6.3"})
_QUOTA = "5.4.5"
"""Google's "Daily user sending limit exceeded": a limit of the sender, said as if it were the message's fault."""

Kind = Literal["sent", "retry", "bounced", "error", "released", "uncertain", "held"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one try."""

    kind: Kind
    """`released`: nothing was tried, or nothing that says anything about the message; `uncertain`: it may have left; `held`: it may
    have, and a person has to say what is to be done."""
    code: int | None = None
    reply: str = ""
    """As the server said it, or what happened instead."""
    rests: bool = False
    """Whether the server wants to be left alone for a while."""
    blames_sender: bool = False
    """Whether the account is at fault, not the message."""


SENT = Outcome("sent")
RELEASED = Outcome("released")


def judge(phase: Phase, reply: Reply) -> Outcome:
    """What *reply* to the command *phase* of a transaction means for the message."""
    said = f"{reply.enhanced} {reply.text}" if reply.enhanced else reply.text
    word, rests, blames = _judge(phase, reply)
    return Outcome(word, reply.code, said[:_LONGEST_REPLY], rests, blames)


def _judge(phase: Phase, reply: Reply) -> tuple[Kind, bool, bool]:
    enhanced = reply.enhanced or ""
    if reply.positive:
        return "sent", False, False
    if reply.code < 500:
        # RFC 5321 3.8: 421 is about the connection, and so is what is said before a recipient was named.
        return "retry", reply.code == 421 or phase == "mail", False
    if enhanced == _QUOTA:
        return "retry", True, False
    if enhanced in _ABOUT_THE_MESSAGE or reply.code == 552:
        return "error", False, False
    if phase == "mail":
        return "released", False, True
    return ("bounced" if enhanced in _NO_SUCH_ADDRESS else "error"), False, False


# The account's own server, not a message's


_TROUBLE = statement("""
    UPDATE sender SET failures = failures + 1, trouble = :trouble, free_at = :free_at, state = CASE
        WHEN failures + 1 >= :most AND state = 'ok' THEN 'error' ELSE state END
    WHERE account_id = :account_id AND id = :id RETURNING failures, state
""")
_FAILURES = statement("SELECT failures FROM sender WHERE account_id = :account_id AND id = :id")
MOST_FAILURES = 3
"""In a row, after which an account is in error and says so."""
_TRY_AGAIN = (60, 300, 900)


async def record_trouble(
    conn: Connection, account_id: int, sender_id: int, trouble: str, now: int, *, for_good: bool = False
) -> str:
    """
    The account could not be used because of *trouble*; its state after that: ok, paused or error.

    In error it is still tried with one message every now and then, and is well again when that goes through; *for_good*, which is a
    password that was refused, it is not: servers lock out who tries too often, and only a person can mend it.
    """
    named = {"account_id": account_id, "id": sender_id}
    row = await conn.fetch_one(_FAILURES, named)
    failures = int(row[0]) if row else 0
    is_over = for_good and failures + 1 >= MOST_FAILURES
    free_at = None if is_over else now + _TRY_AGAIN[min(failures, len(_TRY_AGAIN) - 1)]
    values = {**named, "trouble": trouble[:_LONGEST_REPLY], "free_at": free_at, "most": MOST_FAILURES}
    found = await conn.fetch_one(_TROUBLE, values)
    return str(found[1]) if found else "ok"


class Ended(msgspec.Struct, frozen=True):
    """A try that came to its end."""

    message: Claimed
    outcome: Outcome
    gap: int = 0
    """Seconds that its sender keeps between two messages."""


# Recipients before messages, as everybody does who changes both: whoever tells what came back waits, and is waited for, in a row.
_LOCK = statement("""
    SELECT id FROM recipient WHERE account_id = :account_id AND id IN :ids[bigint] ORDER BY id FOR UPDATE
""")
_PUT = RowsStatement(
    """
    UPDATE message SET state = r.state, phase = CASE WHEN r.state = 'uncertain' THEN 'dot' END, due = r.due,
        attempts = r.attempts, code = coalesce(r.code, message.code), reply = coalesce(r.reply, message.reply), sent_at = r.sent_at,
        bounced_at = r.bounced_at FROM {rows}
    WHERE message.account_id = :account_id AND message.id = r.id AND message.token = r.mark
    AND message.state IN ('sending', 'uncertain') RETURNING message.id
    """,
    id="bigint",
    mark="text",
    state="text",
    due="bigint",
    attempts="bigint",
    code="bigint",
    reply="text",
    sent_at="bigint",
    bounced_at="bigint",
)
_STEPS = statement("""
    SELECT campaign_id, number, wait_days FROM campaign_step
    WHERE account_id = :account_id AND campaign_id IN :campaign_ids[bigint]
""")
# Who is away may have said so before it was written down that their message left.
_AWAY = statement("""
    SELECT recipient.id, absent_at, absence_days FROM recipient JOIN campaign
    ON campaign.account_id = recipient.account_id AND campaign.id = recipient.campaign_id
    WHERE recipient.account_id = :account_id AND recipient.id IN :ids[bigint] AND absent_at IS NOT NULL
""")
# Somebody may have stopped the recipient while the message was on its way: then nothing follows.
_SENT = RowsStatement(
    """
    UPDATE recipient SET step = r.step, sent_at = :now, opened_at = NULL, clicked_at = NULL, trouble = NULL,
        due = CASE WHEN state = 'scheduled' THEN r.due END,
        state = CASE WHEN state = 'scheduled' AND r.due IS NULL THEN 'done' ELSE state END
    FROM {rows} WHERE recipient.account_id = :account_id AND recipient.id = r.id
    """,
    id="bigint",
    step="bigint",
    due="bigint",
)
_AGAIN = RowsStatement(
    """
    UPDATE recipient SET due = r.due, trouble = r.trouble FROM {rows}
    WHERE recipient.account_id = :account_id AND recipient.id = r.id AND recipient.state = 'scheduled'
    """,
    id="bigint",
    due="bigint",
    trouble="text",
)
_HELD = RowsStatement(
    """
    UPDATE recipient SET due = NULL, trouble = r.trouble, state = 'held' FROM {rows}
    WHERE recipient.account_id = :account_id AND recipient.id = r.id AND recipient.state = 'scheduled'
    """,
    id="bigint",
    trouble="text",
)
_FAILED = RowsStatement(
    """
    UPDATE recipient SET due = NULL, trouble = r.trouble, error_at = r.error_at,
        stop_reason = CASE WHEN state IN ('scheduled', 'held') THEN 'error' ELSE stop_reason END,
        state = CASE WHEN state IN ('scheduled', 'held') THEN 'stopped' ELSE state END
    FROM {rows} WHERE recipient.account_id = :account_id AND recipient.id = r.id
    """,
    id="bigint",
    trouble="text",
    error_at="bigint",
)
_TALLY = RowsStatement(
    """
    INSERT INTO campaign_day (account_id, campaign_id, step, day, sent)
    SELECT :account_id, r.campaign_id, r.step, :day, r.sent FROM {rows} WHERE true
    ON CONFLICT (account_id, campaign_id, step, day) DO UPDATE SET sent = campaign_day.sent + excluded.sent
    """,
    campaign_id="bigint",
    step="bigint",
    sent="bigint",
)
# What did not reach the dot leaves its place on that day to another.
_REFUND = RowsStatement(
    """
    UPDATE sender_day SET sent = sender_day.sent - r.sent FROM {rows}
    WHERE sender_day.account_id = :account_id AND sender_day.sender_id = r.id AND sender_day.day = r.day
    """,
    id="bigint",
    day="bigint",
    sent="bigint",
)
_WENT_WELL = RowsStatement(
    """
    UPDATE sender SET failures = 0, trouble = NULL, state = CASE WHEN state = 'error' THEN 'ok' ELSE state END,
        free_at = r.free_at FROM {rows}
    WHERE sender.account_id = :account_id AND sender.id = r.id AND (failures > 0 OR r.free_at IS NOT NULL)
    """,
    id="bigint",
    free_at="bigint",
)
_RESTS = RowsStatement(
    """
    UPDATE sender SET free_at = r.free_at FROM {rows} WHERE sender.account_id = :account_id AND sender.id = r.id
    """,
    id="bigint",
    free_at="bigint",
)


async def record_outcomes(conn: Connection, ground: Ground, ended: Sequence[Ended], now: int) -> list[Ended]:
    """Write down what became of messages; those that were their worker's still."""
    by_account = defaultdict[int, list[Ended]](list)
    for each in ended:
        by_account[each.message.account_id].append(each)
    kept: list[Ended] = []
    for account_id in sorted(by_account):
        kept += await _record(conn, ground, account_id, [_settled(each) for each in by_account[account_id]], now)
    return kept


def _settled(ended: Ended) -> Ended:
    """A try too many is the last."""
    if ended.outcome.kind == "retry" and ended.message.attempts >= len(PAUSES):
        return msgspec.structs.replace(ended, outcome=msgspec.structs.replace(ended.outcome, kind="error"))
    return ended


async def _record(conn: Connection, ground: Ground, account_id: int, ended: Sequence[Ended], now: int) -> list[Ended]:
    mine = {"account_id": account_id}
    if conn.dialect == "postgresql":
        await conn.fetch_all(_LOCK, {**mine, "ids": [each.message.recipient_id for each in ended]})
    found = {row[0] for row in await _PUT.fetch(conn, [_row(each, now) for each in ended], mine)}
    kept = [each for each in ended if each.message.id in found]
    by_kind = defaultdict[Kind, list[Ended]](list)
    for each in kept:
        by_kind[each.outcome.kind].append(each)
    if sent := by_kind["sent"]:
        await _record_sent(conn, account_id, sent, now)
    if again := [*by_kind["retry"], *by_kind["released"]]:
        rows = [
            {"id": one.message.recipient_id, "due": _due(one, now), "trouble": one.outcome.reply or None}
            for one in again
        ]
        await _AGAIN.execute(conn, rows, mine)
    if held := by_kind["held"]:
        await _HELD.execute(
            conn, [{"id": one.message.recipient_id, "trouble": one.outcome.reply} for one in held], mine
        )
    for each in by_kind["bounced"]:
        await _record_bounce(conn, ground, each, now)
    if failed := by_kind["error"]:
        await _FAILED.execute(
            conn,
            [{"id": one.message.recipient_id, "trouble": one.outcome.reply, "error_at": now} for one in failed],
            mine,
        )
    if back := [each for each in kept if each.outcome.kind in ("retry", "released", "bounced", "error")]:
        counts = Counter((one.message.sender_id, one.message.day) for one in back)
        await _REFUND.execute(conn, [{"id": id_, "day": day, "sent": n} for (id_, day), n in counts.items()], mine)
    if resting := {each.message.sender_id for each in kept if each.outcome.rests}:
        await _RESTS.execute(conn, [{"id": id_, "free_at": now + REST} for id_ in sorted(resting)], mine)
    await put_statuses(conn, account_id, {each.message.recipient_id for each in kept})
    await tell_sent(conn, account_id, [each.message for each in by_kind["sent"]], now)
    return kept


async def _record_bounce(conn: Connection, ground: Ground, ended: Ended, now: int) -> None:
    sent = await find_sent(conn, ended.message.account_id, ended.message.id)
    if sent is not None:
        await note_bounce(conn, ground, sent, "hard", at=now, details=ended.outcome.reply)


async def _record_sent(conn: Connection, account_id: int, sent: Sequence[Ended], now: int) -> None:
    """The one place where a message comes to have left, whoever found out."""
    mine = {"account_id": account_id}
    waits = await _waits(conn, account_id, {each.message.campaign_id for each in sent})
    away = await conn.fetch_all(_AWAY, {**mine, "ids": [each.message.recipient_id for each in sent]})
    absences = {id_: (absent_at, days) for id_, absent_at, days in away}
    rows = []
    for each in sent:
        message = each.message
        wait = waits.get((message.campaign_id, message.step + 1))
        due = due_of_step(now, wait, message.window) if wait is not None else None
        if due is not None and message.recipient_id in absences:
            due = max(due, hold_until(*absences[message.recipient_id], message.window))
        rows.append({"id": message.recipient_id, "step": message.step + 1, "due": due})
    await _SENT.execute(conn, rows, {**mine, "now": now})
    counts = Counter((each.message.campaign_id, each.message.step) for each in sent)
    tally = [{"campaign_id": id_, "step": step, "sent": n} for (id_, step), n in sorted(counts.items())]
    await _TALLY.execute(conn, tally, {**mine, "day": now // DAY})
    # From now on, not from the claim: the server may have taken its time.
    free = {each.message.sender_id: now + pause_after(each.gap, each.message) if each.gap else None for each in sent}
    await _WENT_WELL.execute(conn, [{"id": id_, "free_at": at} for id_, at in sorted(free.items())], mine)


async def _waits(reader: Reader, account_id: int, campaign_ids: set[int]) -> dict[tuple[int, int], int]:
    rows = await reader.fetch_all(_STEPS, {"account_id": account_id, "campaign_ids": sorted(campaign_ids)})
    return {(campaign_id, number): wait_days for campaign_id, number, wait_days in rows}


def _row(ended: Ended, now: int) -> dict[str, object]:
    message, outcome = ended.message, ended.outcome
    state = {"released": "retry"}.get(outcome.kind, outcome.kind)
    return {
        "id": message.id,
        "mark": message.token,
        "state": state,
        "due": now + SETTLES if outcome.kind == "uncertain" else None,
        "attempts": message.attempts + (outcome.kind in ("retry", "error")),
        "code": outcome.code,
        "reply": outcome.reply or None,
        "sent_at": now if outcome.kind == "sent" else None,
        "bounced_at": now if outcome.kind == "bounced" else None,
    }


def _due(ended: Ended, now: int) -> int:
    """When the recipient is to be tried again."""
    message = ended.message
    if ended.outcome.kind == "released":
        return message.due
    return next_slot(now + PAUSES[message.attempts], message.window)
