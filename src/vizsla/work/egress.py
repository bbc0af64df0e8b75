"""
Do we keep knocking when the trouble is ours?

The self-test of this installation: at start, every hour, and every five minutes while it is red. The pipeline asks `trouble`
before it asks a mail server; whoever comes before the first report waits for it.
"""

import asyncio
from functools import partial

from vizsla.desk.self_test import examine
from vizsla.verifier.egress import Report, State
from vizsla.work.workplace import Tell, Workplace

_LOOK = 60.0
"""Seconds between two looks at whether a self-test is due, or whether somebody else made one."""


async def find_report(place: Workplace) -> Report:
    """The newest report, made now if there is none that holds."""
    return await place.way_out.look(partial(examine, place.settings, place.clock), place.clock.now())


async def find_trouble(place: Workplace) -> str:
    """Why no mail server can be asked from here, or nothing."""
    return (await find_report(place)).trouble


async def watch_egress(place: Workplace, tell: Tell, pause: float = _LOOK) -> None:
    """Keep the report new, and say when its colour changes; until cancelled."""
    before: State | None = None
    while True:
        report = await find_report(place)
        if report.state != before:
            level = "warning" if report.is_red else "info"
            checks = {check.what: f"{check.state}: {check.details}" for check in report.checks}
            tell("egress", level=level, state=report.state, before=before, **checks)
            before = report.state
        await asyncio.sleep(pause)
