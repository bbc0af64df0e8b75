"""A session hands over messages one after the other, and knows of each whether it may have left."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from clients import LOOPBACK, QUICK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vizsla.mail.mime import Outgoing, build
from vizsla.mail.server import Credentials, Server, WrongServer, clean_host
from vizsla.mail.submission import AuthRefused, Broken, Refused, Submission, Withheld
from vizsla.mail.wire import Limits
from vizsla.net.guard import EgressGuard
from worlds.smtp import AcceptsAll, Authenticates, DripsAt, Floods, Replies, Script, Session, smtp

HELO = "client.vizsla.test"
ADA = "ada@acme.test"
MESSAGE = b"From: ada@acme.test\r\n\r\nhello\r\n"
BODIES = [
    "a\n.\nMAIL FROM:<x@evil.test>\nRCPT TO:<v@evil.test>\nDATA\nspoof\n.\n".replace("\n.\n", end)
    for end in ("\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r.\n", "\n\n.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n")
]


@asynccontextmanager
async def session(
    port: int,
    security: str = "none",
    credentials: Credentials | None = None,
    limits: Limits = QUICK,
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Submission]:
    server = Server(host, port, security)  # type: ignore[arg-type]
    opened = await Submission.open(server, credentials, LOOPBACK, HELO, limits, context=context)
    try:
        yield opened
    finally:
        await opened.close()


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_many_messages_take_one_login_and_one_round_trip_each() -> None:
    async with smtp(AcceptsAll()) as server, session(server.port) as sending:
        for _ in range(3):
            assert (await sending.deliver(ADA, ["bob@x.test", "ada+sent@acme.test"], MESSAGE)).code == 250

    assert server.verbs == {"EHLO": 1, "MAIL": 3, "RCPT": 6, "DATA": 3, "QUIT": 1}
    assert sending.delivered == 3


@pytest.mark.parametrize("body", BODIES)
async def test_no_end_of_data_can_be_smuggled_in(body: str) -> None:
    raw = b"From: ada@acme.test\r\n\r\n" + body.encode()
    made = build(
        Outgoing(from_email=ADA, to="bob@x.test", subject=body, text=body, html=body, message_id="a@b.test", at=1)
    )
    async with smtp(AcceptsAll()) as server, session(server.port) as sending:
        for message in (raw, made):
            await sending.deliver(ADA, ["bob@x.test"], message)
        await asyncio.sleep(0)

    (connection,) = server.sessions
    assert len(connection.data) == 2
    assert server.verbs["MAIL"] == server.verbs["RCPT"] == 2
    assert all(b"spoof" in data and b"\r\n.\r\n" not in data[:-5] for data in connection.data)
    assert all(data.replace(b"\r\n", b"").count(b"\r") == 0 for data in connection.data)
    assert all(data.replace(b"\r\n", b"").count(b"\n") == 0 for data in connection.data)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["\r", "\n", ".", "a", "\0", "\u2028", "\ud800"]), max_size=20).map("".join))
async def test_any_text_is_one_message(text: str) -> None:
    message = build(Outgoing(from_email=ADA, to="bob@x.test", subject=text, text=text, message_id="a@b.test", at=1))
    async with smtp(AcceptsAll()) as server, session(server.port) as sending:
        await sending.deliver(ADA, ["bob@x.test"], message)
        await sending.deliver(ADA, ["bob@x.test"], MESSAGE)

    assert len(server.sessions[0].data) == 2


# Before the dot


async def test_before_the_dot_all_but_the_dot_has_left_and_a_no_takes_it_back() -> None:
    seen: list[str] = []

    class Watches(AcceptsAll):
        async def data(self, session: Session, line: str) -> None:
            await session.say("354 go on")
            rest = await session.reader.read(-1)
            seen.append(rest.decode())

    async def no() -> bool:
        return False

    async with smtp(Watches()) as server:
        async with session(server.port) as sending:
            with pytest.raises(Withheld):
                await sending.deliver(ADA, ["bob@x.test"], MESSAGE, before_dot=no)
            assert not sending.is_open
        while not seen:
            await asyncio.sleep(0.01)

    assert seen == [MESSAGE.decode()]


async def test_a_fault_before_the_dot_takes_it_back_too() -> None:
    async def fails() -> bool:
        raise LookupError("the database is gone")

    async with smtp(AcceptsAll()) as server, session(server.port) as sending:
        with pytest.raises(LookupError):
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE, before_dot=fails)
        assert not sending.is_open
    assert not server.sessions[0].data


async def test_a_server_that_goes_while_we_ask_has_not_got_the_dot() -> None:
    script = AcceptsAll()
    asked: list[int] = []

    async with smtp(script) as server, session(server.port) as sending:

        async def slowly() -> bool:
            asked.append(1)
            server.sessions[0].writer.write(b"421 4.4.2 too slow\r\n")
            await asyncio.sleep(0.1)
            return True

        with pytest.raises(Broken) as broken:
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE, before_dot=slowly)
    assert (asked, broken.value.phase) == ([1], "body")
    assert not server.sessions[0].data


# Refusals


@pytest.mark.parametrize("code", ["421", "450", "550", "554"])
@pytest.mark.parametrize(("at", "phase"), [("mail", "mail"), ("rcpt", "rcpt"), ("data", "data"), ("message", "dot")])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refusal_says_where_and_the_session_goes_on_unless_it_was_421(
    at: str, phase: str, code: str, pipelining: bool
) -> None:
    class Once(AcceptsAll):
        keywords = ("PIPELINING", "SIZE") if pipelining else ("SIZE",)
        refused = False

    script = Once()
    usual = getattr(script, at)

    async def refuse(session: Session, line: str) -> None:
        if script.refused:
            await usual(session, line)
            return
        script.refused = True
        await session.say(f"{code} 4.3.0 no")

    setattr(script, at, refuse)
    async with smtp(script) as server, session(server.port) as sending:
        with pytest.raises(Refused) as refused:
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
        assert (refused.value.phase, refused.value.reply.code) == (phase, int(code))
        # Sloppy servers say 354 for nobody: then the connection is dropped, and nothing was sent.
        if sending.is_open:
            assert (await sending.deliver(ADA, ["bob@x.test"], MESSAGE)).code == 250
            assert server.verbs["RSET"] == 1
        else:
            assert code == "421" or at in ("mail", "rcpt")
    assert sum(len(one.data) for one in server.sessions) == (1 if sending.delivered else 0) + (at == "message")


@pytest.mark.parametrize("goodbye", [b"421 4.4.2 idle for too long\r\n", b"250 what?\r\n", b""])
async def test_a_session_that_was_ended_between_two_messages_is_known_to_be(goodbye: bytes) -> None:
    async with smtp(AcceptsAll()) as server, session(server.port) as sending:
        await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
        assert sending.is_open
        (connection,) = server.sessions
        if goodbye:
            await connection.say(goodbye)
        else:
            connection.hang_up()
        await asyncio.sleep(0.05)
        assert not sending.is_open
        with pytest.raises(Broken):
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
    assert len(connection.data) == 1


async def test_all_get_it_or_nobody() -> None:
    async with smtp(Script()) as server, session(server.port) as sending:
        with pytest.raises(Refused) as refused:
            await sending.deliver(ADA, ["ada@x.test", "nobody@x.test"], MESSAGE)
        assert (refused.value.phase, refused.value.recipient) == ("rcpt", "nobody@x.test")
        assert not sending.is_open
    await asyncio.sleep(0.05)
    assert not server.sessions[0].data


async def test_an_answer_to_something_else_ends_it() -> None:
    for at, reply in (("rcpt", b"354 go on\r\n"), ("data", b"250 ok\r\n"), ("rcpt", b"250 a\r\n250 b\r\n")):
        async with smtp(Replies(at, reply)) as server, session(server.port) as sending:
            with pytest.raises(Broken, match="unsolicited") as broken:
                await sending.deliver(ADA, ["ada@x.test"], MESSAGE)
            assert broken.value.phase != "dot"
            assert not sending.is_open
        assert not server.sessions[0].data


# Servers that die, drip and flood


@pytest.mark.parametrize("hang_up", [True, False])
@pytest.mark.parametrize(
    ("at", "phase"), [("mail", "mail"), ("rcpt", "rcpt"), ("data", "data"), ("message", "dot"), ("rset", "rset")]
)
async def test_a_death_says_at_which_command(at: str, phase: str, hang_up: bool) -> None:
    script = AcceptsAll()
    usual = getattr(script, at)
    count = 0

    async def die(session: Session, line: str) -> None:
        nonlocal count
        count += 1
        if count == 1 and at != "rset":
            await usual(session, line)
        elif hang_up:
            session.hang_up()
        else:
            await asyncio.sleep(3600)

    setattr(script, at, die)
    async with smtp(script) as server, session(server.port) as sending:
        if at == "rset":
            sending._dialog._needs_reset = True
        else:
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
        with pytest.raises(Broken) as broken:
            await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
        assert broken.value.phase == phase
        assert broken.value.cause == ("closed" if hang_up else "timeout")
        assert not sending.is_open


@pytest.mark.parametrize("at", ["ehlo", "mail", "rcpt", "data", "message"])
async def test_a_drip_or_a_flood_ends(at: str) -> None:
    for script, cause in ((DripsAt(at), "timeout"), (Replies(at, b"250-x\r\n" * 20_000), "garbled")):
        script.keywords = ("PIPELINING",)
        if at != "rcpt":
            script.people = frozenset({"bob"})
        async with smtp(script) as server:
            with pytest.raises(Broken) as broken:
                async with session(server.port, limits=Limits(banner=0.3, reply=0.2, dot=0.2)) as sending:
                    await sending.deliver(ADA, ["bob@x.test"], MESSAGE)
            assert broken.value.cause == cause
            assert broken.value.phase == {"message": "dot"}.get(at, at)


async def test_the_first_word_is_bounded_too() -> None:
    async with smtp(Floods()) as server:
        with pytest.raises(Broken, match="garbled at banner"):
            async with session(server.port):
                pass


# Logging in


async def test_nothing_is_said_to_a_server_whose_certificate_nobody_signed(certificate: ssl.SSLContext) -> None:
    script = Authenticates(certificate)
    async with smtp(script) as server:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(Broken) as broken:
                async with session(server.port, "starttls", Credentials("ada", "s3cret"), host=host):
                    pass
            assert (broken.value.phase, broken.value.cause) == ("tls", "tls")
    assert not script.credentials
    async with smtp(script, tls=certificate) as server:
        with pytest.raises(Broken, match="tls at tls"):
            async with session(server.port, "tls", Credentials("ada", "s3cret")):
                pass
    assert not script.credentials


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Both sides of TLS with a server that is `localhost`, by an authority that the client knows."""
    home = tmp_path_factory.mktemp("named")
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = [
        "-keyout",
        str(home / "key.pem"),
        "-out",
        str(home / "cert.pem"),
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    subprocess.run([*request.split(), *files], check=True, capture_output=True)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(home / "cert.pem", home / "key.pem")
    return theirs, ssl.create_default_context(cafile=str(home / "cert.pem"))


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_server_is_who_its_certificate_says(
    named: tuple[ssl.SSLContext, ssl.SSLContext], security: str
) -> None:
    theirs, ours = named
    ada = Credentials("ada", password="s3cret")
    async with smtp(Authenticates(theirs), tls=theirs if security == "tls" else None) as server:
        async with session(server.port, security, ada, context=ours, host="localhost") as sending:
            server.sessions[0].secure = True
            for _ in range(3):
                await sending.deliver(ADA, ["ada@x.test"], MESSAGE + b"x" * 50_000)
            assert sending.is_secure
        with pytest.raises(Broken, match="tls at tls"):
            async with session(server.port, security, ada, context=ours, host="127.0.0.1"):
                pass
    assert sum(len(one.data) for one in server.sessions) == 3


async def test_starttls_that_is_taken_out_on_the_way_is_missed() -> None:
    async with smtp(AcceptsAll()) as server:
        with pytest.raises(Broken, match="does not offer STARTTLS"):
            async with session(server.port, "starttls", Credentials("ada", "s3cret")):
                pass
    assert server.verbs["AUTH"] == 0


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "XOAUTH2 PLAIN"])
@pytest.mark.parametrize("secret", [Credentials("ada", password="s3cret"), Credentials("ada", access_token="t0ken")])
async def test_what_both_know_is_used(certificate: ssl.SSLContext, mechanisms: str, secret: Credentials) -> None:
    script = Authenticates(certificate, mechanisms)
    wanted = "XOAUTH2" if secret.access_token else "PLAIN" if "PLAIN" in mechanisms else "LOGIN"
    async with smtp(script) as server:
        if wanted not in mechanisms:
            with pytest.raises(AuthRefused, match="offer"):
                async with session(server.port, "starttls", secret, context=trusting()):
                    pass
            return
        async with session(server.port, "starttls", secret, context=trusting()) as sending:
            assert sending.is_secure
            assert not any("s3cret" in str(line) or "t0ken" in str(line) for line in sending.take_log())
    assert script.credentials[-1] in (b"\0ada\0s3cret", b"s3cret", b"user=ada\1auth=Bearer t0ken\1\1")
    assert repr(secret) == "Credentials('ada')"


