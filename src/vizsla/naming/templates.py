"""
How does a template make a local part of a name?

A template is a text such as `{f}{last}` or `{first}.{m}.{last}`. Its places: `{first}`, `{last}`, `{middle}`; `{f}`, `{l}`,
`{m}` for their initials; `{last:7}` for the first seven letters; `{given-initials}` for the initials of all parts of a given
name. `#8` behind it cuts the whole after eight characters.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

_TEMPLATE = re.compile(r"((?:\{[a-z:0-9-]+\}[._-]?)+)(?:#([0-9]+))?\Z")
_PLACE = re.compile(r"\{([a-z:0-9-]+)\}([._-]?)")
_IS_PLACE = re.compile(r"(?:first|last)(?::[1-9])?|middle|f|l|m|given-initials")
_MIDDLES = frozenset(("middle", "m"))

Ways = Mapping[str, float]
"""Texts that may stand at a place, each with its probability."""
Places = Mapping[str, Ways]


class Template(msgspec.Struct, frozen=True):
    """A template, cut into pieces."""

    text: str
    steps: tuple[tuple[str, str], ...]
    """Places, each with the mark behind it."""
    cut: int
    """Characters that are left of the whole; 0 for all."""
    without_middle: "Template | None"
    """What is left for a name without a middle one; None for a template without one, or if nothing is left."""

    @property
    def has_middle(self) -> bool:
        """Whether a middle name is part of it."""
        return any(place in _MIDDLES for place, _ in self.steps)


@lru_cache(1_024)
def parse_template(text: str) -> Template:
    """The template that *text* is; ValueError if it is none."""
    match = _TEMPLATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a template.")
    steps = [(step[1], step[2]) for step in _PLACE.finditer(match[1])]
    if steps[-1][1] or not all(_IS_PLACE.fullmatch(place) for place, _ in steps):
        raise ValueError(f"{text!r} is not a template.")
    cut = int(match[2] or 0)
    left = [step for step in steps if step[0] not in _MIDDLES]
    without = None
    if left and len(left) < len(steps):
        left[-1] = (left[-1][0], "")
        without = Template("", tuple(left), cut, None)
    return Template(text, tuple(steps), cut, without)


def render(template: Template, places: Places) -> dict[str, float]:
    """The local parts that *template* makes, with their probabilities; empty if a place has nothing to stand there."""
    made: dict[str, float] = {"": 1.0}
    for place, mark in template.steps:
        ways = places.get(place)
        if not ways:
            return {}
        if len(made) == 1 and len(ways) == 1:
            ((head, share),) = made.items()
            ((text, weight),) = ways.items()
            made = {f"{head}{text}{mark}": share * weight}
            continue
        longer: dict[str, float] = {}
        for head, share in made.items():
            for text, weight in ways.items():
                whole = f"{head}{text}{mark}"
                longer[whole] = longer.get(whole, 0.0) + share * weight
        made = longer
    if not template.cut:
        return made
    cut: dict[str, float] = {}
    for local, share in made.items():
        short = local[: template.cut].rstrip("._-")
        cut[short] = cut.get(short, 0.0) + share
    return cut


def likelihood(template: Template, places: Places, local: str) -> float:
    """How probably *template* makes *local* of this name: render's share of it, without rendering the rest."""
    if template.cut and len(local) >= template.cut - 1:
        return render(template, places).get(local, 0.0)
    return _rest(template.steps, 0, places, local, 0)


def _rest(steps: tuple[tuple[str, str], ...], at: int, places: Places, local: str, start: int) -> float:
    place, mark = steps[at]
    ways = places.get(place)
    if not ways:
        return 0.0
    if at == len(steps) - 1:
        return ways.get(local[start:], 0.0)
    total = 0.0
    for text, weight in ways.items():
        if local.startswith(text, start) and local.startswith(mark, start + len(text)):
            total += weight * _rest(steps, at + 1, places, local, start + len(text) + len(mark))
    return total
