"""
Which domains are there, how is each set up, and what is therefore right to say of its addresses?

The truth is derived here and nowhere else: from who has a mailbox, what DNS says, and what the server will tell a stranger.
"""

import itertools
from collections.abc import Iterator
from typing import Literal

import msgspec

from lab.staff import COMPANIES

Truth = Literal[
    "valid", "invalid", "accept_all", "unknown", "grey_valid", "grey_invalid", "full", "disposable", "webmail"
]
RIGHT: dict[Truth, frozenset[str]] = {
    "valid": frozenset({"valid"}),
    "invalid": frozenset({"invalid"}),
    "accept_all": frozenset({"accept_all"}),
    # Nobody outside can know. Whoever says that he does not is right, for whatever reason.
    "unknown": frozenset({"unknown"}),
    # Whoever does not wait for a greylist does not lie; that he settles nothing is counted by itself.
    "grey_valid": frozenset({"valid", "unknown"}),
    "grey_invalid": frozenset({"invalid", "unknown"}),
    # The mailbox exists and takes nothing today: both can be said.
    "full": frozenset({"valid", "unknown"}),
    "disposable": frozenset({"disposable"}),
    "webmail": frozenset({"webmail", "valid", "accept_all", "unknown"}),
}
"""What may be said."""
NEVER_INVALID: frozenset[Truth] = frozenset(
    {"valid", "accept_all", "unknown", "grey_valid", "full", "disposable", "webmail"}
)
NEVER_VALID: frozenset[Truth] = frozenset({"invalid", "accept_all", "unknown", "grey_invalid"})

Behaviour = Literal[
    "people",  # tells who has a mailbox and who has not
    "anybody",  # takes mail for every local part
    "greylist",  # tells it to those who come back
    "full",  # tells it, and that some mailboxes are full
    "silent",  # tells a stranger nothing that settles anything
]


class Site(msgspec.Struct, frozen=True):
    """A domain and its mail server."""

    domain: str
    server: str
    """`postfix`, `exim`, `opensmtpd`, a class of `simulators`; empty: none, see *dns*."""
    ip: str = ""
    behaviour: Behaviour = "people"
    mx: tuple[str, ...] = ("10 mx.{domain}.",)
    """MX records; the exchanger `mx.<domain>` stands at *ip*."""
    dns: tuple[str, ...] = ()
    """Further records, as in a zone file, `@` for the domain."""
    kind: Literal["business", "webmail", "disposable"] = "business"
    takes_no_mail: bool = False
    """Whether DNS says that nobody at the domain gets mail."""
    blocks: bool = False
    """Whether it is silent because it does not want us."""
    people: int = 4
    """How many have a mailbox."""
    asked: int = 8
    """How many addresses are asked about, those who have a mailbox first."""
    staff: tuple[str, ...] = ()
    """Local parts of those who have a mailbox; empty: *people* of them are made up."""


class Case(msgspec.Struct, frozen=True):
    """An address, and what is true of it."""

    email: str
    truth: Truth
    domain: str
    blocks: bool = False


def _postfix(name: str, number: int, behaviour: Behaviour = "people", **more: object) -> Site:
    return Site(f"{name}.test", "postfix", f"127.0.10.{number}", behaviour, **more)  # type: ignore[arg-type]


def _simulated(name: str, script: str, behaviour: Behaviour, **more: object) -> Site:
    return Site(f"{name}.test", script, f"127.0.40.{next(_numbers)}", behaviour, **more)  # type: ignore[arg-type]


_numbers = itertools.count(1)
_COMMON = {"people": 8, "asked": 16}
"""Of what most companies have, lists hold more."""
_NOT_THERE = "127.0.60.1"
"""An address where nothing listens."""

