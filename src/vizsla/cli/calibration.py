"""`vizsla calibration`: do the finder's probabilities hold?"""

import asyncio

from vizsla.cli.output import put_json, put_table, talk
from vizsla.finder.calibration import Stratum, measure_calibration
from vizsla.finder.learning import FEWEST
from vizsla.work.workplace import open_workplace


def calibration(*, json: bool = False) -> None:
    """
    Show how far the finder's probabilities hold, by what came of its answers here.

    Parameters
    ----------
    json
        One JSON document instead of tables.
    """

    async def run() -> None:
        async with open_workplace() as place:
            strata = await measure_calibration(place.stores.app)
        if json:
            put_json(strata)
            return
        for stratum in strata:
            _show(stratum)

    asyncio.run(run())


def _show(stratum: Stratum) -> None:
    kind = "that take mail for everybody" if stratum.accept_all else "that refuse whom they do not know"
    n = stratum.corrected.n
    if not n:
        talk(f"Domains {kind}: nothing is known yet of what came of answers.")
        return
    put_table(
        ("probabilities", "n", "Brier", "log loss", "ECE"),
        [
            (name, one.n, *(None if value is None else f"{value:.4f}" for value in (one.brier, one.log_loss, one.ece)))
            for name, one in (("by the pattern", stratum.uncorrected), ("as given", stratum.corrected))
        ],
        title=f"Domains {kind}",
    )
    put_table(
        ("from", "to", "n", "predicted", "held"),
        [
            (f"{one.least:.1f}", f"{one.most:.1f}", one.n, f"{one.predicted:.3f}", f"{one.observed:.3f}")
            for one in stratum.corrected.bins
        ],
    )
    if n < FEWEST:
        talk(f"A correction is fitted from {FEWEST} outcomes on.")
