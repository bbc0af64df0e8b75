"""
Are seniority and department read from a title as a person reads them?

`titles.tsv` was labelled before the rules were tried on it, by the API's words: an executive leads a company or one of its
functions (chief, founder, owner, president, vice president, partner, managing director), a senior leads people or a trade
(senior, lead, principal, staff, head, director, manager), a junior learns or assists. Where people would disagree, each
answer is right.
"""

from collections.abc import Callable

import msgspec

from evaluation.corpus import ROOT
from vizsla.index.titles import infer_department, infer_seniority


class Title(msgspec.Struct, frozen=True):
    """A title and the answers that are right for it; None is one."""

    text: str
    seniorities: frozenset[str | None]
    departments: frozenset[str | None]


class TitleScore(msgspec.Struct):
    """How many titles were read right; where there is an answer, silence is missed, not wrong. Which ones is never shown."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def accuracy(self) -> float:
        return self.right / max(1, self.right + self.wrong + self.missed)


def load_titles() -> list[Title]:
    lines = (ROOT / "titles.tsv").read_text(encoding="utf-8").splitlines()
    return [parse_title(line) for line in lines if line and not line.startswith("#")]


def parse_title(line: str) -> Title:
    text, seniority, department = line.split("\t")
    return Title(text, _answers(seniority), _answers(department))


def _answers(text: str) -> frozenset[str | None]:
    return frozenset(None if answer == "-" else answer for answer in text.split("/"))


def score_titles(titles: list[Title]) -> dict[str, TitleScore]:
    return {
        "seniority": _score(titles, infer_seniority, lambda title: title.seniorities),
        "department": _score(titles, infer_department, lambda title: title.departments),
    }


def _score(
    titles: list[Title], infer: Callable[[str], str | None], answers: Callable[[Title], frozenset[str | None]]
) -> TitleScore:
    score = TitleScore()
    for title in titles:
        given = infer(title.text)
        if given in answers(title):
            score.right += 1
        elif given is None:
            score.missed += 1
        else:
            score.wrong += 1
    return score
