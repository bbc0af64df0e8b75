"""
How long do we wait before asking the same host again?

The longer of the delay and twice the time that the last answer took, so that a host which struggles is asked less. Our own
delay is scattered by a fifth (a metronome is what rate limiters look for); one that robots.txt asks for is a minimum.
"""

import random


class Pace:
    """When each host may be asked next; the caller brings the time and does the waiting."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._ready: dict[str, float] = {}

    def ready_at(self, host: str) -> float:
        """The time from which *host* may be asked."""
        return self._ready.get(host, 0.0)

    def answered(self, host: str, now: float, took: float, asked: float | None) -> None:
        """*host* answered at *now* after *took* seconds; its robots.txt *asked* for so many between two requests, or None."""
        scatter = random.uniform(0.8, 1.2)  # noqa: S311
        delay = self._delay * scatter if asked is None else asked * max(scatter, 1.0)
        self._ready[host] = max(self._ready.get(host, 0.0), now + max(delay, 2 * took))

    def hold(self, host: str, until: float) -> None:
        """Ask *host* nothing until then."""
        self._ready[host] = max(self._ready.get(host, 0.0), until)
