"""
Who listens to what comes back?

Each mailbox is one worker's, under a lease, with a thread of its own that waits for the server to tell of mails; those whose servers
do not are looked into once a minute. What was read and how far stand in one transaction: whoever takes over goes on there.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vizsla.campaigns.facts import Ground
from vizsla.campaigns.incoming import Arrived, take_in
from vizsla.campaigns.mailboxes import POLL, Box, boxes, claim_boxes, is_box_due, plan, put_progress, put_trouble
from vizsla.campaigns.sender_checks import Means, credentials_of
from vizsla.campaigns.senders import Sender, get_sender, open_secrets
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.errors import NotFound, StoreError, VizslaError
from vizsla.mail.imap import Fetched, MailboxBroken, MailboxSession
from vizsla.mail.inbound import Inbound, read_inbound
from vizsla.mail.server import IMAP_PORTS, check_address, find_addresses
from vizsla.mail.xoauth2 import TokenRefused
from vizsla.mail.xoauth2 import Tokens as OAuthTokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient
from vizsla.privacy.claims import LiveClaims, following
from vizsla.work.leased import LASTS, Lost, kept, name_worker
from vizsla.work.workplace import Tell, Workplace

AT_ONCE = 200
"""Mailboxes that one process listens to."""
LOOK = 2.0
"""Seconds between two looks for mailboxes that nobody listens to."""
IDLES = 290.0
"""Seconds of one IDLE: some routers forget a connection on which nothing is said for five minutes."""
SESSION = 1_800
"""Seconds of one login: then the sender's row is read anew, and tokens are."""
_BATCH = 20
T = TypeVar("T")


async def listen_to_mailboxes(place: Workplace, tell: Tell) -> None:
    """Listen until cancelled."""
    settings = place.settings
    async with (
        following(place.stores.app, place.secret) as claims,
        DnsClient(settings.dns_servers) as dns,
        HttpClient(settings) as http,
    ):
        means = Means(EgressGuard(settings.egress_allow), dns, OAuthTokens(http, place.clock))
        await Listening(place, claims, means, tell).run()


