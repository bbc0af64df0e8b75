"""Tokens say which message an address belongs to, and nothing that was not made here says anything."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from vizsla.campaigns.links import is_trackable, links_of
from vizsla.campaigns.tracking import Clicked, Opened, Returned, Tokens, Unsubscribing, track

TOKENS = Tokens(b"secret" * 8)
IDS = st.integers(0, 2**63 - 1)


@given(IDS, IDS, IDS, IDS)
def test_what_is_made_is_read(account_id: int, campaign_id: int, message_id: int, link: int) -> None:
    assert TOKENS.read(TOKENS.open_token(account_id, message_id)) == Opened(account_id, message_id)
    clicked = TOKENS.read(TOKENS.click_token(account_id, campaign_id, message_id, link))
    assert clicked == Clicked(account_id, campaign_id, message_id, link)
    leaving = TOKENS.read(TOKENS.unsubscribe_token(account_id, message_id, "bob@target.test"))
    assert isinstance(leaving, Unsubscribing)
    assert (leaving.account_id, leaving.recipient_id, len(leaving.hash)) == (account_id, message_id, 64)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.data())
def test_no_character_can_be_changed(account_id: int, message_id: int, data: st.DataObject) -> None:
    token = TOKENS.open_token(account_id, message_id)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n%é"))
    changed = token[:at] + other + token[at + 1 :]

    assert changed == token or TOKENS.read(changed) is None
    assert TOKENS.read(token + other) is None
    assert TOKENS.read(token[:-1]) is None


@given(st.text(max_size=300))
def test_nothing_else_is_read(text: str) -> None:
    assert TOKENS.read(text) is None
    assert TOKENS.read_return_path(text) is None


def test_kinds_are_kept_apart() -> None:
    token = TOKENS.open_token(1, 2)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for kind in b"cub":
        raw[0] = kind
        assert TOKENS.read(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")) is None


def test_an_old_key_is_read_and_not_written_with() -> None:
    new = Tokens(b"new" * 16, [b"secret" * 8])

    assert new.read(TOKENS.open_token(1, 2)) == Opened(1, 2)
    assert TOKENS.read(new.open_token(1, 2)) is None


def test_an_envelope_sender_names_its_message_whatever_case_it_comes_back_in() -> None:
    path = TOKENS.return_path("alice@sender.test", 3, 70_000)

    assert path.startswith("alice+b.")
    assert len(path.partition("@")[0]) <= 64
    assert TOKENS.read_return_path(path.upper()) == Returned(3, 70_000)
    assert TOKENS.read_return_path(path.replace("+b.", "+b.a")) is None
    assert TOKENS.return_path("x" * 40 + "@sender.test", 3, 70_000) == "x" * 40 + "@sender.test"


def test_links_are_replaced_and_how_to_leave_is_not() -> None:
    html = '<p><a class="x" href="https://a.test/?x=1&amp;y=2">A</a> <a href=\'https://b.test\'>B</a> <a href="/u/tok">out</a></p></body>'
    links = {"https://a.test/?x=1&y=2": 1}

    tracked, text = track(
        html, "see https://a.test/?x=1&y=2.", tokens=TOKENS, base_url="https://t.test", account_id=1, campaign_id=2, message_id=3,
        opens=True, links=links,
    )  # fmt: skip

    click, pixel = TOKENS.click_token(1, 2, 3, 1), TOKENS.open_token(1, 3)
    assert tracked == (
        f'<p><a class="x" href="https://t.test/t/c/{click}">A</a> <a href=\'https://b.test\'>B</a> <a href="/u/tok">out</a></p>'
        f'<img src="https://t.test/t/o/{pixel}.gif" width="1" height="1" alt=""></body>'
    )
    assert text == "see https://a.test/?x=1&y=2."


def test_a_text_alone_has_its_links_replaced_but_for_the_full_stop() -> None:
    _, text = track(
        None, "See https://a.test/x. Or https://b.test", tokens=TOKENS, base_url="https://t.test", account_id=1, campaign_id=2,
        message_id=3, opens=True, links={"https://a.test/x": 4},
    )  # fmt: skip

    assert text == f"See https://t.test/t/c/{TOKENS.click_token(1, 2, 3, 4)}. Or https://b.test"


def test_only_what_all_get_alike_is_tracked() -> None:
    body = '<a href="https://a.test/x">a</a><a href="https://a.test/{{email}}">b</a><a href="https://a.test/x">c</a><a href="mailto:a@b.test">d</a>'

    assert links_of(body, "html") == ["https://a.test/x"]
    assert links_of("Look: https://a.test/x, or (https://b.test/y).", "text") == [
        "https://a.test/x",
        "https://b.test/y",
    ]


def test_a_link_that_could_lead_elsewhere_is_not_tracked() -> None:
    for url in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//ok.test",
        " https://ok.test/",
        "https://ok.test/\r\nSet-Cookie: a=b",
        "https://ok.test/%0d%0aX: y",
        "https://ok.test/%0D%0AX:y",
        "https://user:pass@ok.test/",
        "https://ok.test\\@evil.test/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://a.internal/",
        "https://ok.test:99999/",
        "ftp://ok.test/",
        "https://ok.test/" + "x" * 2_000,
        "https:///x",
    ):
        assert not is_trackable(url), url
    assert is_trackable("https://ok.test:8443/a?b=c#d")
