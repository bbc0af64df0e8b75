"""The same two accounts as in tests/api."""

from api.conftest import api, claims

__all__ = ["api", "claims"]
