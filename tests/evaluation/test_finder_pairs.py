"""Which mentions become pairs, who is tried on whom, and what is learnt of made-up companies."""

import math
import random
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from evaluation.finder.mining import mine_history, mine_package_lists, mine_text
from evaluation.finder.mixture import Evidence, Mixture, Shape, digamma, infer, log_gamma
from evaluation.finder.pairs import APT, HISTORY, choose, clean_name
from evaluation.finder.people import LEAST_PEOPLE, Person, draw_trials, fold_of, read_people
from evaluation.finder.training import learn, order_of_simplicity

from vizsla.naming.candidates import list_candidates
from vizsla.naming.model import Counts, explain, infer_posterior
from vizsla.naming.names import parse_name
from vizsla.naming.prior import load_prior, parse_prior


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"Signed-off-by: Ada Quell <ada.quell@acme.com>\n", [("Ada Quell", "ada.quell@acme.com")]),
        (b'MODULE_AUTHOR("Ivo van den Brandt <ivo@acme.com>");', [("Ivo van den Brandt", "ivo@acme.com")]),
        (b"2003-01-02  Zo\xc3\xab Brandt  <zb@acme.com>", [("Zoë Brandt", "zb@acme.com")]),
        (b"Zo\xeb Brandt <zb@acme.com>", [("Zoë Brandt", "zb@acme.com")]),
        (b"<nobody@acme.com> and a <b>, if a < b@c", []),
    ],
)
def test_text_is_read_for_names_before_addresses(text: bytes, found: list[tuple[str, str]]) -> None:
    assert list(mine_text(text)) == found


def test_histories_are_read_with_their_trailers(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Ada Quell", "-c", "user.email=ada.quell@acme.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "Begin\n\nReviewed-by: Ivo Brandt <ibrandt@other.com>")

    assert set(mine_history(tmp_path)) == {("Ada Quell", "ada.quell@acme.com"), ("Ivo Brandt", "ibrandt@other.com")}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("by Ada Quell", "Ada Quell"),
        ("Author Ada Quell", "Ada Quell"),
        ("Ada B. van der Quell", "Ada B. van der Quell"),
        ("Acme Support Team", ""),
        ("ada", ""),
        ("A. Q.", ""),
        ("Ada Quell2", ""),
        ("one of many words here", ""),
    ],
)
def test_a_name_is_a_persons_full_name(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_only_people_at_work_become_pairs() -> None:
    mentions = {
        APT: Counter(
            {
                ("Ada Quell", "ada.quell@acme.com"): 3,
                ("Ada Quell", "aq@acme.com"): 1,
                ("Ivo Brandt", "ibrandt@gmail.com"): 1,
                ("Ivo Brandt", "info@acme.com"): 1,
                ("Ivo Brandt", "ivo@brandt.org"): 1,
                ("Ivo Brandt", "ivo@debian.org"): 1,
                ("Ivo Brandt", "ivo@build7.local"): 1,
            }
            | {(f"{first} Usual", "shared@acme.com"): 1 for first in ("Ada", "Ivo", "Mira", "Nadia", "Zeno")}
        ),
        HISTORY: Counter({("Mira Vos", "mvos@cs.acme.co.uk"): 1}),
    }

    pairs = {(pair.name, pair.local, pair.domain, pair.registrable, pair.origin) for pair in choose(mentions)}

    assert pairs == {
        ("Ada Quell", "ada.quell", "acme.com", "acme.com", APT),
        ("Mira Vos", "mvos", "cs.acme.co.uk", "acme.co.uk", HISTORY),
    }


def test_no_one_is_their_own_colleague_and_draws_stay() -> None:
    people = made_up_people(companies=6, size=12)
    for k in (0, 1, 5):
        trials = draw_trials(people, k)
        assert trials == draw_trials(list(reversed(people)), k)
        assert all(len(trial.known) == k and trial.person not in trial.known for trial in trials)
        assert all(other.domain == trial.person.domain for trial in trials for other in trial.known)
    assert draw_trials(people[: LEAST_PEOPLE - 1], 0) == []


def test_people_without_a_readable_name_are_left_out() -> None:
    pairs = choose({APT: Counter({("Ada Quell", "aq@acme.com"): 1})})

    assert [person.name for person in read_people(pairs)] == [parse_name("Ada Quell")]
    assert fold_of("acme.com") == fold_of("acme.com") in range(5)


def test_the_series_are_the_functions() -> None:
    x = np.array([0.001, 0.3, 1.0, 4.5, 60.0])
    step = 1e-5 * x
    slope = [(math.lgamma(v + d) - math.lgamma(v - d)) / (2 * d) for v, d in zip(x, step, strict=True)]

    assert log_gamma(x) == pytest.approx([math.lgamma(v) for v in x], abs=1e-8)
    assert digamma(x) == pytest.approx(slope, rel=1e-6)


def test_simple_templates_come_first() -> None:
    texts = ("{first}.{last}#20", "{first}.{last}", "{first}.{middle}.{last}", "OTHER")

    assert order_of_simplicity(texts) == [1, 0, 2, 3]


def test_learning_finds_the_habits_that_there_are() -> None:
    people = made_up_people(companies=60, size=8)
    texts = load_prior().templates
    prior = learn(people, texts, Shape(domains_a_component=10, rounds=10, warm_up=5))

    assert parse_prior(msgspec.json.encode(prior)).version == prior.version
    assert (
        learn(list(reversed(people)), texts, Shape(domains_a_component=10, rounds=10, warm_up=5)).version
        == prior.version
    )
    # One address is enough to tell the two kinds of companies apart.
    for local, right in (("ada.quell", "mira.vos"), ("aquell", "mvos")):
        counts = Counts([(explain(local, parse_name("Ada Quell"), "new.com", prior), 1.0)])
        found = list_candidates(parse_name("Mira Vos"), infer_posterior(counts, "new.com", prior)).ranked
        assert found[0].local == right
        assert found[0].probability > 0.7


def test_many_domains_at_once_are_each_by_itself() -> None:
    mixture = Mixture(np.array([[4.0, 0.5, 0.5], [0.5, 4.0, 0.5]]), {"*": np.array([0.5, 0.5])})
    clues = [[((0, 1.0),)], [], [((1, 1.0),), ()]]
    together = infer(mixture, ["com"] * 3, Evidence(clues, 3))
    alone = [infer(mixture, ["com"], Evidence([one], 3))[0] for one in clues]

    assert together == pytest.approx(np.stack(alone))
    assert together.sum(1) == pytest.approx([1, 1, 1])


def test_package_lists_without_any_file_say_nothing(tmp_path: Path) -> None:
    assert list(mine_package_lists(tmp_path)) == []


def made_up_people(*, companies: int, size: int) -> list[Person]:
    """People of companies that write first.last, every other one flast."""
    dice = random.Random(3)
    syllables = "ba ke li mo nu ra se ti vo za dor fel gan hir".split()

    def word() -> str:
        return "".join(dice.choices(syllables, k=3)).title()

    people = []
    for number in range(companies):
        for _ in range(size):
            first, last = word(), word()
            local = (f"{first}.{last}" if number % 2 else f"{first[0]}{last}").lower()
            name = f"{first} {last}"
            people.append(Person(parse_name(name), name, local, f"company{number}.com", number % 5, APT))
    return list(dict.fromkeys(people))
