"""
Which rows wait for verifications, and which of these came to their end?

The verifications of this process are heard of as they end; those that another process works on are looked at in turns. A row whose mail
server wants us back later still waits, but takes no room: others are begun in its place.
"""

import asyncio
from collections import deque
from contextlib import suppress

from vizsla.finder.bulk_verifications import Waiting
from vizsla.storage.database import Reader
from vizsla.verifier.bulk_store import State, states_of

WINDOW = 1_500
"""Rows that wait at one time: three quarters of the runs that a process does, so that calls find room."""
MOST_PUT_OFF = 20_000
"""Rows that wait for mail servers that want us back later; beyond these no more are begun."""
CHUNK = 500
"""Rows that share a transaction."""
_PACE = 0.1
"""Seconds between two transactions: what ends within them shares one."""
_LOOK = 1.0
"""Seconds without news after which rows are looked at all the same."""
_SHARE = 150
"""Rows that are looked at each time, news or not: half a millisecond."""


class Awaited:
    """The rows of one list, or file, that wait."""

    def __init__(self, app: Reader) -> None:
        self._app = app
        self._rows: dict[int, list[Waiting]] = {}
        """By verification: an address that stands in a list twice is waited for twice."""
        self._put_off: set[int] = set()
        self._heard: set[int] = set()
        self._in_turn: deque[int] = deque()
        self._bell = asyncio.Event()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def put_off(self) -> int:
        """How many wait for a mail server that wants us back later."""
        return len(self._put_off)

    def room(self, window: int) -> int:
        """How many more may be begun."""
        return window - (len(self._rows) - len(self._put_off)) if len(self._put_off) < MOST_PUT_OFF else 0

    def add(self, row: Waiting) -> None:
        """It waits from now on."""
        self._rows.setdefault(row.verification_id, []).append(row)
        self._in_turn.append(row.verification_id)

    def hear(self, verification_id: int) -> None:
        """A verification of this process ended, or was put off."""
        if verification_id in self._rows:
            self._heard.add(verification_id)
            # Until it is found to have ended, which is nearly always.
            self._put_off.add(verification_id)
            self._bell.set()

    def hurry(self) -> None:
        """There is more to do: the next pause is short."""
        self._bell.set()

    async def take_ended(self) -> list[tuple[Waiting, State | None]]:
        """Rows whose verifications ended, no longer waiting; without a state, the verification was forgotten."""
        ids = list(self._heard)[:CHUNK]
        self._heard.difference_update(ids)
        if self._heard:
            self._bell.set()
        ids = [id_ for id_ in ids if id_ in self._rows]
        if not ids:
            return []
        states = await states_of(self._app, ids)
        over: list[tuple[Waiting, State | None]] = []
        for id_ in ids:
            state = states.get(id_)
            if state is None or not state.is_pending:
                self._put_off.discard(id_)
                over += [(row, state) for row in self._rows.pop(id_)]
        return over

    async def pause(self) -> None:
        """Until there may be something to do."""
        await asyncio.sleep(_PACE)
        was_heard = False
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await self._bell.wait()
                was_heard = True
        # Other processes have their share of the rows, and ring no bell here.
        self._look_at(_SHARE if was_heard else CHUNK)
        self._bell.clear()

    def _look_at(self, count: int) -> None:
        """Ask next time about those that were not asked about for the longest."""
        for _ in range(min(count, len(self._in_turn))):
            id_ = self._in_turn.popleft()
            if id_ in self._rows:
                self._heard.add(id_)
                self._in_turn.append(id_)
