"""
What does pyarrow not need to know?

The first array that it makes has it import pandas, if that is installed: PySpark wants it, people have it for work of their
own. It costs a process 0.7 s and 40 MB, a pool of workers that much each, and nothing here hands a data frame over.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def leave_pandas_out() -> None:
    """Have pyarrow find, once and for good, that there is no pandas. Whoever else imports it gets it."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)
