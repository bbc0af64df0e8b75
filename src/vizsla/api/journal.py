"""
What happened, for those who run the server?

One JSON line a request and one a fault, counts for `/metrics`. A line holds the call's name, never its query; API keys and
passwords are taken out of whatever else is written. Lines are collected for a moment and written together: a request must
not wait for a terminal.
"""

import asyncio
import re
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
_LONGEST = 8_000
_SECRETS = re.compile(
    r"[0-9a-fA-F]{40}|(?<=://)[^/@\s:]*:[^/@\s]*(?=@)|(?<=api_key=)[^&\s\"']+|(?<=[Bb]earer )[^\s\"']+"
)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
_encode = msgspec.json.Encoder().encode


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
        self._lines: list[bytes] = []
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
        if not self._lines:
            try:
                asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
            except RuntimeError:
                self._lines.append(_encode(line))
                self.flush()
                return
        self._lines.append(_encode(line))

    def flush(self) -> None:
        """Write what is collected."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            self._stream.write((b"\n".join(lines) + b"\n").decode())
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a full disk or a closed terminal must not stop the server

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