@pytest.mark.parametrize("secret", [Credentials("ada", password="wrong"), Credentials("ada", access_token="old")])
async def test_a_wrong_secret_is_refused_with_the_words_of_the_server(
    certificate: ssl.SSLContext, secret: Credentials
) -> None:
    async with smtp(Authenticates(certificate, "PLAIN XOAUTH2")) as server:
        with pytest.raises(AuthRefused, match=r"535 5\.7\.8") as refused:
            async with session(server.port, "starttls", secret, context=trusting()):
                pass
    assert not refused.value.is_temporary
    assert "wrong" not in str(refused.value)


# Where it may lead


@pytest.mark.parametrize(
    ("host", "guard", "says"),
    [
        ("127.0.0.1", EgressGuard(), "private"),
        ("localhost", EgressGuard(), "private"),
        ("::ffff:127.0.0.1", EgressGuard(), "private"),
        ("169.254.169.254", EgressGuard(), "private"),
        ("93.184.216.34", EgressGuard(), "Port"),
        ("nobody.invalid", EgressGuard(), "spelled"),
    ],
)
async def test_a_name_leads_into_no_private_network_and_to_no_port_but_mails(
    host: str, guard: EgressGuard, says: str
) -> None:
    async with smtp(Script()) as server:
        with pytest.raises(WrongServer, match=says) as wrong:
            await Submission.open(Server(host, server.port), None, guard, HELO, QUICK)
        assert "127.0.0.1" not in wrong.value.details.replace(host, "")
        assert not server.sessions


async def test_outside_of_the_house_nothing_goes_in_clear_text() -> None:
    with pytest.raises(WrongServer, match="TLS"):
        await Submission.open(Server("93.184.216.34", 587, "none"), None, EgressGuard(), HELO, QUICK)


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        (" SMTP.Example.com. ", "smtp.example.com"),
        ("[::1]", "::1"),
        ("postfix", "postfix"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_read_as_people_type_it(typed: str, host: str) -> None:
    assert clean_host(typed) == host


@pytest.mark.parametrize("typed", ["", "a b", "smtp.example.com:587", "https://smtp.example.com", "x\r\ny", "a" * 300])
def test_what_is_no_host_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(WrongServer, match=r"smtp\.example\.com"):
        clean_host(typed)
