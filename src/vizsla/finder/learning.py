"""
What came of answers, and what follows for the next ones?

An answer whose truth became known (a mail server's word where it has one, a bounce, a reply) is kept as a number and its
circumstances, without anybody's name. Every night a correction of the probabilities is fitted to the newest of them, and
published only if it would have done better on those it was not fitted to.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from vizsla.finder.beliefs import Calibration, logit, sigmoid
from vizsla.finder.likelihoods import Likelihoods, load_likelihoods
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

Label = Literal["valid", "invalid", "bounce", "reply"]
RIGHT: frozenset[Label] = frozenset({"valid", "reply"})
FEWEST = 300
"""Outcomes from which on a correction is fitted."""
MOST = 5_000
"""The newest of them count: what was right years ago is of another web."""
STRATA = (False, True)
"""Domains that refuse whom they do not know, and those that take everybody: only bounces and replies tell of the latter."""
_RIDGE = 3.0
"""How strongly the correction is held at none, in outcomes."""
_BINS = 10
_CERTAIN = 1e-6

_PUT = statement("""
    INSERT INTO finder_outcome (at, probability, n_known, tld, accept_all, version, label, is_right)
    VALUES (:at, :probability, :n_known, :tld, :accept_all, :version, :label, :is_right)
""")
_NEWEST = statement("""
    SELECT probability, is_right FROM finder_outcome WHERE accept_all = :accept_all ORDER BY at DESC, id DESC LIMIT :most
""")
_FORGET = statement("""
    DELETE FROM finder_outcome WHERE accept_all = :accept_all AND id NOT IN (
        SELECT id FROM finder_outcome WHERE accept_all = :accept_all ORDER BY at DESC, id DESC LIMIT :most
    )
""")
_CALIBRATIONS = statement("SELECT accept_all, slope, intercept, n, made_at FROM finder_calibration")
_PUT_CALIBRATION = statement("""
    INSERT INTO finder_calibration (accept_all, slope, intercept, n, made_at)
    VALUES (:accept_all, :slope, :intercept, :n, :made_at)
    ON CONFLICT (accept_all) DO UPDATE SET slope = excluded.slope, intercept = excluded.intercept, n = excluded.n,
        made_at = excluded.made_at
""")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An answer whose truth became known."""

    at: int
    probability: float
    """By the pattern, before any correction."""
    n_known: int
    """How many addresses of the domain spoke."""
    tld: str
    accept_all: bool
    version: str
    label: Label

    @property
    def is_right(self) -> bool:
        """Whether the address was the person's."""
        return self.label in RIGHT


class Learnt(msgspec.Struct, frozen=True):
    """What is used for answers."""

    likelihoods: Likelihoods
    calibrations: dict[bool, Calibration]


class Published(msgspec.Struct, frozen=True):
    """A correction in use."""

    calibration: Calibration
    n: int
    made_at: int


class Bin(msgspec.Struct, frozen=True):
    """Predictions of about one probability, and how many of them held."""

    least: float
    most: float
    n: int
    predicted: float
    observed: float


class Report(msgspec.Struct, frozen=True):
    """How far probabilities held."""

    n: int
    brier: float | None
    log_loss: float | None
    ece: float | None
    bins: tuple[Bin, ...]


Pairs = Sequence[tuple[float, bool]]
"""Probabilities, and whether what they were said of was so."""


async def load_learnt(reader: Reader) -> Learnt:
    """What is used for answers now."""
    published = await list_published(reader)
    return Learnt(
        await load_likelihoods(reader), {accept_all: one.calibration for accept_all, one in published.items()}
    )


async def list_published(reader: Reader) -> dict[bool, Published]:
    """The corrections in use, by whether the domain takes mail for everybody."""
    rows = await reader.fetch_all(_CALIBRATIONS)
    return {bool(row[0]): Published(Calibration(row[1], row[2]), row[3], row[4]) for row in rows}


