"""
The command line's entry point, and what its exit codes mean.

0 done · 1 it could not be done, stderr says why and what to do · 2 the command was not understood · 130 interrupted.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from cyclopts import App

from vizsla import __version__
from vizsla.cli.output import talk
from vizsla.kit.errors import VizslaError

app = App(
    name="vizsla",
    version=__version__,
    help="Finds, verifies and reaches the people behind any domain, on your own machine.",
    result_action="return_value",
)
user = App(name="user", help="People who may use this installation.")
key = App(name="key", help="API keys.")
claim = App(name="claim", help="A person or the owner of a domain says stop.")


def _register() -> None:
    from vizsla.cli import ask, care, claims, gather, people, serve

    app.command(serve.serve)
    app.command(gather.harvest)
    app.command(gather.crawl)
    app.command(ask.search)
    app.command(ask.count)
    for group in (user, key, claim):
        app.command(group)
    user.command(people.add_user, name="add")
    key.command(people.add_key, name="add")
    claim.command(claims.add)
    claim.command(claims.list_all, name="list")
    claim.command(claims.remove)
    app.command(care.migrate)
    app.command(care.doctor)
    app.command(care.config)


def main(arguments: list[str] | None = None) -> None:
    """Run the command in *arguments* (the process's own by default) and exit."""
    _register()
    _leave(lambda: app(arguments))


def _leave(run: Callable[[], Any]) -> None:
    code = 0
    try:
        result = run()
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except VizslaError as error:
        talk(f"vizsla: {error.details}")
        code = 1
    except KeyboardInterrupt:
        talk("Interrupted. What was finished is kept; the same command goes on from there.")
        code = 130
    except BrokenPipeError:
        # Whoever read us has enough (`vizsla search … | head`). Nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        talk(f"vizsla: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        code = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
