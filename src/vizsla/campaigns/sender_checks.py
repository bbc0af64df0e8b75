"""
Does a sending account work, and will what it sends be believed?

Two questions, answered in plain words with what to do: the connection, asked of its servers with its own secrets; and the domain,
asked of DNS alone (SPF: RFC 7208, DKIM: RFC 6376, DMARC: RFC 7489, MX: RFC 5321). Nothing is sent.
"""

import asyncio
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import msgspec

from vizsla.campaigns.senders import Secrets, Sender
from vizsla.kit.domain_name import registrable_domain
from vizsla.kit.errors import VizslaError
from vizsla.mail.dkim import dns_record
from vizsla.mail.imap import MailboxBroken, MailboxSession
from vizsla.mail.server import IMAP_PORTS, Credentials, Server, check_address, find_addresses
from vizsla.mail.smtp import AuthRefused, MessageRefused
from vizsla.mail.submission import Broken, Submission
from vizsla.mail.wire import Limits
from vizsla.mail.xoauth2 import Grant, TokenRefused, Tokens
from vizsla.net.dns import Answer, DnsClient
from vizsla.net.guard import EgressGuard

Look = Literal["good", "weak", "bad", "unknown"]
_LIMITS = Limits(connect=10.0, banner=20.0, reply=20.0, dialog=45.0, dot=20.0)
_IMAP_SECONDS = 45.0
# Threads of their own: mailboxes that hang must not take those that the event loop keeps for everyone's files.
_threads = ThreadPoolExecutor(8, thread_name_prefix="imap-test")
_SELECTORS = (
    "google",
    "selector1",
    "selector2",
    "default",
    "dkim",
    "mail",
    "s1",
    "s2",
    "k1",
    "k2",
    "fm1",
    "zmail",
    "sig1",
)
"""Where providers publish their keys: nobody can list the selectors of a domain (RFC 6376 3.1)."""
_MOST_SPF_LOOKUPS = 10
_SPF = re.compile(r"v=spf1( |$)", re.IGNORECASE)
_SPF_LOOKUP = re.compile(r"[+?~-]?(?:(include|exists|redirect)[:=](\S+)|(a|mx|ptr)(?:[:/]\S*)?)\Z", re.IGNORECASE)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    subject: str
    look: Look
    sentence: str
    todo: str = ""
    """What to do; empty: nothing."""
    record: str = ""
    """The DNS record that was found."""


class Means(msgspec.Struct, frozen=True):
    """What a test connects with."""

    guard: EgressGuard
    dns: DnsClient | None = None
    tokens: Tokens | None = None
    helo: str = ""
    context: ssl.SSLContext | None = None


async def credentials_of(sender: Sender, secrets: Secrets, tokens: Tokens | None) -> Credentials:
    """What *sender* logs in with now. Raises TokenRefused."""
    if sender.auth == "password":
        return Credentials(sender.login, password=secrets.password)
    if tokens is None:
        raise TokenRefused("There is no way to the token endpoint.", is_final=False)
    grant = Grant(secrets.token_url, secrets.client_id, secrets.client_secret, secrets.refresh_token)
    return Credentials(sender.login, access_token=await tokens.get(grant))


# The connection


async def test_sender(sender: Sender, secrets: Secrets, means: Means) -> list[Finding]:
    """Log in to both servers of *sender*, and send nothing: what was found, in a minute at most."""
    try:
        credentials = await credentials_of(sender, secrets, means.tokens)
    except TokenRefused as error:
        return [Finding("OAuth 2", "bad", error.details, "Sign in at the provider again, and type what it gives you.")]
    findings = [_test_smtp(sender.smtp, credentials, means)]
    if sender.imap is not None:
        findings.append(_test_imap(sender, sender.imap, credentials, means))
    return list(await asyncio.gather(*findings))


