"""An account with leads, in stores that are made once."""

from collections.abc import Callable, Iterator

import pytest

from accounts.conftest import owner
from vizsla.leads.mirror import Mirrors
from vizsla.storage.open import Stores

__all__ = ["owner"]


class Ticks:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def make_mirrors(stores: Stores, ticks: Ticks) -> Iterator[Callable[..., Mirrors]]:
    made: list[Mirrors] = []

    def make(**options: int) -> Mirrors:
        made.append(Mirrors(stores.app, monotonic=ticks, **options))
        return made[-1]

    yield make
    for mirrors in made:
        mirrors.close()


@pytest.fixture
def mirrors(make_mirrors: Callable[..., Mirrors]) -> Mirrors:
    return make_mirrors()
