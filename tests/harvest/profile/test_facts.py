"""What a page says of the company behind its own domain, and what it must not be made to say."""

import json
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.harvest.extract.profile import extract_facts
from vizsla.harvest.records import Page

SEEN_AT = 1_790_000_000


def page(uri: str = "https://acme.example/", **headers: str) -> Page:
    return Page(uri, SEEN_AT, b"", headers=headers)


def said(html: str, uri: str = "https://acme.example/") -> dict[str, list[tuple[str, int]]]:
    """What is said under each key, the weightiest first."""
    found: dict[str, list[tuple[str, int]]] = {}
    for fact in sorted(extract_facts(page(uri), html), key=lambda fact: -fact.weight):
        found.setdefault(fact.key, []).append((fact.value, fact.weight))
    return found


def jsonld(*nodes: object) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(node)}</script>' for node in nodes)


BREWERY = """<!doctype html><html lang="de-DE"><head><title>Brauerei Zirbel – Bier aus München seit 1871</title>
<meta name="description" content="Privatbrauerei im Herzen Münchens: Helles, Dunkles und Biere nach altem Rezept.">
<meta property="og:site_name" content="Brauerei Zirbel"><meta name="twitter:site" content="@zirbelbraeu">
<link rel="alternate" hreflang="de-AT" href="https://brauerei-zirbel.at/"><link rel="alternate" hreflang="en" href="/en/">
<link rel="alternate" type="application/rss+xml" href="https://feeds.example.net/x"></head><body>
<header><a href="https://www.facebook.com/sharer/sharer.php?u=x">Teilen</a></header><main>…</main>
<footer><a href="https://www.facebook.com/brauereizirbel/">f</a> <a href="https://instagram.com/zirbel.bier?hl=de">i</a>
<a href="tel:+4989212345">Anruf</a>
<p>&copy; 2019–2026 Brauerei Zirbel GmbH &amp; Co. KG. Alle Rechte vorbehalten | <a href="/impressum">Impressum</a></footer></body></html>"""


def test_a_home_page_without_structured_data():
    facts = said(BREWERY, "https://www.brauerei-zirbel.example/")

    assert facts["organization"] == [("Brauerei Zirbel", 2)]
    assert facts["legal_name"] == [("Brauerei Zirbel GmbH & Co. KG", 1)]
    assert facts["company_type"] == [("Privately Held", 2)]
    assert facts["industry"] == [("Breweries", 1)]
    assert facts["description"][0][0].startswith("Privatbrauerei im Herzen Münchens")
    assert facts["twitter"] == [("zirbelbraeu", 2)]
    assert facts["facebook"] == [("brauereizirbel", 1)]
    assert facts["instagram"] == [("zirbel.bier", 1)]
    assert facts["phone"] == [("+4989212345", 1)]
    assert facts["linked_domain"] == [("brauerei-zirbel.at", 2)]


ACME = {
    "@context": "https://schema.org",
    "@graph": [
        {
            "@type": ["Organization", "LegalService"],
            "@id": "https://acme.example/#org",
            "name": "Acme &amp; Partners",
            "legalName": "Acme & Partners LLP",
            "url": "https://acme.example",
            "description": "Solicitors in Leeds.",
            "sameAs": [
                "https://x.com/acmelaw",
                "https://uk.linkedin.com/company/acme-law/",
                "https://www.youtube.com/@acmelaw",
                "https://en.wikipedia.org/wiki/Acme",
                "https://acme.co.uk/",
            ],
            "address": {"@id": "https://acme.example/#seat"},
            "telephone": "0113 496 0123",
            "numberOfEmployees": {"@type": "QuantitativeValue", "minValue": 51, "maxValue": 200},
            "subOrganization": [{"@type": "Organization", "name": "Acme Ireland", "url": "https://acme-ireland.ie/"}],
        },
        {
            "@type": "PostalAddress",
            "@id": "https://acme.example/#seat",
            "streetAddress": "1 Quarry Lane",
            "addressLocality": "Leeds",
            "addressRegion": "West Yorkshire",
            "postalCode": "LS1 4AP",
            "addressCountry": {"@type": "Country", "name": "United Kingdom"},
        },
    ],
}


