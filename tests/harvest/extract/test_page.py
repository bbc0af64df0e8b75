"""One page as it comes: charsets, robots, placeholders, scripts, structured data, plain text."""

import pytest

from vizsla.harvest.extract.gate import find_spots
from vizsla.harvest.extract.page import MAX_BYTES, extract
from vizsla.harvest.records import Extraction, Observation, Page


def run(html: str | bytes, **page: object) -> Extraction:
    """What is read of *html* when the gate has been asked first, as a harvest does."""
    body = html.encode() if isinstance(html, str) else html
    return extract(
        Page(**({"uri": "https://www.fjord-werft.de/leute/42", "fetched_at": 1_700_000_000, "body": body} | page)),  # type: ignore[arg-type]
        find_spots(body, decode_protected=False),
    )


def emails(extraction: Extraction) -> set[str]:
    return {f"{one.local}@{one.domain}" for one in extraction.observations}


def only(extraction: Extraction) -> Observation:
    (one,) = extraction.observations
    return one


def test_an_observation_says_where_and_when() -> None:
    seen = only(run('<html lang="de-CH"><p>Mira.Sol@Fjord-Werft.DE</p>'))

    assert (seen.local, seen.domain) == ("mira.sol", "fjord-werft.de")
    assert (seen.uri, seen.seen_at, seen.how, seen.lang) == (
        "https://www.fjord-werft.de/leute/42",
        1_700_000_000,
        "text",
        "de-ch",
    )


def test_an_address_seen_twice_is_observed_once() -> None:
    assert len(run('<a href="mailto:mira@werft.de">mira@werft.de</a><p>mira@werft.de</p>').observations) == 1


@pytest.mark.parametrize(
    ("charset", "content_type", "meta"),
    [
        ("utf-8", "text/html; charset=utf-8", ""),
        ("iso-8859-1", "text/html; charset=ISO-8859-1", ""),
        ("windows-1252", "text/html", '<meta charset="windows-1252">'),
        ("windows-1252", "text/html", ""),
        ("windows-1252", "text/html; charset=utf-8", ""),
        ("utf-16", "text/html", ""),
        ("utf-8", "text/html; charset=no-such-charset", ""),
    ],
)
def test_names_survive_every_charset(charset: str, content_type: str, meta: str) -> None:
    body = f"<html><head>{meta}</head><body><p>Jürgen Müller &lt;jmueller@werft.de&gt;</p>".encode(charset)

    seen = only(run(body, content_type=content_type))

    assert (seen.first_name, seen.last_name) == ("Jürgen", "Müller")


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be"])
def test_the_gate_lets_through_what_it_cannot_read(charset: str) -> None:
    assert find_spots("<!doctype html><p>mira@werft.de</p>".encode(charset), decode_protected=False)


def test_half_a_shift_jis_character_is_no_sign() -> None:
    # ア is 0x83 0x41; タ is 0x83 0x5E; the second byte of ァ is 0x40, the sign.
    body = "<p>aァbc.jp</p><p>sato@werft.jp</p>".encode("shift_jis")

    assert emails(run(body, content_type="text/html; charset=Shift_JIS")) == {"sato@werft.jp"}


@pytest.mark.parametrize(
    ("html", "headers"),
    [
        ('<meta name="robots" content="noindex, follow"><p>mira@werft.de</p>', {}),
        ("<META CONTENT='NOINDEX' NAME='ROBOTS'><p>mira@werft.de</p>", {}),
        ("<p>mira@werft.de</p>", {"x-robots-tag": "noindex"}),
        ("<p>mira@werft.de</p>", {"x-robots-tag": "noarchive, none"}),
    ],
)
def test_a_page_that_wants_no_index_gives_no_observations(html: str, headers: dict[str, str]) -> None:
    extraction = run(html, headers=headers)

    assert extraction.observations == []
    assert extraction.dropped["noindex"] == 1


def test_a_page_that_writes_about_noindex_is_read() -> None:
    assert emails(run('<p>Use name="robots" content="noindex".</p><p>mira@werft.de</p>')) == {"mira@werft.de"}


