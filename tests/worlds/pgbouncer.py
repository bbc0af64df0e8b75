"""A real pgbouncer on loopback, in transaction mode, before a PostgreSQL of ours."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def find_pgbouncer() -> str | None:
    """The program, if the machine has it."""
    return shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"]))


@contextlib.contextmanager
def pgbouncer(server_port: int, *, connections: int = 3, ignored: str = "") -> Iterator[int]:
    """Its port; *connections* are what it has to each database, so that those who ask share them. *ignored* startup parameters are not refused."""
    program = find_pgbouncer()
    assert program is not None
    home = Path(tempfile.mkdtemp(prefix="vizsla-pgbouncer-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    # As Debian's comes: no more startup parameters than it knows, no prepared statements.
    config = home / "pgbouncer.ini"
    config.write_text(f"""
[databases]
* = host=127.0.0.1 port={server_port} user=vizsla

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 1000
logfile = {home}/log
ignore_startup_parameters = {ignored}
server_idle_timeout = 2
""")
    user = None
    if os.geteuid() == 0:  # as which it refuses to run
        user = pwd.getpwnam("nobody").pw_name
        shutil.chown(home, user)
    running = subprocess.Popen(
        [program, config], user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, running, home / "log")
        yield port
    finally:
        running.terminate()
        running.wait(10)
        shutil.rmtree(home, ignore_errors=True)


def _wait_for(port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if running.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"pgbouncer did not start: {log.read_text() if log.exists() else ''}")