def test_an_organisation_in_json_ld():
    facts = said(jsonld(ACME))

    assert facts["organization"] == [("Acme & Partners", 3)]
    assert facts["legal_name"] == [("Acme & Partners LLP", 3)]
    assert facts["industry"] == [("Law Practice", 3)]
    assert facts["company_type"] == [("Partnership", 2)]
    assert facts["headcount"] == [("51-200", 3)]
    assert facts["twitter"] == [("acmelaw", 3)]
    assert facts["linkedin"] == [("company/acme-law", 3)]
    assert facts["youtube"] == [("@acmelaw", 3)]
    assert facts["phone"] == [("+441134960123", 3)]
    assert [facts[key] for key in ("street", "city", "state", "postal_code", "country")] == [
        [("1 Quarry Lane", 3)], [("Leeds", 3)], [("West Yorkshire", 3)], [("LS1 4AP", 3)], [("GB", 3)],
    ]  # fmt: skip
    assert sorted(facts["linked_domain"]) == [("acme-ireland.ie", 3), ("acme.co.uk", 3)]


def test_the_owner_is_known_on_any_page_but_nothing_else_is_read_there():
    facts = said(BREWERY.replace("<body>", "<body>" + jsonld(ACME)), "https://acme.example/blog/2026/11/a-long-story")

    assert facts["organization"][0] == ("Acme & Partners", 3)
    assert "technology" not in facts
    assert ("Privatbrauerei im Herzen Münchens: Helles, Dunkles und Biere nach altem Rezept.", 2) not in facts[
        "description"
    ]


@pytest.mark.parametrize(
    "nodes",
    [
        [{"@type": "Organization", "name": f"Company {n}", "url": f"https://company{n}.example/"} for n in range(30)],
        [{"@type": "LocalBusiness", "name": f"Acme {n}"} for n in range(30)],
        [{"@type": "LocalBusiness", "name": "Client Ltd", "url": "https://acme.example/company/client"}],
        [{"@type": "Organization", "name": "Client Ltd"}],
        [{"@type": "Organization", "name": "Acme", "url": "https://acme.another.example/"}],
        [
            {
                "@type": "Article",
                "publisher": {"@type": "Organization", "name": "The Paper", "url": "https://paper.example"},
            }
        ],
    ],
)
@pytest.mark.parametrize("uri", ["https://acme.example/", "https://acme.example/listing/brewers"])
def test_a_page_about_others_sets_no_profile(nodes, uri):
    assert set(said(jsonld(*nodes), uri)) <= {"technology"}


def test_the_node_of_the_own_domain_is_told_from_the_rest():
    others = [{"@type": "Organization", "name": f"Client {n}", "url": f"https://client{n}.example/"} for n in range(5)]
    own = {"@type": "Organization", "name": "Acme", "url": "https://www.acme.example/en/"}

    assert said(jsonld(*others, own))["organization"] == [("Acme", 3)]


def test_a_node_without_address_counts_if_it_is_named_like_the_domain():
    assert said(jsonld({"@type": "Brewery", "name": "Acme Brewing"}))["industry"] == [("Breweries", 3)]


def test_many_branches_are_no_seat_for_certain():
    branches = [
        {"@type": "Store", "name": "Acme", "url": "https://acme.example/", "address": {"addressLocality": city}}
        for city in ("Lyon", "Lille")
    ]

    assert said(jsonld(*branches))["city"] == [("Lyon", 1)]


@pytest.mark.parametrize(
    ("stated", "band"),
    [
        (7, "1-10"), (10, "1-10"), (11, "11-50"), ("200", "51-200"), ({"value": 501}, "501-1000"), ({"value": "1,200"}, "1001-5000"),
        ({"minValue": 201, "maxValue": 500}, "201-500"), ("2-10 employees", "1-10"), ("5001-10000", "5001-10000"), ("10,001+ employees", "10001+"),
        (250_000, "10001+"), ({"minValue": 10, "maxValue": 500}, None), ("a few", None), (0, None), (True, None), ({}, None), ("500+", None), ([], None),
    ],
)  # fmt: skip
def test_headcount_falls_into_one_band_or_none(stated, band):
    facts = said(
        jsonld({"@type": "Organization", "name": "Acme", "url": "https://acme.example/", "numberOfEmployees": stated})
    )

    assert facts.get("headcount") == ([(band, 3)] if band else None)


