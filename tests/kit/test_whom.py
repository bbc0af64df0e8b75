"""Every way to spell somebody is found, and nobody else is taken for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.kit.whom import Whom, addresses_in

JANE = Whom("acme.com", "jane", frozenset({"jane van doe"}))
ACME = Whom("acme.com")


@pytest.mark.parametrize(
    "text",
    [
        "jane@acme.com", "JANE@Acme.Com", "<jane@acme.com>", "mailto:jane@acme.com.", "https://x.example/?to=jane%40acme.com&b",
        "a/jane@acme.com/b", "%3Cjane@acme.com%3E", "551 try jane@acme.com, please", "jane@acme.com;joe@acme.com",
    ],
)  # fmt: skip
def test_who_is_spelled_is_found(text: str) -> None:
    assert JANE.is_in(text)
    assert ACME.is_in(text)
    assert ("acme.com", "jane") in set(addresses_in([None, text]))
    assert any(needle in text.lower() for needle in JANE.needles.values())


@pytest.mark.parametrize(
    "text", ["mary-jane@acme.com", "mary.jane@acme.com", "jane@acme.community", "jane@acme.com.au", "jane@eu.acme.com", "jane@notacme.com", "jane acme.com"]
)  # fmt: skip
def test_who_is_spelled_alike_is_somebody_else(text: str) -> None:
    assert not JANE.is_in(text)


def test_a_domain_has_its_hosts_and_no_others() -> None:
    assert ACME.is_in("x@eu.acme.com")
    assert not ACME.is_in("x@notacme.com")
    assert not ACME.is_in("https://acme.com/")
    assert ACME.owns("eu.acme.com", "x")
    assert not ACME.owns("notacme.com", "x")
    assert ACME.is_place("https://www.ACME.com/about")
    assert not ACME.is_place("acme")


@pytest.mark.parametrize(
    ("cells", "speaks"),
    [
        (["Jane", "van Doe", "acme.com"], True),
        (["JANE VAN DOE ", "https://www.acme.com"], True),
        (["x", "jane@acme.com"], True),
        (["Jane", "van Doe", "globex.com"], False),
        (["Joe", "van Doe", "acme.com"], False),
        (["Jane", "van Doe"], False),
        ([], False),
    ],
)
def test_a_row_speaks_of_her_by_address_or_by_name_at_her_domain(cells: list[str], speaks: bool) -> None:
    assert JANE.is_row(cells) == speaks


def test_a_domain_in_another_script_is_the_same_domain() -> None:
    assert Whom("xn--bcher-kva.example", "info").has(" Info@Bücher.example")


@given(before=st.text(max_size=40), after=st.text(max_size=40))
def test_nothing_that_stands_round_her_hides_her_but_more_of_a_name(before: str, after: str) -> None:
    if (not before or before[-1] in " <(:;,") and (not after or after[0] in " >),;"):
        assert JANE.is_in(f"{before}jane@acme.com{after}")


@given(text=st.text(max_size=300) | st.text(alphabet="@.%40jane acm-", max_size=300))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    JANE.is_in(text)
    ACME.has(text)
    assert all(domain and local for domain, local in addresses_in([text]))
