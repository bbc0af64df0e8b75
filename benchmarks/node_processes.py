"""Nodes of Vizsla as processes: `vizsla serve` and `vizsla work`, begun, told to end and killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

READY = 60.0
"""Seconds that a node may take until it is ready."""


class Node:
    """One process, again and again at the same port."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path, port: int = 0) -> None:
        self._command, self._environment, self._log = command, environment, log
        self.port = port
        # Where the environment forbids it, what was compiled once is compiled at each start, for seconds.
        folder = Path(tempfile.gettempdir()) / f"vizsla-compiled-{os.getuid()}"
        self._compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder)}
        self.process = self._begin()

    def begin(self) -> None:
        """Anew, after its end."""
        assert self.process.poll() is not None
        self.process = self._begin()

    def _begin(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "vizsla.cli.main", *self._command],
                env={**os.environ, **self._environment, **self._compiled}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        """Until it answers at /readyz that it is."""
        end = time.monotonic() + READY
        while not await asyncio.to_thread(self._is_ready):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"A node did not start: {self._log.read_text()[-2_000:]}")
            await asyncio.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def kill(self) -> None:
        """`kill -9`."""
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)

    async def end(self, seconds: float = 60.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, seconds)

    def stop(self) -> None:
        """Gone, whatever it does."""
        self.process.kill()
        self.process.wait()


def serve(environment: Mapping[str, str], home: Path, *arguments: str, port: int = 0) -> Node:
    """A node that answers, at a port of its own."""
    port = port or free_port()
    return Node(["serve", "--port", str(port), *arguments], {**environment, "VIZSLA_HOME": str(home)}, _log(home), port)


def work(environment: Mapping[str, str], home: Path) -> Node:
    """A node that does what is due."""
    return Node(["work"], {**environment, "VIZSLA_HOME": str(home)}, _log(home))


def _log(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    return home / "log"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