@pytest.mark.parametrize(
    "address",
    ["you@example.com", "info@mail.example.org", "name@domain.com", "yourname@gmail.com", "ihre@e-mail.com", "user@yourdomain.co.uk", "xxxx@werft.de", "max.mustermann@web.de"],
)  # fmt: skip
def test_a_placeholder_is_dropped_and_counted(address: str) -> None:
    extraction = run(f"<p>{address}</p>")

    assert extraction.observations == []
    assert extraction.dropped == {"placeholder": 1}


def test_a_form_placeholder_is_no_address() -> None:
    extraction = run('<input type="email" placeholder="anna@werft.de">')

    assert (extraction.observations, extraction.dropped) == ([], {"placeholder": 1})


@pytest.mark.parametrize("address", ["jane.doe@acme.example", "info@globex.example", "sales@initech.test"])
def test_invented_companies_live_under_reserved_suffixes(address: str) -> None:
    assert emails(run(f"<p>{address}</p>")) == {address}


def test_a_local_part_over_64_is_dropped() -> None:
    assert run(f"<p>{'z' * 65}@werft.de {'y' * 300}@werft.de</p>").dropped == {"local_part_too_long": 2}
    assert emails(run(f"<p>{'z' * 64}@werft.de</p>")) == {"z" * 64 + "@werft.de"}


@pytest.mark.parametrize(
    ("html", "address"),
    [
        ("<p>Write to mira@werft.de. Please do.</p>", "mira@werft.de"),
        ("<p>Write to mira@werft.de.Please do.</p>", "mira@werft.de"),
        ("<p>mira@werft.dePhone: 1</p>", "mira@werft.de"),
        ("<b>Email</b><span>mira@werft.de</span><span>Telefon</span>", "mira@werft.de"),
        ("<p>E-Mail:mira@werft.de|Fax</p>", "mira@werft.de"),
        ("<p>'mira@werft.de', (mira@werft.de), «mira@werft.de»</p>", "mira@werft.de"),
        ("<p>mira+news@werft.co.uk</p>", "mira+news@werft.co.uk"),
        ("<p>mira@bücher.de</p>", "mira@xn--bcher-kva.de"),
        ('<a href="mailto:%20mira@werft.de ">x</a>', "mira@werft.de"),
        ('<a href="mailto:Mira%20Sol%20%3Cmira@werft.de%3E">x</a>', "mira@werft.de"),
        ('<a href="mira@werft.de">x</a>', "mira@werft.de"),
        ('<a href="https://werft.de/mailto:mira@werft.de">x</a>', "mira@werft.de"),
        ('<link rev="made" href="mailto:mira@werft.de">', "mira@werft.de"),
        ('<img alt="Mira, mira@werft.de">', "mira@werft.de"),
        ("<textarea></textarea><p title='a > b'>mira@werft.de</p>", "mira@werft.de"),
        ("<a href='x' don't>mira@werft.de</a>", "mira@werft.de"),
        ("<p>per\u00admira@werft.de</p>", "permira@werft.de"),
        ('<meta name="description" content="Boats. Write to mira@werft.de!">', "mira@werft.de"),
        ("<textarea>Terms: write to mira@werft.de</textarea>", "mira@werft.de"),
        ("<button onclick=\"location.href='mailto:mira@werft.de?subject=x'\">Mail</button>", "mira@werft.de"),
        ("<p>Mobilität @ Werft.Shop, Grüß@werft.de mira@werft.de</p>", "mira@werft.de"),
    ],
)
def test_an_address_is_neither_cut_nor_glued(html: str, address: str) -> None:
    assert emails(run(html)) == {address}


def test_a_link_to_two_people_is_two_addresses() -> None:
    assert emails(
        run('<a href="mailto:mira@werft.de,Ben%20Ode%20%3Cben@werft.de%3E;ana@werft.de?cc=x@werft.de">x</a>')
    ) == {
        "mira@werft.de",
        "ben@werft.de",
        "ana@werft.de",
    }


