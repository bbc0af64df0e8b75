"""Learning: a correction that helps is published, one that does not is not, and what is kept names nobody."""

import math
import random

import pytest

from vizsla.finder.beliefs import Calibration, logit, sigmoid
from vizsla.finder.learning import (
    FEWEST,
    MOST,
    Label,
    Outcome,
    fit,
    forget_old,
    improve,
    list_outcomes,
    list_published,
    load_learnt,
    record_outcomes,
    report,
)
from vizsla.finder.likelihoods import Answered, Likelihoods, count_answers, load_likelihoods
from vizsla.finder.outcomes import record_delivery
from vizsla.finder.tables import finder_outcome
from vizsla.kit.clock import SystemClock
from vizsla.kit.email_address import EmailAddress
from vizsla.kit.settings import Settings
from vizsla.naming.names import PersonName
from vizsla.storage.open import Stores
from vizsla.work.learning import learn
from vizsla.work.workplace import Workplace

NOW = 1_795_000_000


def drawn(n: int, *, slope: float = 1.0, intercept: float = 0.0, seed: int = 1) -> list[tuple[float, bool]]:
    """Predictions whose truth is as a correction of *slope* and *intercept* would have it."""
    dice = random.Random(seed)
    found = []
    for _ in range(n):
        probability = dice.uniform(0.05, 0.95)
        found.append((probability, dice.random() < sigmoid(slope * logit(probability) + intercept)))
    return found


def outcome(probability: float, is_right: bool, *, at: int = NOW, accept_all: bool = False) -> Outcome:
    label: Label = "valid" if is_right else "invalid"
    return Outcome(
        at=at, probability=probability, n_known=3, tld="com", accept_all=accept_all, version="1", label=label
    )


def test_a_fit_finds_what_made_the_truth() -> None:
    found = fit(drawn(20_000, slope=0.7, intercept=-0.5))

    assert found.slope == pytest.approx(0.7, abs=0.05)
    assert found.intercept == pytest.approx(-0.5, abs=0.07)


def test_few_outcomes_leave_probabilities_nearly_as_they_are() -> None:
    found = fit([(0.9, False), (0.8, False)])

    assert 0.5 < Calibration(found.slope, found.intercept).apply(0.85) < 0.85
    assert fit([]) == Calibration()


def test_a_correction_is_published_only_if_it_helps_on_what_it_has_not_seen() -> None:
    assert improve(drawn(FEWEST - 1, intercept=-1.5), Calibration()) is None
    better = improve(drawn(2_000, intercept=-1.5), Calibration())
    assert better is not None and better.intercept < -1
    # The newest fifth is of another kind than what it was fitted to.
    turned = drawn(400, intercept=1.5, seed=2) + drawn(1_600, intercept=-1.5, seed=3)
    assert improve(turned, Calibration()) is None


def test_the_report_adds_up() -> None:
    found = report([(0.8, True), (0.8, True), (0.8, False), (0.2, False)])

    assert found.n == 4
    assert found.brier == pytest.approx((0.04 + 0.04 + 0.64 + 0.04) / 4)
    assert found.ece == pytest.approx(0.75 * abs(0.8 - 2 / 3) + 0.25 * 0.2)
    assert [(one.n, one.predicted, one.observed) for one in found.bins] == [
        (1, 0.2, 0.0),
        (3, pytest.approx(0.8), pytest.approx(2 / 3)),
    ]
    assert found.log_loss == pytest.approx(-(3 * math.log(0.8) + math.log(0.2)) / 4)
    assert report([]).n == 0


def test_likelihoods_begin_with_a_guess_and_learn_by_provider() -> None:
    assert Likelihoods().of("", "valid").if_right == pytest.approx(0.96)
    assert Likelihoods().of("", "valid").if_wrong == pytest.approx(0.04)
    assert Likelihoods().of("", "invalid").if_right == pytest.approx(0.03)
    assert Likelihoods().of("", "invalid").if_wrong == pytest.approx(0.95)
    assert Likelihoods().of("google", "accept_all") == Likelihoods().of("", "unknown")


async def test_answers_are_counted_in_parts(stores: Stores) -> None:
    async with stores.app.write() as conn:
        await count_answers(conn, [Answered("lax", "valid", 0.25)] * 400)
        await count_answers(conn, [Answered("strict", "invalid", 0.0)] * 400)
    found = await load_likelihoods(stores.app)

    # This one takes those that are wrong, too: its word is worth less than that of others.
    assert found.of("lax", "valid").if_wrong > 0.8
    assert found.of("strict", "valid").if_wrong < 0.15
    assert found.of("strict", "invalid").if_wrong > found.of("lax", "invalid").if_wrong


async def test_what_came_of_answers_corrects_the_next(stores: Stores, settings: Settings) -> None:
    place = Workplace(settings, stores, b"0" * 32, SystemClock())
    async with stores.app.write() as conn:
        await record_outcomes(
            conn, [outcome(p, y, at=NOW + at) for at, (p, y) in enumerate(drawn(1_000, intercept=-1.5))]
        )
        await record_outcomes(conn, [outcome(0.5, True, accept_all=True)])
    published = await learn(place)
    learnt = await load_learnt(stores.app)

    assert set(published) == set(learnt.calibrations) == {False}
    assert learnt.calibrations[False].apply(0.5) < 0.3
    assert (await list_published(stores.app))[False].n == 1_000
    before, after = await list_outcomes(stores.app, accept_all=False), await list_outcomes(stores.app, accept_all=True)
    assert (len(before), len(after)) == (1_000, 1)


async def test_only_the_newest_are_kept(stores: Stores) -> None:
    async with stores.app.write() as conn:
        await record_outcomes(conn, [outcome(0.5, at % 2 == 0, at=NOW + at) for at in range(MOST + 50)])
        await forget_old(conn)
    kept = await list_outcomes(stores.app, accept_all=False, most=2 * MOST)

    assert len(kept) == MOST


def test_what_is_kept_has_no_room_for_a_person() -> None:
    names = {column.name for column in finder_outcome.columns}

    assert names == {"id", "at", "probability", "n_known", "tld", "accept_all", "version", "label", "is_right"}


async def test_mails_that_come_back_or_are_answered_teach_too(stores: Stores) -> None:
    name = PersonName("Mira", "Quellenberg")
    guess, other = EmailAddress("acme.com", "mira.quellenberg"), EmailAddress("acme.com", "zed")
    async with stores.app.write() as conn:
        for address, label, expected in ((guess, "bounce", True), (guess, "reply", True), (other, "bounce", False)):
            kept = await record_delivery(conn, stores.index, address, name, label, accept_all=True, now=NOW + 9)  # type: ignore[arg-type]
            assert kept is expected

    newest = (await list_outcomes(stores.app, accept_all=True))[:2]
    assert [is_right for _, is_right in newest] == [True, False]
    assert newest[0][0] == newest[1][0] > 0.2
