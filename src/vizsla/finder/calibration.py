"""How far do the finder's probabilities hold? What is shown of it: by the pattern alone, and as they are given now."""

import msgspec

from vizsla.finder.beliefs import Calibration
from vizsla.finder.learning import STRATA, Report, list_outcomes, list_published, report
from vizsla.storage.database import Reader


class Stratum(msgspec.Struct, frozen=True):
    """Domains of one kind."""

    accept_all: bool
    """Whether they take mail for everybody: there, only bounces and replies tell what was right."""
    slope: float
    intercept: float
    """The correction in use, on log odds; 1 and 0 for none."""
    fitted_to: int
    """How many outcomes it was fitted to."""
    fitted_at: int | None
    uncorrected: Report
    corrected: Report


async def measure_calibration(reader: Reader) -> list[Stratum]:
    """How far probabilities held, of the newest outcomes, for both kinds of domains."""
    published = await list_published(reader)
    strata = []
    for accept_all in STRATA:
        outcomes = await list_outcomes(reader, accept_all=accept_all)
        in_use = published.get(accept_all)
        calibration = in_use.calibration if in_use else Calibration()
        strata.append(
            Stratum(
                accept_all,
                calibration.slope,
                calibration.intercept,
                in_use.n if in_use else 0,
                in_use.made_at if in_use else None,
                report(outcomes),
                report([(calibration.apply(probability), is_right) for probability, is_right in outcomes]),
            )
        )
    return strata