def test_json_state_names_the_owner_beside_the_address() -> None:
    state = '{"staff":[{"name":"Mira Sol","title":"Chief Reporter","email":"msol@werft.de","phone":"+49 30 901820","twitter":"@mirasol","image":{"name":"x"}},{"name":"Ben Ode","email":"bode@werft.de"}]}'

    seen = {one.local: one for one in run(f"<script>window.__STATE__ = {state};</script>").observations}

    assert (seen["msol"].first_name, seen["msol"].last_name, seen["msol"].position) == ("Mira", "Sol", "Chief Reporter")
    assert (seen["msol"].phone, seen["msol"].twitter, seen["msol"].how) == ("+4930901820", "mirasol", "script")
    assert (seen["bode"].first_name, seen["bode"].last_name, seen["bode"].position) == ("Ben", "Ode", None)


def test_json_inside_a_string_is_read_too() -> None:
    html = r'<script>push("{\"firstName\":\"Mira\",\"lastName\":\"Sol\",\"email\":\"chief\u0040werft.de\"}")</script>'

    seen = only(run(html))

    assert (seen.local, seen.first_name, seen.last_name) == ("chief", "Mira", "Sol")


@pytest.mark.parametrize(
    ("html", "how"),
    [
        ('<script type="application/ld+json">{"@graph":[{"@type":"Person","name":"Mira Sol","jobTitle":"Captain","email":"captain@werft.de","telephone":"+49 30 901820"}]}</script>', "jsonld"),
        ('<div itemscope itemtype="http://schema.org/Person"><h2 itemprop="name">Mira Sol</h2><p itemprop="jobTitle">Captain</p><a itemprop="email" href="mailto:captain@werft.de">Mail</a><p itemprop="telephone">+49 30 901820</p></div>', "microdata"),
        ('<div class="vcard"><span class="fn">Mira Sol</span><div class="title">Captain</div><span class="email">captain@werft.de</span><span class="tel">+49 30 901820</span></div>', "hcard"),
    ],
)  # fmt: skip
def test_structured_data_is_believed_without_a_look_at_the_local_part(html: str, how: str) -> None:
    seen = only(run(html))

    assert (seen.how, seen.first_name, seen.last_name, seen.name_score, seen.position) == (
        how,
        "Mira",
        "Sol",
        2,
        "Captain",
    )
    assert seen.phone == "+4930901820"


def test_an_organization_gives_its_address_no_name() -> None:
    seen = only(
        run(
            '<script type="application/ld+json">{"@type":"Organization","name":"Mira Sol","email":"mira.sol@werft.de"}</script>'
        )
    )

    assert (seen.how, seen.first_name, seen.name_score) == ("jsonld", None, 0)


def test_plain_text_goes_through_text_rules_only() -> None:
    extraction = run(
        "Mira Sol <mira.sol@werft.de>\nBen Ode <ben [at] werft [dot] de>\n<script>a@b.de</script>", plain=True
    )

    assert {(one.local, one.first_name) for one in extraction.observations} == {
        ("mira.sol", "Mira"),
        ("ben", "Ben"),
        ("a", None),
    }


def test_a_profile_path_gives_facts_too() -> None:
    html = '<title>Werft</title><meta property="og:site_name" content="Fjord Werft"><p>hallo@fjord-werft.de</p>'

    extraction = run(html, uri="https://www.fjord-werft.de/")

    assert emails(extraction) == {"hallo@fjord-werft.de"}
    assert "Fjord Werft" in {fact.value for fact in extraction.facts}


def test_a_page_over_the_cap_is_cut_and_counted() -> None:
    extraction = run(b"<p>first@werft.de</p>" + b" " * (5 * MAX_BYTES) + b"<p>last@werft.de</p>")

    assert emails(extraction) == {"first@werft.de"}
    assert extraction.dropped == {"page_cut_at_limit": 1}


def test_far_apart_windows_are_each_read() -> None:
    filler = "<div class='x'><p>nothing here</p></div>" * 1_000

    html = f"<p>one@werft.de</p>{filler}<script>var a='<p>'</script><p>two@werft.de</p>{filler}<!-- no@werft.de --><pre>a\nthree@werft.de\nb</pre>{filler}"

    assert emails(run(html)) == {"one@werft.de", "two@werft.de", "three@werft.de"}
