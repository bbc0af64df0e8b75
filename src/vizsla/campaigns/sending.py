"""
How does a claimed message leave, once?

It is written, handed to the sender's server up to the last dot, and let go when `fencing` says so; what became of it is written
down after. A worker that dies leaves a row that says how far it came. Sessions are kept for the next message of the same sender.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from vizsla.campaigns.claiming import LASTS, Claimed
from vizsla.campaigns.compose import Draft, Writer, journal_of
from vizsla.campaigns.deliveries import RELEASED, Ended, Outcome, judge, record_outcomes, record_trouble
from vizsla.campaigns.drafting import Drafting
from vizsla.campaigns.facts import Ground
from vizsla.campaigns.fencing import Ready, pass_dots
from vizsla.kit.clock import Clock
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.mail.submission import AuthRefused, Broken, Refused, Submission, Withheld, WrongServer
from vizsla.privacy.claims import LiveClaims
from vizsla.storage.database import Database, Reader
from vizsla.storage.grouped import Grouped
from vizsla.storage.rows import RowsStatement

REUSED = 100
"""Messages of one session."""
IDLE = 60.0
"""Seconds that a session is kept for the next one."""
_DESKS = 3
"""Claims that are written at one time: connections to PostgreSQL are few, and others want some."""
_PAUSES = (0.2, 1.0, 3.0, 10.0)
_RENEW = RowsStatement(
    """
    UPDATE message SET due = :until FROM {rows} WHERE message.account_id = r.account_id AND message.id = r.id
    AND message.token = r.mark AND message.state = 'sending'
    """,
    # What somebody has locked is being let go or written down just now; whoever waits for nobody is in nobody's way.
    postgresql="""
    WITH mine AS MATERIALIZED (
        SELECT message.account_id, message.id FROM {rows} JOIN message ON message.account_id = r.account_id
        AND message.id = r.id AND message.token = r.mark AND message.state = 'sending' FOR UPDATE OF message SKIP LOCKED
    ) UPDATE message SET due = :until FROM mine WHERE message.account_id = mine.account_id AND message.id = mine.id
    """,
    account_id="bigint",
    id="bigint",
    mark="text",
)
_GIVE_BACK = RowsStatement(
    """
    UPDATE message SET due = :now FROM {rows} WHERE message.account_id = r.account_id AND message.id = r.id
    AND message.token = r.mark AND message.state = 'sending' AND message.phase = 'claimed'
    """,
    account_id="bigint",
    id="bigint",
    mark="text",
)


class Session(msgspec.Struct):
    """A sender, logged in."""

    submission: Submission
    writer: Writer
    mark: object
    """Other than before when the sender was changed."""
    used_at: float = 0.0


class Senders(Protocol):
    """Opens sessions."""

    async def mark(self, account_id: int, sender_id: int) -> object:
        """What changes whenever the sender does."""
        ...

    async def open(self, account_id: int, sender_id: int) -> Session:
        """Raises WrongServer, Broken, Refused, AuthRefused."""
        ...


class NotUsable(VizslaError):
    """The account's server cannot be used."""

    id = "sender_not_usable"

    def __init__(self, details: str, *, for_good: bool = False) -> None:
        self.for_good = for_good
        super().__init__(details)


