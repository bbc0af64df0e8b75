"""A mail that was acknowledged is sent, whatever the relay does; where there is none it lies in the outbox."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from api.conftest import Moment
from vizsla.kit.clock import DAY
from vizsla.kit.errors import SettingsError
from vizsla.kit.settings import Settings, load_settings
from vizsla.mail.messages import password_reset
from vizsla.mail.outgoing import forget_mail, list_mail, queue_mail
from vizsla.mail.post import NotSent, OutboxPost, RelayPost, choose_post, parse_relay, sender_of
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.storage.statement import statement
from vizsla.work.mail import LASTS, send_mail
from vizsla.work.workplace import Workplace
from worlds.outbox import posted, read_mail, read_outbox
from worlds.smtp import AcceptsAll, Script, Server, Session, smtp
from worlds.told import Told

LINK = "https://vizsla.test/reset/S3CRET"
_SEALED = statement("SELECT sealed FROM mail_out")


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def place(stores: Stores, settings: Settings, clock: Moment) -> Workplace:
    return Workplace(settings, stores, find_secret(settings), clock)


async def queue(place: Workplace, to: str = "jane@acme.com", lasts: int = DAY) -> None:
    async with place.stores.app.write() as conn:
        letter = password_reset(to, link=LINK, until=place.clock.now())
        await queue_mail(conn, letter, secret=place.secret, now=place.clock.now(), lasts=lasts)


def by(server: Server, place: Workplace, options: str = "", user: str = "") -> Workplace:
    """*place* with *server* as its relay."""
    url = f"smtp://{user}localhost:{server.port}{options}"
    return msgspec.structs.replace(
        place, settings=msgspec.structs.replace(place.settings, smtp_url=url, base_url="https://vizsla.test")
    )


async def test_what_is_queued_is_laid_into_the_outbox_for_its_owner_alone(place: Workplace) -> None:
    await queue(place, "jane@acme.com")
    await queue(place, "joe@acme.com")

    mails = await posted(place)

    assert {mail.to for mail in mails} == {"jane@acme.com", "joe@acme.com"}
    assert mails[0].link == LINK
    outbox = place.settings.home / "outbox"
    assert outbox.stat().st_mode & 0o777 == 0o700
    files = sorted(outbox.iterdir())
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    assert [path.suffix for path in files] == [".eml", ".eml"]
    assert len(await posted(place)) == 2, "sent twice"


async def test_a_mail_whose_transaction_fails_is_never_sent(place: Workplace) -> None:
    with pytest.raises(ZeroDivisionError):
        async with place.stores.app.write() as conn:
            await queue_mail(conn, password_reset("jane@acme.com", link=LINK, until=0), secret=place.secret, now=0)
            raise ZeroDivisionError

    assert await posted(place) == []


async def test_links_are_sealed_while_they_wait_and_gone_once_sent(place: Workplace, clock: Moment) -> None:
    await queue(place)
    for path in place.settings.home.rglob("*"):
        assert not path.is_file() or b"S3CRET" not in path.read_bytes()
    ((sealed,),) = await place.stores.app.fetch_all(_SEALED)
    assert "S3CRET" not in sealed

    await posted(place)

    assert [row[0] for row in await place.stores.app.fetch_all(_SEALED)] == [None]
    (mail,) = await list_mail(place.stores.app)
    assert (mail.about, mail.due, mail.ended_at, mail.trouble) == ("password_reset", None, clock.at, None)
    async with place.stores.app.write() as conn:
        assert await forget_mail(conn, clock.at) == 1


async def test_what_lies_in_the_outbox_is_never_written_over(tmp_path: Path) -> None:
    post, letter = OutboxPost(tmp_path / "outbox", "v@vizsla.test"), password_reset("j@acme.com", link=LINK, until=0)

    await asyncio.gather(*(post.send(letter, f"m{number}", 0) for number in range(40)))

    assert len(read_outbox(tmp_path)) == 40
    assert not [path for path in (tmp_path / "outbox").iterdir() if path.suffix != ".eml"]


async def test_an_outbox_that_cannot_be_written_is_tried_again(place: Workplace, clock: Moment) -> None:
    in_its_way = place.settings.home / "outbox"
    in_its_way.parent.mkdir(exist_ok=True)
    in_its_way.write_bytes(b"")
    await queue(place)
    assert await posted(place) == []
    in_its_way.unlink()
    clock.at += 60

    assert len(await posted(place)) == 1


# The relay


async def test_a_relay_on_a_private_address_takes_the_mail(place: Workplace) -> None:
    async with smtp(AcceptsAll()) as server:
        await queue(place)
        await send_mail(by(server, place), "w", Told())

    assert server.commands[1] == "MAIL FROM:<vizsla@vizsla.test> SIZE=" + server.commands[1].rpartition("=")[2]
    (message,) = server.sessions[0].data
    mail = read_mail(message.removesuffix(b"\r\n.\r\n"))
    assert (mail.to, mail.link) == ("jane@acme.com", LINK)
    assert re.fullmatch(r"EHLO \[(127\.0\.0\.1|IPv6:::1)\]", server.commands[0])


class Moody(Script):
    """Refuses as it is told, then takes the mail."""

    def __init__(self, *moods: str) -> None:
        self.moods = list(moods)

    async def recipient(self, session: Session, address: str) -> None:
        await session.say(self.moods.pop(0) if self.moods else "250 2.1.5 Ok")


async def test_a_relay_that_cannot_now_is_asked_again_later_and_later(place: Workplace, clock: Moment) -> None:
    told = Told()
    async with smtp(Moody("451 4.3.0 jane@acme.com later", "451 4.3.0 later")) as server:
        await queue(place)
        for expected, wait in ((1, 29), (1, 1), (2, 59), (2, 1), (3, 999)):
            await send_mail(by(server, place), "w", told)
            assert len(server.sessions) == expected
            clock.at += wait

    assert [line["event"] for line in told.lines] == ["mail_put_off", "mail_put_off", "mail_sent"]
    assert "jane" not in repr(told.lines)
    ids = [re.search(rb"Message-ID: (\S+)", data) for session in server.sessions for data in session.data]
    assert len(ids) == 1


async def test_what_is_refused_for_good_is_given_up_and_says_so(place: Workplace) -> None:
    told = Told()
    async with smtp(Moody("550 5.1.1 <jane@acme.com> unknown")) as server:
        await queue(place)
        await send_mail(by(server, place), "w", told)

    (mail,) = await list_mail(place.stores.app)
    assert (mail.due, mail.trouble) == (None, "the relay answered 550 at rcpt")
    assert [(line["event"], line["level"]) for line in told.lines] == [("mail_given_up", "error")]
    assert [row[0] for row in await place.stores.app.fetch_all(_SEALED)] == [None]


async def test_a_relay_that_stays_away_is_given_up_when_the_link_has_run_out(place: Workplace, clock: Moment) -> None:
    told = Told()
    gone = msgspec.structs.replace(
        place,
        settings=msgspec.structs.replace(place.settings, smtp_url="smtp://127.0.0.1:1", smtp_from="v@vizsla.test"),
    )
    await queue(place, lasts=3_600)
    for _ in range(100):
        await send_mail(gone, "w", told)
        clock.at += 60

    assert [line["event"] for line in told.lines] == [*["mail_put_off"] * 6, "mail_given_up"]
    (mail,) = await list_mail(place.stores.app)
    assert "refused" in (mail.trouble or "")


async def test_two_workers_send_one_mail_once_and_a_dead_ones_is_taken_over(place: Workplace, clock: Moment) -> None:
    async with smtp(AcceptsAll()) as server:
        for number in range(20):
            await queue(place, f"p{number}@acme.com")
        relayed = by(server, place)
        await asyncio.gather(*(send_mail(relayed, f"w{number}", Told()) for number in range(3)))
        assert len(server.sessions) == 20

        await queue(place)
        dying = asyncio.create_task(send_mail(relayed, "dying", Told(), post=_Hangs()))
        await asyncio.sleep(0.3)
        dying.cancel()
        await asyncio.wait([dying])
        assert await send_mail(relayed, "heir", Told()) == 0
        clock.at += LASTS
        assert await send_mail(relayed, "heir", Told()) == 1
    assert len(server.sessions) == 21


class _Hangs:
    async def send(self, letter: object, mark: str, at: int) -> None:
        await asyncio.sleep(99)


async def test_a_mail_sealed_with_another_key_is_given_up(place: Workplace) -> None:
    await queue(place)
    told = Told()
    await send_mail(msgspec.structs.replace(place, secret=b"1" * 32), "w", told)

    assert [line["event"] for line in told.lines] == ["mail_given_up"]


class Submission(AcceptsAll):
    """A relay that wants a password, over TLS."""

    keywords = ("PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN", "SIZE 10240000")

    def __init__(self, certificate: ssl.SSLContext, *, offers_tls: bool = True) -> None:
        self.certificate = certificate
        if not offers_tls:
            self.keywords = ("AUTH PLAIN",)

    async def starttls(self, session: Session, line: str) -> None:
        await session.say("220 go")
        await session.writer.start_tls(self.certificate)
        session.secure = True

    async def auth(self, session: Session, line: str) -> None:
        assert session.secure
        good = line == "AUTH PLAIN AHVAeC5leGFtcGxlAHA6dw=="  # \0u@x.example\0p:w
        await session.say("235 2.7.0 welcome" if good else "535 5.7.8 no")


@pytest.fixture
async def submission(certificate: ssl.SSLContext) -> AsyncIterator[Server]:
    async with smtp(Submission(certificate)) as server:
        yield server


def trusting(certificate_of: ssl.SSLContext) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Far(RelayPost):
    """As if the relay were not on this machine, where clear text is safe."""

    def _is_near(self, ip: str) -> bool:
        return False


async def test_a_far_relay_gets_the_password_over_tls_alone(submission: Server, certificate: ssl.SSLContext) -> None:
    letter = password_reset("jane@acme.com", link=LINK, until=0)
    relay = parse_relay(f"smtp://u%40x.example:p%3Aw@127.0.0.1:{submission.port}")
    assert (relay.user, relay.password) == ("u@x.example", "p:w")

    await Far(relay, "v@vizsla.test", context=trusting(certificate)).send(letter, "m", 0)
    assert submission.sessions[0].secure

    with pytest.raises(NotSent, match="certificate"):
        await Far(relay, "v@vizsla.test").send(letter, "m", 0)
    wrong = msgspec.structs.replace(relay, password="Canary-77")
    with pytest.raises(NotSent, match="535") as refused:
        await Far(wrong, "v@vizsla.test", context=trusting(certificate)).send(letter, "m", 0)
    assert "Canary-77" not in str(refused.value) + repr(wrong)


async def test_a_relay_that_speaks_tls_from_the_first_octet(certificate: ssl.SSLContext) -> None:
    letter = password_reset("jane@acme.com", link=LINK, until=0)
    async with smtp(AcceptsAll(), tls=certificate) as server:
        relay = parse_relay(f"smtps://localhost:{server.port}")
        await RelayPost(relay, "v@vizsla.test", context=trusting(certificate)).send(letter, "m", 0)
        with pytest.raises(NotSent, match="certificate"):
            await RelayPost(relay, "v@vizsla.test").send(letter, "m", 0)

    assert server.verbs["DATA"] == 1


async def test_a_far_relay_without_tls_gets_nothing_unless_the_operator_says_so(certificate: ssl.SSLContext) -> None:
    letter = password_reset("jane@acme.com", link=LINK, until=0)
    async with smtp(Submission(certificate, offers_tls=False)) as server:
        relay = parse_relay(f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(NotSent, match=r"tls=off"):
            await Far(relay, "v@vizsla.test").send(letter, "m", 0)
        assert server.verbs["MAIL"] == 0
        await Far(parse_relay(f"smtp://127.0.0.1:{server.port}?tls=off"), "v@vizsla.test").send(letter, "m", 0)
        assert server.verbs["MAIL"] == 1


# Settings


@pytest.mark.parametrize(
    "url",
    [
        "http://x", "smtp://", "smtp://user:Canary77@", "smtp://h:99999", "smtp://h/path", "smtp://h?tls=maybe", "smtps://h?tls=off",
        "smtp://h?x=1", "smtp://h:p:q",
    ],
)  # fmt: skip
def test_a_wrong_relay_stops_the_start_without_showing_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="VIZSLA_SMTP_URL") as refused:
        choose_post(load_settings({"VIZSLA_HOME": str(tmp_path), "VIZSLA_SMTP_URL": url}))
    assert "Canary77" not in refused.value.details


def test_whom_mails_are_from(tmp_path: Path) -> None:
    def sender(**settings: str) -> str:
        return sender_of(Settings(home=tmp_path, **settings))  # type: ignore[arg-type]

    assert sender(smtp_url="smtp://me%40acme.com:x@h", smtp_from="v@acme.com") == "v@acme.com"
    assert sender(smtp_url="smtp://me%40acme.com:x@h") == "me@acme.com"
    assert sender(smtp_url="smtp://me:x@h", base_url="https://find.acme.com:8000/") == "vizsla@find.acme.com"
    assert sender(base_url="http://127.0.0.1:8000") == "vizsla@vizsla.invalid"
