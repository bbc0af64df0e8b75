"""
What does DNS say in the lab?

Knot is the authority for everything, Unbound the resolver that everybody asks. One zone file holds all names, the root's too:
what is not in it does not exist, and is never looked for elsewhere.
"""

from pathlib import Path

from lab import post_office
from lab.roster import EVERY_SITE, Site

RESOLVER = "127.0.0.53"
AUTHORITY = "127.0.0.54"
OUR_NAME = "probe.verifier.test"
OUR_ADDRESS = "127.0.0.1"
"""Where connections to the lab's servers come from."""
OUR_SENDER = "check@verifier.test"
BLOCKLIST = "blocklist.test"
"""A DNSBL, and we are on it."""

_ZONE = f"""\
$TTL 300
. SOA a.root.test. admin.root.test. 1 3600 600 86400 300
. NS a.root.test.
a.root.test. A {AUTHORITY}
verifier.test. MX 10 probe.verifier.test.
{OUR_NAME}. A {OUR_ADDRESS}
1.0.0.127.in-addr.arpa. PTR {OUR_NAME}.
; Some programs greet as example.com, which has an address.
example.com. A {OUR_ADDRESS}
1.0.0.127.{BLOCKLIST}. A 127.0.0.2
1.0.0.127.{BLOCKLIST}. TXT "listed by {BLOCKLIST}"
"""

_KNOT = """\
server:
    rundir: {folder}
    listen: {authority}@53
database:
    storage: {folder}
log:
  - target: {folder}/knot.log
    any: notice
zone:
  - domain: .
    file: {folder}/lab.zone
  # A zone that the server should have and cannot load: SERVFAIL, as from a broken host.
  - domain: servfail.test
    file: {folder}/not-there.zone
"""

_UNBOUND = """\
server:
    interface: {resolver}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    do-daemonize: no
    use-syslog: no
    logfile: {folder}/unbound.log
    pidfile: ""
    chroot: ""
    username: ""
    directory: {folder}
    module-config: iterator
    local-zone: "test." transparent
    local-zone: "127.in-addr.arpa." nodefault
    # Questions that nobody ever answers.
    local-zone: "dnstimeout.test." always_deny
stub-zone:
    name: "."
    stub-addr: {authority}
    stub-prime: no
remote-control:
    control-enable: no
"""


def write_zone() -> str:
    """The zone file of everything."""
    records = [line for site in EVERY_SITE for line in _records(site)]
    return _ZONE + "".join(f"{line}\n" for line in [*records, *post_office.zone()])


def write_configs(folder: Path) -> None:
    """Configuration of both servers, in *folder*."""
    (folder / "lab.zone").write_text(write_zone())
    values = {"folder": folder, "authority": AUTHORITY, "resolver": RESOLVER}
    (folder / "knot.conf").write_text(_KNOT.format(**values))
    (folder / "unbound.conf").write_text(_UNBOUND.format(**values))


def _records(site: Site) -> list[str]:
    if site.domain in ("servfail.test", "dnstimeout.test"):
        return []
    origin = f"{site.domain}."
    lines = [f"{origin} MX {record.format(domain=site.domain)}" for record in site.mx]
    for record in site.dns:
        owner, _, rest = record.format(domain=site.domain).partition(" ")
        lines.append(f"{origin if owner == '@' else f'{owner}.{origin}'} {rest}")
    if site.ip:
        kind = "AAAA" if ":" in site.ip else "A"
        lines.append(f"{_exchanger(site)} {kind} {site.ip}")
    return lines


def _exchanger(site: Site) -> str:
    """The name at which the site's server stands: its last exchanger, unless that is an alias."""
    last = site.mx[-1].split()[-1].format(domain=site.domain) if site.mx else ""
    return last if last and not last.startswith("old.") else f"mx.{site.domain}."
