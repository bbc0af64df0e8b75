"""Another program finds every signature of ours good, and none any more once somebody has touched the message."""

from functools import lru_cache

import dkim
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vizsla.mail.dkim import Signer, WrongKey, dns_record, generate_key
from vizsla.mail.mime import Outgoing, build
from vizsla.mail.smtp import stuffed

MESSAGE = build(
    Outgoing(
        from_email="ada@acme.test",
        from_name="Ada Lovelace",
        to="bob@x.test",
        subject="Grüße",
        text="Dear Bob,\n\n  spaces  \n\nbye\n",
        message_id="c1.r1.s0.abc@acme.test",
        at=1_795_000_000,
        unsubscribe_url="https://vizsla.example/u/abc",
    )
)


@lru_cache
def key(kind: str) -> str:
    return generate_key(kind)  # type: ignore[arg-type]


def verify(signed: bytes, kind: str = "ed25519") -> bool:
    def look_up(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"vizsla1._domainkey.acme.test."
        return dns_record(key(kind)).encode()

    return bool(dkim.verify(signed, dnsfunc=look_up, minkey=1024))


def signer(kind: str = "ed25519") -> Signer:
    return Signer("acme.test", "vizsla1", key(kind))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_signature_is_good(kind: str) -> None:
    assert verify(signer(kind).sign(MESSAGE), kind)


@settings(max_examples=60)
@given(
    body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"\r", b"\n", b"a", b".", b"=20", b"\xff"])).map(b"".join)
    | st.binary(max_size=200)
)
@example(b"")
@example(b" ")
@example(b"\r\n\r\n \r\n")
@example(b"a \r\n \r\n\r\n")
def test_any_body_that_goes_over_the_wire_is_found_as_it_was_signed(body: bytes) -> None:
    head = MESSAGE.partition(b"\r\n\r\n")[0]

    sent = stuffed(signer().sign(head + b"\r\n\r\n" + body))

    # As the receiving server has it once it has taken off the dots (RFC 5321 4.5.2).
    assert verify(b"\r\n".join(line.removeprefix(b".") for line in sent.split(b"\r\n")))


@settings(max_examples=60)
@given(subject=st.text(max_size=200), name=st.text(max_size=100), extra=st.text(alphabet=st.characters(codec="ascii")))
def test_any_header_is_found_as_it_was_signed(subject: str, name: str, extra: str) -> None:
    message = build(
        Outgoing(
            from_email="ada@acme.test",
            from_name=name,
            to="bob@x.test",
            subject=subject,
            text="hello",
            message_id="a@acme.test",
            at=1,
            references=("a@b", "c@d"),
            headers=(("X-Extra", extra),),
        )
    )

    assert verify(signer().sign(message))


@pytest.mark.parametrize(
    "added",
    [
        b"Subject: You have won\r\n",
        b"List-Unsubscribe: <https://evil.example/>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        b"From: <ceo@acme.test>\r\n",
        b"Reply-To: <x@evil.example>\r\n",
        b"Content-Type: text/html\r\n",
    ],
)
def test_a_field_put_in_on_the_way_breaks_it(added: bytes) -> None:
    signature, rest = signer().sign(MESSAGE).split(b"\r\nFrom:", 1)

    assert verify(signature + b"\r\nFrom:" + rest)
    assert not verify(signature + b"\r\n" + added + b"From:" + rest)
    assert not verify(added + signature + b"\r\nFrom:" + rest)


def test_one_click_is_among_what_is_signed() -> None:
    head = signer().sign(MESSAGE).partition(b"\r\n\r\n")[0]
    names = head.replace(b"\r\n ", b"").partition(b"h=")[2].partition(b";")[0].split(b":")

    assert names.count(b"list-unsubscribe") == names.count(b"list-unsubscribe-post") == 2
    assert max(map(len, head.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "pem", ["", "x", key("rsa")[:200], "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_said_to_be_none(pem: str) -> None:
    with pytest.raises(WrongKey, match="PEM"):
        Signer("acme.test", "vizsla1", pem)


@pytest.mark.parametrize(
    ("domain", "selector"), [("acme.test", "a; d=evil.test"), ("acme", "a"), ("acme.test", ""), ("a\r\nb.test", "x")]
)
def test_a_name_cannot_carry_more_than_a_name(domain: str, selector: str) -> None:
    with pytest.raises(WrongKey, match="selector"):
        Signer(domain, selector, key("ed25519"))