async def _test_smtp(server: Server, credentials: Credentials, means: Means) -> Finding:
    subject = "Sending (SMTP)"
    try:
        session = await Submission.open(
            server, credentials, means.guard, means.helo, _LIMITS, dns=means.dns, context=means.context
        )
        is_secure = session.is_secure
        session.abort()
    except AuthRefused as error:
        return Finding(
            subject, "bad", f"{server.host} refused the login: {error.details[:200]}", _after_login(error, server)
        )
    except MessageRefused as error:
        said = f"{server.host} does not want us at {error.phase}: {error.details[:200]}"
        return Finding(subject, "bad", said, "Ask your provider why, or try again later.")
    except Broken as error:
        return Finding(subject, "bad", f"{_where(server)}: {_broken(error)}.", _after_break(error, server))
    except VizslaError as error:
        return Finding(subject, "bad", error.details, "Look at the name of the server and its port.")
    return Finding(subject, "good", f"{server.host} let us log in{'' if is_secure else ', in clear text'}.")


async def _test_imap(sender: Sender, server: Server, credentials: Credentials, means: Means) -> Finding:
    subject = "Listening (IMAP)"
    try:
        async with asyncio.timeout(_IMAP_SECONDS):
            ips = await find_addresses(server.host, means.dns)
            check_address(server, ips[0], IMAP_PORTS, means.guard)
            look = partial(_find_sent_folder, server, ips[0], credentials, means)
            sent = await asyncio.get_running_loop().run_in_executor(_threads, look)
    except TimeoutError:
        return Finding(subject, "bad", f"{_where(server)}: no answer.", "Look at the name of the server and its port.")
    except MailboxBroken as error:
        todo = "Look at the name of the server, its port, and its kind of TLS: its certificate must be valid for that name."
        if error.is_final:
            todo = "Is IMAP switched on in the settings of the mailbox? Most providers want an app password."
        return Finding(subject, "bad", f"{_where(server)}: {error.details.rstrip('.')}.", todo)
    except VizslaError as error:
        return Finding(subject, "bad", error.details, "Look at the name of the server and its port.")
    if sent is None and sender.journal == "sent_folder":
        said = f"{server.host} let us log in, and has no folder of sent mail."
        return Finding(subject, "weak", said, "Choose a copy to the account itself as the proof that a message left.")
    where = f" Sent mail is in “{sent}”." if sent else ""
    return Finding(subject, "good", f"{server.host} let us log in.{where}")


def _find_sent_folder(server: Server, ip: str, credentials: Credentials, means: Means) -> str | None:
    with MailboxSession.open(server, ip, credentials, means.guard, context=means.context) as session:
        return session.find_sent_folder()


def _where(server: Server) -> str:
    return f"{server.host}, port {server.port}"


def _broken(error: Broken) -> str:
    match error.cause:
        case "timeout" | "deadline":
            return "no answer"
        case "refused" | "unreachable" | "egress":
            return "no connection"
        case "closed":
            return f"it hung up at {error.phase}"
        case "tls":
            return f"TLS failed ({error.details.partition(': ')[2][:160]})"
        case "unsupported":
            return "it does not offer STARTTLS"
        case _:
            return "what it says is no SMTP"


def _after_break(error: Broken, server: Server) -> str:
    if error.cause == "tls":
        return (
            "Its certificate must be valid for that name, signed by an authority that this machine knows. Port 465 goes with TLS, "
            "587 with STARTTLS."
        )
    if error.cause == "unsupported":
        return "Choose TLS with port 465, or ask your provider."
    if error.cause in ("timeout", "deadline") and error.phase in ("banner", "connect"):
        kind = "STARTTLS" if server.security == "tls" else "TLS"
        return f"Port {server.port} may be blocked where this server runs, or want {kind} instead. Try 465 with TLS or 587 with STARTTLS."
    return "Look at the name of the server and its port. Some hosts close the ports of mail: ask whoever runs this machine."


