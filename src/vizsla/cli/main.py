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
    suppress_keyboard_interrupt=False,
)
user = App(name="user", help="People who may use this installation.")
key = App(name="key", help="API keys.")
claim = App(name="claim", help="A person or the owner of a domain says stop.")
leads = App(name="leads", help="The people that an account wants to talk to.")
db = App(name="db", help="The databases.")


for group in (user, key, claim, leads, db):
    app.command(group)
# By name, so that `vizsla count` does not import a web server.
for at, name, path, summary in (
    (app, "serve", "serve:serve", "Run the API and the pages for people."),
    (app, "work", "serve:work", "Run the loops alone, on PostgreSQL."),
    (app, "harvest", "gather:harvest", "Read WARC, WET and HTML files into the index."),
    (app, "crawl", "gather:crawl", "Fetch the sites of domains, politely, and harvest them."),
    (app, "search", "ask:search", "Show the addresses known at a domain."),
    (app, "count", "ask:count", "Show how many addresses are known at a domain."),
    (app, "find", "find:find", "Find the most likely address of a person."),
    (app, "calibration", "calibration:calibration", "Show how far the finder's probabilities hold."),
    (app, "verify", "verify:verify", "Say whether addresses take mail."),
    (user, "add", "people:add_user", "Make an account and print its API key."),
    (user, "list", "people:list_all", "List who may use this installation."),
    (user, "password", "people:password", "Print a link with which somebody sets their password."),
    (user, "plan", "people:plan", "Give somebody's account a plan."),
    (key, "add", "people:add_key", "Make another API key."),
    (claim, "add", "claims:add", "Forget an address or a domain for good."),
    (claim, "list", "claims:list_all", "List claims."),
    (claim, "remove", "claims:remove", "Take a claim back."),
    (leads, "import", "leads_files:import_leads", "Bring leads in from a file."),
    (leads, "export", "leads_files:export_leads", "Write leads to a file."),
    (app, "migrate", "care:migrate", "Bring both databases up to date."),
    (app, "doctor", "care:doctor", "Look for what would go wrong."),
    (app, "backup", "backups:backup", "Copy what cannot be made anew into one file."),
    (app, "restore", "backups:restore", "Bring back a backup."),
    (db, "copy", "databases:copy", "Copy an installation into databases of the other kind."),
    (app, "config", "care:config", "Show every setting as it is in force."),
):
    at.command(f"vizsla.cli.{path}", name=name, help=summary)


def main(arguments: list[str] | None = None) -> None:
    """Run the command in *arguments* (the process's own by default) and exit."""
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
    except UnicodeEncodeError:
        # The system's bytes that are no UTF-8 come as halves of characters (PEP 383), which no database takes.
        talk("vizsla: An argument or the name of a file is not UTF-8. Type it anew, or rename the file.")
        code = 1
    except Exception as error:
        # A fault of ours. Where it happened helps nobody at the terminal, unless they ask.
        if os.environ.get("VIZSLA_LOG") == "debug":
            raise
        talk(f"vizsla: {type(error).__name__}: {error}. This is a fault of Vizsla; VIZSLA_LOG=debug shows where.")
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
