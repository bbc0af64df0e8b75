"""From an address to a verdict, on a small internet: who is right, who is not called invalid, and what was never sent."""

import msgspec
import pytest

from verifier.conftest import House
from vizsla.verifier.memo import put_memo
from vizsla.verifier.outcome import Memo
from worlds.smtp import (
    UNKNOWN,
    AcceptsAll,
    Few,
    Greylists,
    Replies,
    Script,
    Session,
    Tarpit,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Says(Script):
    """Answers RCPT for whoever is not of its people in the words of another server."""

    def __init__(self, unknown: str, people: str = "ada postmaster") -> None:
        self.unknown = unknown
        self.people = frozenset(people.split())


def check_nothing_sent(house: House) -> None:
    for server in house.net.servers.values():
        verbs = server.verbs
        assert not {"DATA", "VRFY", "EXPN", "BDAT"} & set(verbs)
        assert all("probe@vizsla.test" in line for line in server.commands if line.startswith("MAIL"))


@pytest.mark.parametrize("server", UNKNOWN)
async def test_who_is_there_and_who_is_not(house: House, server: str) -> None:
    await house.net.domain("acme.test", Says(UNKNOWN[server]))

    there = await house.verify("ada@acme.test")
    absent = await house.verify("nobody@acme.test")

    assert there.verdict is not None
    assert absent.verdict is not None
    assert (there.verdict.status, there.verdict.reason) == ("valid", "accepted")
    assert (there.verdict.mx_records, there.verdict.smtp_server, there.verdict.smtp_check) == (True, True, True)
    assert (absent.verdict.status, absent.verdict.smtp_check, absent.verdict.smtp_server) == ("invalid", False, True)
    check_nothing_sent(house)


async def test_a_domain_that_takes_anybody_is_asked_once(house: House) -> None:
    await house.net.domain("acme.test", AcceptsAll())

    first = await house.verify("ada@acme.test")
    commands = len(house.net.servers["acme.test"].commands)
    second = await house.verify("bob@acme.test")

    assert first.verdict is not None
    assert second.verdict is not None
    assert [one.verdict.status for one in (first, second) if one.verdict] == ["accept_all", "accept_all"]
    assert first.verdict.accept_all
    assert len(house.net.servers["acme.test"].commands) == commands
    assert [step.stage for step in await house.trail(second)][-2:] == ["memo", "end"]


async def test_twenty_at_once_ask_for_one_random_recipient(house: House) -> None:
    people = [f"user{number}" for number in range(20)]
    await house.net.domain("acme.test", Says(UNKNOWN["postfix"], " ".join(people)))

    await house.verify(*(f"{name}@acme.test" for name in people))

    asked = [line for line in house.net.servers["acme.test"].commands if line.startswith("RCPT")]
    assert sum("user" not in line for line in asked) == 1
    assert len(asked) == 21


async def test_greylisting_is_waited_out(house: House) -> None:
    await house.net.domain("acme.test", Greylists())
    began = house.clock.at

    waiting = await house.verify("ada@acme.test", "nobody@acme.test")
    assert waiting.is_pending
    assert waiting.due == began + 60
    house.clock.at += 60
    there = await house.verify("ada@acme.test")
    absent = await house.verify("nobody@acme.test")

    assert there.verdict is not None
    assert absent.verdict is not None
    assert (there.verdict.status, absent.verdict.status) == ("valid", "invalid")
    check_nothing_sent(house)


async def test_who_is_put_off_for_ever_is_unknown(house: House) -> None:
    await house.net.domain("acme.test", Says("450 4.2.0 Greylisted, please come back later", people=""))
    began = house.clock.at
    tries = []
    found = await house.verify("ada@acme.test")
    while found.is_pending:
        assert found.due is not None
        tries.append(found.due - began)
        house.clock.at = found.due
        await house.work()
        found = await house.reload(found)

    assert tries == [60, 330, 960, 2_100]
    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason) == ("unknown", "deferred")


@pytest.mark.parametrize(
    ("script", "reasons"),
    [
        (Replies("connected", b"554 5.7.1 You are on our list\r\n", hang_up=True), {"refused_us"}),
        (Replies("mail", b"550 5.7.1 Your address is listed at rbl.test\r\n"), {"refused_us"}),
        (Tarpit(), {"timeout"}),
        (Tarpit("rcpt"), {"timeout"}),
        (Says("550 5.7.1 Message rejected as spam by content filtering", people=""), {"refused_us", "ambiguous"}),
        (Says("552 5.2.2 Mailbox full", people=""), {"full"}),
        (None, {"unreachable"}),
    ],
)
async def test_trouble_is_unknown_with_its_reason(house: House, script: Script | None, reasons: set[str]) -> None:
    await house.net.domain("other.test", Script())
    await house.net.domain("acme.test", script)

    found = await house.verify("other@other.test", "ada@acme.test")

    assert found.verdict is not None
    assert found.verdict.status == "unknown"
    assert found.verdict.reason in reasons
    assert found.verdict.block is (found.verdict.reason == "refused_us")
    check_nothing_sent(house)


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        ("nothing", "invalid", "no_domain"),
        ("no mail", "invalid", "no_mail_server"),
        ("null", "invalid", "null_mx"),
        ("dead names", "invalid", "no_mail_server"),
        ("servfail", "unknown", "dns_failure"),
        ("private", "unknown", "private"),
    ],
)
async def test_what_dns_says(house: House, behaviour: str, status: str, reason: str) -> None:
    world = house.net.dns
    world.zone("test")
    if behaviour != "nothing":
        world.zone("acme.test")
    match behaviour:
        case "null":
            world.add("acme.test", "MX", (0, ""))
        case "dead names":
            world.add("acme.test", "MX", (10, "mx.gone.test"))
        case "private":
            world.add("acme.test", "MX", (10, "mx.acme.test"))
            world.add("mx.acme.test", "A", "10.0.0.1")
        case "servfail":
            world.behave("acme.test", behaviour)

    found = await house.verify("ada@acme.test")

    assert found.verdict is not None
    assert (found.verdict.status, found.verdict.reason) == (status, reason)
    assert any(step.stage == "dns" and "acme.test" in step.did for step in await house.trail(found))


