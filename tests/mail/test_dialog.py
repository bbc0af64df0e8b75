"""One dialog: what is said, in which order, and how it ends with servers that are old, slow or hostile."""

import asyncio
import ssl
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.clients import LOOPBACK, QUICK, dialog
from vizsla.mail.smtp import AuthRefused, MessageRefused, UnsafeAddress, opportunistic_context, path, stuffed
from vizsla.mail.wire import DialogBroken, Limits, connect
from vizsla.net.guard import EgressGuard
from worlds.smtp import Authenticates, BareLineFeeds, Drips, Floods, Replies, Script, Tarpit, TlsOnly, smtp

HELO, SENDER = "probe.vizsla.test", "verify@vizsla.test"


async def test_a_server_that_offers_pipelining_gets_one_write_and_is_reset_first() -> None:
    async with smtp(Script()) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        first = await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=False)
        second = await smtp_dialog.mail_rcpt(SENDER, "bob@x.test", reset=True)

        assert (first[0], first[1].code) == ("rcpt", 250)
        assert (second[0], second[1].enhanced) == ("rcpt", "5.1.1")
        assert server.commands == [
            f"EHLO {HELO}",
            f"MAIL FROM:<{SENDER}>",
            "RCPT TO:<ada@x.test>",
            "RSET",
            f"MAIL FROM:<{SENDER}>",
            "RCPT TO:<bob@x.test>",
        ]
        log = smtp_dialog.take_log()
        assert [exchange.code for exchange in log] == [220, 250, 250, 250, 250, 250, 550]
        assert log[-1].command == "RCPT TO:<bob@x.test>"
        assert log[-1].reply.startswith("5.1.1 <bob@x.test>: Recipient address rejected")
        assert all(0 <= exchange.ms < 5_000 for exchange in log)


async def test_helo_is_for_who_does_not_know_ehlo_alone() -> None:
    async with smtp(Replies("ehlo", b"502 5.5.1 what?\r\n")) as old, dialog(old.port) as smtp_dialog:
        assert (await smtp_dialog.greet(HELO)).code == 250
        assert smtp_dialog.keywords == {}
        assert (await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=False))[1].code == 250
    async with smtp(Replies("ehlo", b"554 5.7.1 not you\r\n")) as strict, dialog(strict.port) as smtp_dialog:
        assert (await smtp_dialog.greet(HELO)).code == 554
        assert strict.verbs["HELO"] == 0


async def test_a_refused_sender_is_not_taken_for_a_refused_recipient() -> None:
    for hang_up in (False, True):
        script = Replies("mail", b"550 5.7.1 we do not like you\r\n", hang_up)
        async with smtp(script) as server, dialog(server.port) as smtp_dialog:
            await smtp_dialog.greet(HELO)
            phase, reply = await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=False)

            assert (phase, reply.text) == ("mail", "we do not like you")


COMMANDS = ["connected", "ehlo", "mail", "rcpt", "rset"]
PHASES = {"connected": "banner"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("reply", "hang_up", "cause"),
    [
        (b"", True, "closed"),
        (b"", False, "timeout"),
        (b"2x0 hello\r\n", False, "garbled"),
        (b"250-" + b"\xff\0" * 40_000, False, "garbled"),
        (b"250-half a reply", True, "closed"),
    ],
)
async def test_the_command_in_flight_is_known_when_the_connection_dies(
    command: str, reply: bytes, hang_up: bool, cause: str
) -> None:
    async with smtp(Replies(command, reply, hang_up)) as server, dialog(server.port) as smtp_dialog:
        with pytest.raises(DialogBroken) as broken:
            await smtp_dialog.greet(HELO)
            await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=False, pipelined=False)
            await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=True, pipelined=False)

        assert (broken.value.phase, broken.value.cause) == (PHASES.get(command, command), cause)
        assert smtp_dialog.phase == broken.value.phase
        assert cause in smtp_dialog.take_log()[-1].reply
        assert smtp_dialog.ended


async def test_dripping_is_no_faster_than_silence() -> None:
    async with smtp(Drips(0.01)) as server, dialog(server.port) as smtp_dialog:
        with pytest.raises(DialogBroken) as broken:
            await asyncio.wait_for(smtp_dialog.greet(HELO), 5)
        assert broken.value.cause in ("timeout", "garbled")


async def test_the_whole_dialog_has_an_end() -> None:
    class Slow(Script):
        async def rset(self, session: object, line: str) -> None:
            await asyncio.sleep(0.1)
            await super().rset(session, line)  # type: ignore[arg-type]

    limits = Limits(reply=0.3, dialog=0.5)
    async with smtp(Slow()) as server, dialog(server.port, limits) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(DialogBroken, match="deadline"):
            for _ in range(100):
                await smtp_dialog.mail_rcpt(SENDER, "ada@x.test", reset=True)


