"""The model: order leaves no trace, what is taken away is gone, more evidence never speaks against itself."""

import math
import random
from string import ascii_lowercase

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from naming.people import domains, people, plain_people
from vizsla.naming.candidates import list_candidates, probability_of
from vizsla.naming.matching import lacks_middle
from vizsla.naming.model import Clue, Counts, explain, infer_posterior, prior_posterior, responsibilities
from vizsla.naming.names import PersonName, parse_name, parse_parts
from vizsla.naming.prior import Prior, load_prior, parse_prior
from vizsla.naming.segments import read_nameless
from vizsla.naming.spellings import spell
from vizsla.naming.templates import parse_template, render
from vizsla.naming.traits import move

PRIOR = load_prior()
DOMAIN = "acme.com"
local_parts = st.one_of(
    plain_people.map(lambda who: f"{who.first}.{who.last}"),
    plain_people.map(lambda who: f"{who.first[0]}{who.last}"),
    plain_people.map(lambda who: who.first),
    st.text("abcdefgh.-_0123", min_size=1, max_size=12),
)
clues: st.SearchStrategy[tuple[Clue, float]] = st.tuples(
    st.one_of(
        st.builds(lambda who, local: explain(local, who, DOMAIN, PRIOR), plain_people, local_parts),
        st.builds(lambda local: read_nameless(local, DOMAIN, PRIOR), local_parts),
        plain_people.map(lambda who: explain(f"{who.first[0]}{who.last}", who, DOMAIN, PRIOR)),
    ),
    st.floats(0.01, 1.2),
)


def named(*pairs: tuple[str, str], domain: str = DOMAIN) -> Counts:
    return Counts((explain(local, parse_name(name), domain, PRIOR), 1.0) for name, local in pairs)


def test_there_are_enough_templates_and_each_is_one() -> None:
    assert len(PRIOR.templates) - 1 >= 140
    assert len(set(PRIOR.templates)) == len(PRIOR.templates)
    for text in PRIOR.templates[:-1]:
        assert parse_template(text).text == text


def test_a_domain_of_which_nothing_is_known_is_the_prior() -> None:
    start = prior_posterior(DOMAIN, PRIOR)

    assert infer_posterior(Counts(), DOMAIN, PRIOR) == start
    assert math.fsum(start.theta) == pytest.approx(1)
    assert PRIOR.templates[max(range(len(start.theta)), key=start.theta.__getitem__)] == "{first}.{last}"


@settings(deadline=None, max_examples=40)
@given(st.lists(clues, max_size=12), st.randoms(use_true_random=False))
def test_order_leaves_no_trace(evidence: list[tuple[Clue, float]], dice: random.Random) -> None:
    shuffled = list(evidence)
    dice.shuffle(shuffled)
    here, there = Counts(evidence), Counts(shuffled)

    for (clue, weight), (other, same) in zip(here.items(), there.items(), strict=True):
        assert clue == other and weight == pytest.approx(same, abs=1e-9)
    one, other_ = infer_posterior(here, DOMAIN, PRIOR), infer_posterior(there, DOMAIN, PRIOR)
    assert one.theta == pytest.approx(other_.theta, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.lists(clues, max_size=8), domains)
def test_one_share_is_that_of_all_together(evidence: list[tuple[Clue, float]], domain: str) -> None:
    posterior = infer_posterior(Counts(evidence), domain, PRIOR)

    shares = [posterior.share(at) for at in range(len(PRIOR.templates))]
    assert shares == pytest.approx(list(posterior.theta), rel=1e-9)


def test_a_cut_may_take_the_mark_as_well() -> None:
    """Nineteen letters of a first name and the dot are twenty: what is left shows no dot."""
    who = parse_parts("Maximilianalexander", "Roe")
    at = PRIOR.templates.index("{first}.{last}#20")

    assert dict(explain("maximilianalexander", who, "acme.example", PRIOR))[at] > 0.5


