"""What leaves, what becomes of it, and what never leaves: the worker before mail servers that answer in every way."""

import asyncio
import email
import email.policy
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from benchmarks.campaign_world import BASE_URL, SECRET, Filled, PlainSenders, StillClock, fill

from vizsla.campaigns import claiming
from vizsla.campaigns.campaign import put_time
from vizsla.campaigns.claiming import LASTS, MOST_SLEEP
from vizsla.campaigns.deliveries import MOST_FAILURES, PAUSES, SETTLES, judge
from vizsla.campaigns.drafting import Drafting
from vizsla.campaigns.events import find_sent
from vizsla.campaigns.facts import Ground, note_absence, note_unsubscribe
from vizsla.campaigns.reconcile import NoEvidence, decide
from vizsla.campaigns.senders import pause_sender
from vizsla.campaigns.sending import Sending
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.clock import DAY
from vizsla.mail.reply import Reply
from vizsla.mail.smtp import AuthRefused
from vizsla.privacy.claims import LiveClaims
from vizsla.storage.open import Stores
from vizsla.storage.statement import statement
from vizsla.work.campaigns import Campaigning
from worlds.smtp import Script, Server, Session, smtp

NOW = 1_795_424_400  # Monday, 2026-11-23 09:00 UTC


class Copies:
    """What a mailbox has; None: it keeps nothing."""

    def __init__(self, found: set[str] | None = None, *, is_away: bool = False) -> None:
        self.found, self.is_away = found, is_away

    async def find_sent(self, account_id: int, sender_id: int, message_ids: Sequence[str]) -> set[str] | None:
        if self.is_away:
            raise NoEvidence
        return self.found


class Bench(msgspec.Struct):
    """A worker at work."""

    stores: Stores
    server: Server
    clock: StillClock
    made: Filled
    sending: Sending
    work: Campaigning
    told: list[str]

    async def do(self, at: int | None = None) -> None:
        """All that is due, at that moment."""
        self.clock.at = at or self.clock.at
        await self.work.work_off()

    async def all(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.stores.app.fetch_all(statement(text))]

    async def execute(self, text: str, **values: object) -> None:
        async with self.stores.app.write() as conn:
            await conn.execute(statement(text), values)

    @property
    def sent(self) -> list[bytes]:
        return [message for session in self.server.sessions for message in session.data]


class Takes(Script):
    """Takes mail for anybody."""

    people = frozenset()
    keywords = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")

    async def recipient(self, session: Session, address: str) -> None:
        await session.say("250 2.1.5 Ok")


@asynccontextmanager
async def bench(
    stores: Stores, script: Script | None = None, *, copies: Copies | None = None, **values: Any
) -> AsyncIterator[Bench]:
    async with smtp(script or Takes()) as server:
        app, clock, told = stores.app, StillClock(NOW), []
        made = await fill(app, port=server.port, now=NOW, **{"senders": 1, "recipients": 1, "journal": "none"} | values)
        claims, tokens = LiveClaims(app, SECRET), Tokens(SECRET)
        await claims.refresh()
        sending = Sending(
            app, stores.index, PlainSenders(app), Drafting(app, tokens, BASE_URL), claims=claims, clock=clock
        )

        def tell(event: str, *, level: str = "info", **more: object) -> None:
            told.append(f"{event} {more}")

        work = Campaigning(app, sending, copies or Copies(), claims=claims, tokens=tokens, clock=clock, tell=tell)
        yield Bench(stores, server, clock, made, sending, work, told)
        await sending.close()


def read(message: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(message.removesuffix(b".\r\n"), policy=email.policy.default)


async def test_three_steps_are_one_thread(stores: Stores) -> None:
    async with bench(stores, steps=3, tracks=True, format="html") as at:
        await at.execute("UPDATE campaign_step SET wait_days = 2 WHERE number > 0")
        for day in range(7):
            await at.do(NOW + day * DAY)
        first, second, third = map(read, at.sent)
        assert [each["Subject"] for each in (first, second, third)] == [
            "A question for your company",
            *["Re: A question for your company"] * 2,
        ]
        assert first["In-Reply-To"] is None
        assert (second["In-Reply-To"], third["In-Reply-To"]) == (first["Message-ID"], second["Message-ID"])
        assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]
        assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert first["List-Unsubscribe"].startswith(f"<{BASE_URL}/u/")
        html = first.get_body(("html",)).get_content()
        assert f"{BASE_URL}/t/o/" in html
        assert "Unsubscribe" in first.get_body(("plain",)).get_content()
        assert await at.all("SELECT state, due, step, sending_status FROM recipient") == [("done", None, 3, "sent")]
        assert await at.all("SELECT step, sent_at FROM message ORDER BY step") == [
            (n, NOW + 2 * n * DAY) for n in range(3)
        ]
        assert await at.all("SELECT step, sum(sent) FROM campaign_day GROUP BY step ORDER BY step") == [
            (0, 1),
            (1, 1),
            (2, 1),
        ]


