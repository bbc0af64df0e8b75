"""
How do daemons get a machine of their own without one being there?

`unshare` gives a network that has nothing but `lo`, processes of its own and mounts of its own. Over `/usr`, `/etc` and `/var`
lie what Debian's packages hold, and over that a layer in memory that takes all that is written: port 25 is free, the resolver
is ours, daemons have their users, and the machine's own files stay as they are. When the first process ends, the kernel ends
all others and forgets the mounts; nothing has to be cleared away, however we end.
"""

import os
import subprocess
import sys
from pathlib import Path

from lab.names import RESOLVER

_LAYERED = ("usr", "etc", "var")
_USERS = {
    "postfix": 4001,
    "postdrop": 4002,
    "postgrey": 4003,
    "Debian-exim": 4004,
    "opensmtpd": 4005,
    "opensmtpq": 4006,
    "vmail": 4007,
    "dovecot": 4008,
    "dovenull": 4009,
}
"""Whom the packages' scripts would have made; postdrop is a group, and does no harm as a user."""


class CannotIsolate(Exception):
    """What is missing to make a namespace, in a sentence."""


_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def check_isolation() -> None:
    """Raise CannotIsolate where namespaces may not be made, as in most containers."""
    done = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotIsolate(f"namespaces may not be made here ({done.stderr.strip()}). A container needs --privileged.")


def run_inside(command: list[str]) -> int:
    """Run *command* as the first process of a new namespace; give back its exit code."""
    # Should we be killed, so is the namespace.
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *_UNSHARE, *command])
    try:
        return process.wait()
    except KeyboardInterrupt:
        print("\nInterrupted; the namespace ends with everything in it.", file=sys.stderr)
        return 130
    finally:
        process.kill()
        process.wait()


def furnish(packages: Path, memory: Path) -> None:
    """
    Make the namespace that we are in the lab's machine: *packages* is a tree of unpacked Debian packages, *memory* an empty
    folder for what is written.
    """
    _do("mount", "--make-rprivate", "/")
    _do("mount", "-t", "tmpfs", "-o", "mode=755", "lab", str(memory))
    for name in _LAYERED:
        upper, work = memory / "written" / name, memory / "work" / name
        for folder in (upper, work, packages / name):
            folder.mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={packages / name}:/{name},upperdir={upper},workdir={work}"
        _do("mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}")
    _do("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
    _do("ip", "link", "set", "lo", "up")
    _name_users()
    _tell_resolver()


def _name_users() -> None:
    known = {line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    missing = {name: number for name, number in _USERS.items() if name not in known}
    for path, line in (("/etc/passwd", "{0}:x:{1}:{1}::/:/usr/sbin/nologin\n"), ("/etc/group", "{0}:x:{1}:\n")):
        with Path(path).open("a") as file:
            file.writelines(line.format(name, number) for name, number in missing.items())


def _tell_resolver() -> None:
    path = Path("/etc/resolv.conf")
    # Often a link into /run, or a mount of whoever made the container.
    subprocess.run(["umount", str(path)], capture_output=True, check=False)
    path.unlink(missing_ok=True)
    path.write_text(f"nameserver {RESOLVER}\noptions timeout:3 attempts:2\n")
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise CannotIsolate(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