@settings(deadline=None, max_examples=60)
@given(people, domains, st.sampled_from(PRIOR.templates[:-1]), st.randoms(use_true_random=False))
def test_no_template_is_passed_over(who: PersonName, domain: str, made_by: str, dice: random.Random) -> None:
    spellings = spell(who, domain, PRIOR.spelling)
    locals_ = sorted(render(parse_template(made_by), spellings[-1].places))
    assume(locals_)
    local = dice.choice(locals_)
    made: dict[int, float] = {}
    for spelled in spellings:
        places = {"m": dict.fromkeys(ascii_lowercase, 1 / 26), **spelled.places}
        for at, text in enumerate(PRIOR.templates[:-1]):
            template = parse_template(text)
            share = render(template, places).get(local, 0.0)
            if not share and template.without_middle is not None and lacks_middle(template, spelled.places):
                share = PRIOR.spelling.middle_absent * render(template.without_middle, places).get(local, 0.0)
            made[at] = made.get(at, 0.0) + spelled.share * share

    found = dict(explain(local, who, domain, PRIOR))
    assert [found.get(at, 0.0) for at in made] == pytest.approx(list(made.values()), abs=2e-4)


@settings(deadline=None, max_examples=40)
@given(st.lists(clues, max_size=10), st.lists(clues, min_size=1, max_size=6))
def test_what_is_added_and_taken_away_leaves_the_counts_as_they_were(
    before: list[tuple[Clue, float]], added: list[tuple[Clue, float]]
) -> None:
    counts, same = Counts(before), Counts(before)
    for clue, weight in added:
        counts.add(clue, weight)
    for clue, weight in reversed(added):
        counts.remove(clue, weight)

    assert dict(counts.items()).keys() == dict(same.items()).keys()
    for clue, weight in same.items():
        assert dict(counts.items())[clue] == pytest.approx(weight, abs=1e-9)
    one, other = infer_posterior(counts, DOMAIN, PRIOR), infer_posterior(same, DOMAIN, PRIOR)
    assert one.theta == pytest.approx(other.theta, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(clues, max_size=8), people, domains)
def test_all_candidates_together_are_never_more_than_certain(
    evidence: list[tuple[Clue, float]], name: PersonName, domain: str
) -> None:
    found = list_candidates(name, infer_posterior(Counts(evidence), domain, PRIOR))

    assert found.unknown > 0
    assert math.fsum(one.probability for one in found.ranked) + found.unknown == pytest.approx(1, abs=1e-9)
    assert [one.probability for one in found.ranked] == sorted((one.probability for one in found.ranked), reverse=True)
    assert len({one.local for one in found.ranked}) == len(found.ranked)


def test_ten_thousand_names_are_never_more_than_certain() -> None:
    dice = random.Random(4)
    posterior = infer_posterior(named(("Ivo Quell", "iquell"), ("Nadia Brandt", "nbrandt")), DOMAIN, PRIOR)
    for _ in range(10_000):
        first, last = ("".join(dice.choices("abcdefghijklmnoprstuvwz", k=dice.randint(2, 9))) for _ in range(2))
        found = list_candidates(PersonName(first, last), posterior)
        assert sum(one.probability for one in found.ranked) <= 1 + 1e-9


def test_templates_that_make_one_local_part_are_one_candidate() -> None:
    posterior = prior_posterior(DOMAIN, PRIOR)
    name = PersonName("Mira", "Quell")
    found = next(one for one in list_candidates(name, posterior, least_theta=0).ranked if one.local == "mquell")

    texts = [text for text, _ in found.parts]
    assert {"{f}{last}", "{f}{last}#8", "{first:1}{last:7}"} <= set(texts)
    assert found.probability == pytest.approx(sum(share for _, share in found.parts))
    theta = move(posterior.theta, name, PRIOR)
    by_hand = sum(theta[at] * (1 - PRIOR.spelling.digits) for at, text in enumerate(PRIOR.templates) if text in texts)
    assert found.probability <= by_hand


@settings(deadline=None)
@given(people, domains, st.sampled_from(PRIOR.templates[:-1]))
def test_what_a_template_makes_is_explained_by_it(name: PersonName, domain: str, text: str) -> None:

    at = PRIOR.templates.index(text)
    for spelled in spell(name, domain, PRIOR.spelling):
        for local, share in render(parse_template(text), spelled.places).items():
            if share * spelled.share > 0.001:
                assert at in dict(explain(local, name, domain, PRIOR))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["{f}{last}", "{first}.{last}", "{first}", "{last}{f}", "{l}_{first}"]),
    st.lists(plain_people, min_size=1, max_size=8),
)
def test_more_evidence_for_a_template_never_lowers_it(text: str, who: list[PersonName]) -> None:
    at = PRIOR.templates.index(text)
    counts, before = Counts(), prior_posterior(DOMAIN, PRIOR)
    for name in who:
        ((local, _),) = render(parse_template(text), {"first": {name.first: 1.0}, "last": {name.last: 1.0},
                                                       "f": {name.first[0]: 1.0}, "l": {name.last[0]: 1.0}}).items()  # fmt: skip
        counts.add(((at, 1.0),))
        after = infer_posterior(counts, DOMAIN, PRIOR)
        assert sum(value > after.theta[at] for value in after.theta) <= sum(
            value > before.theta[at] for value in before.theta
        )
        before = after
        assert local


