"""A Spark master and two workers as processes of this machine, on loopback, with nothing left over when they stop."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

# Quick to start rather than quick in the long run.
JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
DEFAULTS = f"""
spark.executor.memory           512m
spark.driver.memory             512m
spark.driver.extraJavaOptions   {JVM}
spark.executor.extraJavaOptions {JVM}
spark.sql.codegen.wholeStage    false
"""


def has_java() -> bool:
    return shutil.which("java") is not None


class SparkCluster:
    """`with SparkCluster(folder) as cluster`: `cluster.master` is its URL, `cluster.environ` what its driver is to be given."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, defaults: str = DEFAULTS) -> None:
        import pyspark  # its path is all that is asked

        folder.mkdir()
        (folder / "spark-defaults.conf").write_text(defaults)
        self._folder = folder
        self._class = Path(pyspark.__path__[0]) / "bin" / "spark-class"
        self.environ = {
            **os.environ, **(environ or {}),
            "SPARK_CONF_DIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "local"),
        }  # fmt: skip
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "SparkCluster":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.master = f"spark://127.0.0.1:{port}"
        try:
            self._start("master.Master", "--port", str(port))
            self._await("Bound MasterWebUI", "master.Master")
            for number in (1, 2):
                work = self._folder / f"worker{number}"
                self._start("worker.Worker", "--cores", "1", "--memory", "1g", "--work-dir", str(work), self.master)
            self._await("Successfully registered", "worker.Worker", 2)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def executors(self) -> list[int]:
        """The process numbers of the JVMs that work for an application."""
        return [child for worker in self._daemons[1:] for child in _children(worker.pid)]

    def processes(self) -> Iterator[Path]:
        """Everything in /proc that was started here or by a driver that was given our environment."""
        mark = f"SPARK_CONF_DIR={self._folder}\0".encode()
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    if mark in (process / "environ").read_bytes():
                        yield process
                except OSError:
                    continue

    def listening(self) -> set[str]:
        """The local addresses, as the kernel writes them, that those processes accept connections at."""
        sockets = set()
        for process in self.processes():
            try:
                sockets |= {str(fd.readlink()) for fd in (process / "fd").iterdir()}
            except OSError:
                continue
        found = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    found.add(fields[1].partition(":")[0])
        return found

    def _start(self, name: str, *arguments: str) -> None:
        options = f"{JVM} -Dspark.master.rest.enabled=false"
        with (self._folder / f"{name}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(
                    [self._class, f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--webui-port", "0", *arguments],
                    env={**self.environ, "SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": options},
                    stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def _await(self, said: str, name: str, times: int = 1) -> None:
        log = self._folder / f"{name}.log"
        deadline = time.monotonic() + 90
        while log.read_text().count(said) < times:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def _stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons:
            daemon.wait(30)
        deadline = time.monotonic() + 30
        while list(self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = [(process / "cmdline").read_bytes()[-200:] for process in self.processes()]
        for process in self.processes():
            os.kill(int(process.name), signal.SIGKILL)
        assert not left, left


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
