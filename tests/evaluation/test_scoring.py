"""A reader of pages is scored as the label guide says."""

from evaluation.extraction import Read, Score, score_page, score_pages, total
from evaluation.labels import ClearAddress, ClearPage, Page, seal_page

SHA256 = "ab" * 32


def label(*addresses: ClearAddress) -> Page:
    drawn = {
        "family": "web",
        "package": "p",
        "version": "1",
        "path": "a.html",
        "sha256": SHA256,
        "uri": "https://a.test/",
        "split": "dev",
    }
    return seal_page(ClearPage(**drawn, addresses=addresses))


ANNA = ClearAddress(email="anna@nordlicht.de", names=(("Anna", "Berg"),), position="Lektorin")


def score(page: Page, *reads: Read, decoding: bool = True) -> Score:
    return score_page(page, reads, decoding=decoding)[0]


def test_an_address_counts_once_however_it_is_spelt() -> None:
    result = score(label(ANNA), Read("Anna@Nordlicht.de", "Anna", "Berg"), Read("anna@nordlicht.de"))

    assert (result.right, result.false, result.missed, result.names_right) == (1, 0, 0, 1)


def test_what_the_label_lacks_is_false_and_what_the_reader_lacks_is_missed() -> None:
    result = score(label(ANNA), Read("info@nordlicht.de"))

    assert (result.right, result.false, result.missed, result.names_missed) == (0, 1, 1, 1)
    assert (result.precision, result.recall) == (0, 0)


def test_another_person_is_a_false_name_and_a_missed_one() -> None:
    result = score(label(ANNA), Read("anna@nordlicht.de", "Anna", "Kontakt"))

    assert (result.right, result.names_right, result.names_false, result.names_missed) == (1, 0, 1, 1)


def test_a_name_where_the_page_has_none_is_false() -> None:
    result = score(label(ClearAddress(email="info@nordlicht.de")), Read("info@nordlicht.de", "Nordlicht", "Verlag"))

    assert (result.names_false, result.names_missed) == (1, 0)


def test_an_optional_name_is_neither_asked_for_nor_refused() -> None:
    page = label(ClearAddress(email="web@nordlicht.de", names=(("Jo", "Lund"),), name_optional=True))

    silent, naming = score(page, Read("web@nordlicht.de")), score(page, Read("web@nordlicht.de", "Jo", "Lund"))

    assert silent == naming
    assert (naming.names_right, naming.names_false, naming.names_missed) == (0, 0, 0)


def test_doubtful_and_reserved_addresses_count_neither_way() -> None:
    page = label(ANNA, ClearAddress(email="shop@nordlicht.de", doubtful=True))

    result = score(
        page, Read("anna@nordlicht.de", "Anna", "Berg"), Read("shop@nordlicht.de"), Read("zaphod@univ.example")
    )

    assert (result.right, result.false, result.ignored) == (1, 0, 2)
    assert score(page, Read("anna@nordlicht.de")).missed == 0


def test_example_com_is_false_although_the_suffix_example_is_not() -> None:
    assert score(label(), Read("a@example.com"), Read("a@b.example")).false == 1


def test_a_protected_address_is_asked_for_only_when_decoding_and_leaks_otherwise() -> None:
    page = label(ClearAddress(email="cf@nordlicht.de", protected=True))

    assert score(page).missed == 1
    assert score(page, decoding=False).missed == 0
    assert score(page, Read("cf@nordlicht.de"), decoding=False).leaked == 1
    assert score(page, Read("cf@nordlicht.de")).leaked == 0


def test_initials_are_the_same_with_and_without_dots() -> None:
    page = label(ClearAddress(email="jd@nordlicht.de", names=(("J.D.", "Berg"),)))

    assert score(page, Read("jd@nordlicht.de", "J.D", "Berg")).names_right == 1


def test_a_position_is_compared_letter_for_letter_but_for_case() -> None:
    result = score(label(ANNA), Read("anna@nordlicht.de", position="LEKTORIN"))
    other = score(label(ANNA), Read("anna@nordlicht.de", position="Chefin"))

    assert (result.positions_right, result.positions_missed) == (1, 0)
    assert (other.positions_right, other.positions_false, other.positions_missed) == (0, 1, 1)


def test_a_reader_that_gives_up_has_missed_the_page() -> None:
    scores, errors = score_pages({SHA256: (label(ANNA), b"")}, lambda page, body: None)

    whole = total(scores)
    assert (whole.pages, whole.failed, whole.missed) == (1, 1, 1)
    assert [error.kind for error in errors] == ["missed address"]