def _after_login(error: AuthRefused, server: Server) -> str:
    if error.reply is None:
        return "Choose the other way to log in: a password or OAuth 2."
    if error.is_temporary:
        return "It may work later: try again in a few minutes."
    if server.host.endswith((".gmail.com", ".office365.com", ".yahoo.com", ".me.com")):
        return "Make an app password, or use OAuth 2: this provider refuses the usual password."
    return "Look at the user name (often the whole address) and the password; some providers want an app password."


# The domain


async def check_health(sender: Sender, dns: DnsClient, *, dkim_pem: bytes | None = None) -> list[Finding]:
    """What DNS says of the sender's domain; *dkim_pem* is the key that we sign with, if we do."""
    domain = sender.domain.lower()
    found = await asyncio.gather(
        _check_spf(domain, dns),
        _check_dkim(sender, domain, dns, dkim_pem),
        _check_dmarc(domain, dns),
        _check_mx(domain, dns),
    )
    return [*found, _check_tls(sender)]


async def _check_spf(domain: str, dns: DnsClient) -> Finding:
    answer = await dns.ask(domain, "TXT")
    if answer.is_failure:
        return _unknown("SPF", domain)
    records = [text for text in _texts(answer) if _SPF.match(text)]
    if not records:
        return Finding(
            "SPF",
            "bad",
            f"{domain} does not say who may send its mail, so much of it is taken for spam.",
            "Publish the TXT record that your provider names. It begins with v=spf1.",
        )
    if len(records) > 1:
        return Finding(
            "SPF", "bad", f"{domain} has {len(records)} SPF records, so none counts.", "Join them into one.", records[0]
        )
    lookups = await _count_lookups(records[0], dns, {domain})
    if lookups > _MOST_SPF_LOOKUPS:
        return Finding(
            "SPF", "bad", "The record asks for more than ten look-ups, so receivers give up on it.", "Leave out what no longer sends.", records[0]
        )  # fmt: skip
    last = records[0].lower().split()[-1]
    if last in ("+all", "all"):
        return Finding("SPF", "bad", "The record lets everybody send.", "End it with ~all or -all.", records[0])
    if last not in ("-all", "~all") and "redirect=" not in records[0].lower():
        return Finding(
            "SPF", "weak", "The record does not say what to do with others.", "End it with ~all or -all.", records[0]
        )
    return Finding(
        "SPF", "good", "The domain says who may send its mail. Your provider must be among them.", record=records[0]
    )


async def _count_lookups(record: str, dns: DnsClient, seen: set[str]) -> int:
    """RFC 7208 4.6.4, stopped once there are too many."""
    count = 0
    for term in record.split()[1:]:
        found = _SPF_LOOKUP.match(term)
        if found is None:
            continue
        count += 1
        name = (found[2] or "").lower().rstrip(".")
        if found[1] and found[1].lower() != "exists" and "%" not in name and name not in seen and len(seen) < 12:
            seen.add(name)
            inner = next((text for text in _texts(await dns.ask(name, "TXT")) if _SPF.match(text)), "")
            count += await _count_lookups(inner, dns, seen)
        if count > _MOST_SPF_LOOKUPS:
            break
    return count


async def _check_dkim(sender: Sender, domain: str, dns: DnsClient, pem: bytes | None) -> Finding:
    if pem is not None and sender.dkim_selector:
        name, wanted = f"{sender.dkim_selector}._domainkey.{domain}", dns_record(pem)
        answer = await dns.ask(name, "TXT")
        if answer.is_failure:
            return _unknown("DKIM", name)
        published = [text for text in _texts(answer) if "p=" in text]
        if any(_key_in(text) == _key_in(wanted) for text in published):
            return Finding("DKIM", "good", f"We sign with the key that is published at {name}.", record=wanted)
        if published:
            return Finding(
                "DKIM", "bad", f"Another key is published at {name}.", "Publish the record below instead.", published[0]
            )
        return Finding("DKIM", "bad", f"We sign, but there is no key at {name}.", "Publish the record below.")
    names = [f"{selector}._domainkey.{domain}" for selector in _SELECTORS]
    answers = await asyncio.gather(*(dns.ask(name, "TXT") for name in names))
    for name, answer in zip(names, answers, strict=True):
        for text in _texts(answer):
            if _key_in(text):
                return Finding(
                    "DKIM", "good", f"A key is published at {name}: your provider most likely signs.", record=text
                )
    return Finding(
        "DKIM",
        "weak",
        "No key was found where providers usually publish one.",
        "Switch DKIM on at your provider; if it has none, let us sign (below).",
    )


