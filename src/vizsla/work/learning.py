"""
When is the finder corrected by what came of its answers?

Once a day and at each start. What is fitted is read first and worked out in a thread: nothing is locked meanwhile.
"""

import asyncio

from vizsla.finder.beliefs import Calibration
from vizsla.finder.learning import STRATA, forget_old, improve, list_outcomes, list_published, publish
from vizsla.work.workplace import Workplace


async def learn(place: Workplace) -> dict[bool, Calibration]:
    """Fit the corrections anew; those that were published, by whether domains take mail for everybody."""
    app, now = place.stores.app, place.clock.now()
    in_use = await list_published(app)
    fitted = {}
    for accept_all in STRATA:
        outcomes = await list_outcomes(app, accept_all=accept_all)
        before = in_use[accept_all].calibration if accept_all in in_use else Calibration()
        better = await asyncio.to_thread(improve, outcomes, before)
        if better is not None:
            async with app.write() as conn:
                await publish(conn, better, accept_all=accept_all, n=len(outcomes), now=now)
            fitted[accept_all] = better
    async with app.write() as conn:
        await forget_old(conn)
    return fitted
