"""Which pages a company speaks of itself on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.harvest.extract.profile_paths import is_home_path, is_profile_path


@pytest.mark.parametrize(
    "uri",
    [
        "https://acme.example",
        "https://acme.example/?utm=1",
        "https://acme.example/index.html",
        "https://acme.example/de/",
        "https://acme.example/pt-br/index.php#top",
        "http://www.acme.example/Home.aspx",
    ],
)
def test_a_front_page(uri):
    assert is_home_path(uri)
    assert is_profile_path(uri)


@pytest.mark.parametrize(
    "path",
    [
        "about", "about-us/", "en/about_us.html", "company/about", "contact", "Contact-Us.aspx", "our-team", "people", "staff", "press",
        "imprint", "legal", "impressum", "de/impressum.html", "kontakt", "%C3%BCber-uns", "ueber-uns", "über-uns", "unternehmen/team",
        "qui-sommes-nous", "équipe", "mentions-l%C3%A9gales", "a-propos", "quienes-somos", "contacto", "chi-siamo", "contatti", "quem-somos",
        "over-ons", "om-oss", "kontakta-oss", "medarbejdere", "ansatte", "yhteystiedot", "o-nas", "kapcsolat", "despre-noi", "iletişim",
        "контакты", "о-компании", "会社概要", "%E4%BC%9A%E7%A4%BE%E6%A6%82%E8%A6%81", "关于我们",
    ],
)  # fmt: skip
def test_a_page_about_the_company(path):
    assert is_profile_path(f"https://acme.example/{path}")
    assert not is_home_path(f"https://acme.example/{path}")


@pytest.mark.parametrize(
    "path",
    [
        "blog/2026/what-to-know-about-cats",
        "company/some-client",
        "products",
        "team/jane-doe",
        "a/b/c/d/e/f/about",
        "x" * 3000,
        "v1.2.3",
        "docs/contact-form-api",
    ],
)
def test_any_other_page(path):
    assert not is_profile_path(f"https://acme.example/{path}")


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_no_uri_makes_it_raise(uri):
    is_profile_path(uri)
