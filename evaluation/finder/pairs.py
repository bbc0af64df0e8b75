"""
Which mentions are a person and their work address?

Dropped: webmail and throw-away domains, hosts nobody can register, robots, roles and teams, names that are no full name,
communities whose addresses are chosen nicknames, people's own domains, addresses that go by more than four names. What stays is
one address a person and domain, the most often named. The pairs are people's data: they stay in the user's cache folder.
"""

import os
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from evaluation.finder import mining
from vizsla.kit.domain_name import is_known_suffix, registrable_domain
from vizsla.kit.mail_hosts import is_disposable, is_webmail
from vizsla.kit.role_words import is_role

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vizsla" / "pairs"
PAIRS = CACHE / "pairs.jsonl"
APT_LISTS = Path("/var/lib/apt/lists")
APT, HISTORY = "apt", "history"
_MOST_NAMES = 4

_COMMUNITIES = frozenset(
    """
    debian.org kernel.org gnu.org freebsd.org gentoo.org fedoraproject.org apache.org gnome.org kde.org ubuntu.com
    archlinux.org python.org openbsd.org netbsd.org dragonflybsd.org x.org freedesktop.org mozilla.org ieee.org acm.org
    computer.org fsf.org fsfe.org libreoffice.org documentfoundation.org opensuse.org mandriva.org mageia.org postgresql.org
    php.net perl.org cpan.org sourceforge.net github.com gitlab.com berlios.de nongnu.org tuxfamily.org sdf.org lwn.net
    samba.org ffmpeg.org videolan.org xiph.org w3.org winehq.org linux.com linux.it linux.org linux.org.uk linux.org.pl
    coreboot.org openwrt.org gcc.gnu.org sourceware.org launchpad.net alum.mit.edu alioth.debian.org lists.sourceforge.net
    riseup.net systemd.io pm.me hackerspace.pl ccc.de chaos.cx in-berlin.de grml.org slackware.com pld-linux.org altlinux.org
    altlinux.ru mirbsd.org netfilter.org libera.chat oftc.net freenode.net irc.net openmandriva.org rosalinux.ru manjaro.org
    voidlinux.org alpinelinux.org nixos.org jabber.org hack.org users.sf.net haskell.org ruby-lang.org rubyonrails.org
    openoffice.org eclipse.org jboss.org codehaus.org tldp.org lunar-linux.org exherbo.org sabayon.org macports.org
    openldap.org isc.org ietf.org acm.jhu.edu toke.dk lysator.liu.se acc.umu.se stacken.kth.se csh.rit.edu ocf.berkeley.edu
    chromium.org pobox.com example.com example.org example.net xcf.berkeley.edu hcoop.net lugs.ch linux-m68k.org arm.linux.org.uk users.noreply.github.com localhost.localdomain
    """.split()
)
_NO_COMPANY = re.compile(
    r"(?:\A|\.)(?:alum|alumni|alumnos|lists?|groups|users|members?|noreply|bugs|dialup|dyn|home|lan|local|internal)\."
)
_NOT_A_PERSON = frozenset(
    """
    team teams list lists bot robot group maintainers maintainer developers developer devel dev packaging packagers support
    project projects admin administrator root user users contributors authors author committee foundation service services
    ltd inc gmbh llc corp corporation company software systems technologies labs laboratory university institute department
    release builder build buildbot jenkins zuul ci automation automated translation translations security staff webmaster
    sysadmin mailing discussion community the this from by and for with via mail email wrote writes contact please copyright
    none unknown anonymous test example name nobody daemon script import merge code review reviewer patch tool debian linux ubuntu kernel
    """.split()
)
_PARTICLES = frozenset(
    "van von de der den del della di da dos das du la le lo ter ten zu zum zur al el bin ibn af av y e st do d' vande".split()
)
_LEADING = frozenset(
    "author authors written maintained maintainer contributed by from copyright modified original signed-off-by thanks to "
    "and with reported originally based on re added changed fixed mr ms dr prof co-author port ported for".split()
)
_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._+\-]{0,63}@[a-z0-9][a-z0-9.\-]{2,98}[a-z]\Z")


class Pair(msgspec.Struct, frozen=True):
    """A person's name and their address at one domain."""

    name: str
    local: str
    domain: str
    registrable: str
    origin: str
    """apt, or history: whether a machine with Debian alone has it."""


def build(histories: Sequence[Path]) -> list[Pair]:
    """The pairs of Debian and of *histories*, written to the cache; what was mined once is not mined again."""
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    mentions: dict[str, Counter[tuple[str, str]]] = {APT: Counter(), HISTORY: Counter()}
    for origin, source, counts in _mine(histories):
        mentions[origin].update(counts)
        print(f"{source}: {len(counts)} mentions", flush=True)
    pairs = choose(mentions)
    PAIRS.write_bytes(b"\n".join(msgspec.json.encode(pair) for pair in pairs) + b"\n")
    return pairs


def load() -> list[Pair]:
    """The pairs built before; none where there are none."""
    if not PAIRS.exists():
        return []
    decoder = msgspec.json.Decoder(Pair)
    return [decoder.decode(line) for line in PAIRS.read_bytes().splitlines()]


