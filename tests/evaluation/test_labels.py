"""The labels are many, mixed, and nobody's data."""

import re
from collections import Counter

from evaluation.corpus import load_sources
from evaluation.floors import Floors, find_breaches, labels_digest, load_floors, raise_floors
from evaluation.labels import load_labels, seal
from msgspec.structs import replace

LABELS = load_labels()
DIGEST = re.compile(r"[0-9a-f]{16}\Z")


def test_no_address_name_or_position_stands_in_clear() -> None:
    for page in LABELS:
        for address in page.addresses:
            assert DIGEST.match(address.email)
            assert all(map(DIGEST.match, address.names))
            assert address.position is None or DIGEST.match(address.position)


def test_the_same_address_has_another_digest_on_another_page() -> None:
    assert seal("a" * 64, "anna@nordlicht.de") != seal("b" * 64, "anna@nordlicht.de")


def test_at_least_200_pages_most_of_them_from_the_web() -> None:
    families = Counter(page.family for page in LABELS)

    assert len({page.sha256 for page in LABELS}) == len(LABELS) >= 200
    assert families["web"] >= 100
    assert families["docs"] >= 50


def test_no_documentation_package_weighs_more_than_the_others() -> None:
    packages = Counter(page.package for page in LABELS if page.family == "docs")

    assert max(packages.values()) <= 25


def test_the_halves_are_halves() -> None:
    splits = Counter(page.split for page in LABELS)

    assert set(splits) == {"dev", "held_out"}
    assert 0.4 <= splits["dev"] / len(LABELS) <= 0.6


def test_every_label_names_a_pinned_source() -> None:
    sources = {(source.package, source.version) for source in load_sources()}

    assert {(page.package, page.version) for page in LABELS} <= sources


def test_the_floors_are_pinned_to_these_labels() -> None:
    assert load_floors().labels == labels_digest()


FLOORS = Floors(
    labels="a",
    precision=0.98,
    recall=0.97,
    name_precision=0.95,
    name_recall=0.8,
    seniority=0.9,
    department=0.85,
    disguises=21,
    lookalikes=0,
    gibberish_auc=0.998,
    gibberish_recall=0.97,
    replies=0.97,
    replies_blamed=0.01,
)


def test_floors_only_go_up() -> None:
    worse = replace(
        FLOORS,
        labels="b",
        precision=0.5,
        recall=0.5,
        name_precision=0.5,
        name_recall=0.5,
        disguises=3,
        lookalikes=6,
        replies=0.5,
        replies_blamed=0.5,
    )
    better = replace(
        FLOORS,
        labels="b",
        precision=0.9987,
        recall=0.975,
        name_precision=1.0,
        name_recall=0.94,
        disguises=22,
        replies=0.9876,
        replies_blamed=0.003,
    )

    assert raise_floors(FLOORS, worse) == replace(FLOORS, labels="b")
    assert raise_floors(FLOORS, better) == replace(
        FLOORS, labels="b", precision=0.99, name_precision=1.0, name_recall=0.94, disguises=22, replies=0.98
    )


def test_each_breach_is_a_sentence() -> None:
    bad = replace(FLOORS, precision=0.979, disguises=20, lookalikes=1, replies_blamed=0.02)

    breaches = find_breaches(FLOORS, bad)

    assert len(breaches) == 4
    assert "precision 0.979 is under its floor 0.980" in breaches


def test_nobody_passes_by_changing_a_label_alone() -> None:
    changed = replace(
        FLOORS,
        labels="b",
        precision=1,
        recall=1,
        name_precision=1,
        name_recall=1,
        disguises=22,
        replies=1,
        replies_blamed=0,
    )

    assert find_breaches(FLOORS, changed) == [
        "the labels are not those the floors were set on: look at the change, then pin them with --raise-floors"
    ]
