"""
The lab's daemons: started, found ready, made to forget, ended.
"""

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import names, post_office, servers
from lab.roster import EVERY_SITE
from lab.simulators import CONTROL

_STARTS_WITHIN = 30.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class NotReady(Exception):
    """A daemon did not come up; says which, and what it left in its log."""


class World:
    """All daemons. Only inside of the namespace."""

    def __init__(self, folder: Path, round_trip_ms: int) -> None:
        self.folder = folder
        self.round_trip_ms = round_trip_ms
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        names.write_configs(self.folder)
        servers.write_postfix()
        servers.write_exim()
        servers.write_opensmtpd()
        self._start("knot", "knotd", "-c", f"{self.folder}/knot.conf")
        self._start("unbound", "unbound", "-d", "-c", f"{self.folder}/unbound.conf")
        self._start_postgrey()
        self._start("postfix", "postfix", "start-fg")
        self._start_exim()
        self._start("opensmtpd", "smtpd", "-d", "-f", "/etc/smtpd-lab.conf")
        self._start("simulators", sys.executable, "-m", "lab.simulators")
        ips = sorted({site.ip for site in EVERY_SITE if site.server})
        self._start("delay", sys.executable, "-m", "lab.delay", str(self.round_trip_ms), *ips)
        self._await_all()
        self._make_simulators_forget()

    def _start_exim(self) -> None:
        self._start("exim", "exim4", "-C", "/etc/exim4/lab.conf", "-bdf", "-oX", servers.exim_listens())

    def stop(self, name: str) -> None:
        """End one daemon with all its processes."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    def forget(self) -> None:
        """Make greylists, rate limits and the like forget who was here: the next one is to find the same world."""
        self.stop("postfix")
        self.stop("postgrey")
        self._start_postgrey()
        self._start("postfix", "postfix", "start-fg")
        self._await_all()
        self._make_simulators_forget()

    def restart_mail_servers(self, *, down: float) -> None:
        """End Postfix and Exim in whatever they do, and start them again after *down* seconds."""
        self.stop("postfix")
        self.stop("exim")
        time.sleep(down)
        self._start("postfix", "postfix", "start-fg")
        self._start_exim()

    def open_post_office(self, accounts: list[str], people: list[str]) -> None:
        """Start the server that *accounts* send from and that *people* have their mailboxes at."""
        post_office.write(accounts, people)
        for name, command in post_office.commands().items():
            self._start(name, *command)
        until = time.monotonic() + _STARTS_WITHIN
        for name, port in post_office.ports().items():
            self._await(name, post_office.ADDRESS, port, until)

    def close_post_office(self) -> None:
        for name in reversed(post_office.commands()):
            self.stop(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text("utf-8", "replace")

    def _make_simulators_forget(self) -> None:
        with socket.create_connection(CONTROL, timeout=5) as connection:
            connection.recv(1)

    def _start_postgrey(self) -> None:
        folder = self.folder / "postgrey"
        servers.write_postgrey(folder)
        delay = f"--delay={servers.GREYLIST_SECONDS}"
        self._start("postgrey", "postgrey", f"--inet={servers.POSTGREY}", f"--dbdir={folder}", delay)

    def _start(self, name: str, *command: str) -> None:
        environ = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{os.environ['PATH']}:{_PATH}"}
        with (self.folder / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, start_new_session=True
            )

    def _await_all(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        listening = [(site.server, site.ip, servers.PORT) for site in EVERY_SITE if site.server]
        listening.append(("postgrey", *_host_port(servers.POSTGREY)))
        listening += [("unbound", names.RESOLVER, 53), ("simulators", *CONTROL)]
        for name, ip, port in dict.fromkeys(listening):
            self._await(name if name in self._running else "simulators", ip, port, until)
        for ip in sorted({site.ip for site in EVERY_SITE if site.server}):
            self._await("delay", ip, 25, until)
        self._await_greeting(until)

    def _await(self, name: str, ip: str, port: int, until: float) -> None:
        while True:
            try:
                socket.create_connection((ip, port), timeout=2).close()
            except OSError as error:
                if time.monotonic() > until or self._running[name].poll() is not None:
                    raise NotReady(f"{name} is not there at {ip}:{port}: {error}\n{self.log(name)[-2_000:]}") from None
                time.sleep(0.1)
            else:
                return

    def _await_greeting(self, until: float) -> None:
        """Daemons listen before they can answer; the first RCPT of a cold one may fail."""
        for name in ("postfix", "exim", "opensmtpd"):
            site = servers.sites_of(name)[0]
            while True:
                try:
                    with smtplib.SMTP(site.ip, servers.PORT, names.OUR_NAME, timeout=10) as client:
                        client.ehlo()
                        client.mail(names.OUR_SENDER)
                        code, text = client.rcpt(f"postmaster@{site.domain}")
                    if code == 250:
                        break
                    problem = f"{code} {text.decode('utf-8', 'replace')}"
                except (OSError, smtplib.SMTPException) as error:
                    problem = str(error)
                if time.monotonic() > until:
                    raise NotReady(f"{name} does not take postmaster@{site.domain}: {problem}")
                time.sleep(0.3)


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


@contextmanager
def running(folder: Path, round_trip_ms: int) -> Iterator[World]:
    """The world, ended in the end."""
    world = World(folder, round_trip_ms)
    try:
        world.start()
        yield world
    finally:
        world.stop_all()
