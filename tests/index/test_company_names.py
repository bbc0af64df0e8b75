"""Names of companies, compared as people mean them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.made_up import NOBODY, put, sighting
from vizsla.harvest.records import Fact
from vizsla.index.company_names import find_domain, list_names, normalise
from vizsla.storage.open import Stores


@pytest.mark.parametrize(
    ("name", "same"),
    [("Acme", "ACME, Inc."), ("Acme", "Acme GmbH & Co. KG"), ("Acme", "The Acme Co., Ltd."), ("Acmé", "acme s.a."),
     ("Müller & Söhne", "MULLER AND SOHNE AG"), ("L'Oréal", "LOreal"), ("J.P. Morgan", "JP Morgan plc"),
     ("Acme Rockets", "  acme   rockets\tLLC "), ("トヨタ", "株式会社トヨタ")],
)  # fmt: skip
def test_the_same_company(name: str, same: str) -> None:
    assert normalise(name) == normalise(same) != ""


@pytest.mark.parametrize(("one", "other"), [("Acme", "Acmenia"), ("AG", ""), ("Le Monde", "Monde")])
def test_other_companies(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text(max_size=500))
def test_any_text_is_borne_and_settled(name: str) -> None:
    assert len(normalise(name)) <= 120
    assert "\0" not in normalise(name)


def said(domain: str, name: str) -> list[object]:
    uri = f"https://{domain}/"
    return [sighting(f"a@{domain}", uri), Fact(domain, "organization", name, uri, 1_700_000_000, 3)]


async def test_exact_before_prefix_and_whole_words_before_letters(stores: Stores) -> None:
    await put(
        stores.index, *said("acmenia.com", "Acmenia"), *said("acme-rockets.com", "Acme Rockets Inc."),
        *said("stripes.net", "Stripe"), sighting("a@stripe.com", "https://stripe.com/"), claims=NOBODY,
    )  # fmt: skip

    async def find(name: str) -> str | None:
        return await find_domain(stores.index, name)

    assert await find("acme") == "acme-rockets.com"
    assert await find("acmenia Ltd") == "acmenia.com"
    assert await find("AcmeRockets") == "acme-rockets.com"
    assert await find("acmen") == "acmenia.com"
    assert await find("stripe") == "stripes.net"  # it says so; stripe.com is only called so
    assert await find("ac") is None
    assert await find("") is None
    assert await find("\ud800%_") is None
    assert await find("zzz") is None


def test_a_host_below_a_company_is_not_found_by_its_label() -> None:
    assert list(list_names("mail.acme.com", ["Acme"], 3)) == []
    assert [name for name, _ in list_names("acme.com", [], 3)] == ["acme"]
