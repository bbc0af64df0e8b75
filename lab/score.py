"""
How well did a program do, and is it good enough?

Confusion tables: what was said of each kind of address. A *false invalid* loses somebody who could be written to, a *false valid*
sends mail nowhere; not to know is neither, and shows in what is right and what is settled.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from lab.roster import NEVER_INVALID, NEVER_VALID, RIGHT, Case, Truth

STATUSES = ("valid", "invalid", "accept_all", "webmail", "disposable", "unknown")
WITHIN = 20.0
"""Seconds: what the API's callers wait for an answer."""
FEWEST_CASES, FEWEST_DOMAINS = 304, 41
FEWEST_RIGHT, FEWEST_IN_TIME = 0.99, 0.90


class Said(msgspec.Struct, frozen=True):
    """What a program said of one address."""

    status: str
    seconds: float | None = None
    """How long the asker waited; None if it was not said address by address."""
    why: str = ""


class Score(msgspec.Struct, frozen=True):
    """What a program said of all."""

    name: str
    wall: float
    table: dict[Truth, Counter[str]]
    wrong: list[tuple[Case, Said]]
    cases: int
    domains: int
    false_invalid: int
    false_valid: int
    blocked: tuple[int, int]
    """Of those whose servers do not want us: kept `unknown`, and all."""
    greylisted: tuple[int, int]
    """Settled, and all."""
    in_time: int | None
    late: Counter[str]
    """Addresses not answered in time, by domain."""

    @property
    def right(self) -> float:
        return 1 - len(self.wrong) / self.cases

    @property
    def accept_all(self) -> tuple[int, int]:
        row = self.table["accept_all"]
        return row["accept_all"], row.total()

    def misses(self, *, is_timed: bool = True) -> list[str]:
        """What of the goal is missed, in sentences."""
        misses = []
        if self.cases < FEWEST_CASES or self.domains < FEWEST_DOMAINS:
            misses.append(f"{self.cases} addresses of {self.domains} domains are too few")
        if self.right < FEWEST_RIGHT:
            misses.append(f"{self.right:.1%} are right, not {FEWEST_RIGHT:.0%}")
        if self.false_invalid:
            misses.append(f"{self.false_invalid} are called invalid and are not")
        if self.false_valid:
            misses.append(f"{self.false_valid} are called valid and are not")
        if self.greylisted[0] < self.greylisted[1]:
            misses.append(f"{self.greylisted[1] - self.greylisted[0]} greylisted ones are not settled")
        if is_timed and self.in_time is not None and self.in_time < FEWEST_IN_TIME * self.cases:
            misses.append(
                f"{self.in_time / self.cases:.1%} are answered within {WITHIN:.0f} s, not {FEWEST_IN_TIME:.0%}"
            )
        return misses


def score(name: str, cases: Sequence[Case], said: Mapping[str, Said], wall: float) -> Score:
    """What *said*, by address, is worth. Of whom nothing was said is unknown."""
    answers = [(case, said.get(case.email, Said("unknown", why="nothing was said"))) for case in cases]
    table: dict[Truth, Counter[str]] = {truth: Counter() for truth in get_args(Truth)}
    for case, answer in answers:
        table[case.truth][answer.status] += 1
    grey = [(case, answer) for case, answer in answers if case.truth in ("grey_valid", "grey_invalid")]
    blocked = [answer for case, answer in answers if case.blocks]
    timed = [answer.seconds for _, answer in answers if answer.seconds is not None]
    return Score(
        name=name,
        wall=wall,
        table=table,
        wrong=[(case, answer) for case, answer in answers if answer.status not in RIGHT[case.truth]],
        cases=len(cases),
        domains=len({case.domain for case in cases}),
        false_invalid=sum(answer.status == "invalid" and case.truth in NEVER_INVALID for case, answer in answers),
        false_valid=sum(answer.status == "valid" and case.truth in NEVER_VALID for case, answer in answers),
        blocked=(sum(answer.status == "unknown" for answer in blocked), len(blocked)),
        greylisted=(sum(answer.status == case.truth.removeprefix("grey_") for case, answer in grey), len(grey)),
        in_time=sum(seconds <= WITHIN for seconds in timed) if timed else None,
        late=Counter(case.domain for case, answer in answers if answer.seconds and answer.seconds > WITHIN),
    )


def show_confusion(one: Score) -> str:
    """The table of one program: a line for each truth."""
    lines = [f"{one.name}", "  " + "truth".ljust(13) + "".join(status.rjust(11) for status in STATUSES)]
    for truth, row in one.table.items():
        if row:
            cells = "".join((str(row[status]) if row[status] else "·").rjust(11) for status in STATUSES)
            lines.append("  " + truth.ljust(13) + cells)
    return "\n".join(lines)


def show_all(scores: Sequence[Score]) -> str:
    """One line for each program."""
    heads = ("right", "false invalid", "false valid", "accept-all", "blocked", "greylisted", "in 20 s", "wall s")
    widths = [max(len(head), 8) + 2 for head in heads]
    first = max(len(one.name) for one in scores) + 1
    lines = [" " * first + "".join(head.rjust(width) for head, width in zip(heads, widths, strict=True))]
    for one in scores:
        cells = (
            f"{one.right:.1%}",
            str(one.false_invalid),
            str(one.false_valid),
            "{}/{}".format(*one.accept_all),
            "{}/{}".format(*one.blocked),
            "{}/{}".format(*one.greylisted),
            "–" if one.in_time is None else f"{one.in_time / one.cases:.1%}",
            f"{one.wall:.0f}",
        )
        lines.append(one.name.ljust(first) + "".join(cell.rjust(w) for cell, w in zip(cells, widths, strict=True)))
    return "\n".join(lines)


def show_wrong(one: Score, most: int = 40) -> str:
    """What was wrong, line by line."""
    lines = [f"  {case.email}: {said.status}, and is {case.truth}. {said.why}" for case, said in one.wrong[:most]]
    if len(one.wrong) > most:
        lines.append(f"  … and {len(one.wrong) - most} more")
    return "\n".join(lines)
