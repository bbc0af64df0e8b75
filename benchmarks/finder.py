"""
How many answers does the finder give in a second on one core, and what is in them?

    python -m benchmarks.finder

Made-up people at a domain with ten known addresses. Beside the whole prediction stand its parts, and the same with the posterior
worked out anew each time. Times are of the process, not of the wall: the machine's other work does not count.
"""

import random
import sys
import time
from collections.abc import Callable

from vizsla.naming.candidates import list_candidates
from vizsla.naming.model import Counts, _believe, _infer, explain, infer_posterior
from vizsla.naming.names import parse_name
from vizsla.naming.prior import load_prior
from vizsla.naming.segments import _read, read_nameless
from vizsla.naming.spellings import _spell

LEAST = 2_000
"""Predictions a second with the posterior cached: the limit that this must hold."""
PEOPLE = 1_500
DOMAIN = "acme.com"


def main(arguments: list[str]) -> int:
    """Prints the table; 1 if the limit does not hold."""
    people = make_people(PEOPLE)
    prior = load_prior()
    known = [parse_name(text) for text in make_people(10, seed=2)]
    counts = Counts((explain(f"{one.first[0]}{one.last}".lower(), one, DOMAIN, prior), 0.9) for one in known)
    posterior = infer_posterior(counts, DOMAIN, prior)
    names = [parse_name(text) for text in people]
    locals_ = [f"{one.first}.{one.last}".lower() for one in names]

    def predict(text: str) -> None:
        list_candidates(parse_name(text), posterior)

    def predict_anew(text: str) -> None:
        _infer.cache_clear()
        _believe.cache_clear()
        list_candidates(parse_name(text), infer_posterior(counts, DOMAIN, prior))

    rates = {
        "predictions, posterior cached": rate(predict, people),
        "predictions, posterior worked out anew": rate(predict_anew, people[:300]),
        "names parsed": rate(parse_name, people),
        "addresses explained by a name": rate(lambda one: explain(one[0], one[1], DOMAIN, prior), list(zip(locals_, names, strict=True))),
        "addresses read without a name": rate(lambda local: read_nameless(local, DOMAIN, prior), locals_[:300]),
    }  # fmt: skip
    for what, per_second in rates.items():
        print(f"{what:42} {per_second:10,.0f}/s")
    print(f"limit: {LEAST:,} predictions a second with the posterior cached")
    return 0 if rates["predictions, posterior cached"] >= LEAST else 1


def make_people(n: int, seed: int = 1) -> list[str]:
    """Full names as they come: plain ones, double ones, some with a middle initial, particle or umlaut."""
    dice = random.Random(seed)

    def word() -> str:
        return "".join(dice.choice("bdfgklmnprstvz") + dice.choice("aeiou") for _ in range(dice.randint(2, 4))).title()

    people = []
    for _ in range(n):
        first, last = word(), word()
        kind = dice.random()
        if kind < 0.08:
            first = f"{first}-{word()}"
        elif kind < 0.2:
            first = f"{first} {dice.choice('ABCDEF')}."
        if 0.5 < kind < 0.56:
            last = f"van {last}"
        elif kind > 0.93:
            last = last.replace("u", "ü")
        people.append(f"{first} {last}")
    return people


def rate(run: Callable[[object], object], items: list[object]) -> float:
    """How many a second; of three rounds the best, each with nothing kept from the one before."""
    best = 0.0
    for _ in range(3):
        _spell.cache_clear()
        explain.cache_clear()
        _read.cache_clear()
        began = time.process_time()
        for item in items:
            run(item)
        best = max(best, len(items) / (time.process_time() - began))
    return best


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
