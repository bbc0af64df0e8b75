"""Signatures, told apart by a receiver that was written from the published text of Standard Webhooks 1.0.0 alone."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.webhooks.signing import is_secret, new_secret, sign, signed_headers


def accepts(secret: str, headers: dict[str, str], body: bytes, *, now: int, tolerance: int = 300) -> bool:
    """
    As the text asks of a receiver.

    The key is the base64 after `whsec_`; `{id}.{timestamp}.{payload}` is signed by HMAC-SHA256; the header is a list between
    spaces, of which one has to match; the timestamp has to be near.
    """
    key = base64.standard_b64decode(secret.split("_", 1)[1])
    if abs(int(headers["webhook-timestamp"]) - now) > tolerance:
        return False
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.standard_b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    candidates = [one.split(",", 1) for one in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(value, expected) for version, value in candidates)


def test_the_texts_own_example() -> None:
    # RFC 4231 knows nothing of dots, so: the same by hand, of the id, time and body that the text shows.
    body = b'{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}'
    key = b"a secret of thirty-two bytes !!!"
    secret = "whsec_" + base64.b64encode(key).decode()
    by_hand = hmac.new(key, b"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W.1674087231." + body, "sha256").digest()

    signature = sign(secret, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1_674_087_231, body)

    assert signature == "v1," + base64.b64encode(by_hand).decode()


@given(body=st.binary(max_size=200), at=st.integers(0, 2**40), late=st.integers(-300, 300))
def test_what_is_signed_is_accepted_and_nothing_else(body: bytes, at: int, late: int) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers([new, old], "msg_1", at, body)

    assert accepts(new, headers, body, now=at + late)
    assert accepts(old, headers, body, now=at + late)
    assert not accepts(other, headers, body, now=at)
    assert not accepts(new, headers, body + b" ", now=at)
    assert not accepts(new, headers | {"webhook-id": "msg_2"}, body, now=at)
    assert not accepts(new, headers | {"webhook-timestamp": str(at + 1)}, body, now=at)
    assert not accepts(new, headers, body, now=at + 301)


def test_a_secret_is_what_the_text_says() -> None:
    secret = new_secret()

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert len({new_secret() for _ in range(50)}) == 50
    assert is_secret(secret)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_!!!", "secret", "whsk_" + "A" * 44, "whsec_é"])
def test_what_is_no_secret(text: str) -> None:
    assert not is_secret(text)