class Listening:
    """The mailboxes of one process."""

    def __init__(self, place: Workplace, claims: LiveClaims, means: Means, tell: Tell) -> None:
        self._place = place
        self._ground = Ground(place.stores.index, claims)
        self._means = means
        self._tell = tell
        self._tokens = Tokens(place.secret)
        self._worker = name_worker()
        self._open: dict[asyncio.Task[None], Box] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, "mailbox")

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await self.take_up()
                except StoreError as error:
                    self._tell("mailboxes", level="warning", error=error.details)
                await asyncio.sleep(LOOK)
        finally:
            await self._leave()

    async def take_up(self) -> int:
        """Begin to listen to mailboxes that nobody listens to; how many."""
        app, now, limit = self._place.stores.app, self._place.clock.now(), AT_ONCE - len(self._open)
        if limit <= 0 or not await is_box_due(app, now):
            return 0
        async with app.write() as conn:
            claimed = await claim_boxes(conn, now=now, until=now + LASTS, worker=self._worker, limit=limit)
        for box in claimed:
            task = asyncio.create_task(self._keep(box))
            self._open[task] = box
            task.add_done_callback(lambda done: self._open.pop(done, None))
        return len(claimed)

    async def _leave(self) -> None:
        """Hang up, and let others take over at once."""
        left = dict(self._open)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._threads.shutdown(wait=False)
        with contextlib.suppress(StoreError):
            async with self._place.stores.app.write() as conn:
                for box in left.values():
                    now = self._place.clock.now()
                    await boxes.finish(conn, box.key, worker=box.worker, attempt=box.attempt, due=now)

    async def _keep(self, box: Box) -> None:
        app, clock = self._place.stores.app, self._place.clock
        try:
            async with kept(app, boxes, box.key, worker=box.worker, attempt=box.attempt, clock=clock):
                due = await self._listen(box)
            async with app.write() as conn:
                await boxes.finish(conn, box.key, worker=box.worker, attempt=box.attempt, due=due)
        except (Lost, NotFound):
            pass  # somebody else listens, or nobody has to any more
        except StoreError as error:
            self._tell("mailboxes", level="warning", error=error.details)
        except VizslaError as error:
            is_final = isinstance(error, MailboxBroken | TokenRefused) and error.is_final
            async with app.write() as conn:
                await put_trouble(conn, box, error.details, clock.now(), is_final=is_final)
            self._tell("mailbox", level="warning", sender=box.sender_id, error=error.details)
        except Exception as error:
            self._tell("mailbox_failed", level="error", trace="".join(traceback.format_exception(error))[-4_000:])

    async def _listen(self, box: Box) -> int:
        """Read a mailbox and wait for more; when it is to be looked into again."""
        sender = await get_sender(self._place.stores.app, *box.key)
        if sender.imap is None:
            raise NotFound
        session = await self._open_session(sender)
        until = self._place.clock.now() + SESSION
        try:
            can_idle = await self._in_thread(lambda: session.can_idle)
            while True:
                box = await self._read(session, box, sender)
                if not can_idle:
                    return self._place.clock.now() + POLL
                if self._place.clock.now() >= until:
                    return self._place.clock.now()
                await self._in_thread(lambda: session.idle(IDLES))
        except asyncio.CancelledError:
            session.interrupt()
            raise
        finally:
            self._threads.submit(session.close)

    async def _open_session(self, sender: Sender) -> MailboxSession:
        assert sender.imap is not None
        server, means = sender.imap, self._means
        credentials = await credentials_of(sender, open_secrets(sender.sealed, self._place.secret), means.tokens)
        ip = (await find_addresses(server.host, means.dns))[0]
        check_address(server, ip, IMAP_PORTS, means.guard)
        return await self._in_thread(
            lambda: MailboxSession.open(server, ip, credentials, means.guard, context=means.context)
        )

    async def _read(self, session: MailboxSession, box: Box, sender: Sender) -> Box:
        """Read all that is new; the mailbox as it stands then. Raises Lost."""
        folder = await self._in_thread(lambda: session.examine(box.folder))
        start = plan(box, folder, sender.created_at, self._place.clock.now())
        uids = await self._in_thread(
            lambda: session.list_after(start.value) if start.by == "uid" else session.list_since(start.value)
        )
        own = sender.email.lower()
        for some in _chunks(uids):
            mails = await self._in_thread(lambda some=some: _fetch(session, some, own))  # type: ignore[misc]
            await self._take_in(box, folder.uidvalidity, mails, some[-1])
        # What was deleted meanwhile is not waited for, and of an empty mailbox it is known from where it fills.
        last = max(folder.uidnext - 1, uids[-1] if uids else 0)
        if (folder.uidvalidity, last) != (box.uidvalidity, box.last_uid) or box.had_trouble:
            await self._take_in(box, folder.uidvalidity, [], last)
        return Box(
            box.account_id, box.sender_id, box.folder, folder.uidvalidity, last, False, box.worker, box.attempt
        )  # fmt: skip

    async def _take_in(
        self, box: Box, uidvalidity: int, mails: Sequence[tuple[Fetched, Inbound]], last_uid: int
    ) -> None:
        try:
            await self._take_in_together(box, uidvalidity, mails, last_uid)
        except (StoreError, Lost):
            raise
        except Exception as error:
            if not mails:
                raise
            # One that cannot be taken in must not stand before all that come after it.
            self._tell("mail_failed", level="error", trace="".join(traceback.format_exception(error))[-4_000:])
            for at, one in enumerate(mails) if len(mails) > 1 else ():
                await self._take_in(box, uidvalidity, [one], mails[at][0].uid)
            await self._take_in_together(box, uidvalidity, [], last_uid)

    async def _take_in_together(
        self, box: Box, uidvalidity: int, mails: Sequence[tuple[Fetched, Inbound]], last_uid: int
    ) -> None:
        now = self._place.clock.now()
        async with self._place.stores.app.write() as conn:
            for fetched, inbound in mails:
                # The server's clock, as far as it does not run before ours.
                at = min(fetched.at or now, now)
                arrived = Arrived(box.account_id, box.sender_id, box.folder, uidvalidity, fetched.uid, at)
                await take_in(conn, self._ground, self._tokens, arrived, inbound)
            if not await put_progress(conn, box, uidvalidity, last_uid):
                raise Lost

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)


def _fetch(session: MailboxSession, uids: Sequence[int], own: str) -> list[tuple[Fetched, Inbound]]:
    return [(fetched, read_inbound(fetched.raw, own)) for fetched in session.fetch(uids)]


def _chunks(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(uids), _BATCH):
        yield uids[at : at + _BATCH]
