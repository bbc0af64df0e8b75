"""Twenty kills while 10,000 addresses are verified, over the API and from a file: the tests of the suite, at full size."""

import os
import subprocess
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] = ()) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "tests/faults/test_bulk_kills.py", *arguments],
        env={**os.environ, "VIZSLA_BENCH": "1"},
        check=True,
    )