@pytest.mark.parametrize(
    ("phase", "code", "enhanced", "kind", "rests", "blames"),
    [
        ("dot", 250, "2.0.0", "sent", False, False),
        ("rcpt", 450, "4.2.1", "retry", False, False),
        ("dot", 451, None, "retry", False, False),
        ("mail", 451, "4.7.0", "retry", True, False),
        ("rcpt", 421, "4.7.0", "retry", True, False),
        ("dot", 550, "5.4.5", "retry", True, False),
        ("rcpt", 550, "5.1.1", "bounced", False, False),
        ("rcpt", 550, "5.2.1", "bounced", False, False),
        ("dot", 550, "5.1.10", "bounced", False, False),
        ("rcpt", 550, None, "error", False, False),
        ("dot", 554, "5.7.1", "error", False, False),
        ("mail", 552, "5.3.4", "error", False, False),
        ("mail", 550, "5.7.60", "released", False, True),
    ],
)
def test_what_a_reply_means(phase: Any, code: int, enhanced: str | None, kind: str, rests: bool, blames: bool) -> None:
    outcome = judge(phase, Reply(code, "text", enhanced))
    assert (outcome.kind, outcome.rests, outcome.blames_sender) == (kind, rests, blames)


class Says(Takes):
    """Says *reply* to the first *times* messages."""

    def __init__(self, reply: str, times: int = 1_000, at: str = "message") -> None:
        self.left = times
        self._reply, self._as_usual = reply, getattr(self, at)
        setattr(self, at, self._say)

    async def _say(self, session: Session, *rest: Any) -> None:
        self.left -= 1
        if self.left >= 0:
            await session.say(self._reply)
        else:
            await self._as_usual(session, *rest)


async def test_put_off_is_tried_later_and_later_and_given_up(stores: Stores) -> None:
    async with bench(stores, Says("451 4.3.0 Try again")) as at:
        times, now = [], NOW
        for _ in range(len(PAUSES) + 1):
            await at.do(now)
            times.append(now)
            ((due,),) = await at.all("SELECT due FROM recipient")
            assert await at.all("SELECT sent FROM sender_day WHERE sent > 0") == [] or due is None
            await at.do(now + 30)  # not before its time
            now = due or now
        assert [later - earlier for earlier, later in itertools.pairwise(times)] == list(PAUSES)
        assert len(at.server.sessions) >= 1
        assert at.server.verbs["DATA"] == len(PAUSES) + 1
        assert await at.all("SELECT state, attempts, code, reply FROM message") == [
            ("error", 5, 451, "4.3.0 Try again")
        ]
        assert await at.all("SELECT state, stop_reason, sending_status FROM recipient") == [
            ("stopped", "error", "error")
        ]


async def test_an_address_that_is_refused_has_bounced(stores: Stores) -> None:
    async with bench(stores, Says("550 5.1.1 No such user", 1, "recipient"), recipients=3) as at:
        await at.do()
        assert await at.all("SELECT state, count(*) FROM message GROUP BY state ORDER BY state") == [
            ("bounced", 1),
            ("sent", 2),
        ]
        assert await at.all("SELECT stop_reason, sending_status FROM recipient WHERE bounced_at IS NOT NULL") == [
            ("bounced", "bounced")
        ]
        assert await at.all("SELECT reason FROM suppression") == [("bounce",)]
        assert await at.all("SELECT sent FROM sender_day") == [(2,)]


async def test_what_cannot_be_written_is_one_recipients_error(stores: Stores) -> None:
    async with bench(stores, recipients=3) as at:
        await at.execute("UPDATE recipient SET address = 'no address' WHERE email = 'person1@d1.test'")
        await at.do()
        assert len(at.sent) == 2
        ((trouble,),) = await at.all("SELECT trouble FROM recipient WHERE sending_status = 'error'")
        assert trouble.startswith("The message cannot be written:")


