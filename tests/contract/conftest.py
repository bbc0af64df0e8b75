"""The same two accounts as in tests/api."""

from accounts.conftest import settings, stores
from api.conftest import api, claims

__all__ = ["api", "claims", "settings", "stores"]