@pytest.mark.parametrize(
    ("node", "domain", "kind"),
    [
        ({"name": "Acme GmbH"}, "acme.example", "Privately Held"),
        ({"name": "Acme Ltd"}, "acme.co.uk", "Privately Held"),
        ({"name": "Acme Co., Ltd."}, "acme.co.jp", None),
        ({"name": "Acme Ltd"}, "acme.com", None),
        ({"name": "Acme EU"}, "acme.com", None),
        ({"name": "Acme Inc."}, "acme.com", None),
        ({"name": "Acme AG"}, "acme.de", None),
        ({"name": "Acme plc"}, "acme.com", "Public Company"),
        ({"name": "Acme Inc.", "tickerSymbol": "NYSE:ACME"}, "acme.com", "Public Company"),
        ({"name": "Acme e.V."}, "acme.de", "Nonprofit"),
        ({"@type": "NGO", "name": "Acme"}, "acme.org", "Nonprofit"),
        ({"@type": "CollegeOrUniversity", "name": "Acme"}, "acme.com", "Educational Institution"),
        ({"name": "Acme"}, "acme.edu", "Educational Institution"),
        ({"name": "Acme"}, "acme.ac.uk", "Educational Institution"),
        ({"name": "Acme"}, "acme.gov.uk", "Government Agency"),
        ({"name": "Acme"}, "acme.com", None),
    ],
)
def test_the_type_of_a_company_is_known_or_null(node, domain, kind):
    facts = said(jsonld({"@type": "Organization", "url": f"https://{domain}/"} | node), f"https://{domain}/")

    assert facts.get("company_type", [(None, 0)])[0][0] == kind


def test_an_address_in_microdata():
    html = """<div itemscope itemtype="https://schema.org/Brewery"><p itemprop="address" itemscope itemtype="https://schema.org/PostalAddress">
    <span itemprop="streetAddress">Tal <b>12</b></span>, <span itemprop="postalCode">80331</span> <span itemprop="addressLocality">München</span>
    <meta itemprop="addressCountry" content="Deutschland"></p></div>"""
    facts = said(html, "https://acme.example/kontakt")

    assert {key: facts[key][0][0] for key in ("street", "postal_code", "city", "country")} == {
        "street": "Tal 12",
        "postal_code": "80331",
        "city": "München",
        "country": "DE",
    }
    assert "street" not in said(html + html.replace("Tal", "Weg"), "https://acme.example/kontakt")
    assert "street" not in said(html, "https://acme.example/some/listing")


def test_an_address_in_a_card():
    html = '<p class="adr"><span class="street-address">5 Rue Férou</span> <span class="postal-code">75006</span> <span class="locality">Paris</span>'

    assert said(html, "https://acme.example/contact")["street"] == [("5 Rue Férou", 2)]


@pytest.mark.parametrize(
    ("title", "domain", "name"),
    [
        ("Acme | Widgets for everyone", "acme.example", "Acme"),
        ("Widgets for everyone - Acme Tools", "acmetools.com", "Acme Tools"),
        ("Home – Müller & Söhne", "mueller-soehne.de", "Müller & Söhne"),
        ("Welcome to the best widgets", "acme.example", None),
        ("ABC: Always Be Closing", "abc.com", "ABC"),
        ("National Trust of Places", "ntp.org", None),
        ("International Business Machines | Home", "ibm.com", "International Business Machines"),
        ("", "acme.example", None),
    ],
)
def test_a_title_without_its_slogan(title, domain, name):
    facts = said(f"<title>{title.replace('&', '&amp;')}</title>", f"https://{domain}/")

    assert [value for value, _ in facts.get("organization", [])] == ([name] if name else [])


@pytest.mark.parametrize(
    ("footer", "legal_name"),
    [
        ("© 2026 Acme LLP. Authorised and regulated by somebody.", "Acme LLP"),
        ("&copy; 2019-2026 Acme, Inc. All rights reserved.", "Acme, Inc."),
        ("Copyright © Acme Co. Ltd. The best widgets", "Acme Co. Ltd."),
        ("© Acme Sp. z o.o.", "Acme Sp. z o.o."),
        ("© 2026 by Acme GmbH | Impressum", "Acme GmbH"),
        ("© 2026 Acme", None),
        ("© 2026 Somebody Else Ltd", None),
    ],
)
def test_a_copyright_line_names_the_company_if_it_resembles_the_domain(footer, legal_name):
    facts = said(f"<p>x</p><footer>{footer}</footer>")

    assert [value for value, _ in facts.get("legal_name", [])] == ([legal_name] if legal_name else [])


def test_of_several_accounts_in_a_footer_only_the_one_like_the_domain_counts():
    footer = '<footer><a href="https://twitter.com/acme_hq">us</a><a href="https://twitter.com/themefactory">theme</a>{}</footer>'

    assert said(footer.format(""))["twitter"] == [("acme_hq", 1)]
    assert "twitter" not in said(footer.replace("acme_hq", "someone").format(""))


