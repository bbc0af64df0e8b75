"""
A load client: keep-alive connections that each ask, wait for the answer, and ask again; no pipelining.

    python -m benchmarks.load URL FILE SECONDS CONNECTIONS [REQUESTS_PER_SECOND]

FILE holds one request target a line. Prints JSON: answers, requests a second, latencies in milliseconds. At a given rate,
requests are due at fixed times and late ones count from when they were due, so that a server that stalls is charged for all
who would have waited. Where there is `wrk`, it does what has no rate: it is the faster client.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """One client: sends `requests` in random order until `stop`."""

    def __init__(self, requests: list[bytes], seed: int, pace: float) -> None:
        self._requests = requests
        self._random = random.Random(seed)
        self._pace = pace
        self._due = 0.0
        self._left = 0
        self.running = True
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is no asyncio.Transport

    def start(self) -> None:
        """Ask for the first time."""
        self._due = time.perf_counter() + (self._random.random() * self._pace)
        self._next()

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            head = data.find(b"\r\n\r\n")
            length = _LENGTH.search(data, 0, head + 2)
            self.statuses[int(data[9:12])] += 1
            self._left = head + 4 + (int(length[1]) if length else 0)
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self.latencies.append(time.perf_counter() - self._due)
            if self.running:
                self._due = self._due + self._pace if self._pace else time.perf_counter()
                self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.running

    def _next(self) -> None:
        wait = self._due - time.perf_counter() if self._pace else 0.0
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if not self._pace:
            self._due = time.perf_counter()
        self._transport.write(self._random.choice(self._requests))


async def load(url: str, targets: list[str], seconds: float, connections: int, rate: float = 0.0) -> dict[str, object]:
    """What *connections* saw in *seconds*."""
    place = urlsplit(url)
    # Keys travel in the query here, so that a file of targets is all there is to know.
    requests = [f"GET {target} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode() for target in targets]
    clients: list[Connection] = []
    for seed in range(connections):
        _, client = await asyncio.get_running_loop().create_connection(
            lambda seed=seed: Connection(requests, seed, connections / rate if rate else 0.0),
            place.hostname,
            place.port,
        )
        clients.append(client)
    began = time.perf_counter()
    for client in clients:
        client.start()
    await asyncio.sleep(seconds)
    for client in clients:
        client.running = False
    elapsed = time.perf_counter() - began
    if any(client.lost for client in clients):
        sys.exit("The server closed a connection.")
    latencies = sorted(latency * 1_000 for client in clients for latency in client.latencies)
    statuses = sum((client.statuses for client in clients), Counter())
    return {
        "refused": sum(number for status, number in statuses.items() if status != 200),
        "failed": 0,
        "per_second": len(latencies) / elapsed,
        "answers": len(latencies),
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


def run() -> None:
    url, file, seconds, connections, *rate = sys.argv[1:]
    targets = Path(file).read_text("utf-8").split("\n")
    print(json.dumps(uvloop.run(load(url, targets, float(seconds), int(connections), float(rate[0]) if rate else 0.0))))


if __name__ == "__main__":
    run()
