"""An account that owns, in stores that are made once."""

from accounts.conftest import owner, settings, shared_home, stores

__all__ = ["owner", "settings", "shared_home", "stores"]
