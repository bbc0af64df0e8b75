"""Addresses without a name: read as a person would read them."""

import pytest

from vizsla.naming.candidates import list_candidates
from vizsla.naming.model import Counts, infer_posterior, prior_posterior, responsibilities
from vizsla.naming.names import parse_name
from vizsla.naming.prior import load_prior
from vizsla.naming.segments import read_nameless

PRIOR = load_prior()


def likeliest(local: str, domain: str = "acme.com") -> str:
    shares = responsibilities(read_nameless(local, domain, PRIOR), prior_posterior(domain, PRIOR).theta)
    return PRIOR.templates[max(shares, key=shares.__getitem__)]


@pytest.mark.parametrize(
    ("local", "template"),
    [
        ("john.miller", "{first}.{last}"),
        ("miller.john", "{last}.{first}"),
        ("anna_schneider", "{first}_{last}"),
        ("jmiller", "{f}{last}"),
        ("j.miller", "{f}.{last}"),
        ("maria", "{first}"),
        ("hernandez", "{last}"),
        ("davidm", "{first}{l}"),
        ("jkl", "{f}{m}{l}"),
        ("x7", "OTHER"),
        ("kde-devel", "OTHER"),
        ("8f3kq", "OTHER"),
        ("xyzzy", "OTHER"),
    ],
)
def test_a_local_part_is_read_as_a_person_would(local: str, template: str) -> None:
    assert likeliest(local) == template


def test_three_nameless_addresses_show_a_habit() -> None:
    counts = Counts((read_nameless(local, "acme.com", PRIOR), 1.0) for local in ("jmiller", "awilson", "tgarcia"))
    found = list_candidates(parse_name("Mira Brandenburg"), infer_posterior(counts, "acme.com", PRIOR))

    assert found.ranked[0].local == "mbrandenburg"


def test_equal_addresses_are_one_clue() -> None:
    one, other = (read_nameless(local, "acme.com", PRIOR) for local in ("john.miller", "john.miller"))

    assert one == other
