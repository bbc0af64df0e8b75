"""The pattern: what made the addresses is found again; what is not certain is not said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naming.people import plain_people
from vizsla.naming.model import Counts, explain, infer_posterior
from vizsla.naming.names import PersonName
from vizsla.naming.pattern import PATTERNS, infer_pattern, pattern_of
from vizsla.naming.prior import load_prior

PRIOR = load_prior()
PEOPLE = [PersonName(*name.split()) for name in ("anna boltenstern", "cara dietzsch", "emil frankow", "gero haukland")]
COMMON = ("{first}.{last}", "{f}{last}", "{first}", "{last}", "{first}_{last}", "{f}.{last}", "{last}{f}")


def fill(pattern: str, name: PersonName) -> str:
    parts = {"{first}": name.first, "{last}": name.last, "{f}": name.first[0], "{l}": name.last[0]}
    for place, text in parts.items():
        pattern = pattern.replace(place, text)
    return pattern


def seen(*addresses: tuple[PersonName, str]) -> str | None:
    counts = Counts((explain(local, name, "acme.com", PRIOR), 0.9) for name, local in addresses)
    return infer_pattern(infer_posterior(counts, "acme.com", PRIOR))


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_four_addresses_of_one_pattern_show_it(pattern: str) -> None:
    assert seen(*((name, fill(pattern, name)) for name in PEOPLE)) == pattern


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(COMMON), st.lists(plain_people, min_size=1, max_size=5))
def test_addresses_of_one_pattern_never_point_to_another(pattern: str, names: list[PersonName]) -> None:
    addresses = [(name, fill(pattern, name)) for name in names]
    ways = {
        pattern_of(PRIOR.templates[at])
        for name, local in addresses
        for at, _ in explain(local, name, "acme.com", PRIOR)
    } - {None}

    assert pattern in ways
    assert len(ways) > 1 or seen(*addresses) in {pattern, None}


def test_a_tie_is_not_a_guess() -> None:
    dotted = [(name, fill("{first}.{last}", name)) for name in PEOPLE[:2]]
    joined = [(name, fill("{f}{last}", name)) for name in PEOPLE[2:]]

    assert seen(*dotted, *joined) is None


def test_nothing_seen_is_nothing_said() -> None:
    assert seen() is None
    assert seen((PEOPLE[0], "sunshine")) is None


def test_a_domain_of_handles_has_no_pattern() -> None:
    handles = [(PEOPLE[0], handle) for handle in ("zed", "sunny", "xx1", "root7", "moon")]

    assert seen(*((name, fill("{first}.{last}", name)) for name in PEOPLE[:2]), *handles) is None


def test_one_usual_address_shows_its_pattern() -> None:
    assert seen((PEOPLE[0], "anna.boltenstern")) == "{first}.{last}"


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("{f}{last}", "{f}{last}"),
        ("{f}{m}{last}", "{f}{last}"),
        ("{first}.{m}.{last}", "{first}.{last}"),
        ("{f}{last}#8", "{f}{last}"),
        ("{first:1}{last:7}", "{f}{last}"),
        ("{last:7}", "{last}"),
        ("{middle}.{last}", "{first}.{last}"),
        ("{last}{given-initials}", "{last}{f}"),
        ("{first:2}{last:2}", None),
        ("{f}{middle}", None),
    ],
)
def test_templates_fold_into_what_the_api_can_write(template: str, pattern: str | None) -> None:
    assert pattern_of(template) == pattern


@pytest.mark.parametrize(
    ("local", "first", "last", "pattern"),
    [
        ("juergen.moeller", "Jürgen", "Möller", "{first}.{last}"),
        ("jurgen.moller", "Jürgen", "Möller", "{first}.{last}"),
        ("jean-luc.marchand", "Jean-Luc", "Marchand", "{first}.{last}"),
        ("jmarchand", "Jean-Luc", "Marchand", "{f}{last}"),
        ("vandenberg", "Anna", "van den Berg", "{last}"),
        ("a.vandenberg", "Anna", "van den Berg", "{f}.{last}"),
        ("a.berg", "Anna", "van den Berg", "{f}.{last}"),
        ("mira.quell2", "Mira", "Quell", "{first}.{last}"),
        ("mira.x.quell", "Mira", "Quell", "{first}.{last}"),
        ("mxquell", "Mira", "Quell", "{f}{last}"),
        ("ohare", "Pat", "O'Hare", "{last}"),
        ("soeren.oesten", "Søren", "Østen", "{first}.{last}"),
        ("mary.quell", "Mary Ann", "Quell", "{first}.{last}"),
        ("bob.quell", "Robert", "Quell", "{first}.{last}"),
    ],
)
def test_names_as_people_write_them(local: str, first: str, last: str, pattern: str) -> None:
    clue = explain(local, PersonName(first, last), "acme.com", PRIOR)

    assert pattern in {pattern_of(PRIOR.templates[at]) for at, _ in clue}
