"""The same two accounts as in tests/api."""

from accounts.conftest import settings, shared_home, stores
from api.conftest import api, claims

__all__ = ["api", "claims", "settings", "shared_home", "stores"]
