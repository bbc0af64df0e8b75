"""A real Dovecot on loopback. Everything it writes is in a folder of its own, and nothing of it is left."""

import contextlib
import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def find_dovecot() -> str | None:
    """The program, if the machine has one that speaks IMAP."""
    program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
    return program if Path("/usr/lib/dovecot/imap").is_file() else None


@contextlib.contextmanager
def dovecot(*, password: str) -> Iterator[tuple[int, Path]]:
    """Its port, and the Maildir of whoever logs in with *password*."""
    # Not below pytest's folders, into which nobody but their owner may look.
    home = Path(tempfile.mkdtemp())
    program = find_dovecot()
    assert program is not None
    port, maildir = _free_port(), home / "Maildir"
    # Strangers are never spoken to as root.
    me, group = ("nobody", "nogroup") if os.getuid() == 0 else (getpass.getuser(), _group())
    uid = pwd.getpwnam(me).pw_uid
    home.chmod(0o755)
    for folder in (maildir, *(maildir / name for name in ("new", "cur", "tmp"))):
        folder.mkdir()
        os.chown(folder, uid, -1)
    config = home / "dovecot.conf"
    config.write_text(f"""
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
auth_mechanisms = plain
protocols = imap
ssl = no
disable_plaintext_auth = no
first_valid_uid = 0
default_login_user = {me}
default_internal_user = {me}
default_internal_group = {group}
first_valid_gid = 0
mail_location = maildir:{maildir}
passdb {{
  driver = static
  args = password={password} allow_nets=127.0.0.0/8
}}
userdb {{
  driver = static
  args = uid={uid} gid={grp.getgrnam(group).gr_gid} home={home}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
    running = subprocess.Popen([program, "-F", "-c", config], stderr=subprocess.PIPE)
    try:
        _wait_for(port, running)
        yield port, maildir
    finally:
        running.terminate()
        running.communicate(timeout=10)
        shutil.rmtree(home, ignore_errors=True)


def deliver(maildir: Path, name: str, raw: bytes) -> None:
    """A mail comes, as a delivery agent puts it there."""
    (maildir / "tmp" / name).write_bytes(raw)
    (maildir / "tmp" / name).rename(maildir / "new" / name)


def _group() -> str:
    return grp.getgrgid(os.getgid()).gr_name


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(port: int, running: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        if running.poll() is not None:
            raise RuntimeError(running.communicate()[1].decode())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("Dovecot does not listen.")