@pytest.mark.parametrize("line", [b"220-x\r\n", b"220-" + b"y" * 4_000 + b"\r\n", b"z" * 4_000, b"250 ok\r\n"])
async def test_an_endless_banner_costs_little_memory(line: bytes) -> None:
    script = Floods(line, 10_000_000 // len(line))
    async with smtp(script) as server:
        tracemalloc.start()
        try:
            async with dialog(server.port) as smtp_dialog:
                with pytest.raises(DialogBroken, match=r"garbled|unsolicited"):
                    await smtp_dialog.greet(HELO)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
        assert script.sent < 10_000_000


async def test_bare_line_feeds_end_lines() -> None:
    async with smtp(BareLineFeeds()) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        assert smtp_dialog.keywords["SIZE"] == "10240000"
        assert (await smtp_dialog.mail_rcpt(SENDER, "bob@x.test", reset=False))[1].enhanced == "5.1.1"


async def test_a_server_that_speaks_out_of_turn_is_not_listened_to() -> None:
    script = Replies("connected", b"220 hi\r\n250 ok\r\n250 ok\r\n250 ok\r\n")
    async with smtp(script) as server, dialog(server.port) as smtp_dialog:
        with pytest.raises(DialogBroken, match="unsolicited"):
            await smtp_dialog.greet(HELO)


async def test_what_is_injected_before_tls_is_dropped(certificate: ssl.SSLContext) -> None:
    injected = b"250-mx.test\r\n250 AUTH PLAIN\r\n250 2.1.0 injected\r\n250 2.1.5 injected\r\n"
    async with smtp(TlsOnly(certificate, injected)) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        reply = await smtp_dialog.start_tls(opportunistic_context())

        assert reply.positive
        assert smtp_dialog.secure
        assert not smtp_dialog.offers("AUTH")
        phase, reply = await smtp_dialog.mail_rcpt(SENDER, "bob@x.test", reset=False)
        assert (phase, reply.code) == ("rcpt", 550)
    assert server.verbs["EHLO"] == 2


async def test_a_handshake_that_fails_is_told_from_a_refusal(certificate: ssl.SSLContext) -> None:
    for reply, cause in ((b"220 go\r\nno TLS at all\r\n", "tls"), (b"454 4.7.0 not now\r\n", None)):
        async with smtp(Replies("starttls", reply)) as server, dialog(server.port) as smtp_dialog:
            await smtp_dialog.greet(HELO)
            if cause is None:
                assert (await smtp_dialog.start_tls(opportunistic_context())).code == 454
                continue
            with pytest.raises(DialogBroken) as broken:
                await smtp_dialog.start_tls(opportunistic_context())
            assert broken.value.phase == "tls"
            assert broken.value.cause in ("garbled", "tls", "closed", "timeout")


async def test_only_what_the_guard_lets_through_is_dialled() -> None:
    async with smtp(Script()) as server:
        for ip in ("127.0.0.1", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "mx.test"):
            with pytest.raises(DialogBroken) as broken:
                await connect(ip, server.port, guard=EgressGuard())
            assert (broken.value.phase, broken.value.cause) == ("connect", "egress")
        assert not server.sessions


async def test_connections_come_from_the_address_that_was_asked_for() -> None:
    async with smtp(Script()) as server:
        wire = await connect("127.0.0.1", server.port, guard=LOOPBACK, bind="127.0.0.2")
        await wire.read("banner", 1)
        assert server.sessions[0].writer.get_extra_info("peername")[0] == "127.0.0.2"
        wire.abort()
        for bind in ("::1", "192.0.2.1"):
            with pytest.raises(DialogBroken, match="egress at connect"):
                await connect("127.0.0.1", server.port, guard=LOOPBACK, bind=bind)


async def test_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    async with smtp(Script()) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        await smtp_dialog.mail_rcpt(SENDER, "jörg@x.test", reset=False)
        assert f"MAIL FROM:<{SENDER}> SMTPUTF8" in server.commands
    old = Script()
    old.keywords = ("PIPELINING",)
    async with smtp(old) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(DialogBroken, match="unsupported"):
            await smtp_dialog.mail_rcpt(SENDER, "jörg@x.test", reset=False)
        assert server.verbs["MAIL"] == 0


@given(st.text(max_size=80))
def test_no_address_breaks_out_of_its_command(address: str) -> None:
    try:
        written = path(address)
    except UnsafeAddress:
        return
    octets = written.encode()
    assert octets.startswith(b"<")
    assert octets.endswith(b">")
    assert not {b"\r", b"\n", b"\0", b"<", b">"} & {octets[i : i + 1] for i in range(1, len(octets) - 1)}


async def test_a_wrong_greeting_name_is_said_before_anything_is_sent() -> None:
    async with smtp(Script()) as server, dialog(server.port) as smtp_dialog:
        with pytest.raises(UnsafeAddress, match="VIZSLA_HELO_NAME"):
            await smtp_dialog.greet("a b\r\nMAIL")
        assert not server.commands


# Sending


MESSAGE = b"From: a@vizsla.test\r\n\r\n.leading dot\nbare\rcr\r\n.\r\nMAIL FROM:<x@evil.test>\r\n"


async def test_a_message_arrives_as_one_message() -> None:
    async with smtp(Script()) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        reply = await smtp_dialog.deliver(SENDER, ["ada@x.test", "postmaster@x.test"], MESSAGE)

        assert reply.code == 250
        assert f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}" in server.commands
        assert server.sessions[0].data == [
            b"From: a@vizsla.test\r\n\r\n..leading dot\r\nbare\r\ncr\r\n..\r\nMAIL FROM:<x@evil.test>\r\n.\r\n"
        ]


