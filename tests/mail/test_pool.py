"""Many recipients, few sessions: no server is worn out, none holds up the others, and no slot is lost."""

import asyncio
import random
import ssl
import time

import pytest

from mail.clients import LOOPBACK, QUICK, pool
from vizsla.mail.pacing import Pace
from vizsla.mail.pool import PoolClosed, ProbePool, is_urgent
from vizsla.mail.probe import Identity, Probe
from vizsla.mail.smtp import SmtpDialog, UnsafeAddress
from vizsla.mail.wire import Limits
from vizsla.net.guard import EgressGuard
from worlds.smtp import (
    AcceptsAll,
    Crowded,
    Few,
    Greylists,
    Intolerant,
    Replies,
    Script,
    Session,
    Tarpit,
    TlsOnly,
    smtp,
)

FAST = Pace(start_rate=1_000.0, burst=1_000)
IP = "127.0.0.1"


async def ask(made: ProbePool, *locals_: str, pace: Pace = FAST, ip: str = IP) -> list[Probe]:
    asked = (made.probe(ip, f"{local}@x.test", pace=pace, limits=QUICK) for local in locals_)
    return await asyncio.wait_for(asyncio.gather(*asked), 20)


def codes(probes: list[Probe]) -> list[int]:
    return [probe.reply.code if probe.reply else 0 for probe in probes]


async def test_sessions_are_used_again_within_their_bounds() -> None:
    async with smtp(AcceptsAll()) as server, pool(server.port) as made:
        probes = await ask(made, *(f"u{i}" for i in range(80)))

        assert codes(probes) == [250] * 80
        assert max(session.recipients for session in server.sessions) == 8
        assert server.open_most <= 5
        assert len(server.sessions) <= 80 / 8 + 5
    assert not set(server.verbs) - {"EHLO", "MAIL", "RCPT", "RSET", "QUIT"}


async def test_who_is_waited_for_goes_before_the_rows_of_a_list() -> None:
    one_by_one = Pace(sessions=1, start_rate=1_000.0, burst=1_000)

    async def ask_urgently(made: ProbePool) -> None:
        is_urgent.set(lambda: True)
        await ask(made, "urgent", pace=one_by_one)

    async with smtp(AcceptsAll()) as server, pool(server.port) as made:
        rows = asyncio.create_task(ask(made, *(f"u{i}" for i in range(60)), pace=one_by_one))
        while "RCPT TO:<u3@x.test>" not in server.commands:
            await asyncio.sleep(0)
        await asyncio.create_task(ask_urgently(made))
        behind = sum(f"RCPT TO:<u{i}@x.test>" not in server.commands for i in range(60))
        await rows

    assert behind > 40


async def test_five_refusals_end_a_session() -> None:
    async with smtp(Script()) as server, pool(server.port) as made:
        probes = await ask(made, *(f"u{i}" for i in range(30)))

        assert codes(probes) == [550] * 30
        assert max(session.rejects for session in server.sessions) == 5


async def test_evidence_is_what_was_said_about_this_recipient() -> None:
    async with smtp(Script()) as server, pool(server.port) as made:
        ada, bob = await ask(made, "ada", "bob")

        assert (ada.phase, bob.phase) == ("rcpt", "rcpt")
        assert [exchange.command for exchange in bob.opening] == ["", "EHLO probe.vizsla.test"]
        assert [exchange.command for exchange in bob.exchanges] == [
            "RSET",
            "MAIL FROM:<verify@vizsla.test>",
            "RCPT TO:<bob@x.test>",
        ]
        assert bob.banner == "mx.test ESMTP"
        assert (ada.fresh, bob.fresh) == (True, False)


@pytest.mark.parametrize("goodbye", ["421 4.7.0 Try again later", "452 4.5.3 Too many recipients", "503 5.5.1 no", ""])
async def test_what_a_used_session_refuses_is_asked_again_on_a_fresh_one(goodbye: str) -> None:
    async with smtp(Few(1, goodbye)) as server, pool(server.port) as made:
        probes = await ask(made, "ada", "bob", "ada", "bob", "ada", "bob", "ada", "bob", "ada", "bob")

        assert codes(probes) == [250, 550] * 5
        # It has been learned by then: one connection for each, and not two.
        before = len(server.sessions)
        assert codes(await ask(made, "ada", "bob", "ada")) == [250, 550, 250]
        assert len(server.sessions) - before <= 4


async def test_what_a_fresh_session_says_counts() -> None:
    async with smtp(Replies("rcpt", b"421 4.7.0 busy\r\n", True)) as server, pool(server.port) as made:
        (probe,) = await ask(made, "ada")

        assert probe.reply
        assert (probe.phase, probe.reply.code) == ("rcpt", 421)
        assert len(server.sessions) == 1