class Refuses(PlainSenders):
    """A password that was changed, or a server that is away."""

    fault: Exception | None = None

    async def open(self, account_id: int, sender_id: int) -> Any:
        if self.fault is not None:
            raise self.fault
        return await super().open(account_id, sender_id)


async def test_an_account_that_cannot_log_in_says_so_and_burns_nothing(stores: Stores) -> None:
    async with bench(stores, recipients=30) as at:
        senders = Refuses(stores.app)
        senders.fault = AuthRefused("535 5.7.8 Bad password", Reply(535, "Bad password", "5.7.8"))
        at.sending._senders = senders
        for n in range(MOST_FAILURES + 2):
            await at.do(NOW + n * 1_000)
        ((state, trouble, failures),) = await at.all("SELECT state, trouble, failures FROM sender")
        assert (state, failures) == ("error", MOST_FAILURES)
        assert "refused to log in: 535 5.7.8 Bad password" in trouble
        assert await at.all("SELECT sum(attempts), count(*) FROM message WHERE state = 'retry'") == [(0, 20)]
        assert await at.all("SELECT count(*) FROM recipient WHERE due IS NULL") == [(0,)]
        assert await at.all("SELECT sum(sent) FROM sender_day") == [(0,)]
        senders.fault = None
        await at.do(NOW + DAY)
        assert not at.sent  # a person has to type the password first
        await at.execute("UPDATE sender SET state = 'ok', failures = 0, free_at = NULL, due = :now", now=NOW + DAY)
        await at.do()
        assert len(at.sent) == 30


async def test_a_server_that_is_back_is_found_again(stores: Stores) -> None:
    async with bench(stores, recipients=30) as at:
        port = at.server.port
        await at.execute("UPDATE sender SET smtp = :smtp", smtp='{"host":"127.0.0.1","port":1,"security":"none"}')
        for n in range(MOST_FAILURES):
            await at.do(NOW + n * 1_000)
        assert await at.all("SELECT state, failures FROM sender") == [("error", MOST_FAILURES)]
        await at.execute(
            "UPDATE sender SET smtp = :smtp", smtp=f'{{"host":"127.0.0.1","port":{port},"security":"none"}}'
        )
        await at.do(NOW + 5_000)
        assert await at.all("SELECT state, failures, trouble FROM sender") == [("ok", 0, None)]
        assert len(at.sent) == 30


class Does(Takes):
    """Does something when the body has come, before it answers."""

    def __init__(self, act: Callable[[int], Any]) -> None:
        self.act, self.count = act, 0

    async def message(self, session: Session, message: bytes) -> None:
        self.count += 1
        await self.act(self.count)
        await super().message(session, message)


@pytest.mark.parametrize("what", ["campaign", "sender"])
async def test_a_pause_is_felt_by_the_next_message(stores: Stores, what: str) -> None:
    async def act(count: int) -> None:
        if count == 5:
            async with stores.app.write() as conn:
                if what == "campaign":
                    await put_time(conn, at.made.account_id, at.made.campaigns[0], "paused_at", NOW)
                else:
                    await pause_sender(conn, at.made.account_id, at.made.senders[0], NOW)

    async with bench(stores, Does(act), recipients=40) as at:
        await at.do()
        assert len(at.sent) == 5
        assert await at.all("SELECT count(*) FROM recipient WHERE due IS NOT NULL") == [(35,)]
        assert await at.all("SELECT sum(sent) FROM sender_day") == [(5,)]
        assert await at.all("SELECT due FROM sender") == [(None if what == "campaign" else NOW + MOST_SLEEP,)]