SITES: tuple[Site, ...] = (
    # Postfix, and what its administrators set
    _postfix("pf-good", 1, **_COMMON),
    _postfix("pf-good2", 2, **_COMMON),
    _postfix("pf-catchall", 3, "anybody"),
    _postfix("pf-grey", 4, "greylist"),
    _postfix("pf-rbl", 5, "silent", blocks=True),
    _postfix("pf-strict", 6),
    _postfix("pf-full", 7, "full"),
    _postfix("pf-tls", 8),
    _postfix("pf-rate", 9),
    _postfix("xn--bcher-kva", 10),
    Site("v6only.test", "postfix", "::1"),
    # Exim and OpenSMTPD
    Site("ex-good.test", "exim", "127.0.20.1", **_COMMON),
    Site("ex-catchall.test", "exim", "127.0.20.2", "anybody"),
    Site("os-good.test", "opensmtpd", "127.0.30.1", **_COMMON),
    Site("os-catchall.test", "opensmtpd", "127.0.30.2", "anybody"),
    # What is sold rather than installed
    _simulated("gsuite", "Google", "people", mx=("1 aspmx.l.google.com.",), **_COMMON),
    _simulated("m365", "Exchange", "people", mx=("0 m365-test.mail.protection.outlook.com.",), **_COMMON),
    _simulated("secgw", "AcceptsAll", "anybody", mx=("10 eu-smtp-inbound-1.mimecast.com.",), **_COMMON),
    # Servers that are old, strict, slow or overrun
    _simulated("slow-rcpt", "SlowRecipient", "people"),
    _simulated("one-rcpt", "OneRecipient", "people"),
    _simulated("helo-only", "HeloOnly", "people"),
    _simulated("grey8", "Greylist", "greylist"),
    _simulated("busy", "BusyAtFirst", "people"),
    _simulated("plain550", "PlainRefusal", "people"),
    # Servers that tell nothing
    _simulated("tarpit", "SlowBanner", "silent"),
    _simulated("drip", "Drips", "silent", asked=4),
    _simulated("close-connect", "ClosesAtConnect", "silent"),
    _simulated("close-rcpt", "ClosesAtRecipient", "silent"),
    _simulated("banner554", "RefusesAtBanner", "silent", blocks=True),
    _simulated("mail550", "RefusesAtMail", "silent", blocks=True),
    _simulated("rcpt550", "RefusesEverybody", "silent", blocks=True),
    _simulated("garbage", "Garbage", "silent"),
    _simulated("always421", "AlwaysBusy", "silent", asked=4),
    # What DNS alone says
    Site("implicit.test", "postfix", "127.0.10.11", mx=(), dns=("@ A 127.0.10.11",)),
    Site(
        "alias.test", "postfix", "127.0.10.12", mx=(), dns=("@ CNAME target.alias.test.", "target MX 10 mx.{domain}.")
    ),
    Site(
        "mx-alias.test",
        "postfix",
        "127.0.10.13",
        mx=("10 old.{domain}.",),
        dns=("old CNAME mx.{domain}.",),
    ),
    Site(
        "mx-fallback.test",
        "postfix",
        "127.0.10.14",
        mx=("10 dead.{domain}.", "20 mx.{domain}."),
        dns=(f"dead A {_NOT_THERE}",),
    ),
    Site("mx-dead.test", "", behaviour="silent", mx=("10 dead.{domain}.",), dns=(f"dead A {_NOT_THERE}",)),
    Site("mx-private.test", "", behaviour="silent", mx=("10 inside.{domain}.",), dns=("inside A 10.9.8.7",)),
    Site("servfail.test", "", behaviour="silent"),
    Site("dnstimeout.test", "", behaviour="silent"),
    Site("mx-servfail.test", "", behaviour="silent", mx=("10 mx.servfail.test.",)),
    Site("nullmx.test", "", mx=("0 .",), takes_no_mail=True),
    Site("nxdomain.test", "", mx=(), takes_no_mail=True),
    Site("nodata.test", "", mx=(), dns=('@ TXT "nothing but text"',), takes_no_mail=True),
    Site("mx-nx.test", "", mx=("10 gone.{domain}.",), takes_no_mail=True),
    # Where many people have a mailbox, and where nobody keeps one
    Site("gmail.com", "Google", "127.0.50.1", mx=("5 gmail-smtp-in.l.google.com.",), kind="webmail"),
    Site("yahoo.com", "AcceptsAll", "127.0.50.2", "anybody", mx=("1 mta5.am0.yahoodns.net.",), kind="webmail"),
    Site("mailinator.com", "AcceptsAll", "127.0.50.3", "anybody", kind="disposable"),
    Site("yopmail.com", "AcceptsAll", "127.0.50.4", "anybody", kind="disposable"),
)

