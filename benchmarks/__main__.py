"""
`make bench` or `python -m benchmarks [NAME …] [options]`: every benchmark, or the named ones.

A name is a module of this package with a `main(arguments)`; what is not a name is passed on.
"""

import sys
from importlib import import_module
from pathlib import Path


def main() -> int:
    modules = Path(__file__).parent.glob("[a-z]*.py")
    names = sorted(path.stem for path in modules if "\ndef main(arguments" in path.read_text("utf-8"))
    chosen = [argument for argument in sys.argv[1:] if argument in names]
    rest = [argument for argument in sys.argv[1:] if argument not in names]
    if unknown := [argument for argument in rest if not argument.startswith("-")]:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(names)}.")
    for name in chosen or names:
        import_module(f"benchmarks.{name}").main(rest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
