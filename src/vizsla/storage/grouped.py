"""
How do many that write at the same moment share one transaction?

Whoever comes while nobody writes writes at once; whoever comes meanwhile goes with the next transaction, and so do all that came
in between. Alone, a write waits for nobody; in a crowd, one sync of the disk does for all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Grouped(Generic[T, R]):
    """Gives items to *commit*, up to *most* at a time, which returns as many results in their order."""

    def __init__(self, commit: Callable[[Sequence[T]], Awaitable[Sequence[R]]], most: int = 100) -> None:
        self._commit = commit
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def put(self, item: T) -> R:
        """The result of *item* once it is committed. Raises what the commit raised, to all of its group."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Until all that was put is committed, or has failed."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await self._commit([item for item, _ in group])
            except Exception as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