@given(st.binary(max_size=200))
def test_nothing_in_a_message_ends_it(message: bytes) -> None:
    sent = stuffed(message) + b".\r\n"

    assert sent.find(b"\r\n.\r\n") in (len(sent) - 5, -1)
    assert not sent.startswith(b".\r\n")
    assert sent.replace(b"\r\n", b"").count(b"\r") == sent.replace(b"\r\n", b"").count(b"\n") == 0


@pytest.mark.parametrize(
    ("at", "reply", "hang_up", "phase"),
    [
        ("mail", b"", True, "mail"),
        ("rcpt", b"", True, "rcpt"),
        ("data", b"", True, "data"),
        ("data", b"354 go on\r\n", True, "dot"),
        ("message", b"", True, "dot"),
        ("message", b"", False, "dot"),
    ],
)
async def test_a_broken_delivery_says_whether_the_message_may_have_been_taken(
    at: str, reply: bytes, hang_up: bool, phase: str
) -> None:
    script = Replies(at, reply, hang_up)
    script.keywords = ("SIZE",)
    async with smtp(script) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(DialogBroken) as broken:
            await smtp_dialog.deliver(SENDER, ["ada@x.test"], MESSAGE)
        # A server that hangs up in the middle is seen before the dot or after it: never as "not sent" once the dot is out.
        assert broken.value.phase == phase or (at == "data" and broken.value.phase == "body")


async def test_a_server_that_stops_reading_has_not_got_the_dot() -> None:
    class Deaf(Script):
        async def data(self, session: object, line: str) -> None:
            await session.say("354 go on")  # type: ignore[attr-defined]
            session.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(3600)

    async with smtp(Deaf()) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(DialogBroken, match="timeout at body"):
            await smtp_dialog.deliver(SENDER, ["ada@x.test"], b"x" * 9_000_000)


@pytest.mark.parametrize(
    ("at", "reply"),
    [
        ("mail", b"550 5.1.8 no\r\n"),
        ("rcpt", b"550 5.1.1 no\r\n"),
        ("data", b"554 no\r\n"),
        ("message", b"554 5.6.0 no\r\n"),
    ],
)
async def test_a_refusal_says_at_what(at: str, reply: bytes) -> None:
    async with smtp(Replies(at, reply)) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(MessageRefused) as refused:
            await smtp_dialog.deliver(SENDER, ["ada@x.test"], MESSAGE)
        assert refused.value.phase == {"message": "dot"}.get(at, at)


async def test_what_the_server_does_not_take_is_not_sent() -> None:
    small = Script()
    small.keywords = ("SIZE 10",)
    async with smtp(small) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(MessageRefused, match="takes 10"):
            await smtp_dialog.deliver(SENDER, ["ada@x.test"], MESSAGE)
        with pytest.raises(MessageRefused, match="8BITMIME"):
            await smtp_dialog.deliver(SENDER, ["ada@x.test"], "ö".encode())
        assert server.verbs["MAIL"] == 0


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
async def test_a_password_goes_out_under_tls_alone(certificate: ssl.SSLContext, mechanisms: str) -> None:
    script = Authenticates(certificate, mechanisms)
    async with smtp(script) as server, dialog(server.port) as smtp_dialog:
        await smtp_dialog.greet(HELO)
        with pytest.raises(AuthRefused, match="without TLS"):
            await smtp_dialog.authenticate("ada", "s3cret")
        await smtp_dialog.start_tls(opportunistic_context(), "mx.test")
        await smtp_dialog.authenticate("ada", "s3cret")
        with pytest.raises(AuthRefused, match=r"535 5\.7\.8"):
            await smtp_dialog.authenticate("ada", "wrong")

    assert script.credentials[0] in (b"\0ada\0s3cret", b"ada")
    assert not any("s3cret" in exchange.command or "c2VjcmV0" in str(exchange) for exchange in smtp_dialog.take_log())


async def test_silence_at_the_banner_is_a_timeout() -> None:
    async with smtp(Tarpit()) as server, dialog(server.port, QUICK) as smtp_dialog:
        with pytest.raises(DialogBroken, match="timeout at banner"):
            await smtp_dialog.greet(HELO)
