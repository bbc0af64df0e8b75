"""The flags of an address, before and after its domain's exchangers are known."""

import pytest

from vizsla.verifier.flags import Flags, infer_flags
from vizsla.verifier.syntax import Address, parse_address


def flags(text: str, *exchangers: str) -> Flags:
    address = parse_address(text)
    assert isinstance(address, Address)
    return infer_flags(address, exchangers)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jane.doe@acme.test", {"regexp"}),
        ("e65rc109q@acme.test", {"regexp", "gibberish"}),
        ("sales@acme.test", {"regexp", "role"}),
        ("jane@gmail.com", {"regexp", "webmail"}),
        ("jane@duck.com", {"regexp", "webmail"}),
        ("jane@mail.mailinator.com", {"regexp", "disposable"}),
        ('"jane doe"@acme.test', set()),
    ],
)
def test_an_address_shows(text: str, shown: set[str]) -> None:
    assert {name for name in Flags.__struct_fields__ if getattr(flags(text), name)} == shown


def test_exchangers_tell_a_new_throw_away_domain() -> None:
    assert flags("jane@fresh.test", "mx.mailinator.com").disposable
    assert not flags("jane@fresh.test", "mx.fresh.test").disposable
