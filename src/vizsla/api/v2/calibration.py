"""`GET /v2/calibration`: how far the finder's probabilities hold here. Ours, and free."""

import msgspec

from vizsla.api.params import NoParams
from vizsla.api.registry import Call, Calls
from vizsla.finder.calibration import Stratum, measure_calibration
from vizsla.finder.learning import Report
from vizsla.kit.clock import time_text

calls = Calls()


class StratumData(msgspec.Struct, frozen=True):
    """Domains that take mail for everybody, or those that do not."""

    accept_all: bool
    slope: float
    intercept: float
    fitted_to: int
    fitted_at: str | None
    uncorrected: Report
    """Of the probabilities by the pattern alone."""
    corrected: Report
    """Of the same as they are given now."""


class CalibrationData(msgspec.Struct, frozen=True):
    """Both kinds of domains."""

    strata: tuple[StratumData, ...]


class CalibrationAnswer(msgspec.Struct, frozen=True):
    """How far probabilities hold."""

    data: CalibrationData


@calls("GET", "/v2/calibration")
async def get_calibration(call: Call, params: NoParams) -> CalibrationAnswer:
    """
    How far the finder's probabilities hold, by what came of its answers on this installation.

    Of each kind of domain the Brier score, the log loss, the expected calibration error and the reliability table with the number
    of answers in each row, before and after the correction that is in use. No answer can be told from it.
    """
    strata = await measure_calibration(call.services.stores.app)
    return CalibrationAnswer(CalibrationData(tuple(_shown(one) for one in strata)))


def _shown(one: Stratum) -> StratumData:
    values = msgspec.structs.asdict(one)
    return StratumData(**values | {"fitted_at": time_text(one.fitted_at) if one.fitted_at is not None else None})
