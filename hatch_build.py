"""Puts the pages' third-party script into the package at build time: from a pinned package of the registry, never from git."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDORED = {
    "django_htmx/static/django_htmx/htmx-4.min.js": "htmx.js",
}
"""Where it lies in `django-htmx`, and what it is called among the pages' files. htmx is 0BSD, the package around it MIT."""


class Vendor(BuildHookInterface):
    """Copies what `VENDORED` names, for a wheel and for an editable install alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build."""
        into = Path(self.root) / "src/vizsla/web/static/vendor"
        into.mkdir(exist_ok=True)
        source = distribution("django-htmx")
        for path, name in VENDORED.items():
            (into / name).write_bytes(Path(str(source.locate_file(path))).read_bytes())