async def test_with_probing_off_dns_alone_is_asked_and_the_answer_says_so(house: House) -> None:
    house.place = msgspec.structs.replace(
        house.place, settings=msgspec.structs.replace(house.place.settings, probe=False)
    )
    await house.net.domain("acme.test", Script())
    house.net.dns.zone("gone.test")

    open_question = await house.verify("ada@acme.test")
    settled = await house.verify("ada@gone.test")

    assert open_question.verdict is not None
    assert settled.verdict is not None
    assert (open_question.verdict.status, open_question.verdict.reason) == ("unknown", "probe_off")
    assert (open_question.verdict.mx_records, open_question.verdict.smtp_server) == (True, False)
    assert settled.verdict.status == "invalid"
    assert house.net.servers["acme.test"].sessions == []
    assert "VIZSLA_PROBE" in (await house.trail(open_question))[-1].got


async def test_webmail_and_disposable(house: House) -> None:
    house.net.dns.zone("gmx.de")
    await house.net.domain("gmx.de", Script())

    there = await house.verify("ada@gmx.de")
    absent = await house.verify("nobody@gmx.de")
    disposable = await house.verify("ada@mailinator.com")

    verdicts = [one.verdict for one in (there, absent, disposable)]
    assert [one.status for one in verdicts if one] == ["webmail", "invalid", "disposable"]
    assert [one.webmail for one in verdicts if one] == [True, True, False]
    assert not any(name == "mailinator.com" for name, _ in house.net.dns.asked)


async def test_a_backup_server_is_asked_where_the_first_is_dead(house: House) -> None:
    await house.net.domain("other.test", Script())
    await house.net.domain("acme.test", None, Script())

    there = await house.verify("ada@acme.test")
    absent = await house.verify("nobody@acme.test")

    assert there.verdict is not None
    assert absent.verdict is not None
    assert (there.verdict.status, absent.verdict.status) == ("valid", "invalid")


async def test_a_backup_that_takes_anybody_is_not_believed_for_the_first(house: House) -> None:
    await house.net.domain("acme.test", None, AcceptsAll())
    async with house.place.stores.app.write() as conn:
        await put_memo(conn, "acme.test", Memo("no", house.clock.at, []))

    found = await house.verify("ada@acme.test")

    assert found.verdict is not None
    assert found.verdict.status == "accept_all"


@pytest.mark.parametrize("refusal", [UNKNOWN["postfix"], "550 5.2.1 The mailbox is disabled"])
async def test_a_domain_that_takes_all_but_one_is_one_that_takes_all(house: House, refusal: str) -> None:
    class AllButOne(AcceptsAll):
        async def recipient(self, session: Session, address: str) -> None:
            if address.startswith("left@"):
                await session.say(refusal.format(rcpt=address))
            else:
                await super().recipient(session, address)

    await house.net.domain("acme.test", AllButOne())

    left = await house.verify("left@acme.test")
    other = await house.verify("other@acme.test")

    assert left.verdict is not None
    assert other.verdict is not None
    assert (left.verdict.status, other.verdict.status) == ("invalid", "accept_all")


async def test_one_recipient_a_connection_is_enough(house: House) -> None:
    await house.net.domain("acme.test", Few(1))

    found = await house.verify("ada@acme.test")

    assert found.verdict is not None
    assert found.verdict.status == "valid"


async def test_the_evidence_tells_the_whole_story(house: House) -> None:
    await house.net.domain("acme.test", Script())

    found = await house.verify("ada@acme.test")
    trail = await house.trail(found)

    assert [step.stage for step in trail if step.stage == "dns"]
    smtp = [step for step in trail if step.stage in ("smtp", "accept_all")]
    assert {step.host for step in smtp} == {"127.0.0.2"}
    assert all(step.ms is not None for step in smtp)
    said = " | ".join(f"{step.did} > {step.got}" for step in smtp)
    for expected in (
        "220 mx.test ESMTP",
        "EHLO probe.vizsla.test",
        "MAIL FROM:<probe@vizsla.test>",
        "RCPT TO:<ada@acme.test> > 250",
    ):
        assert expected in said
    assert trail[-1].stage == "end"
    assert "accepted" in trail[-1].did


async def test_letters_beyond_ascii_need_a_server_that_takes_them(house: House) -> None:
    class Old(Script):
        keywords = ("PIPELINING",)

    class New(Script):
        people = frozenset({"zoë"})

    await house.net.domain("old.test", Old())
    await house.net.domain("new.test", New())

    old = await house.verify("zoë@old.test")
    new = await house.verify("zoë@new.test")

    assert old.verdict is not None
    assert new.verdict is not None
    assert (old.verdict.status, old.verdict.reason) == ("unknown", "eai")
    assert new.verdict.status == "valid"
