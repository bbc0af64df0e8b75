"""Which key are claims hashed with? The setting's, or one made on the first start and kept in the home."""

import os
import secrets
from pathlib import Path

from vizsla.kit.errors import SettingsError
from vizsla.kit.settings import Settings


def find_secret(settings: Settings) -> bytes:
    """The secret key, made if there is none yet."""
    if settings.secret_key:
        if len(settings.secret_key) < 16:
            raise SettingsError("VIZSLA_SECRET_KEY is too short: give at least 16 characters that nobody can guess.")
        return settings.secret_key.encode()
    path = settings.home / "secret_key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path)
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read or made: {error.strerror}. Set VIZSLA_SECRET_KEY.") from None


def _make(path: Path) -> None:
    if path.exists():
        return
    # Written beside and linked: two first starts at once agree on one key, and none reads half of it.
    draft = path.with_name(f".secret_key.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