def test_a_site_is_not_linked_to_itself():
    html = "".join(
        f'<link rel="alternate" hreflang="{lang}" href="{href}">'
        for lang, href in [("en", "https://www.acme.example/en"), ("fr", "/fr"), ("de", "https://acme.de/")]
    )

    assert said(html)["linked_domain"] == [("acme.de", 2)]


def test_only_as_many_tags_are_read_as_a_real_head_has():
    filler = '<meta name="x" content="y">'

    assert "organization" in said(filler * 300 + '<meta property="og:site_name" content="Acme">')
    assert "organization" not in said(filler * 10_000 + '<meta property="og:site_name" content="Acme">')


@pytest.mark.parametrize(
    ("description", "industry"),
    [
        ("A law firm in Leeds.", "Law Practice"),
        ("Unsere Kanzlei berät seit 1990.", "Law Practice"),
        ("Éditeur de logiciels à Nantes", "Software Development"),
        ("Software for law firms and for a bakery", None),
        ("The best law firm and the best bakery", None),
        ("We bake bread: bakery, bageri, law firm", "Bakeries"),
        ("Compare banks, hotels and restaurants", None),
        ("We make things", None),
    ],
)
def test_the_industry_that_a_description_names(description, industry):
    facts = said(f'<meta name="description" content="{description}">')

    assert [value for value, _ in facts.get("industry", [])] == ([industry] if industry else [])


def test_facts_of_a_subdomain_belong_to_the_registrable_domain():
    (fact,) = extract_facts(
        page("https://blog.acme.co.uk/post/1"), '<meta property="og:site_name" content="Acme Blog">'
    )

    assert (fact.domain, fact.key, fact.value, fact.uri, fact.seen_at, fact.weight) == (
        "acme.co.uk",
        "organization",
        "Acme Blog",
        "https://blog.acme.co.uk/post/1",
        SEEN_AT,
        2,
    )


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1/", "http://localhost/", "https://co.uk/", "http://[::1", "not a uri", "https://…/", ""]
)
def test_a_page_without_a_registrable_domain_says_nothing(uri):
    assert extract_facts(page(uri), BREWERY) == []


LD = '<script type="application/ld+json">'
HOSTILE = {
    "braces": LD + "{" * 1_000_000 + "</script>",
    "meta tags": '<meta property="og:site_name" content="x">' * 10_000,
    "meta tags with odd quotes": '<meta name="description content=x>' * 20_000,
    "less-thans": "<" * 1_000_000,
    "unclosed divs": "<div>" * 200_000,
    "nested lists": "<ul><li>" * 125_000,
    "itemprops": "<span itemprop=streetAddress>" * 30_000,
    "classes": '<span class="locality">' * 40_000,
    "footers": "<footer>" * 100_000,
    "copyright signs": "<footer>" + "© " * 300_000,
    "links": "<footer>" + '<a href="https://twitter.com/a">' * 30_000,
    "scripts": "<script>" * 120_000,
    "organisations": LD
    + "["
    + ",".join(['{"@type":"Organization","name":"Acme","sameAs":["https://x.com/a"]}'] * 12_000)
    + "]</script>",
    "20 MB": "<p>lorem ipsum dolor sit amet</p>" * 600_000,
    "a title without end": "<title>" + "a - " * 250_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_costs_little(name):
    began = perf_counter()

    assert len(extract_facts(page(), HOSTILE[name])) <= 200
    assert perf_counter() - began < 2


SCRAPS = st.sampled_from([
    LD, "</script>", '{"@type":"Organization","url":"https://acme.example/"', ',"address":', ',"numberOfEmployees":', ',"sameAs":[', "]", "}", "null", '"x"',
    "<meta ", 'property="og:site_name"', " content=", "<title>", "</title>", "<footer>", "©", "https://twitter.com/", "\ud800", "\x00", "&#0;", "&#xd800;",
    '<link rel="alternate" hreflang="x" href="http://[', "itemprop=postalCode", ">", "<", "'", '"', "tel:+1", '<a href="',
])  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(SCRAPS | st.text(max_size=5), max_size=30).map("".join))
def test_no_page_makes_it_raise(html):
    for fact in extract_facts(page(server="x"), html):
        assert fact.value.strip() == fact.value != ""
        fact.value.encode()
