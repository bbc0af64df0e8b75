"""
Who in this process waits for what?

The rows are the truth and every process may work on them. This only spares the ones in this process the waiting: the loop
hears of new work at once, and a request of the end of its verification.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOK = 0.25
"""Seconds between two looks at a row that another process may be working on."""


class Waiting:
    """The bells of one process."""

    def __init__(self) -> None:
        self._work = asyncio.Event()
        self._ends: dict[int, set[asyncio.Event]] = {}
        self._listeners: set[Callable[[int], None]] = set()

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
        for listener in self._listeners:
            listener(verification_id)

    @contextmanager
    def listening(self, listener: Callable[[int], None]) -> Iterator[None]:
        """Tell *listener* of every verification of this process that ends or is put off."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    def is_waited_for(self, verification_id: int) -> bool:
        """Whether somebody in this process waits for just this one."""
        return verification_id in self._ends

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
