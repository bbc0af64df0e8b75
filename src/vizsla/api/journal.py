"""
What happened, for those who run the server?

One JSON line a request and one a fault, counts for `/metrics`. A line holds the call's name, never its query; API keys and
passwords are taken out of whatever else is written. Lines are collected for a moment and written together, as much as the
stream takes at once: a request must not wait for a terminal, nor for a parent that reads our pipe no more.
"""

import asyncio
import os
import re
import select
import sys
import time
import traceback
from bisect import bisect_left
from collections.abc import Iterator
from typing import TextIO

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_FLUSH_SECONDS = 0.2
_RETRY_SECONDS = 0.01
_AT_ONCE = 4_096
"""Bytes that a pipe surely takes when it takes any (POSIX' PIPE_BUF)."""
_MOST_WAITING = 1_000_000
"""Bytes of lines that are kept for a stream that takes none; more are counted and dropped."""
_LONGEST = 8_000
_SECRETS = re.compile(
    r"[0-9a-fA-F]{40}|(?<=://)[^/@\s:]*:[^/@\s]*(?=@)|(?<=api_key=)[^&\s\"']+|(?<=[Bb]earer )[^\s\"']+"
)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
_encode_into = msgspec.json.Encoder().encode_into


def redact(text: str) -> str:
    """*text* without API keys and passwords."""
    return _SECRETS.sub("[redacted]", text)


def _shown(text: str) -> str:
    """*text* as it may be written; to be cut afterwards, for half a key is not known for one."""
    return redact(text.encode("utf-8", "replace").decode())


class _RequestLine(msgspec.Struct, omit_defaults=True):
    """One answered request, as it is written."""

    time: float
    level: str
    event: str
    call: str
    status: int
    ms: float
    request_id: str
    account_id: int | None = None
    path: str | None = None


class _Times:
    """How often one call ended in which time."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0


class Journal(Collector):
    """Writes lines to a stream and keeps counts."""

    def __init__(self, stream: TextIO | None = None, level: str = "info") -> None:
        self._stream = stream or sys.stderr
        self._level = LEVELS[level]
        try:
            self._fd: int | None = self._stream.fileno()
        except (OSError, AttributeError):  # not of the system: memory
            self._fd = None
        self._poll = select.poll()
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLOUT)
        self._waiting = bytearray()
        self._dropped = 0
        self._is_due = False
        self._answers: dict[tuple[str, int], int] = {}
        self._times: dict[str, _Times] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def request(
        self,
        name: str,
        status: int,
        seconds: float,
        *,
        request_id: str,
        account_id: int | None = None,
        path: str | None = None,
    ) -> None:
        """A request was answered. *path* is for requests that are no call's; unlike *name* it is the caller's text."""
        key = (name, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        times = self._times.get(name)
        if times is None:
            times = self._times[name] = _Times()
        times.counts[bisect_left(_BUCKETS, seconds)] += 1
        times.total += seconds
        if self._level > 20:
            return
        if path is not None:
            path = _shown(path)[:200]
        self._write(
            _RequestLine(time.time(), "info", "request", name, status, seconds * 1_000, request_id, account_id, path)
        )

    def fault(self, error: BaseException, *, request_id: str, name: str | None) -> None:
        """Something went wrong on our side."""
        trace = "".join(traceback.format_exception(error))
        self.event("fault", level="error", request_id=request_id, call=name, trace=trace)

    def event(self, event: str, *, level: str = "info", **values: object) -> None:
        """Anything else worth a line."""
        if LEVELS[level] < self._level:
            return
        line: dict[str, object] = {"time": time.time(), "level": level, "event": event}
        for name, value in values.items():
            line[name] = _shown(value)[-_LONGEST:] if isinstance(value, str) else value
        self._write(line)

    def _write(self, line: object) -> None:
        if len(self._waiting) > _MOST_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self.event("log", level="error", dropped=dropped)
        _encode_into(line, self._waiting, -1)
        self._waiting += b"\n"
        if not self._is_due:
            self._flush_in(_FLUSH_SECONDS)

    def _flush_in(self, seconds: float) -> None:
        try:
            asyncio.get_running_loop().call_later(seconds, self._flush_now)
            self._is_due = True
        except RuntimeError:
            self.flush()

    def _flush_now(self) -> None:
        self._is_due = False
        self.flush()
        if self._waiting:
            self._flush_in(_RETRY_SECONDS)

    def flush(self) -> None:
        """Write what is collected, or as much of it as the stream takes without a wait."""
        try:
            if self._fd is None:
                self._stream.write(self._waiting.decode())
                self._waiting.clear()
            while self._waiting and self._fd is not None and self._poll.poll(0):
                del self._waiting[: os.write(self._fd, self._waiting[:_AT_ONCE])]
        except (OSError, ValueError):
            self._waiting.clear()  # a full disk or a closed terminal must not stop the server

    def also(self, collector: Collector) -> None:
        """Show what *collector* counts as well."""
        self._registry.register(collector)

    def render_metrics(self) -> bytes:
        """Everything counted, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client, at a scrape."""
        answers = CounterMetricFamily("vizsla_requests", "Requests answered.", labels=["call", "status"])
        for (name, status), number in sorted(self._answers.items()):
            answers.add_metric([name, str(status)], number)
        yield answers
        seconds = HistogramMetricFamily("vizsla_request_seconds", "Time to answer.", labels=["call"])
        for name, times in sorted(self._times.items()):
            so_far, buckets = 0, []
            for bound, number in zip([*map(str, _BUCKETS), "+Inf"], times.counts, strict=True):
                so_far += number
                buckets.append((bound, float(so_far)))
            seconds.add_metric([name], buckets, times.total)
        yield seconds
