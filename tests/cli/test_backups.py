"""`vizsla backup` copies while a server runs; `vizsla restore` waits until none does."""

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
    with pytest.raises(BackupError):
        restore(str(tmp_path / "nothing.tar"))