class Sending:
    """The sessions of one process and what is on its way in them."""

    def __init__(
        self,
        app: Database,
        index: Reader,
        senders: Senders,
        drafting: Drafting,
        *,
        claims: LiveClaims,
        clock: Clock,
    ) -> None:
        self._app = app
        self._ground = Ground(index, claims)
        self._senders = senders
        self._drafting = drafting
        self._claims = claims
        self._clock = clock
        self._dots = Grouped[Ready, bool](self._pass)
        self._ends = Grouped[Ended, bool](self._record)
        self._sessions: dict[tuple[int, int], Session] = {}
        self._open: dict[tuple[int, str], Claimed] = {}
        self._desks = asyncio.Semaphore(_DESKS)
        self._is_leaving = False

    async def send(self, claimed: Sequence[Claimed], gap: int) -> bool:
        """Send the messages of one claim, all of one sender. False if the account, or the database, cannot be used for now."""
        opened = {(each.id, each.token): each for each in claimed}
        self._open.update(opened)
        try:
            went_well = await self._send(claimed, gap)
        except asyncio.CancelledError:
            raise  # what is open is given back
        except BaseException:
            self._forget(opened)
            raise
        self._forget(opened)
        return went_well

    async def _send(self, claimed: Sequence[Claimed], gap: int) -> bool:
        recording: list[asyncio.Task[None]] = []
        left = {each.id: each for each in claimed}
        trouble: NotUsable | StoreError | None = None
        try:
            session = await self._session(claimed[0])
            for each, draft in await self._write(claimed, session.writer):
                if not session.submission.is_open or session.submission.delivered >= REUSED:
                    await self._drop(claimed[0])
                    session = await self._session(claimed[0])
                outcome = await self._deliver(session, draft) if isinstance(draft, Draft) else draft
                del left[each.id]
                # Written down while the next one is under way.
                recording.append(asyncio.create_task(self._end(Ended(each, outcome, gap))))
                if outcome.blames_sender:
                    raise NotUsable(outcome.reply)
                if outcome.kind == "released" or outcome.rests:
                    break
        except (NotUsable, StoreError) as error:
            trouble = error
        recording += [asyncio.create_task(self._end(Ended(each, RELEASED, gap))) for each in left.values()]
        await asyncio.gather(*recording)
        if isinstance(trouble, NotUsable):
            await self._drop(claimed[0])
            await self._note(claimed[0], trouble)
        return trouble is None

    async def _write(self, claimed: Sequence[Claimed], writer: Writer) -> list[tuple[Claimed, Draft | Outcome]]:
        async with self._desks:
            return await self._drafting.write(claimed, writer, self._clock.now())

    async def _note(self, claimed: Claimed, trouble: NotUsable) -> None:
        async with self._app.write() as conn:
            await record_trouble(
                conn,
                claimed.account_id,
                claimed.sender_id,
                trouble.details,
                self._clock.now(),
                for_good=trouble.for_good,
            )

    def _forget(self, opened: Iterable[tuple[int, str]]) -> None:
        for key in opened:
            self._open.pop(key, None)

    async def settle(self, ended: Sequence[Ended]) -> None:
        """Write down what was found out about messages of other workers."""
        await asyncio.gather(*(self._ends.put(each) for each in ended))

    async def renew(self) -> None:
        """Keep what is on its way: a message in a slow server's hands is not to be taken for a dead worker's."""
        rows = [{"account_id": each.account_id, "id": each.id, "mark": each.token} for each in self._open.values()]
        if rows:
            async with self._app.write() as conn:
                await _RENEW.execute(conn, rows, {"until": self._clock.now() + LASTS})

    async def close_idle(self, seconds: float = IDLE) -> None:
        """Hang up where nothing was sent for *seconds*."""
        now = asyncio.get_running_loop().time()
        for key, session in list(self._sessions.items()):
            if session.used_at + seconds <= now:
                del self._sessions[key]
                await session.submission.close()

    def leave(self) -> None:
        """Let no further dot go."""
        self._is_leaving = True

    async def give_back(self) -> None:
        """Let others have at once what is claimed here and not at the dot: for a process that ends."""
        rows = [{"account_id": each.account_id, "id": each.id, "mark": each.token} for each in self._open.values()]
        if rows:
            async with self._app.write() as conn:
                await _GIVE_BACK.execute(conn, rows, {"now": self._clock.now()})

    async def close(self) -> None:
        """Hang up everywhere. What was put to be written down is, or its lease ends."""
        await self._ends.drain()
        for session in self._sessions.values():
            session.submission.abort()
        self._sessions.clear()

    async def _session(self, claimed: Claimed) -> Session:
        key = (claimed.account_id, claimed.sender_id)
        mark = await self._senders.mark(*key)
        known = self._sessions.get(key)
        if known is not None and (known.mark != mark or not known.submission.is_open):
            await self._drop(claimed)
            known = None
        if known is None:
            try:
                known = await self._senders.open(*key)
            except AuthRefused as error:
                raise NotUsable(
                    f"The mail server refused to log in: {error.details}", for_good=not error.is_temporary
                ) from None
            except Refused as error:
                raise NotUsable(f"The mail server turned us away at {error.phase}: {error.details}") from None
            except (Broken, WrongServer) as error:
                raise NotUsable(f"The mail server cannot be reached: {error.details}") from None
            self._sessions[key] = known
        known.used_at = asyncio.get_running_loop().time()
        return known

    async def _drop(self, claimed: Claimed) -> None:
        session = self._sessions.pop((claimed.account_id, claimed.sender_id), None)
        if session is not None:
            session.submission.abort()

    async def _deliver(self, session: Session, draft: Draft) -> Outcome:
        deliver = partial(session.submission.deliver, draft.mail_from, draft.recipients, draft.message)
        try:
            reply = await deliver(before_dot=partial(self._may_go, draft.ready))
        except Withheld:
            return RELEASED
        except Refused as error:
            if error.recipient == journal_of(session.writer.email):
                return Outcome("released", error.reply.code, f"The copy to {error.recipient} was refused: {error.details}", blames_sender=True)  # fmt: skip
            return judge(error.phase, error.reply)
        except Broken as error:
            details = f"The connection broke: {error.details}"[:500]
            return Outcome("uncertain" if error.phase == "dot" else "retry", reply=details)
        except StoreError as error:
            # Whether our word was committed is not known, but no dot has left.
            return Outcome("released", reply=error.details)
        except VizslaError as error:
            return Outcome("error", reply=error.details)
        finally:
            session.used_at = asyncio.get_running_loop().time()
        return judge("dot", reply)

    async def _may_go(self, ready: Ready) -> bool:
        if self._is_leaving:
            return False
        began = self._clock.now()
        passed = await self._dots.put(ready)
        # Whoever was frozen meanwhile may have been given up, and must not come late.
        return passed and not self._is_leaving and 0 <= self._clock.now() - began < LASTS // 2

    async def _pass(self, ready: Sequence[Ready]) -> list[bool]:
        async with self._app.write(is_brief=True) as conn:
            await self._claims.refresh()
            passed = await pass_dots(conn, ready, self._claims, self._clock.now())
        return [(each.claimed.account_id, each.claimed.id) in passed for each in ready]

    async def _end(self, ended: Ended) -> None:
        for pause in _PAUSES:
            try:
                await self._ends.put(ended)
            except Exception:
                # A message that left and is not written down has to be looked up: a database that is back soon spares that.
                await asyncio.sleep(pause)
            else:
                return
        await self._ends.put(ended)

    async def _record(self, ended: Sequence[Ended]) -> list[bool]:
        now = self._clock.now()
        async with self._app.write(is_brief=True) as conn:
            await record_outcomes(conn, self._ground, ended, now)
        return [True] * len(ended)