async def test_a_full_mailbox_is_no_reason_for_another_session() -> None:
    async with smtp(Replies("rcpt", b"452 4.2.2 Mailbox full\r\n")) as server, pool(server.port) as made:
        assert codes(await ask(made, "ada", "bob", "eve")) == [452] * 3
        assert len(server.sessions) <= 3


async def test_who_cannot_pipeline_though_he_says_so_is_asked_step_by_step() -> None:
    async with smtp(Intolerant()) as server, pool(server.port) as made:
        assert codes(await ask(made, "ada")) == [250]
        assert codes(await ask(made, "bob", "ada")) == [550, 250]
        assert len(server.sessions) <= 4


async def test_tls_is_used_where_it_is_asked_for_and_remembered(certificate: ssl.SSLContext) -> None:
    async with smtp(TlsOnly(certificate)) as server, pool(server.port) as made:
        for _ in range(2):
            probes = await ask(made, "ada", "bob")
            assert codes(probes) == [250, 550]
            assert all(probe.secure for probe in probes)
            await asyncio.sleep(0.4)
        refused = [command for command in server.commands if command.startswith("MAIL")]
        # One in clear text, then all four under TLS.
        assert len(refused) == 5


async def test_greylisting_is_an_answer() -> None:
    async with smtp(Greylists()) as server, pool(server.port) as made:
        assert codes(await ask(made, "ada", "bob")) == [450, 450]
        assert codes(await ask(made, "ada", "bob")) == [250, 550]


@pytest.mark.parametrize(
    ("at", "reply", "phase", "code"),
    [
        ("connected", b"554 5.7.1 Go away\r\n", "banner", 554),
        ("connected", b"421 4.3.2 Too busy\r\n", "banner", 421),
        ("ehlo", b"550 5.7.1 Who are you?\r\n", "ehlo", 550),
        ("mail", b"553 5.1.8 No such sender\r\n", "mail", 553),
    ],
)
async def test_a_refusal_before_rcpt_says_where(at: str, reply: bytes, phase: str, code: int) -> None:
    async with smtp(Replies(at, reply)) as server, pool(server.port) as made:
        (probe,) = await ask(made, "ada")

        assert probe.reply
        assert (probe.phase, probe.reply.code) == (phase, code)


async def test_a_host_that_refuses_us_is_left_alone() -> None:
    async with smtp(Replies("connected", b"554 5.7.1 You are listed\r\n")) as server, pool(server.port) as made:
        probes = await ask(made, *(f"u{i}" for i in range(200)))

        assert len(server.sessions) <= 3
        assert {probe.skipped for probe in probes[10:]} == {"blocked"}
        assert "You are listed" in probes[-1].details
        assert (await ask(made, "later"))[0].skipped == "blocked"


async def test_blocks_at_rcpt_close_a_host_after_three_in_a_row() -> None:
    script = Replies("rcpt", b"550 5.7.1 Service unavailable; client blocked\r\n")
    async with smtp(script) as server, pool(server.port, judge=lambda probe: "block") as made:
        probes = [(await ask(made, f"u{i}"))[0] for i in range(5)]

        assert codes(probes) == [550, 550, 550, 0, 0]
        assert [probe.skipped for probe in probes[3:]] == ["blocked"] * 2


async def test_a_dead_host_costs_two_tries() -> None:
    async with smtp(Tarpit()) as server, pool(server.port) as made:
        started = time.monotonic()
        probes = await ask(made, *(f"u{i}" for i in range(100)))

        assert [probe.broken for probe in probes[:2]] == ["timeout", "timeout"]
        assert {probe.skipped for probe in probes[2:]} == {"down"}
        assert len(server.sessions) == 2
        assert time.monotonic() - started < 5


async def test_one_connection_too_many_is_not_the_recipients_fault() -> None:
    async with smtp(Crowded(2)) as server, pool(server.port) as made:
        probes = await ask(made, *(["ada", "bob"] * 20))

        assert codes(probes) == [250, 550] * 20


async def test_the_rate_of_new_sessions_is_kept() -> None:
    pace = Pace(sessions=5, start_rate=10.0, burst=2, recipients=1)
    async with smtp(AcceptsAll()) as server, pool(server.port) as made:
        started = time.monotonic()
        await ask(made, *(f"u{i}" for i in range(8)), pace=pace)

        assert time.monotonic() - started >= 0.55
        assert len(server.sessions) == 8


