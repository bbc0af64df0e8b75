"""Twenty kills during a harvest of 2,000 files: the test of the suite, at full size."""

import os
import subprocess
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] = ()) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "tests/faults", *arguments],
        env={**os.environ, "VIZSLA_BENCH": "1"},
        check=True,
    )
