"""
How are Postfix, Postgrey, Exim and OpenSMTPD set up, so that they are what the roster says of them?

With their defaults wherever that can be. Each stands on port 2525 of its sites' addresses; port 25 belongs to the long way
there (`delay`).
"""

import datetime
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.names import BLOCKLIST
from lab.roster import EVERY_SITE, Site, disabled_of, full_of, people_of

PORT = 2525
GREYLIST_SECONDS = 20
POSTGREY = "127.0.0.60:10023"

_MAIN = """\
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
maillog_file_prefixes = /var
myhostname = mx.pf.test
mydestination =
mynetworks = 192.0.2.1/32
inet_interfaces = all
inet_protocols = all
local_recipient_maps =
virtual_mailbox_domains = texthash:/etc/postfix/domains
virtual_mailbox_maps = texthash:/etc/postfix/people
virtual_transport = discard:
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/recipients
smtpd_restriction_classes = greylisted, listed, strict
greylisted = check_policy_service inet:{postgrey}
listed = reject_rbl_client {blocklist}
strict = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_helo_hostname,
    reject_non_fqdn_sender, reject_unknown_sender_domain
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/postfix/chain.pem
# Whoever only asks never delivers, and this pause waits for deliveries.
in_flow_delay = 0
# Limits hold for our address too.
smtpd_client_event_limit_exceptions =
"""
_MASTER = """\
cleanup    unix n - n - 0 cleanup
rewrite    unix - - n - - trivial-rewrite
bounce     unix - - n - 0 bounce
defer      unix - - n - 0 bounce
proxymap   unix - - n - - proxymap
anvil      unix - - n - 1 anvil
tlsmgr     unix - - n 1000? 1 tlsmgr
error      unix - - n - - error
retry      unix - - n - - error
discard    unix - - n - - discard
postlog    unix-dgram n - n - 1 postlogd
"""
_SPOOL = "active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace".split()
_SERVICE_OPTIONS = {
    "pf-tls.test": "-o smtpd_tls_security_level=encrypt",
    "pf-rate.test": "-o smtpd_client_recipient_rate_limit=30",
}
_CLASSES = {
    "pf-grey.test": "greylisted",
    "pf-rbl.test": "listed",
    "pf-strict.test": "strict",
}

_EXIM = """\
primary_hostname = mx.ex.test
domainlist people_domains = {people_domains}
domainlist anybody_domains = {anybody_domains}
acl_smtp_rcpt = acl_rcpt
log_file_path = /var/log/exim-%slog
begin acl
acl_rcpt:
  accept domains = +people_domains : +anybody_domains
         endpass
         verify = recipient
  deny   message = relay not permitted
begin routers
anybody:
  driver = accept
  domains = +anybody_domains
  transport = nowhere
{people}begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
"""

_EXIM_ROUTER = """\
people_{number}:
  driver = accept
  domains = {domain}
  local_parts = {people}
  transport = nowhere
"""

_OPENSMTPD = """\
table boxes {{ {boxes} }}
{listens}
action "drop" mda "/bin/true" virtual <boxes>
match from any for domain {{ {domains} }} action "drop"
"""


def sites_of(server: str) -> list[Site]:
    return [site for site in EVERY_SITE if site.server == server]


def write_postfix() -> None:
    """`/etc/postfix` and the spool, with the owners that its package would have given them."""
    etc = Path("/etc/postfix")
    sites = sites_of("postfix")
    _write(etc / "main.cf", _MAIN.format(postgrey=POSTGREY, blocklist=BLOCKLIST))
    _write(etc / "master.cf", _MASTER + "".join(_services(sites)))
    _write(etc / "domains", "".join(f"{site.domain} x\n" for site in sites) + "target.alias.test x\n")
    _write(etc / "people", "".join(f"{who}@{site.domain} x\n" for site in sites for who in _boxes(site)))
    _write(etc / "recipients", "".join(_restrictions(sites)))
    (etc / "dynamicmaps.cf").touch()
    _write(etc / "chain.pem", _certificate())
    (etc / "chain.pem").chmod(0o600)
    for folder in _SPOOL:
        Path(f"/var/spool/postfix/{folder}").mkdir(parents=True, exist_ok=True)
        shutil.chown(
            f"/var/spool/postfix/{folder}", "postfix", "postdrop" if folder in ("maildrop", "public") else "root"
        )
    Path("/var/lib/postfix").mkdir(exist_ok=True)
    shutil.chown("/var/lib/postfix", "postfix", "postfix")


def write_exim() -> None:
    sites = sites_of("exim")
    people = [site for site in sites if site.behaviour == "people"]
    _write(
        Path("/etc/exim4/lab.conf"),
        _EXIM.format(
            people_domains=" : ".join(site.domain for site in people),
            anybody_domains=" : ".join(site.domain for site in sites if site.behaviour == "anybody"),
            people="".join(
                _EXIM_ROUTER.format(number=number, domain=site.domain, people=" : ".join(_boxes(site)))
                for number, site in enumerate(people)
            ),
        ),
    )
    for folder in ("/var/spool/exim4", "/var/log/exim4"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, "Debian-exim", "Debian-exim")
    for log in ("main", "reject", "panic"):
        path = Path(f"/var/log/exim-{log}log")
        path.touch()
        shutil.chown(path, "Debian-exim", "Debian-exim")


def exim_listens() -> str:
    """The value of `-oX`."""
    return " : ".join(f"{site.ip}.{PORT}" for site in sites_of("exim"))


def write_opensmtpd() -> None:
    sites = sites_of("opensmtpd")
    text = _OPENSMTPD.format(
        boxes=", ".join(f'"{who}@{site.domain}" = "vmail"' for site in sites for who in _boxes(site)),
        listens="\n".join(f"listen on {site.ip} port {PORT}" for site in sites),
        domains=", ".join(f'"{site.domain}"' for site in sites),
    )
    _write(Path("/etc/smtpd-lab.conf"), text)
    Path("/var/spool/smtpd").mkdir(parents=True, exist_ok=True)
    Path("/var/spool/smtpd").chmod(0o711)
    Path("/var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)


def write_postgrey(folder: Path) -> None:
    """An empty database: Postgrey forgets whom it knew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.chown(folder, "postgrey", "postgrey")
    etc = Path("/etc/postgrey")
    etc.mkdir(exist_ok=True)
    (etc / "whitelist_clients").touch()
    # As its package has it: role addresses that must always work.
    (etc / "whitelist_recipients").write_text("postmaster@\nabuse@\n")


def _boxes(site: Site) -> tuple[str, ...]:
    if site.behaviour == "anybody":
        return ("",)
    return (*people_of(site), "postmaster")


def _services(sites: list[Site]) -> list[str]:
    by_ip = {site.ip: site.domain for site in reversed(sites)}
    return [
        f"{f'[{ip}]' if ':' in ip else ip}:{PORT} inet n - n - - smtpd {_SERVICE_OPTIONS.get(domain, '')}\n"
        for ip, domain in sorted(by_ip.items())
    ]


def _restrictions(sites: list[Site]) -> list[str]:
    lines = [f"{domain} {name}\n" for domain, name in _CLASSES.items()]
    for site in sites:
        lines += [f"{who}@{site.domain} 452 4.2.2 The mailbox is full\n" for who in full_of(site)]
        lines += [f"{who}@{site.domain} 550 5.2.1 This mailbox is disabled\n" for who in disabled_of(site)]
    return lines


def _certificate() -> str:
    """A key and the certificate that it signed itself, as most mail servers have."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.pf.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (private + certificate.public_bytes(pem)).decode()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
