"""
Where do people have their mail?

A second Postfix and a Dovecot: one company's server, that takes mail for sending from those who log in (RFC 6409), and the
mailboxes of everybody who is written to. Domains of other people's servers refuse in the ways that mail is refused on its way.
"""

import datetime
import shutil
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADDRESS = "127.0.0.90"
HOST = "mail.outreach.test"
OUR_DOMAIN = "outreach.test"
PEOPLE_DOMAIN = "people.test"
SUBMISSION, MX, IMAPS, LMTP = 587, 25, 993, 24
PASSWORD = "a-password-of-the-lab"
MAIL = Path("/var/mail-out")
CONFIG = Path("/etc/postfix-out")
AUTHORITY = Path("/etc/lab-ca.pem")
"""The certificate that signed the server's."""


class Refusal(msgspec.Struct, frozen=True):
    """A server that takes no mail, and the options of `smtp-sink` that make it so."""

    domain: str
    port: int
    options: tuple[str, ...]


REFUSALS = (
    Refusal("gone.test", 2661, ("-B", "550 5.1.1 No such user here", "-f", "RCPT")),
    Refusal("full.test", 2662, ("-B", "552 5.2.2 The mailbox is full", "-f", "RCPT")),
    Refusal("policy.test", 2663, ("-B", "554 5.7.1 Refused by policy", "-f", ".")),
    Refusal("later.test", 2664, ("-b", "451 4.7.1 Greylisted, try again later", "-r", "RCPT")),
)

_MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix-out
data_directory = /var/lib/postfix-out
maillog_file = /var/log/postfix-out.log
maillog_file_prefixes = /var
myhostname = {host}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = ipv4
smtp_bind_address = {address}
local_recipient_maps =
recipient_delimiter = +
virtual_mailbox_domains = {our_domain} {people_domain}
virtual_mailbox_maps = texthash:{config}/people
virtual_transport = lmtp:inet:{address}:{lmtp}
transport_maps = texthash:{config}/transport
relay_domains = {refusals}
default_transport = error:5.4.4 nothing leaves the lab
smtp_dns_support_level = disabled
smtp_host_lookup = native
# Warned after five seconds, given up after half a minute: hours would be too long to watch.
delay_warning_time = 5s
maximal_queue_lifetime = 30s
bounce_queue_lifetime = 30s
minimal_backoff_time = 3s
maximal_backoff_time = 6s
queue_run_delay = 3s
in_flow_delay = 0
smtpd_tls_chain_files = {config}/chain.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_client_connection_count_limit = 50
default_destination_concurrency_limit = 20
"""
_MASTER = """\
{address}:{mx} inet n - n - - smtpd
{address}:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=
  -o smtpd_reject_unlisted_recipient=no
