"""
How do commands talk?

stdout is data, stderr is talk. Colour and progress only where a person looks on; `--json` is one JSON document.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def talk(text: str) -> None:
    """A sentence for the person at the terminal."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def is_watched() -> bool:
    """Whether a person looks at stderr: progress is drawn for nobody else."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def put_json(value: Any) -> None:
    """*value* as one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def put_line(text: str) -> None:
    """One line of data."""
    sys.stdout.write(text + "\n")


def put_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Rows for a person, or tab-separated values when stdout is not a terminal."""
    if not sys.stdout.isatty():
        put_line("\t".join(columns))
        for row in rows:
            put_line("\t".join("" if cell is None else " ".join(str(cell).split()) for cell in row))
        return
    table = Table(*columns, title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)
