"""
`kill -9` of the worker that sends campaigns: nothing is lost, nothing is sent twice; and the harness sees both where they happen.

Here with a few kills. `make bench ARGS=campaign_faults` is the same with ten thousand messages and fifty kills at each phase.
"""

from pathlib import Path

import pytest
from benchmarks.campaign_faults import POINTS, suffer


@pytest.mark.slow
async def test_a_worker_killed_at_each_phase(settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    fate = await suffer(settings.database_url or "SQLite", settings.app_url, "ours", messages=160, kills=1, speed=150)
    assert fate.kills == dict.fromkeys(POINTS, 1)
    assert (fate.lost, fate.duplicated, fate.unsettled) == (0, 0, 0)


@pytest.mark.slow
async def test_the_harness_sees_what_is_lost_and_what_is_sent_twice(tmp_path: Path) -> None:
    twice = await suffer("SQLite", f"sqlite:///{tmp_path}/twice.db", "send, then mark", messages=160, kills=1)
    lost = await suffer("SQLite", f"sqlite:///{tmp_path}/lost.db", "cursor at fetch", messages=160, kills=1)
    assert (twice.lost, twice.duplicated > 0) == (0, True)
    assert (lost.lost > 0, lost.duplicated) == (True, 0)
