"""`vizsla backup` copies while a server runs; `vizsla restore` waits until none does."""

import os
from pathlib import Path

import pytest

from vizsla.cli.backups import backup, restore
from vizsla.cli.care import migrate
from vizsla.kit.errors import StoreBusy
from vizsla.storage.backup import BackupError
from vizsla.storage.open import HomeLock


def test_a_backup_is_made_beside_a_server_and_brought_back_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("VIZSLA_HOME", str(home))
    migrate()
    with HomeLock(home):
        backup()
        made = Path(capsys.readouterr().out.strip())
        assert made.parent == home / "backups"
        with pytest.raises(StoreBusy):
            restore(str(made))
    restore(str(made))
    assert "app.db.before-" in capsys.readouterr().err
    assert migrate(check=True) == 0
    with pytest.raises(BackupError, match="no file"):
        restore(str(tmp_path / "nothing.tar"))
    # Nobody ever writes into this one.
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(BackupError, match="no file"):
        restore(str(tmp_path / "pipe.tar"))
    (tmp_path / "other.tar").write_bytes(b"\x1f\x8b\x08no archive")
    with pytest.raises(BackupError, match="no backup of Vizsla, or it is damaged"):
        restore(str(tmp_path / "other.tar"))