def choose(mentions: dict[str, Counter[tuple[str, str]]]) -> list[Pair]:
    """The people among *mentions*, by origin; where both origins know an address it is apt's."""
    named: dict[str, Counter[str]] = defaultdict(Counter)
    origins: dict[str, str] = {}
    for origin, counts in mentions.items():
        for (name, address), count in counts.items():
            email = address.lower()
            if (person := clean_name(name)) and _is_work_address(email):
                named[email][person] += count
                origins.setdefault(email, origin)
    best: dict[tuple[str, str], tuple[int, str, str, str, str]] = {}
    for email, names in sorted(named.items()):
        if len({name.casefold() for name in names}) > _MOST_NAMES:
            continue
        name, _ = max(names.items(), key=lambda item: (item[1], item[0]))
        local, _, domain = email.partition("@")
        registrable = registrable_domain(domain)
        if registrable is None or _is_own_domain(name, registrable):
            continue
        key, found = (_sorted_words(name), domain), (names.total(), name, local, registrable, origins[email])
        best[key] = max(best.get(key, found), found)
    return [
        Pair(name, local, domain, registrable, origin)
        for (_, domain), (_, name, local, registrable, origin) in sorted(best.items())
    ]


def clean_name(text: str) -> str:
    """*text* as the full name of a person, or nothing."""
    words = re.sub(r"\s+", " ", text).strip(" .,-'\"").split(" ")
    while words and (words[0].lower().strip(".:") in _LEADING or (words[0].islower() and words[0] not in _PARTICLES)):
        words = words[1:]
    if not 2 <= len(words) <= 5 or sum(len(word) for word in words) < 4:
        return ""
    if any(word.lower().strip(".,") in _NOT_A_PERSON or any(c.isdigit() for c in word) for word in words):
        return ""
    if any(word.islower() and word.isascii() and word not in _PARTICLES for word in words):
        return ""
    # Somebody needs a name of two letters besides initials, or nothing can be made of it.
    return " ".join(words) if sum(len(word.strip(".")) > 1 for word in words) >= 2 else ""


def _is_work_address(email: str) -> bool:
    if not _ADDRESS.match(email):
        return False
    local, _, domain = email.partition("@")
    registrable = registrable_domain(domain)
    if not registrable or not is_known_suffix(domain.rpartition(".")[2]):
        return False
    if registrable in _COMMUNITIES or domain in _COMMUNITIES or _NO_COMPANY.search(domain):
        return False
    if is_webmail(domain) or is_disposable(domain) or is_role(local):
        return False
    return not ("+" in local or "noreply" in local or "no-reply" in local or local.isdigit())


def _is_own_domain(name: str, registrable: str) -> bool:
    label = re.sub(r"[^a-z]", "", registrable.partition(".")[0])
    words = [re.sub(r"[^a-z]", "", word) for word in name.lower().split()]
    return any(len(word) >= 4 and word in label for word in words) or "".join(words) == label


def _sorted_words(name: str) -> str:
    return " ".join(sorted(name.casefold().split()))


def _mine(histories: Sequence[Path]) -> Iterator[tuple[str, str, Counter[tuple[str, str]]]]:
    yield APT, "package lists", _kept("packages", lambda: mining.mine_package_lists(APT_LISTS))
    yield (
        APT,
        "source lists",
        _kept("sources", lambda: mining.mine_package_lists(mining.fetch_source_lists(CACHE / "apt"))),
    )
    yield APT, "copyright files", _kept("copyrights", mining.mine_copyrights)
    debs, lacking = mining.fetch_debs((*mining.SOURCE_PACKAGES, *mining.KEYRING_PACKAGES), CACHE / "debs")
    for package in lacking:
        print(f"! {package} could not be had from Debian here; `apt-get update` may help")
    for deb in debs:
        if "keyring" in deb.name:
            with tempfile.TemporaryDirectory() as folder:
                yield (
                    APT,
                    deb.name,
                    _kept(deb.stem, lambda deb=deb, folder=folder: mining.mine_keyring(deb, Path(folder))),
                )
        else:
            yield APT, deb.name, _kept(deb.stem, lambda deb=deb: mining.mine_deb(deb))
    for history in histories:
        asked = subprocess.run(
            ["git", "-C", history, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
        name = history.resolve().parent.name if history.name in ("repo", ".git") else history.name
        yield HISTORY, name, _kept(f"{name}-{asked[:12]}", lambda history=history: mining.mine_history(history))


def _kept(name: str, mine: Callable[[], Iterable[mining.Mention]]) -> Counter[tuple[str, str]]:
    file = CACHE / "mentions" / f"{re.sub(r'[^A-Za-z0-9._+-]', '_', name)}.json"
    if not file.exists():
        counts = Counter(mine())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode([(name, address, count) for (name, address), count in counts.items()]))
    rows = msgspec.json.decode(file.read_bytes(), type=list[tuple[str, str, int]])
    return Counter({(name, address): count for name, address, count in rows})
