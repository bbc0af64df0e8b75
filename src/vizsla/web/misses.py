"""Who tries addresses that do not exist, and how often?"""

from collections import OrderedDict

_MOST, _WITHIN, _KNOWN_CLIENTS = 60, 60, 10_000
"""Misses, in so many seconds; clients that are remembered."""


class Misses:
    """How often each client asked for what is not there; of the least recent nothing is known any more."""

    def __init__(self) -> None:
        self._by_client: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def count(self, client: str, now: int) -> bool:
        """One more; False if they are too many."""
        since, misses = self._by_client.pop(client, (now, 0))
        if not 0 <= now - since < _WITHIN:
            since, misses = now, 0
        self._by_client[client] = (since, misses + 1)
        if len(self._by_client) > _KNOWN_CLIENTS:
            self._by_client.popitem(last=False)
        return misses < _MOST
