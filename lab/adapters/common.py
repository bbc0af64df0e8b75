"""
How are the packages asked that Vizsla is compared to?

Run by the Python of each package's own venv: addresses come as JSON on stdin, answers leave as a line of JSON each. What a package
prints of its own goes to stderr.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

AT_ONCE = 32
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
question = json.load(sys.stdin)
emails: list[str] = question["emails"]
helo: str = question["helo"]
sender: str = question["sender"]


def tell(email: str, status: str, seconds: float | None = None) -> None:
    _answers.write(json.dumps([email, status, seconds]) + "\n")
    _answers.flush()


def ask_each(verify: Callable[[str], str]) -> None:
    """Let *verify* give the status of each address, thirty-two at once."""

    def one(email: str) -> None:
        began = time.monotonic()
        try:
            status = verify(email)
        except Exception as error:
            print(f"{email}: {error!r}", file=sys.stderr)
            status = "unknown"
        tell(email, status, time.monotonic() - began)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(one, emails))
