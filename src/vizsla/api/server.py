"""
How does the app listen? uvicorn with uvloop and httptools, our bounds on what a client may cost, a stop that is graceful.

Told to end (SIGTERM), a server behind a balancer first says that it is not ready, and goes on answering until the balancer has
noticed: a listener that is closed at once refuses those who were sent to it meanwhile.
"""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_network
from types import FrameType
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from vizsla.api.journal import Journal
from vizsla.api.protocol import Patience, Stop, patient
from vizsla.kit.errors import VizslaError

T = TypeVar("T")
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than the 60 s of common proxies, so that they close first."""
GRACE = 25
"""Seconds that running requests have once no more are taken: a verification is waited for during 20."""


class CannotListen(VizslaError):
    """The address cannot be listened on."""

    id = "cannot_listen"


async def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    journal: Journal | None = None,
    started: Callable[[str], None] | None = None,
    patience: Patience | None = None,
    keep_alive: int = KEEP_ALIVE,
    grace: int = GRACE,
    drain: float = 0.0,
    stop: Stop | None = None,
    proxies: Sequence[str] = (),
) -> None:
    """
    Answer requests until SIGINT, SIGTERM or until cancelled; running ones are finished first.

    From SIGTERM on *stop* is near, and after *drain* seconds, or at a second signal, no more are taken.

    *started* is called with the base URL once connections are accepted; port 0 takes any free one. Who asks is the first address
    in `X-Forwarded-For`, from its end, that is not in *proxies* (networks), if the connection comes from one of them. Raises
    CannotListen.
    """
    listener = _listen(host, port)
    url = _url(listener, host)
    stop = stop or Stop()
    handler = _Bridge(journal) if journal is not None else None
    if handler is not None:
        logging.getLogger("uvicorn.error").addHandler(handler)
    logging.getLogger("uvicorn.error").propagate = False
    config = uvicorn.Config(
        app,
        http=patient(patience or Patience(), stop),
        ws="none",
        loop="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=bool(proxies),  # anybody else who connects would write whatever address they like there
        forwarded_allow_ips=[_network(each) for each in proxies],
        server_header=False,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=grace,
        backlog=2_048,
    )
    server = _Server(config, lambda: started(url) if started else None, stop, drain)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listener.close()
        gc.unfreeze()  # or what libraries made would outlive them, and they complain at the exit
        if handler is not None:
            logging.getLogger("uvicorn.error").removeHandler(handler)


def _network(text: str) -> str:
    """One address alone is a network as well."""
    return text if "/" in text else str(ip_network(text))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    return uvloop.run(main)


def _calm_collector() -> None:
    """
    Let the garbage collector look at what requests make, not at what the program is made of, and less often.

    Requests make no cycles that matter; going through all modules' objects cost a pause of 20 ms now and then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None], stop: Stop, drain: float) -> None:
        super().__init__(config)
        self._started = started
        self._stop = stop
        self._drain = drain
        self._ends_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _calm_collector()
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Who presses Ctrl-C waits for no balancer.
        if sig == signal.SIGTERM and self._drain and not self._stop.is_near:
            self._captured_signals.append(sig)
            self._ends_at = time.monotonic() + self._drain
        else:
            super().handle_exit(sig, frame)
        self._stop.is_near = True

    async def on_tick(self, counter: int) -> bool:
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)


class _Bridge(logging.Handler):
    """What uvicorn has to say goes into the journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._journal.event("server", level=level, message=text)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, for asyncio sets TCP_NODELAY on such sockets alone: without it an answer's second piece
    # waits 40 ms for the client's delayed acknowledgement of the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.set_inheritable(False)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "the port must be from 0 to 65535"
        raise CannotListen(f"{host} port {port} cannot be listened on: {reason}. Choose another with --port.") from None
    return listener


def _url(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