async def record_outcomes(conn: Connection, outcomes: Iterable[Outcome]) -> None:
    """Keep what came of answers."""
    rows = [
        {**msgspec.structs.asdict(one), "accept_all": int(one.accept_all), "is_right": int(one.is_right)}
        for one in outcomes
    ]
    await conn.execute_many(_PUT, rows)


async def list_outcomes(reader: Reader, *, accept_all: bool, most: int = MOST) -> list[tuple[float, bool]]:
    """Probabilities with what came of them, the newest first."""
    rows = await reader.fetch_all(_NEWEST, {"accept_all": int(accept_all), "most": most})
    return [(float(row[0]), bool(row[1])) for row in rows]


async def publish(conn: Connection, calibration: Calibration, *, accept_all: bool, n: int, now: int) -> None:
    """Use *calibration*, fitted to *n* outcomes, from now on."""
    await conn.execute(
        _PUT_CALIBRATION,
        {"accept_all": int(accept_all), "slope": calibration.slope, "intercept": calibration.intercept, "n": n,
         "made_at": now},
    )  # fmt: skip


async def forget_old(conn: Connection) -> int:
    """Drop outcomes that count no more."""
    return sum([await conn.execute(_FORGET, {"accept_all": int(which), "most": MOST}) for which in STRATA])


def improve(newest_first: Pairs, current: Calibration) -> Calibration | None:
    """A better correction than *current*, by the newest fifth, which it is not fitted to; None if there is none."""
    if len(newest_first) < FEWEST:
        return None
    held = len(newest_first) // 5
    newest, older = newest_first[:held], newest_first[held:]
    fitted = fit(older)
    return fitted if _loss(newest, fitted) < _loss(newest, current) - 1e-9 else None


def fit(pairs: Pairs) -> Calibration:
    """Platt's correction: the slope and intercept on log odds under which *pairs* are the likeliest, held near none."""
    slope, intercept = 1.0, 0.0
    odds = [(logit(probability), float(is_right)) for probability, is_right in pairs]
    for _ in range(50):
        # Newton's method on the penalised log likelihood, which has one maximum.
        g0, g1 = _RIDGE * (slope - 1), _RIDGE * intercept
        h00, h01, h11 = _RIDGE, 0.0, _RIDGE
        for x, y in odds:
            p = sigmoid(slope * x + intercept)
            g0 += (p - y) * x
            g1 += p - y
            w = p * (1 - p)
            h00 += w * x * x
            h01 += w * x
            h11 += w
        determinant = h00 * h11 - h01 * h01
        if determinant <= 0:
            break
        step0, step1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        slope, intercept = slope - step0, intercept - step1
        if abs(step0) + abs(step1) < 1e-9:
            break
    # A slope below nothing would turn the order round.
    return Calibration(max(0.1, slope), intercept)


def report(pairs: Pairs) -> Report:
    """Brier score, log loss, expected calibration error, and the reliability table."""
    if not pairs:
        return Report(0, None, None, None, ())
    n = len(pairs)
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for probability, is_right in pairs:
        groups[min(_BINS - 1, int(probability * _BINS))].append((probability, is_right))
    bins = tuple(
        Bin(at / _BINS, (at + 1) / _BINS, len(group), _mean(p for p, _ in group), _mean(float(y) for _, y in group))
        for at, group in enumerate(groups)
        if group
    )
    return Report(
        n,
        math.fsum((p - y) ** 2 for p, y in pairs) / n,
        _loss(pairs, Calibration()),
        math.fsum(one.n * abs(one.predicted - one.observed) for one in bins) / n,
        bins,
    )


def _loss(pairs: Pairs, calibration: Calibration) -> float:
    losses = []
    for probability, is_right in pairs:
        p = min(1 - _CERTAIN, max(_CERTAIN, calibration.apply(probability)))
        losses.append(-math.log(p if is_right else 1 - p))
    return math.fsum(losses) / len(losses)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)
