"""
Where do the daemons come from?

From the Debian that the lab runs on. The packages are downloaded and unpacked into a folder of the lab's, never installed: three
mail servers cannot be installed side by side, no service is started, and apt's own state stays as it is.
"""

import shutil
import subprocess
from pathlib import Path

PACKAGES = (
    ("knot", "unbound", "postfix", "postgrey", "dovecot-imapd", "dovecot-lmtpd"),
    ("exim4-daemon-light",),
    ("opensmtpd",),
)
"""Sets that apt resolves each by itself: the mail servers exclude one another."""
NEEDED = ("apt-get", "dpkg-deb", "unshare", "setpriv", "mount", "ip")


class CannotFetch(Exception):
    """Why the packages cannot be had, in a sentence."""


def missing_tools() -> list[str]:
    """What of the machine the lab cannot do without and does not find."""
    return [tool for tool in NEEDED if shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]


def unpack(cache: Path) -> Path:
    """The tree of all packages, downloaded and unpacked under *cache* unless that was done before."""
    root, stamp = cache / "root", cache / "unpacked"
    wanted = "\n".join(" ".join(names) for names in PACKAGES)
    if stamp.is_file() and stamp.read_text() == wanted:
        return root
    shutil.rmtree(cache, ignore_errors=True)
    for folder in (root, cache / "lists/partial", cache / "archives/partial"):
        folder.mkdir(parents=True)
    print(
        "Downloading Knot, Unbound, Postfix, Postgrey, Dovecot, Exim and OpenSMTPD; nothing is installed.", flush=True
    )
    _apt(cache, "update")
    for names in PACKAGES:
        _apt(cache, "install", "--yes", "--no-install-recommends", "--download-only", *names)
    for archive in sorted((cache / "archives").glob("*.deb")):
        _unpack_one(archive, root)
    stamp.write_text(wanted)
    return root


def _apt(cache: Path, *arguments: str) -> None:
    # Lists and archives of our own and no lock: apt itself does not notice.
    options = [
        f"Dir::State::Lists={cache}/lists",
        f"Dir::Cache={cache}",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=root",
    ]
    command = ["apt-get", "-qq", *(word for option in options for word in ("-o", option)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotFetch(f"`apt-get {' '.join(arguments)}` failed: {done.stderr.strip()}")


def _unpack_one(archive: Path, root: Path) -> None:
    done = subprocess.run(["dpkg-deb", "-x", str(archive), str(root)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotFetch(f"{archive.name} cannot be unpacked: {done.stderr.strip()}")
    # Packages still ship /lib and /sbin, which are links into /usr on an installed system.
    for name in ("lib", "bin", "sbin", "lib64"):
        if (root / name).is_dir():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