CROWDED = (
    Site("pf-crowd.test", "postfix", "127.0.10.20", people=150),
    Site("ex-crowd.test", "exim", "127.0.20.20", people=150),
)
"""Where many have a mailbox, for what is tried while servers restart."""
OFFICES = tuple(
    Site(company.domain, company.server, company.ip, mx=company.mx, staff=company.mailboxes) for company in COMPANIES
)
"""Where the finder looks for people."""
EVERY_SITE = SITES + CROWDED + OFFICES

_GIVEN = "amelia boris carla dmitri elena farid greta hugo ines jonas katrin lars mona nils olga pavel".split()
_FAMILY = "archer bergman castillo dupont eriksen fischer gruber hansen ivanov jensen keller lindqvist".split()
_BEFORE_ANEW = 48
"""Local parts until the names repeat."""


def people_of(site: Site) -> tuple[str, ...]:
    """Local parts that have a mailbox; nobody else of the domain has."""
    return site.staff or tuple(_names(site, site.people))


def full_of(site: Site) -> tuple[str, ...]:
    """Those of them whose mailbox is full."""
    return people_of(site)[:2] if site.behaviour == "full" else ()


def disabled_of(site: Site) -> tuple[str, ...]:
    """Local parts that had a mailbox, of servers that say so."""
    return tuple(_names(site, site.people + 2)[-2:]) if site.domain in ("pf-good2.test", "gsuite.test") else ()


def cases() -> list[Case]:
    """Every address with its truth; domains take turns, as they do on a list that somebody brings."""
    rows = [[_case(site, local) for local in _names(site, site.asked)] for site in SITES]
    return [case for turn in itertools.zip_longest(*rows) for case in turn if case is not None]


def crowd() -> list[Case]:
    """Everybody at the crowded sites: all of them have a mailbox."""
    return [_case(site, local) for site in CROWDED for local in people_of(site)]


def _case(site: Site, local: str) -> Case:
    # As people write it: the one with an umlaut is asked about with its umlaut.
    written = site.domain.encode().decode("idna")
    return Case(f"{local}@{written}", _truth_of(site, local), site.domain, site.blocks)


def _truth_of(site: Site, local: str) -> Truth:
    if site.takes_no_mail:
        return "invalid"
    if site.kind == "disposable":
        return "disposable"
    has_mailbox = local in people_of(site)
    if site.kind == "webmail":
        return "invalid" if site.behaviour == "people" and not has_mailbox else "webmail"
    match site.behaviour:
        case "anybody":
            return "accept_all"
        case "silent":
            return "unknown"
        case "greylist":
            return "grey_valid" if has_mailbox else "grey_invalid"
        case "full" if local in full_of(site):
            return "full"
    return "valid" if has_mailbox else "invalid"


def _names(site: Site, count: int) -> list[str]:
    return list(itertools.islice(_local_parts(EVERY_SITE.index(site)), count))


def _local_parts(turn: int) -> Iterator[str]:
    """`amelia.archer`, …; every domain begins elsewhere, so that no local part exists everywhere."""
    for number in itertools.count():
        given = _GIVEN[(turn + number) % len(_GIVEN)]
        family = _FAMILY[(turn * 5 + number * 7) % len(_FAMILY)]
        styles = f"{given}.{family}", f"{given[0]}{family}", f"{family}.{given}", f"{given}_{family[0]}"
        yield f"{styles[number % 4]}{number // _BEFORE_ANEW or ''}"
