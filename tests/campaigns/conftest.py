"""An account that owns, in stores that are made once."""

from accounts.conftest import owner

__all__ = ["owner"]
