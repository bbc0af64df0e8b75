"""
Who in this process waits for what?

The rows are the truth and every process may work on them. This only spares the ones in this process the waiting: the loop
hears of new work at once, and a request of the end of its verification.
"""

import asyncio
from contextlib import suppress

LOOK = 0.25
"""Seconds between two looks at a row that another process may be working on."""


class Waiting:
    """The bells of one process."""

    def __init__(self) -> None:
        self._work = asyncio.Event()
        self._ends: dict[int, set[asyncio.Event]] = {}

    def announce_work(self) -> None:
        """There is a row that is due now."""
        self._work.set()

    async def wait_for_work(self, seconds: float) -> None:
        """Until there may be work, or *seconds* have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()
        self._work.clear()

    def announce_end(self, verification_id: int) -> None:
        """This verification ended, or will not for a while."""
        for event in self._ends.get(verification_id, ()):
            event.set()

    async def wait_for_end(self, verification_id: int, seconds: float) -> None:
        """Until there may be news of this verification, or *seconds* (at most LOOK) have passed."""
        event = asyncio.Event()
        waiting = self._ends.setdefault(verification_id, set())
        waiting.add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, LOOK)):
                    await event.wait()
        finally:
            waiting.discard(event)
            if not waiting and self._ends.get(verification_id) is waiting:
                del self._ends[verification_id]
