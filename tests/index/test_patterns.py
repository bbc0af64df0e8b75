"""Patterns: what made an address is found again; what is not certain is not said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vizsla.index.patterns import PATTERNS, NamedAddress, explain, infer, is_derivable, render

people = st.tuples(
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=9),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=9),
)


def addresses(pattern: str, *names: tuple[str, str]) -> list[NamedAddress]:
    return [NamedAddress(render(pattern, first.lower(), last.lower()), first, last) for first, last in names]


NAMES = [("Anna", "Bolt"), ("Cara", "Dietz"), ("Emil", "Frank"), ("Gero", "Hauk")]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_three_addresses_of_one_pattern_show_it(pattern: str) -> None:
    assert infer(addresses(pattern, *NAMES[:3])) == pattern


@given(st.sampled_from(PATTERNS), st.lists(people, min_size=1, max_size=6))
def test_evidence_made_by_a_pattern_never_points_to_another(pattern: str, names: list[tuple[str, str]]) -> None:
    evidence = [NamedAddress(render(pattern, first, last), first, last) for first, last in names]
    ambiguous = any(len(explain(one.local, one.first_name, one.last_name)) > 1 for one in evidence)

    assert all(pattern in explain(one.local, one.first_name, one.last_name) for one in evidence)
    assert ambiguous or infer(evidence) in {pattern, None}


def test_a_tie_is_not_a_guess() -> None:
    assert infer([*addresses("{first}.{last}", *NAMES[:2]), *addresses("{f}{last}", *NAMES[2:])]) is None


def test_nothing_explained_is_nothing_said() -> None:
    assert infer([]) is None
    assert infer([NamedAddress("sunshine", "Anna", "Bolt")]) is None


def test_one_address_shows_a_common_pattern_but_not_a_rare_one() -> None:
    assert infer(addresses("{first}.{last}", NAMES[0])) == "{first}.{last}"
    assert infer(addresses("{l}_{first}", NAMES[0])) is None
    assert infer(addresses("{l}_{first}", *NAMES[:2])) == "{l}_{first}"


def test_a_domain_of_handles_has_no_pattern() -> None:
    handles = [NamedAddress(handle, "Anna", "Bolt") for handle in ("zed", "sunny", "xx1", "root7", "moon")]

    assert infer([*addresses("{first}.{last}", *NAMES[:2]), *handles]) is None


@pytest.mark.parametrize(
    ("local", "first", "last", "pattern"),
    [
        ("juergen.mueller", "Jürgen", "Müller", "{first}.{last}"),
        ("jurgen.muller", "Jürgen", "Müller", "{first}.{last}"),
        ("jean-pierre.dupont", "Jean-Pierre", "Dupont", "{first}.{last}"),
        ("jdupont", "Jean-Pierre", "Dupont", "{f}{last}"),
        ("vandenberg", "Anna", "van den Berg", "{last}"),
        ("a.vandenberg", "Anna", "van den Berg", "{f}.{last}"),
        ("a.berg", "Anna", "van den Berg", "{f}.{last}"),
        ("john.smith2", "John", "Smith", "{first}.{last}"),
        ("john.q.smith", "John", "Smith", "{first}.{last}"),
        ("obrien", "Pat", "O'Brien", "{last}"),
        ("soren.oesten", "Søren", "Østen", "{first}.{last}"),
        ("mary.jones", "Mary Ann", "Jones", "{first}.{last}"),
    ],
)
def test_names_as_people_write_them(local: str, first: str, last: str, pattern: str) -> None:
    assert pattern in explain(local, first, last)


@given(st.text(max_size=80), st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_borne(local: str, first: str, last: str) -> None:
    explain(local, first, last)
    assert not is_derivable(local, None, None)
