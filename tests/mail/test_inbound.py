"""Mails that come in are told apart: those that mail servers write, those that machines write, and those that people do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.mail.dsn import classify
from vizsla.mail.inbound import bare_subject, read_inbound
from vizsla.mail.parts import parse_mail

GOLDEN = Path(__file__).parents[1] / "golden/mail"
OURS = "c7.r9.s0.abcd2345@sender.test"
REPORTS = {
    "postfix_unknown_user": ("bounce", "hard"),
    "postfix_remote_unknown": ("bounce", "hard"),
    "postfix_no_host": ("bounce", "hard"),
    "postfix_full": ("bounce", "soft"),
    "postfix_blocked": ("bounce", "blocked"),
    "postfix_expired": ("bounce", "soft"),
    "postfix_delayed": ("other", None),
    "postfix_delivered": ("receipt", None),
    "exim_unknown": ("bounce", "hard"),
    "exim_old_unknown": ("bounce", "hard"),
    "qmail_unknown": ("bounce", "hard"),
    "exchange_unknown": ("bounce", "hard"),
    "exchange_access_denied": ("bounce", "hard"),
    "exchange_reputation": ("bounce", "blocked"),
    "gmail_unknown": ("bounce", "hard"),
    "eai_unknown": ("bounce", "hard"),
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(("name", "expected"), REPORTS.items(), ids=REPORTS)
def test_a_report_of_each_server_is_understood(name: str, expected: tuple[str, str | None]) -> None:
    found = read_inbound(golden(name), "alice@sender.test")

    assert found.report is not None
    failed = found.report.failed
    assert (found.kind, failed.bounce if failed else None) == expected
    assert OURS in found.returned_ids
    assert "@target.test" in found.report.returned[0].final_recipient


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("arf_abuse", "complaint"),
        ("arf_redacted", "complaint"),
        ("arf_opt_out", "complaint"),
        ("arf_not_spam", "other"),
    ],
)
def test_a_feedback_report_is_a_complaint_unless_it_says_the_opposite(name: str, kind: str) -> None:
    found = read_inbound(golden(name))

    assert found.kind == kind
    assert found.returned_ids == (OURS,)
    assert "alice@sender.test" in found.returned_to


def test_a_receipt_is_no_answer() -> None:
    assert read_inbound(golden("mdn_displayed")).kind == "receipt"


def written(*headers: str, text: str = "Yes, call me on Monday.", **named: str) -> bytes:
    given = {
        "From": "Bob <Bob@Target.test>",
        "To": "alice@sender.test",
        "Subject": "Re: A question",
        "Message-ID": "<1@target.test>",
    }
    given |= {name.replace("_", "-"): value for name, value in named.items()}
    return "\r\n".join([*(f"{name}: {value}" for name, value in given.items()), *headers, "", text]).encode()


@pytest.mark.parametrize(
    "mail",
    [
        written("Auto-Submitted: auto-replied"),
        written("Auto-Submitted: auto-generated (vacation)", Subject="Out of office"),
        written("X-Auto-Response-Suppress: All", Subject="Automatic reply: A question"),
        written("X-Autoreply: yes"),
        written("Precedence: auto_reply", Subject="Abwesenheitsnotiz"),
        written(Subject="Réponse automatique : A question"),
        written(Subject="=?utf-8?B?6Ieq5YuV6L+U5L+h?="),
    ],
)
def test_who_is_away_has_not_answered(mail: bytes) -> None:
    found = read_inbound(mail)

    assert (found.kind, found.is_absence) == ("automatic", True)


@pytest.mark.parametrize(
    "mail",
    [
        written("Auto-Submitted: auto-generated"),
        written("Precedence: bulk"),
        written("List-Id: <news.target.test>"),
        written("Return-Path: <>"),
        written(From="no-reply@target.test"),
    ],
)
def test_what_a_machine_writes_unasked_tells_of_nobody_who_is_away(mail: bytes) -> None:
    found = read_inbound(mail)

    assert (found.kind, found.is_absence) == ("automatic", False)


@pytest.mark.parametrize(
    "mail",
    [
        written(),
        written("Auto-Submitted: no"),
        written("X-Auto-Response-Suppress: None"),
        written(text="I was out of the office last week. Let us talk."),
        written("Content-Type: text/html", text="<p>Yes, <b>call</b> me.</p>"),
        b"From: bob@target.test\n\nfine",
    ],
)
def test_a_person_is_taken_for_one(mail: bytes) -> None:
    found = read_inbound(mail)

    assert found.kind == "human"
    assert found.email == "bob@target.test"


def test_unsubscribe_is_heard_at_the_start_alone() -> None:
    assert read_inbound(written(text="Please UNSUBSCRIBE me.")).says_unsubscribe
    assert read_inbound(written(text="Please opt-out")).says_unsubscribe
    assert not read_inbound(written(text="x" * 100 + " unsubscribe")).says_unsubscribe
    assert not read_inbound(written("Auto-Submitted: auto-replied", text="unsubscribe")).says_unsubscribe


def test_the_address_that_a_mailto_link_brings_is_read_out_of_the_subject() -> None:
    token = "dQEBAg" * 10

    assert read_inbound(written(Subject=f"unsub-{token}")).unsubscribe_token == token
    assert read_inbound(written(Subject="unsub-short")).unsubscribe_token == ""


def test_a_copy_of_our_own_message_is_the_journal() -> None:
    copy = written(From="Alice <alice@sender.test>", Message_ID=f"<{OURS}>")

    assert read_inbound(copy, "alice@sender.test").kind == "journal"
    assert read_inbound(copy, "carol@sender.test").kind == "human"


def test_what_is_answered_stands_nearest_first() -> None:
    found = read_inbound(written("In-Reply-To: <c@x.test>", "References: <a@x.test>\r\n <b@x.test> <c@x.test>"))

    assert found.thread == ("c@x.test", "b@x.test", "a@x.test")


@pytest.mark.parametrize("subject", ["Re: Hello", "RE: re[2]: hello", "AW: WG: Hello ", "Hello", "Antw:  hello"])
def test_answers_have_the_subject_of_what_they_answer(subject: str) -> None:
    assert bare_subject(subject) == "hello"


@pytest.mark.parametrize(
    ("status", "diagnostic", "bounce"),
    [
        ("5.0.0", "550 5.1.1 unknown", "hard"),
        ("5.5.0", "550 5.7.1 spam", "blocked"),
        ("", "550 no such user", "hard"),
        ("", "550 go away", "soft"),
        ("", "", "soft"),
        ("5.0.0", "552 mailbox quota exceeded", "soft"),
        ("5.1.8", "sender rejected", "blocked"),
        ("4.4.7", "expired", "soft"),
        ("5.4.1", "relay loop", "soft"),
        ("5.6.1", "cannot convert", "blocked"),
    ],
)
def test_a_code_that_says_nothing_gives_nobody_up(status: str, diagnostic: str, bounce: str) -> None:
    assert classify(status, diagnostic) == bounce


def test_charsets_that_are_wrong_or_none_cost_single_characters() -> None:
    for charset in ("utf-8", "x-unknown", "zip", "punycode", "unicode_escape", "utf-16", "\udcff"):
        header = f"Content-Type: text/plain; charset={charset}".encode("utf-8", "surrogateescape")
        found = read_inbound(b"From: bob@target.test\r\n" + header + b"\r\n\r\nCaf\xe9 tomorrow?")
        assert isinstance(found.text, str)
    latin = read_inbound(b"From: bob@target.test\r\nContent-Type: text/plain\r\n\r\nCaf\xe9 tomorrow?")
    assert latin.text == "Café tomorrow?"


def nested(levels: int) -> bytes:
    head = b"From: bob@target.test\r\nAuto-Submitted: no\r\n"
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(levels)
    )
    return head + opened + b"Content-Type: text/plain\r\n\r\nhello"


def test_a_bomb_is_known_by_its_header_and_not_opened() -> None:
    report = b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\nStatus: 5.1.1\r\n\r\n" * 20_000
    bombs = [
        nested(5_000),
        b"From: bob@target.test\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
        b"From: bob@target.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 50_000,
        b"From: bob@target.test\r\n" + b"X-Padding: y\r\n" * 60_000 + b"\r\nhello",
        b"From: bob@target.test\r\nTo: " + b"(" * 500_000 + b"\r\n\r\nhello",
        b"From: bob@target.test\r\nContent-Type: text/html\r\n\r\n" + b"<div>" * 150_000,
        b"From: bob@target.test\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + report,
    ]
    for bomb in bombs:
        found = read_inbound(bomb)
        assert found.email == "bob@target.test"
        assert len(found.text) <= 100_000
        assert not found.report or len(found.report.returned) <= 20
    assert len(list(parse_mail(nested(5_000)).parts())) == 1
    assert read_inbound(nested(9)).text == "hello"


@settings(max_examples=150)
@given(st.binary(max_size=400), st.sampled_from(sorted(REPORTS)), st.integers(0, 3_000))
def test_nothing_that_comes_raises(noise: bytes, name: str, at: int) -> None:
    whole = golden(name)

    for mail in (noise, whole[:at] + noise + whole[at:], whole[:at]):
        read_inbound(mail, "alice@sender.test")