def _key_in(record: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in record.split(";"))
    return "".join(tags.get("p", "").split())


async def _check_dmarc(domain: str, dns: DnsClient) -> Finding:
    names = dict.fromkeys([domain, registrable_domain(domain) or domain])
    for name in names:
        answer = await dns.ask(f"_dmarc.{name}", "TXT")
        if answer.is_failure:
            return _unknown("DMARC", f"_dmarc.{name}")
        records = [text for text in _texts(answer) if text.lower().replace(" ", "").startswith("v=dmarc1")]
        if len(records) > 1:
            return Finding(
                "DMARC", "bad", f"_dmarc.{name} has {len(records)} records, so none counts.", "Keep one.", records[0]
            )
        if records:
            return _judge_dmarc(records[0])
    return Finding(
        "DMARC",
        "bad",
        "The domain has no DMARC record. Google, Yahoo and Microsoft want one from who sends much.",
        f"Publish at _dmarc.{domain} as TXT: v=DMARC1; p=none",
    )


def _judge_dmarc(record: str) -> Finding:
    tags = dict(part.strip().lower().replace(" ", "").partition("=")[::2] for part in record.split(";"))
    policy = tags.get("p", "")
    if policy not in ("none", "quarantine", "reject"):
        return Finding(
            "DMARC",
            "bad",
            "The record has no policy, so it does not count.",
            "Add p=none, p=quarantine or p=reject.",
            record,
        )
    if policy == "none":
        return Finding(
            "DMARC",
            "good",
            "There is a record; it asks receivers to do nothing about forgeries (p=none).",
            record=record,
        )
    return Finding(
        "DMARC",
        "good",
        f"Forgeries are to be dealt with (p={policy}): SPF or DKIM must agree with the domain.",
        record=record,
    )


async def _check_mx(domain: str, dns: DnsClient) -> Finding:
    answer = await dns.ask(domain, "MX")
    if answer.is_failure:
        return _unknown("MX", domain)
    hosts = [record.value for record in answer.records]
    if hosts == [""]:
        return Finding(
            "MX",
            "bad",
            f"{domain} says that it takes no mail (RFC 7505): nobody can answer.",
            "Send from another domain.",
        )
    if not hosts:
        return Finding(
            "MX",
            "bad",
            f"{domain} has no mail server, so nobody can answer and few will believe it.",
            "Publish an MX record.",
        )
    return Finding("MX", "good", f"Answers reach {hosts[0]}.", record=", ".join(hosts[:5]))


def _check_tls(sender: Sender) -> Finding:
    servers = [server for server in (sender.smtp, sender.imap) if server is not None]
    if bare := [server.host for server in servers if server.security == "none"]:
        return Finding(
            "TLS",
            "weak",
            f"The way to {' and '.join(bare)} is in clear text.",
            "Choose TLS, unless it stays in your own network.",
        )
    return Finding("TLS", "good", "Passwords and messages go over TLS alone, and certificates are verified.")


def _texts(answer: Answer) -> list[str]:
    return [record.value for record in answer.records]


def _unknown(subject: str, name: str) -> Finding:
    return Finding(subject, "unknown", f"DNS gave no answer for {name}.", "Try again in a moment.")
