"""Calibration: do the finder's probabilities hold, by what came of its answers here?"""

from starlette.responses import Response

from vizsla.finder.learning import FEWEST
from vizsla.web.charts import Bin
from vizsla.web.views import Views
from vizsla.web.visit import Visit

views = Views()


@views.get("/calibration")
async def show_calibration(visit: Visit) -> Response:
    """A plot and its table for each kind of domain."""
    strata = await visit.house.calibration(visit.now)
    return visit.page(
        "calibration.html",
        strata=[(one, [Bin(bar.predicted, bar.observed, bar.n) for bar in one.corrected.bins]) for one in strata],
        is_any=any(one.corrected.n for one in strata),
        fewest=FEWEST,
        probe=visit.house.services.settings.probe,
    )
