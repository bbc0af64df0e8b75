"""
The server that is measured, in a process of its own on a core of its own.

    python -m benchmarks.serving_process hello|vizsla|pages|twin CORE

Settings come from VIZSLA_*, as for `vizsla serve`. Prints its URL.
"""

import asyncio
import contextlib
import os
import sys
from functools import partial
from typing import Any

from vizsla.api.app import App, create_app
from vizsla.api.journal import Journal
from vizsla.api.openapi import describe
from vizsla.api.server import run as run_loop
from vizsla.api.server import serve
from vizsla.api.v2 import all_calls
from vizsla.desk.services import Services
from vizsla.kit.settings import load_settings
from vizsla.privacy.claims import Claims
from vizsla.storage.open import open_stores
from vizsla.storage.secret import find_secret
from vizsla.web.app import create_web
from vizsla.web.house import House

_HELLO = b'{"hello":"world"}'


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The least that an ASGI app can do."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_HELLO))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _HELLO})


async def _run(what: str) -> None:
    settings = load_settings()
    async with open_stores(settings) as stores:
        app: Any = hello
        if what == "vizsla":
            app = create_app(settings, stores, Claims(b"0" * 32))
        elif what == "pages":
            secret = find_secret(settings)
            services = Services(settings, stores, Claims(secret))
            journal = Journal(level=settings.log)
            house = House(services, secret, partial(describe, all_calls(trial=True)), journal.fault)
            app = App(services, journal, create_web(house))
        elif what == "twin":
            from benchmarks.fastapi_twin import make_twin

            app = make_twin(settings, stores)
        await serve(app, port=0, started=lambda url: print(url, flush=True))


def run() -> None:
    what, core = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    # The log goes where a server's log goes: written, and read by nobody.
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        run_loop(_run(what))


if __name__ == "__main__":
    run()