def test_evidence_moves_the_candidate() -> None:
    name = parse_name("Mira Quell")
    before = list_candidates(name, infer_posterior(Counts(), DOMAIN, PRIOR))
    after = list_candidates(
        name, infer_posterior(named(("Ivo Brandt", "ivo_brandt"), ("Ada Moll", "ada_moll")), DOMAIN, PRIOR)
    )

    assert before.ranked[0].local == "mira.quell"
    assert after.ranked[0].local == "mira_quell" and after.ranked[0].probability > 0.8


def test_a_habit_nobody_has_learnt_is_believed_after_a_few() -> None:
    counts = named(("Ivo Brandt", "b-ivo"), ("Ada Moll", "m-ada"), ("Gero Hauk", "h-gero"))
    found = list_candidates(parse_name("Mira Quell"), infer_posterior(counts, DOMAIN, PRIOR))

    assert found.ranked[0].local == "q-mira"


def test_what_is_excluded_becomes_unknown_and_helps_nobody() -> None:
    name, posterior = parse_name("Mira Quell"), prior_posterior(DOMAIN, PRIOR)
    every = list_candidates(name, posterior)
    best, *others = every.ranked
    without = list_candidates(name, posterior, excluded={best.local})

    assert without.ranked == tuple(others)
    assert without.unknown == pytest.approx(every.unknown + best.probability)


def test_handles_make_a_domain_of_the_unknown() -> None:
    handles = named(*((f"Ivo Quell{letter}", f"zed{letter}x") for letter in "abcdef"))
    before, after = prior_posterior(DOMAIN, PRIOR), infer_posterior(handles, DOMAIN, PRIOR)

    assert after.unknown > 3 * before.unknown
    assert list_candidates(parse_name("Mira Brandt"), after).unknown > 0.6


def test_ambiguous_addresses_are_settled_by_the_others() -> None:
    at = PRIOR.templates.index("{f}{last}")
    vague = explain("mquell", parse_name("Mira Quell"), DOMAIN, PRIOR)
    alone = responsibilities(vague, infer_posterior(Counts([(vague, 1.0)]), DOMAIN, PRIOR).theta)
    # Twelve letters were not cut by a rule of eight.
    longer = explain("ibrandenburg", parse_name("Ivo Brandenburg"), DOMAIN, PRIOR)
    together = responsibilities(vague, infer_posterior(Counts([(vague, 1.0), (longer, 4.0)]), DOMAIN, PRIOR).theta)

    cut = PRIOR.templates.index("{f}{last}#8")
    assert at in dict(longer) and cut not in dict(longer)
    assert together[at] > alone[at] and together[cut] < alone[cut]


def test_digits_behind_a_name_are_looked_through() -> None:
    assert explain("mira.quell2", parse_name("Mira Quell"), DOMAIN, PRIOR)
    assert not explain("sunshine", parse_name("Mira Quell"), DOMAIN, PRIOR)


def test_the_probability_of_one_address_is_that_of_the_list() -> None:
    name, posterior = parse_name("Mira Quell"), prior_posterior(DOMAIN, PRIOR)
    for one in list_candidates(name, posterior, least_theta=0).ranked:
        assert probability_of(one.local, name, posterior) == pytest.approx(one.probability)


def test_a_prior_that_does_not_fit_together_is_refused() -> None:

    data = msgspec.to_builtins(PRIOR)
    assert isinstance(parse_prior(msgspec.json.encode(data)), Prior)
    for broken in (data | {"templates": data["templates"][:-1]}, data | {"weights": {"com": data["weights"]["com"]}}):
        with pytest.raises(ValueError):
            parse_prior(msgspec.json.encode(broken))


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=120), st.text(max_size=120))
def test_any_text_is_borne(local: str, first: str, last: str) -> None:
    explain(local, PersonName(first, last), DOMAIN, PRIOR)
    read_nameless(local, DOMAIN, PRIOR)
    list_candidates(PersonName(first, last), prior_posterior(DOMAIN, PRIOR))