pickup     unix n - n 60 1 pickup
cleanup    unix n - n - 0 cleanup
qmgr       unix n - n 300 1 qmgr
rewrite    unix - - n - - trivial-rewrite
bounce     unix - - n - 0 bounce
defer      unix - - n - 0 bounce
trace      unix - - n - 0 bounce
verify     unix - - n - 1 verify
proxymap   unix - - n - - proxymap
anvil      unix - - n - 1 anvil
scache     unix - - n - 1 scache
tlsmgr     unix - - n 1000? 1 tlsmgr
smtp       unix - - n - - smtp
relay      unix - - n - - smtp
lmtp       unix - - n - - lmtp
error      unix - - n - - error
retry      unix - - n - - error
flush      unix n - n 1000? 0 flush
showq      unix n - n - - showq
postlog    unix-dgram n - n - 1 postlogd
"""
_DOVECOT = """\
base_dir = /run/dovecot-out
state_dir = /var/lib/dovecot-out
protocols = imap lmtp
listen = {address}
log_path = /var/log/dovecot-out.log
ssl = required
ssl_cert = <{config}/chain.pem
ssl_key = <{config}/chain.pem
disable_plaintext_auth = yes
auth_mechanisms = plain login
recipient_delimiter = +
default_login_user = dovenull
default_internal_user = dovecot
first_valid_uid = 100
mail_location = maildir:~/Maildir
mail_max_userip_connections = 50
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={mail}/%d/%n allow_all_users=yes
}}
service auth {{
  unix_listener /var/spool/postfix-out/private/auth {{
    mode = 0666
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = {address}
    port = {lmtp}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = {address}
    port = {imaps}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
"""
_SPOOL = "active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace pid".split()


def write(accounts: list[str], people: list[str]) -> None:
    """The configuration of both, with mailboxes for *accounts* at our domain and *people* at theirs; and the owners of their folders."""
    values = {
        "host": HOST, "address": ADDRESS, "our_domain": OUR_DOMAIN, "people_domain": PEOPLE_DOMAIN, "config": CONFIG,
        "lmtp": LMTP, "mx": MX, "submission": SUBMISSION, "imaps": IMAPS, "password": PASSWORD, "mail": MAIL,
        "refusals": " ".join(refusal.domain for refusal in REFUSALS),
    }  # fmt: skip
    CONFIG.mkdir(parents=True, exist_ok=True)
    (CONFIG / "main.cf").write_text(_MAIN.format(**values))
    (CONFIG / "master.cf").write_text(_MASTER.format(**values))
    (CONFIG / "dovecot.conf").write_text(_DOVECOT.format(**values))
    boxes = [f"{who}@{OUR_DOMAIN}" for who in accounts] + [f"{who}@{PEOPLE_DOMAIN}" for who in people]
    (CONFIG / "people").write_text("".join(f"{box} x\n" for box in boxes))
    (CONFIG / "transport").write_text("".join(f"{one.domain} smtp:[{ADDRESS}]:{one.port}\n" for one in REFUSALS))
    (CONFIG / "dynamicmaps.cf").touch()
    _write_certificates()
    for folder in _SPOOL:
        path = Path(f"/var/spool/postfix-out/{folder}")
        path.mkdir(parents=True, exist_ok=True)
        shutil.chown(
            path, "root" if folder == "pid" else "postfix", "postdrop" if folder in ("maildrop", "public") else "root"
        )
    for path, owner in ((Path("/var/lib/postfix-out"), "postfix"), (MAIL, "vmail")):
        path.mkdir(exist_ok=True)
        shutil.chown(path, owner, owner)
    for folder in ("/run/dovecot-out", "/var/lib/dovecot-out"):
        Path(folder).mkdir(exist_ok=True)


def commands() -> dict[str, tuple[str, ...]]:
    """What is started, by name."""
    sinks = {
        f"sink-{one.domain}": ("smtp-sink", "-u", "nobody", *one.options, f"{ADDRESS}:{one.port}", "50")
        for one in REFUSALS
    }
    return sinks | {
        "dovecot": ("dovecot", "-F", "-c", f"{CONFIG}/dovecot.conf"),
        "postfix-out": ("postfix", "-c", str(CONFIG), "start-fg"),
    }


def ports() -> dict[str, int]:
    """Where each of them listens when it is ready."""
    return {f"sink-{one.domain}": one.port for one in REFUSALS} | {"dovecot": IMAPS, "postfix-out": SUBMISSION}


def zone(dkim: str = "") -> list[str]:
    """What DNS says of our domain; *dkim* is the record of our key."""
    lines = [
        f"{OUR_DOMAIN}. MX 10 {HOST}.",
        f'{OUR_DOMAIN}. TXT "v=spf1 ip4:{ADDRESS} -all"',
        f'_dmarc.{OUR_DOMAIN}. TXT "v=DMARC1; p=none"',
        f"{HOST}. A {ADDRESS}",
        f"{PEOPLE_DOMAIN}. MX 10 {HOST}.",
    ]
    return [*lines, dkim] if dkim else lines


def _write_certificates() -> None:
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the lab")])

    def begin(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    authority = (
        begin(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (CONFIG / "chain.pem").write_bytes(private + server.public_bytes(pem))
    (CONFIG / "chain.pem").chmod(0o600)
    AUTHORITY.write_bytes(authority.public_bytes(pem))