class Watched(PlainSenders):
    """Writes down when each dot was let go: it is on the wire in the same breath."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.dots: dict[str, float] = {}

    async def open(self, account_id: int, sender_id: int) -> Any:
        session = await super().open(account_id, sender_id)
        deliver = session.submission.deliver

        async def watched(mail_from: str, recipients: Sequence[str], message: bytes, *, before_dot: Any) -> Reply:
            async def asked() -> bool:
                may_go: bool = await before_dot()
                if may_go:
                    self.dots[recipients[0]] = time.monotonic()
                return may_go

            return await deliver(mail_from, recipients, message, before_dot=asked)

        session.submission.deliver = watched
        return session


async def test_who_has_unsubscribed_gets_nothing_that_leaves_later(stores: Stores) -> None:
    """Twenty people leave while a hundred are written to: no dot comes after the moment in which one was told that it is done."""
    left: dict[str, float] = {}
    async with bench(stores, senders=4, recipients=100) as at:
        senders = Watched(stores.app)
        at.sending._senders = senders
        claims = LiveClaims(stores.app, SECRET)
        ground = Ground(stores.index, claims)
        people = await at.all("SELECT id, email FROM recipient ORDER BY id DESC")

        async def leave() -> None:
            for id_, address in people[::5]:
                await asyncio.sleep(0.002)
                async with stores.app.write() as conn:
                    await note_unsubscribe(conn, ground, at.made.account_id, id_, claims.hash(address), at=NOW)
                left[address] = time.monotonic()

        await asyncio.gather(at.do(), leave())
        await at.do()
        late = {
            address: senders.dots[address] - when
            for address, when in left.items()
            if senders.dots.get(address, 0.0) > when
        }
        assert late == {}
        spared = [address for address in left if address not in senders.dots]
        assert spared, "nobody was quick enough"
        assert len(senders.dots) + len(spared) == 100 == len(at.sent) + len(spared)


async def _dies_at_the_dot(at: Bench) -> None:
    """A worker that is gone, of whose message nobody knows whether it left."""
    await at.execute("UPDATE sender SET due = :at", at=NOW)
    (held,) = await _claim(at)
    async with at.stores.app.write() as conn:
        turn = await claiming.claim_messages(conn, held, LiveClaims(at.stores.app, SECRET), Tokens(SECRET), NOW)
    assert len(turn.claimed) == 1
    await at.execute("UPDATE message SET phase = 'dot', subject = 'A question'")


async def _claim(at: Bench) -> list[claiming.Held]:
    async with at.stores.app.write() as conn:
        return await claiming.claim_senders(conn, NOW, "dead", 1)


@pytest.mark.parametrize(
    ("policy", "has_copy", "sends", "state", "recipient"),
    [
        ("hold", None, 0, "held", "held"),
        ("resend", None, 1, "sent", "done"),
        ("hold", True, 0, "sent", "done"),
        ("hold", False, 1, "sent", "done"),
    ],
)
async def test_what_may_have_left(
    stores: Stores, policy: str, has_copy: bool | None, sends: int, state: str, recipient: str
) -> None:
    copies = Copies(is_away=True)
    async with bench(stores, copies=copies, uncertain=policy) as at:
        await _dies_at_the_dot(at)
        ((name,),) = await at.all("SELECT message_id FROM message")
        await at.do(NOW + LASTS - 1)
        assert await at.all("SELECT state, phase FROM message") == [("sending", "dot")]
        await at.do(NOW + LASTS)
        assert await at.all("SELECT state, due FROM message") == [("uncertain", NOW + LASTS + SETTLES)]
        await at.do(NOW + LASTS + SETTLES)  # the mailbox is away
        assert await at.all("SELECT state FROM message") == [("uncertain",)]
        copies.is_away = False
        copies.found = None if has_copy is None else {name} if has_copy else set()
        await at.do(NOW + 3_000)
        assert [read(message)["Message-ID"] for message in at.sent] == [f"<{name}>"] * sends
        assert await at.all("SELECT state FROM message") == [(state,)]
        ((found, trouble),) = await at.all("SELECT state, trouble FROM recipient")
        assert (found, trouble is None) == (recipient, recipient == "done")


class Vanishes(Takes):
    """Hangs up on the first message when all of it is there."""

    async def message(self, session: Session, message: bytes) -> None:
        if session.number == 1:
            session.hang_up()
        else:
            await super().message(session, message)


@pytest.mark.parametrize("has_copy", [True, False])
async def test_a_server_that_goes_away_after_the_dot(stores: Stores, has_copy: bool) -> None:
    copies = Copies(set())
    async with bench(stores, Vanishes(), copies=copies) as at:
        await at.do()
        ((name, state, due),) = await at.all("SELECT message_id, state, due FROM message")
        assert (state, due) == ("uncertain", NOW + SETTLES)
        assert await at.all("SELECT due, sending_status FROM recipient") == [(None, "pending")]
        copies.found = {name} if has_copy else set()
        await at.do(NOW + SETTLES)
        assert [read(message)["Message-ID"] for message in at.sent] == [f"<{name}>"] * (1 if has_copy else 2)
        assert await at.all("SELECT state, attempts FROM message") == [("sent", 0)]
        assert await at.all("SELECT sent FROM sender_day") == [(1,)]


async def test_who_is_away_before_it_is_known_that_their_message_left_is_left_alone_too(stores: Stores) -> None:
    copies = Copies(set())
    async with bench(stores, Vanishes(), copies=copies, steps=2) as at:
        await at.do()
        ((name, id_),) = await at.all("SELECT message_id, id FROM message")
        copies.found = {name}
        async with stores.app.write() as conn:
            sent = await find_sent(conn, at.made.account_id, id_)
            assert sent is not None
            await note_absence(conn, sent, at=NOW + 10, key="away")
        await at.do(NOW + SETTLES)
        assert await at.all("SELECT state, step, due FROM recipient") == [("scheduled", 1, NOW + 10 + 3 * DAY)]


async def test_who_is_tried_again_by_hand_has_all_tries(stores: Stores) -> None:
    async with bench(stores, Says("451 4.3.0 Try again")) as at:
        await at.do()
        await at.execute("UPDATE message SET state = 'error', attempts = 5")
        await at.execute("UPDATE sender SET due = :now", now=NOW + 9_000)
        await at.execute("UPDATE recipient SET due = :now", now=NOW + 9_000)
        await at.do(NOW + 9_000)
        assert await at.all("SELECT state, attempts FROM message") == [("retry", 1)]


@pytest.mark.parametrize("has_left", [True, False])
async def test_a_person_says_what_became_of_it(stores: Stores, has_left: bool) -> None:
    async with bench(stores, steps=2) as at:
        await _dies_at_the_dot(at)
        for seconds in (LASTS, LASTS + SETTLES):
            await at.do(NOW + seconds)
        ((id_, state),) = await at.all("SELECT id, state FROM message")
        assert state == "held"
        ground = Ground(stores.index, LiveClaims(stores.app, SECRET))
        async with stores.app.write() as conn:
            assert await decide(conn, ground, at.made.account_id, id_, has_left=has_left, now=NOW + 500)
            assert not await decide(conn, ground, at.made.account_id, id_, has_left=has_left, now=NOW + 500)
        await at.do(NOW + 600)
        assert len(at.sent) == (1 if has_left else 2)
        assert await at.all("SELECT step, state FROM message ORDER BY step") == [(0, "sent"), (1, "sent")]
        assert await at.all("SELECT state, trouble, sending_status FROM recipient") == [("done", None, "sent")]


async def test_a_frozen_worker_comes_too_late(stores: Stores) -> None:
    async def act(count: int) -> None:
        if count == 1:
            at.clock.at += LASTS + 1

    class Freezes(Does):
        """The clock runs on between 354 and the last line of the body."""

        async def data(self, session: Session, line: str) -> None:
            await act(1) if not at.server.verbs["QUIT"] and self.count == 0 else None
            self.count += 1
            await super().data(session, line)

    async with bench(stores, Freezes(act)) as at:
        await at.do()
        assert at.sent == [] or len(at.sent) == 1
        await at.do(at.clock.at + 5)
        assert len(at.sent) == 1
        assert await at.all("SELECT state, attempts FROM message") == [("sent", 0)]


async def test_a_process_that_is_told_to_end_sends_no_more_and_leaves_nothing_behind(stores: Stores) -> None:
    taken = asyncio.Event()

    async def act(count: int) -> None:
        taken.set()
        await asyncio.sleep(0.3)

    async with bench(stores, Does(act), recipients=15) as at:
        running = asyncio.create_task(at.work.run())
        await taken.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(at.sent) == 1
        assert await at.all("SELECT state, count(*) FROM message GROUP BY state ORDER BY state") == [
            ("retry", 14),
            ("sent", 1),
        ]
        assert await at.all("SELECT count(*) FROM recipient WHERE due IS NOT NULL") == [(14,)]
        assert await at.all("SELECT due, worker FROM sender") == [(NOW + 1, None)]
        assert await at.all("SELECT sum(sent) FROM sender_day") == [(1,)]
