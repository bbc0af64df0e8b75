"""A reply is read for what it means, and our own trouble is never the address's fault."""

import time
from pathlib import Path

import pytest
from evaluation.replies import BESIDE, BLAMED, RIGHT, Line, load_lines, score_ours, vizsla
from hypothesis import example, given
from hypothesis import strategies as st

from vizsla.mail.probe import Probe
from vizsla.mail.reply import Reply
from vizsla.verifier.classify import classify, judge_pace, parse_reply, topics
from vizsla.verifier.providers import PROVIDERS, find_provider
from vizsla.verifier.reply_rules import LISTS, RULES, VOCABULARY, Topic
from worlds.smtp import UNKNOWN

GOLDEN = Path(__file__).parents[1] / "golden" / "smtp_replies.tsv"
ABOUT_THE_MAILBOX = {"no_user", "disabled", "full"}
PHRASES = sorted({phrase for phrases in VOCABULARY.values() for phrase in phrases})


def golden() -> list[Line]:
    rows = [line.split("\t") for line in GOLDEN.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [Line(int(code), text, wanted) for wanted, code, text in rows]


@pytest.mark.parametrize("line", golden(), ids=lambda line: f"{line.code} {line.text[:40]}")
def test_what_servers_say_is_read_for_what_it_means(line: Line) -> None:
    assert vizsla(line) == line.wanted


def test_real_replies_are_read_right_and_blame_nobody() -> None:
    if not BESIDE.is_file():
        pytest.skip(f"NOT TESTED: the corpus of real replies is not beside this checkout ({BESIDE.name})")
    result = score_ours(load_lines(BESIDE))

    assert result.accuracy >= RIGHT, [f"{line.code} {line.text}" for line, _ in result.wrong]
    assert result.blaming <= BLAMED
    assert result.recall >= 0.9


@pytest.mark.parametrize("server", UNKNOWN)
def test_each_mta_says_unknown_user_in_its_own_way(server: str) -> None:
    code, text = UNKNOWN[server].format(rcpt="bob@x.test").split(" ", 1)
    meaning = classify(parse_reply(int(code), text), recipient="bob@x.test")

    assert meaning.outcome == "no_user"


@pytest.mark.parametrize(
    ("phase", "code", "text", "outcome"),
    [
        ("banner", 554, "5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org", "block"),
        ("banner", 421, "4.3.2 All server ports are busy", "busy"),
        ("banner", 554, "No SMTP service here", "block"),
        ("ehlo", 504, "5.5.2 <x>: Helo command rejected: need fully-qualified hostname", "block"),
        ("ehlo", 500, "what?", "weird"),
        ("mail", 550, "5.1.1 <verify@vizsla.test>: Sender address rejected: User unknown", "block"),
        ("mail", 451, "4.7.1 Try again later", "busy"),
        ("mail", 530, "5.7.0 Must issue a STARTTLS command first", "need_tls"),
        ("mail", 552, "5.2.2 Mailbox full", "block"),
        ("rset", 421, "4.7.0 Too much", "busy"),
        ("rcpt", 250, "2.1.5 Ok", "accepted"),
        ("rcpt", 251, "User not local; will forward", "accepted"),
        ("rcpt", 354, "go on", "weird"),
        ("dot", 250, "queued", "weird"),
        ("rcpt", 450, "4.2.0 <a@x.test>: Recipient address rejected: Greylisted", "defer"),
        ("rcpt", 450, "4.1.1 <a@x.test>: Recipient address rejected: User unknown in local recipient table", "defer"),
        ("rcpt", 452, "4.2.2 Mailbox full", "full"),
        ("rcpt", 452, "4.5.3 Too many recipients", "busy"),
        ("rcpt", 451, "4.7.650 The mail server has been rate limited due to IP reputation", "block"),
        ("rcpt", 503, "5.5.1 need MAIL first", "weird"),
        ("rcpt", 550, "", "ambiguous"),
        ("rcpt", 550, "Rejected", "ambiguous"),
        ("rcpt", 550, "5.7.1 no", "block"),
        ("rcpt", 550, "5.7.1 <a@x.test>: Recipient address rejected", "ambiguous"),
        ("rcpt", 550, "5.1.1 <a@x.test>: Recipient address rejected: User unknown in relay recipient table", "no_user"),
        ("rcpt", 551, "User not local; please try <a@y.test>", "no_user"),
        ("rcpt", 530, "user does not exist", "no_user"),
        ("rcpt", 554, "5.5.1 Error: no valid recipients", "weird"),
        ("rcpt", 550, "Mailbox is full. Try again later", "full"),
        ("rcpt", 550, "Try again later", "defer"),
        ("rcpt", 556, "5.1.10 Domain does not accept mail", "no_user"),
        ("data", 554, "5.7.1 This message looks like spam", "block"),
    ],
)
def test_the_stage_comes_before_the_code_and_the_code_before_the_words(
    phase: str, code: int, text: str, outcome: str
) -> None:
    assert classify(parse_reply(code, text), phase).outcome == outcome  # type: ignore[arg-type]


def test_the_provider_comes_before_the_words() -> None:
    reply = parse_reply(550, "5.4.1 Something else altogether")

    assert classify(reply, provider="microsoft").outcome == "no_user"
    assert classify(reply).outcome == "ambiguous"


@pytest.mark.parametrize("local", ["spam-trap", "user.unknown", "mailbox-full", "blocked", "relay", "no.such.user"])
def test_the_echoed_address_says_nothing(local: str) -> None:
    address = f"{local}@spamhaus.test"
    for text in (f"<{address}> No such person here", f'5.2.2 "{address}": sorry', f"5.7.1 <{address}>: no"):
        assert topics(text, address) == topics(text.replace(address, "ada@x.test"), "ada@x.test")
    assert topics(f"<{local}> No such person here", address) == topics("<ada> No such person here", "ada@x.test")


@given(st.integers(200, 599), st.lists(st.sampled_from(PHRASES) | st.text(max_size=20), max_size=6).map(" ".join))
@example(450, "user unknown 5.1.1")
def test_nothing_but_a_5xx_at_rcpt_or_later_speaks_against_a_mailbox(code: int, text: str) -> None:
    reply = parse_reply(code, text)

    assert classify(reply, "mail").outcome not in ABOUT_THE_MAILBOX
    assert classify(reply, "banner").outcome not in ABOUT_THE_MAILBOX
    if code < 500:
        assert classify(reply).outcome not in {"no_user", "disabled"}
    if code >= 300:
        assert classify(reply).outcome != "accepted"


@pytest.mark.parametrize("ours", sorted({*VOCABULARY["sender"], *VOCABULARY["relay"]}))
def test_words_about_us_outweigh_words_about_the_mailbox(ours: str) -> None:
    words = spoken(ours)
    for theirs in ("user unknown", "mailbox not found", "account disabled", "no such user", "recipient does not exist"):
        for text in (
            f"{words}: {theirs}",
            f"5.7.1 {theirs}; {words}",
            f"5.1.1 {words} {theirs}",
            f"5.2.1 {theirs} {words}",
        ):
            assert classify(parse_reply(550, text)).outcome not in ABOUT_THE_MAILBOX, text


@pytest.mark.parametrize("topic", VOCABULARY)
def test_every_phrase_is_heard(topic: Topic) -> None:
    assert [phrase for phrase in VOCABULARY[topic] if topic not in topics(f"Well, {spoken(phrase).upper()}!")] == []


def spoken(phrase: str) -> str:
    """A phrase of the vocabulary as somebody says it: the first of each choice, and nothing where anything may stand."""
    parts = [part.format_map(LISTS).split("|")[0].rstrip("~") for part in phrase.split(" ") if part != "*"]
    return " ".join(parts).replace("#", "192.0.2.1").replace("@", "ada@x.test")


def test_rules_can_all_be_told_apart() -> None:
    ids = [rule.id for rule in RULES]

    assert len(set(ids)) == len(ids)
    assert RULES[-1] == type(RULES[-1])("ambiguous", "ambiguous")


def test_hostile_texts_cost_little() -> None:

    classify(parse_reply(550, "warm up"))
    for text in (
        "user " * 400,
        "a" * 60_000,
        "x@y " * 15_000,
        "1.2.3.4 " * 8_000,
        "http://" * 9_000,
        "user no such " * 99,
    ):
        started = time.process_time()
        classify(Reply(550, text))
        assert time.process_time() - started < 0.5


def test_the_pace_is_told_what_is_about_us() -> None:
    def probe(code: int, text: str, phase: str = "rcpt") -> Probe:
        return Probe("192.0.2.1", "ada@x.test", phase, parse_reply(code, text))  # type: ignore[arg-type]

    assert judge_pace(probe(421, "4.7.0 slow down")) == "busy"
    assert judge_pace(probe(554, "5.7.1 client host blocked using zen.spamhaus.org", "banner")) == "block"
    assert judge_pace(probe(550, "5.7.606 Access denied, banned sending IP [192.0.2.1]")) == "block"
    # One domain's rules are not its host's.
    assert (
        judge_pace(probe(550, "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required")) == "fine"
    )
    assert judge_pace(probe(554, "5.7.1 <ada@x.test>: Relay access denied")) == "fine"
    assert judge_pace(probe(550, "5.1.1 User unknown")) == "fine"
    assert judge_pace(probe(450, "4.2.0 Greylisted")) == "fine"
    assert judge_pace(Probe("192.0.2.1", "ada@x.test", "rcpt", None, "closed")) == "fine"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("aspmx.l.google.com.", "google"),
        ("x-test.mail.protection.outlook.com", "microsoft"),
        ("hotmail-com.olc.protection.outlook.com", "outlook"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("EU-smtp-inbound-1.MIMECAST.com", "mimecast"),
        ("mx00.ionos.de", "ionos"),
        ("route1.mx.cloudflare.net", "cloudflare"),
        ("www.cloudflare.net", None),
        ("mx.notgoogle.com", None),
        ("google.com.evil.test", None),
        ("", None),
    ],
)
def test_the_provider_is_told_by_whole_labels(host: str, name: str | None) -> None:
    provider = find_provider(host)

    assert (provider.name if provider else None) == name
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)
