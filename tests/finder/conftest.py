"""The same stores as the index's tests."""

from index.conftest import settings, shared_postgres, stores  # noqa: F401
