"""A title is scored against every answer that a person may give."""

from evaluation.titles import load_titles, parse_title, score_titles

from vizsla.index.titles import DEPARTMENTS, SENIORITIES


def test_silence_is_missed_and_another_answer_is_wrong() -> None:
    titles = [
        parse_title("CEO\tjunior\tlegal"),
        parse_title("Qwertyist\tsenior\t-"),
        parse_title("CTO\tjunior/executive\tit"),
    ]

    seniority = score_titles(titles)["seniority"]

    assert (seniority.right, seniority.wrong, seniority.missed) == (1, 1, 1)
    assert round(seniority.accuracy, 3) == 0.333


def test_the_labels_use_the_words_of_the_api() -> None:
    titles = load_titles()

    assert len({title.text for title in titles}) == len(titles) >= 100
    assert set().union(*(title.seniorities for title in titles)) == {*SENIORITIES, None}
    assert set().union(*(title.departments for title in titles)) == {*DEPARTMENTS, None}