async def test_tarpits_do_not_starve_the_others() -> None:
    class Slow(Script):
        async def connected(self, session: Session) -> None:
            await asyncio.sleep(0.02)
            await super().connected(session)

    async with (
        smtp(Slow()) as good,
        smtp(Tarpit("banner"), "127.0.0.2", good.port) as bad,
        pool(good.port, sessions=4) as made,
    ):
        stuck = [asyncio.create_task(made.probe("127.0.0.2", f"u{i}@y.test", pace=FAST)) for i in range(50)]
        await asyncio.sleep(0.1)
        assert codes(await ask(made, *(["ada", "bob"] * 30))) == [250, 550] * 30
        # It has not spoken: one session is all it gets.
        assert len(bad.sessions) == 1
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_no_slot_is_lost_to_cancelling_and_breaking() -> None:
    """Whatever befalls callers and connections, everybody who still waits is answered and all slots come back."""
    rng = random.Random(7)

    class Moody(Script):
        async def recipient(self, session: Session, address: str) -> None:
            await asyncio.sleep(rng.random() * 0.01)
            mood = rng.random() if address.startswith("u") else 1.0
            if mood < 0.05:
                session.hang_up()
            elif mood < 0.1:
                session.writer.transport.abort()
            elif mood < 0.15:
                await session.say(b"\0\0garbage\r\n")
            else:
                await super().recipient(session, address)

    async with smtp(Moody()) as server, pool(server.port) as made:
        tasks = [asyncio.create_task(made.probe(IP, f"u{i}@x.test", pace=FAST, limits=QUICK)) for i in range(300)]
        for task in rng.sample(tasks, 150):
            await asyncio.sleep(0.002)
            task.cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)

        assert sum(isinstance(result, Probe) for result in done) >= 150
        assert all(isinstance(result, Probe | asyncio.CancelledError) for result in done)
        assert codes(await ask(made, "ada")) == [250]
        await asyncio.sleep(0.5)
        assert made.sessions == 0


async def test_closing_answers_who_waits() -> None:
    async with smtp(Tarpit()) as server:
        made = ProbePool(Identity("h.test", "a@h.test", server.port), LOOPBACK)
        tasks = [asyncio.create_task(made.probe(IP, f"u{i}@x.test")) for i in range(5)]
        await asyncio.sleep(0.05)
        await made.close()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

        assert [type(result) for result in results] == [PoolClosed] * 5
        with pytest.raises(PoolClosed):
            await made.probe(IP, "late@x.test")


async def test_private_addresses_are_not_dialled() -> None:
    async with smtp(Script()) as server:
        made = ProbePool(Identity("h.test", "a@h.test", server.port), EgressGuard())
        probes = await ask(made, *(f"u{i}" for i in range(20)))
        await made.close()

        assert {(probe.phase, probe.broken) for probe in probes} == {("connect", "egress")}
        assert not server.sessions


async def test_a_recipient_that_is_a_command_is_refused() -> None:
    async with smtp(Script()) as server, pool(server.port) as made:
        for recipient in ("a\r\nRCPT TO:<x@y.test>@b.test", "a>@b.test", "a b@x.test", "\ud800@x.test"):
            with pytest.raises(UnsafeAddress):
                await made.probe(IP, recipient)
        assert not server.sessions


async def test_a_fault_of_our_own_is_told_to_who_waits_and_costs_no_slot() -> None:
    async def broken(ip: str, limits: Limits) -> SmtpDialog:
        raise ZeroDivisionError

    async with asyncio.timeout(5):
        made = ProbePool(Identity("probe.test", "verify@vizsla.test"), LOOPBACK, opener=broken)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        answers = await asyncio.gather(
            *(made.probe(IP, f"u{number}@x.test", pace=FAST) for number in range(5)), return_exceptions=True
        )
        await asyncio.sleep(0)
        assert made.sessions == 0
        await made.close()
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 5


async def test_a_server_that_answers_what_it_cannot_is_not_asked_on_that_connection_again() -> None:
    async with smtp(Replies("rcpt", b"354 go ahead\r\n")) as server, pool(server.port) as made:
        probes = await ask(made, "a", "b")

        assert codes(probes) == [354, 354]
        assert [session.recipients for session in server.sessions] == [0, 0]
    assert not {"DATA", "BDAT"} & set(server.verbs)


async def test_a_restart_in_the_middle_of_a_group_says_nothing_against_pipelining() -> None:
    class Restarts(Script):
        async def connected(self, session: Session) -> None:
            if session.number == 2:
                session.hang_up()
            else:
                await super().connected(session)

        async def mail(self, session: Session, line: str) -> None:
            if session.number == 1:
                session.hang_up()
            else:
                await super().mail(session, line)

    async with smtp(Restarts()) as server, pool(server.port) as made:
        (first,) = await ask(made, "ada")
        (second,) = await ask(made, "ada")

        assert (first.broken, first.away) == ("closed", True)
        assert codes([second]) == [250]
        assert not made._lanes.lane(IP, FAST, 0.0).lockstep
