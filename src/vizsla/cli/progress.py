"""One line that shows how far long work has come: on a terminal it is redrawn, elsewhere nothing is written."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from vizsla.cli.output import is_watched


class WorkLine:
    """`━━━ 12/34 files · 10,234 pages · 512 addresses · 41.2 MB/s 0:01:20`: the last is the time left."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._started = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(24),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not is_watched(),
            refresh_per_second=4,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("", total=None, text="starting …")

    def __enter__(self) -> "WorkLine":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(
        self, done: int, total: int, *, pages: int, addresses: int | None, size: int, share: float, at: str = ""
    ) -> None:
        """*done* of *total* units, *size* in bytes so far, *share* of the whole work from 0 to 1."""
        rate = size / 1e6 / max(time.monotonic() - self._started, 1e-3)
        parts = [f"{done:,}/{total:,} {self._unit}"]
        if addresses is not None:
            parts += [f"{pages:,} pages", f"{addresses:,} addresses"]
        parts.append(f"{rate:.1f} MB/s")
        if at:
            parts.append(at if len(at) <= 60 else at[:59] + "…")
        self._bar.update(self._task, completed=share, total=1.0, text=" · ".join(parts))

    def move(self, share: float, text: str) -> None:
        """*share* of the whole work from 0 to 1, and what there is to say of it."""
        self._bar.update(self._task, completed=share, total=1.0, text=text)

    def say(self, text: str) -> None:
        """What is being done now, when it cannot be counted."""
        self._bar.update(self._task, text=text)
