"""
How long may one page take?

Extraction is bounded by design; this is for the page that nobody thought of. Counted in CPU time of the process, so that a
busy machine drops nothing that an idle one keeps.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PAGE_SECONDS = 5.0
"""The worst hostile page of 1 MB measured takes under 0.25 s (`make bench ARGS=harvest`)."""


class PageTooSlow(BaseException):
    """A page used up its time. Not an Exception, so that no careful handler inside of extraction swallows it."""


@contextmanager
def page_limits() -> Iterator[bool]:
    """
    Inside, `start_page` and `end_page` bound the CPU time of what runs between them; beyond it PageTooSlow is raised.

    Yields whether they do: only the main thread of a process can be interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def start_page() -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, PAGE_SECONDS)


def end_page() -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise PageTooSlow
