"""What a process had that was killed is due again as soon as the next one starts, if there can be no other."""

import socket
import subprocess
import sys
from pathlib import Path

from api.conftest import Moment
from vizsla.crawl.requests import ask_crawl, find_crawl, is_any_due, take_turn
from vizsla.kit.settings import Settings
from vizsla.storage.open import open_stores
from vizsla.storage.secret import find_secret
from vizsla.work.leased import LASTS
from vizsla.work.orphans import free_orphans
from vizsla.work.workplace import Workplace


async def test_a_crawl_of_a_killed_process_is_begun_anew_at_the_next_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    async with open_stores(settings) as stores:
        place = Workplace(settings, stores, find_secret(settings), Moment())
        now = place.clock.now()
        async with stores.index.write() as conn:
            for domain, process in (("dead.test", ended.pid), ("alive.test", 1)):
                await ask_crawl(conn, domain, now)
                worker = f"{socket.gethostname()}:{process}:x"
                turn = await take_turn(conn, now=now, until=now + LASTS, worker=worker)
                assert turn is not None
                await turn.begin(conn, now)
        assert not await is_any_due(stores.index, now)

        assert await free_orphans(place, "index") == 1

        async with stores.index.write() as conn:
            turn = await take_turn(conn, now=now, until=now + LASTS, worker="w")
        assert turn is not None
        assert (turn.domain, turn.attempt) == ("dead.test", 2)
        assert (await find_crawl(stores.index, "alive.test")).state == "running"  # type: ignore[union-attr]
