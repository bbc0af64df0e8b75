"""Every disguise but the image is undone, and nothing that looks like an address is taken for one."""

import pytest
from evaluation.__main__ import read_case
from evaluation.obfuscation import DISGUISES, EITHER, LOOKALIKES, PLAIN, PROTECTED, Case


def ids(case: Case) -> str:
    return case.name


def test_the_table_has_22_disguises_and_6_lookalikes() -> None:
    assert (len(DISGUISES), len(LOOKALIKES)) == (22, 6)


@pytest.mark.parametrize("case", [case for case in DISGUISES if case.readable], ids=ids)
def test_a_disguised_address_is_read(case: Case) -> None:
    assert read_case(case).on


@pytest.mark.parametrize("case", [case for case in DISGUISES if case.kind == PROTECTED], ids=ids)
def test_a_protected_address_is_left_alone_when_told_so(case: Case) -> None:
    assert not read_case(case).off


@pytest.mark.parametrize("case", [case for case in DISGUISES if case.kind == PLAIN and case.readable], ids=ids)
def test_a_plain_disguise_is_always_undone(case: Case) -> None:
    assert read_case(case).off


@pytest.mark.parametrize("case", LOOKALIKES, ids=ids)
def test_what_looks_like_an_address_is_left_alone(case: Case) -> None:
    result = read_case(case)

    assert not result.on
    assert not result.off


def test_only_a_script_with_an_escape_and_a_hidden_piece_may_go_either_way() -> None:
    assert [case.name for case in DISGUISES if case.kind == EITHER] == ["\\u0040 in a script", "a hidden piece inside"]
