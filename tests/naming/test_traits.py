"""What a name says by itself moves the shares of templates, and no more than that."""

import math

import msgspec
import pytest
from hypothesis import given, settings

from naming.people import domains, people
from vizsla.naming.candidates import list_candidates
from vizsla.naming.model import Counts, infer_posterior, prior_posterior
from vizsla.naming.names import PersonName
from vizsla.naming.prior import load_prior
from vizsla.naming.traits import VALUES, family_of, move, traits_of

PRIOR = load_prior()
PLAIN = msgspec.structs.replace(PRIOR, traits={})


@settings(deadline=None)
@given(people, domains)
def test_moved_shares_are_shares(name: PersonName, domain: str) -> None:
    moved = move(prior_posterior(domain, PRIOR).theta, name, PRIOR)

    assert math.fsum(moved) == pytest.approx(1)
    assert min(moved) > 0


@settings(deadline=None)
@given(people)
def test_every_name_has_every_trait(name: PersonName) -> None:
    assert all(0 <= value < VALUES[trait] for trait, value in traits_of(name).items())
    assert traits_of(name).keys() == VALUES.keys()


def test_without_factors_nothing_moves() -> None:
    theta = prior_posterior("acme.com", PLAIN).theta

    assert move(theta, PersonName("Ada", "Quell"), PLAIN) is theta


def test_every_factor_is_of_a_family_that_there_is() -> None:
    families = {family_of(text) for text in PRIOR.templates}

    assert PRIOR.traits.keys() == VALUES.keys()
    for trait, table in PRIOR.traits.items():
        assert table.keys() == families
        assert {len(factors) for factors in table.values()} == {VALUES[trait]}


def test_a_common_first_name_alone_is_less_probable_than_a_rare_one() -> None:
    posterior = prior_posterior("acme.com", PRIOR)

    def alone(name: PersonName) -> float:
        return next(
            one.probability for one in list_candidates(name, posterior).ranked if one.local == name.first.lower()
        )

    assert alone(PersonName("John", "Brandenburg")) < 0.6 * alone(PersonName("Tjorven", "Brandenburg"))


def test_a_signed_middle_initial_is_used_more_often() -> None:
    posterior = prior_posterior("acme.edu", PRIOR)
    initials = {
        bool(middles): sum(
            one.probability
            for one in list_candidates(PersonName("Ada", "Quell", middles), posterior).ranked
            if one.local in ("aq", "abq", "abquell")
        )
        for middles in ((), ("B.",))
    }

    assert initials[True] > 2 * initials[False]


def test_trust_gives_more_to_what_was_seen() -> None:
    at = PRIOR.templates.index("{last}.{f}")
    counts = Counts([(((at, 1.0),), 2.0), (((PRIOR.templates.index("{first}.{last}"), 1.0),), 1.0)])
    shares = [
        infer_posterior(counts, "acme.com", msgspec.structs.replace(PRIOR, trust=trust)).theta
        for trust in (0.0, 0.2, 0.5)
    ]

    assert [math.fsum(theta) for theta in shares] == pytest.approx([1, 1, 1])
    assert shares[0][at] < shares[1][at] < shares[2][at] < 2 / 3
