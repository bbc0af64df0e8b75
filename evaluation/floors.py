"""
How good must extraction stay?

Floors only go up, and they hold for the labels they were set on: `labels` pins the digest of `labels.jsonl`, so that nobody
passes by changing a label alone.
"""

import math

import msgspec

from evaluation.corpus import ROOT, digest

PATH = ROOT / "floors.json"


class Floors(msgspec.Struct, frozen=True):
    """The least that passes."""

    labels: str
    precision: float
    recall: float
    name_precision: float
    name_recall: float
    seniority: float
    department: float
    """How many titles of all are read as a person reads them."""
    disguises: int
    """How many disguised addresses are read."""
    lookalikes: int
    """How many look-alikes may be taken for addresses: this one only goes down."""
    gibberish_auc: float
    """The chance that letters and digits drawn at random score above an unseen name."""
    gibberish_recall: float
    """How many of them are told at one false alarm in a hundred names."""
    replies: float
    """How many replies of mail servers are read as what they mean."""
    replies_blamed: float
    """How many of those that are about the sender may be called invalid: this one only goes down."""


def load_floors() -> Floors:
    return msgspec.json.decode(PATH.read_bytes(), type=Floors)


def save_floors(floors: Floors) -> None:
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(floors), indent=2) + b"\n")


def labels_digest() -> str:
    return digest((ROOT / "labels.jsonl").read_bytes())


def find_breaches(floors: Floors, measured: Floors) -> list[str]:
    """A sentence for each floor that *measured* is under."""
    breaches = [
        f"{name.replace('_', ' ')} {getattr(measured, name):.3f} is under its floor {getattr(floors, name):.3f}"
        for name in (
            "precision",
            "recall",
            "name_precision",
            "name_recall",
            "seniority",
            "department",
            "disguises",
            "gibberish_auc",
            "gibberish_recall",
            "replies",
        )
        if getattr(measured, name) < getattr(floors, name)
    ]
    if measured.lookalikes > floors.lookalikes:
        breaches.append(f"{measured.lookalikes} look-alikes were taken for addresses, {floors.lookalikes} may be")
    if measured.replies_blamed > floors.replies_blamed:
        breaches.append(
            f"{measured.replies_blamed:.3f} of the replies about the sender are called invalid, {floors.replies_blamed:.3f} may be"
        )
    if floors.labels != measured.labels:
        breaches.append(
            "the labels are not those the floors were set on: look at the change, then pin them with --raise-floors"
        )
    return breaches


def raise_floors(floors: Floors, measured: Floors) -> Floors:
    """The floors lifted to what was measured, hundredths rounded down; none is lowered."""

    def lift(name: str) -> float:
        return max(getattr(floors, name), math.floor(getattr(measured, name) * 100) / 100)

    return Floors(
        labels=measured.labels,
        precision=lift("precision"),
        recall=lift("recall"),
        name_precision=lift("name_precision"),
        name_recall=lift("name_recall"),
        seniority=lift("seniority"),
        department=lift("department"),
        disguises=max(floors.disguises, measured.disguises),
        lookalikes=min(floors.lookalikes, measured.lookalikes),
        gibberish_auc=lift("gibberish_auc"),
        gibberish_recall=lift("gibberish_recall"),
        replies=lift("replies"),
        replies_blamed=min(floors.replies_blamed, math.ceil(measured.replies_blamed * 100) / 100),
    )
