"""
What does DNS say of this name?

Answers come as values, failures too: `NXDOMAIN` and `NODATA` are statements of the domain, `SERVFAIL`, `TIMEOUT` and the like
are none, and are asked again before they are given. What was answered is kept for its time to live (negative answers for the
minimum of their zone's SOA, RFC 2308), an hour at most, in a cache of bounded size. Whoever asks the same thing at the same
time waits for one question.

c-ares asks, through aiodns. Two of its habits are made up for here: of a negative answer it does not pass the SOA on, so the
zone is asked for it; and it has a cache of its own, without bound, that keeps NODATA for an hour whatever the zone says
(c-ares 1.34), so its channel is replaced now and then.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from ipaddress import ip_address
from typing import Literal

import aiodns
import msgspec
import pycares

from vizsla.kit.errors import SettingsError

Kind = Literal["MX", "A", "AAAA", "SOA", "PTR", "TXT"]
Rcode = Literal[
    "NOERROR", "NXDOMAIN", "NODATA", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "BADRESP", "BADNAME", "LOOP", "TIMEOUT", "UNREACHABLE"
]  # fmt: skip
"""RFC 1035's words, and c-ares's for what has none: no record of that kind, nonsense, a ring of aliases, silence, no server."""

MOST_RECORDS = 64
"""Records of an answer that are kept, the most preferred ones."""
LONGEST_LIFE = 3_600
NO_SOA_LIFE = 60
FAILURE_LIFE = {"UNREACHABLE": 2}
"""Seconds that a failure is kept, 30 if not named. RFC 9520 3.2 asks for one at least, three hundred at most."""
PAUSES = (0.3, 1.0)
"""Seconds before a failed question is asked again. c-ares has asked twice each time, a quarter of a second apart at least."""
_NEWS_LIFE = 5
"""Seconds that it is believed that our servers are there, or are not."""
_MOST_ALIASES = 8
_MOST_ZONES = 4
_CHANNEL_SECONDS, _CHANNEL_QUESTIONS = 30.0, 20_000

_ENOSERVER = 26  # aiodns 4.0.4 has no name for c-ares's ARES_ENOSERVER
_STATEMENTS = frozenset({"NOERROR", "NXDOMAIN", "NODATA", "BADNAME"})
_SETTLED = _STATEMENTS | {"LOOP"}
"""What is not asked again at once."""
_RCODE_OF: dict[int, Rcode] = {
    aiodns.error.ARES_ENODATA: "NODATA",
    aiodns.error.ARES_EFORMERR: "FORMERR",
    aiodns.error.ARES_ESERVFAIL: "SERVFAIL",
    aiodns.error.ARES_ENOTFOUND: "NXDOMAIN",
    aiodns.error.ARES_ENOTIMP: "NOTIMP",
    aiodns.error.ARES_EREFUSED: "REFUSED",
    aiodns.error.ARES_EBADNAME: "BADNAME",
    aiodns.error.ARES_ETIMEOUT: "TIMEOUT",
    aiodns.error.ARES_ECONNREFUSED: "UNREACHABLE",
    _ENOSERVER: "UNREACHABLE",
}


class Record(msgspec.Struct, frozen=True):
    """A record: an address, a text, or a name in lower case and without the last dot; of a null MX the empty name."""

    value: str
    ttl: int
    preference: int = 0
    """Of an MX record; of a SOA record, which has none, its minimum."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered, and what it took."""

    name: str
    kind: Kind
    rcode: Rcode
    records: tuple[Record, ...] = ()
    """By preference. Empty unless the rcode is NOERROR."""
    left_out: int = 0
    """Records beyond MOST_RECORDS."""
    aliases: tuple[str, ...] = ()
    """The names that CNAME records led to."""
    ttl: int = 0
    """Seconds that it holds."""
    ms: int = 0
    attempts: int = 1
    is_cached: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether it says nothing of the domain."""
        return self.rcode not in _STATEMENTS


class DnsClient:
    """
    Asks *servers* (`ip:port`), or those of the system.

    To be used in one event loop, and closed in it.
    """

    def __init__(
        self,
        servers: Iterable[str] = (),
        *,
        timeout: float = 0.7,
        pauses: tuple[float, ...] = PAUSES,
        cache_size: int = 20_000,
        most_at_once: int = 256,
        channel_seconds: float = _CHANNEL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = parse_servers(servers)
        self._timeout, self._pauses = timeout, pauses
        self._cache_size, self._clock = cache_size, clock
        self._cache: OrderedDict[tuple[str, Kind], tuple[float, Answer]] = OrderedDict()
        self._flights: dict[tuple[str, Kind], asyncio.Task[Answer]] = {}
        self._slots = asyncio.Semaphore(most_at_once)
        self._channel_seconds = channel_seconds
        self._channel: _Channel | None = None
        self._is_closed = False

    async def __aenter__(self) -> "DnsClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up what is still being asked."""
        self._is_closed = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        if self._channel:
            await self._channel.resolver.close()
            self._channel = None

    async def ask(self, name: str, kind: Kind) -> Answer:
        """What DNS says of *name* (A-labels). Never raises for what DNS or the network does."""
        name = name.lower().rstrip(".")
        return self._find_kept(name, kind) or await self._share(name, kind, self._resolve)

    async def is_reachable(self) -> bool:
        """
        Whether our servers answer at all: asked when a domain's silence may be theirs.

        Any answer about the root will do: forwarders of a few zones refuse it, and are there.
        """
        answer = self._find_kept("", "SOA") or await self._share("", "SOA", self._ask_root)
        return answer.rcode not in ("TIMEOUT", "UNREACHABLE")

    async def _ask_root(self, name: str, kind: Kind) -> Answer:
        answer = msgspec.structs.replace(await self._ask_once(name, kind), ttl=_NEWS_LIFE)
        self._keep(answer)
        return answer

    async def _share(self, name: str, kind: Kind, ask: Callable[[str, Kind], Coroutine[None, None, Answer]]) -> Answer:
        flight = self._flights.get((name, kind))
        if flight is None:
            if self._is_closed:
                raise RuntimeError("the DNS client is closed")
            flight = asyncio.create_task(ask(name, kind))
            self._flights[name, kind] = flight
            flight.add_done_callback(lambda _: self._flights.pop((name, kind), None))
        # Whoever asked first may go away; others wait for the same answer.
        return await asyncio.shield(flight)

    async def _resolve(self, name: str, kind: Kind) -> Answer:
        started = time.monotonic()
        seen = {name}
        answer = await self._ask_patiently(name, kind)
        attempts = answer.attempts
        # Resolvers follow aliases themselves; a forwarder that does not must not make a domain without mail of one that has it.
        while answer.rcode == "NODATA" and answer.aliases:
            target = answer.aliases[-1]
            if target in seen or len(seen) > _MOST_ALIASES:
                answer = msgspec.structs.replace(answer, rcode="LOOP")
                break
            seen.add(target)
            further = await self._ask_patiently(target, kind)
            attempts += further.attempts
            answer = msgspec.structs.replace(further, aliases=answer.aliases + further.aliases)
            if not further.aliases:
                break
        answer = msgspec.structs.replace(
            answer,
            name=name,
            ttl=await self._life_of(answer, answer.aliases[-1] if answer.aliases else name),
            ms=round((time.monotonic() - started) * 1_000),
            attempts=attempts,
        )
        self._keep(answer)
        return answer

    async def _ask_patiently(self, name: str, kind: Kind) -> Answer:
        answer = await self._ask_once(name, kind)
        for attempt, pause in enumerate(self._pauses, 2):
            if answer.rcode in _SETTLED:
                break
            await asyncio.sleep(pause)
            # c-ares drops its socket at a malformed message, with all that others asked over it: whoever met one, guilty or
            # not, asks again over a socket of its own.
            is_alone = answer.rcode == "BADRESP"
            answer = msgspec.structs.replace(await self._ask_once(name, kind, is_alone=is_alone), attempts=attempt)
        return answer

    async def _ask_once(self, name: str, kind: Kind, *, is_alone: bool = False) -> Answer:
        async with self._slots:
            channel = _Channel(self._servers, self._timeout) if is_alone else await self._shared_channel()
            channel.in_flight += 1
            try:
                found = await channel.resolver.query_dns(name or ".", kind)
            except aiodns.error.DNSError as error:
                return Answer(name=name, kind=kind, rcode=_RCODE_OF.get(error.args[0], "BADRESP"))
            finally:
                channel.in_flight -= 1
                await channel.close_if_idle()
        return _read(name, kind, found.answer)

    async def _shared_channel(self) -> "_Channel":
        channel, now = self._channel, time.monotonic()
        if channel is None or channel.questions >= _CHANNEL_QUESTIONS or now >= channel.until:
            retired, channel = channel, _Channel(self._servers, self._timeout, now + self._channel_seconds)
            self._channel = channel
            if retired:
                retired.until = 0
                await retired.close_if_idle()
        channel.questions += 1
        return channel

    async def _life_of(self, answer: Answer, name: str) -> int:
        if answer.rcode == "NOERROR":
            return min(answer.ttl, LONGEST_LIFE)
        if answer.rcode not in ("NXDOMAIN", "NODATA"):
            return FAILURE_LIFE.get(answer.rcode, 30)
        # A name that does not exist is in its parent's zone.
        zone = name if answer.rcode == "NODATA" else name.partition(".")[2]
        for _ in range(_MOST_ZONES):
            if not zone:
                break
            soa = self._find_kept(zone, "SOA")
            if soa is None:
                soa = await self._ask_once(zone, "SOA")
                self._keep(msgspec.structs.replace(soa, ttl=min(soa.ttl, LONGEST_LIFE) if soa.records else NO_SOA_LIFE))
            if soa.records:
                return min(soa.records[0].preference, soa.ttl, LONGEST_LIFE)
            zone = zone.partition(".")[2]
        return NO_SOA_LIFE

    def _find_kept(self, name: str, kind: Kind) -> Answer | None:
        until, answer = self._cache.get((name, kind), (0.0, None))
        if answer is None:
            return None
        left = until - self._clock()
        if left <= 0:
            del self._cache[name, kind]
            return None
        self._cache.move_to_end((name, kind))
        return msgspec.structs.replace(answer, ttl=int(left), ms=0, attempts=0, is_cached=True)

    def _keep(self, answer: Answer) -> None:
        if answer.ttl > 0:
            self._cache[answer.name, answer.kind] = (self._clock() + answer.ttl, answer)
            self._cache.move_to_end((answer.name, answer.kind))
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)


class _Channel:
    """A c-ares channel with its hidden cache: how much it was used, and until when it is."""

    def __init__(self, servers: list[str], timeout: float, until: float = 0) -> None:
        # Two tries, for c-ares learns how fast its servers are and then gives a cold name a quarter of a second.
        self.resolver = aiodns.DNSResolver(nameservers=servers or None, timeout=timeout, tries=2)
        self.until = until
        """0 once it is nobody's but theirs who wait for an answer."""
        self.questions = 0
        self.in_flight = 0

    async def close_if_idle(self) -> None:
        if not self.until and not self.in_flight:
            await self.resolver.close()


def parse_servers(entries: Iterable[str]) -> list[str]:
    """The `ip:port` entries of the setting `dns_servers` as c-ares writes them, or SettingsError."""
    servers = []
    for entry in entries:
        host, colon, port = entry.strip().rpartition(":")
        try:
            address = ip_address(host.strip("[]"))
            if not (colon and 0 < int(port) < 65_536):
                raise ValueError
        except ValueError:
            raise SettingsError(f"VIZSLA_DNS_SERVERS: {entry!r} is not of the form ip:port") from None
        servers.append(f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")
    return servers


def _read(name: str, kind: Kind, found: list[pycares.DNSRecord]) -> Answer:
    """An answer section as a value: records of *kind* only, those of another owner left out."""
    targets = {
        _clean(record.name): _clean(record.data.cname)
        for record in found
        if isinstance(record.data, pycares.CNAMERecordData)
    }
    owner, aliases = name, list[str]()
    while owner in targets and len(aliases) <= _MOST_ALIASES:
        owner = targets[owner]
        aliases.append(owner)
    if owner in targets:
        return Answer(name=name, kind=kind, rcode="LOOP", aliases=tuple(aliases))
    wanted = getattr(pycares, f"QUERY_TYPE_{kind}")
    records = [_record(record) for record in found if record.type == wanted and _clean(record.name) == owner]
    if not records:
        return Answer(name=name, kind=kind, rcode="NODATA", aliases=tuple(aliases))
    records.sort(key=lambda record: record.preference)
    return Answer(
        name=name,
        kind=kind,
        rcode="NOERROR",
        records=tuple(records[:MOST_RECORDS]),
        left_out=max(0, len(records) - MOST_RECORDS),
        aliases=tuple(aliases),
        ttl=min(record.ttl for record in found),
    )


def _record(found: pycares.DNSRecord) -> Record:
    match found.data:
        case pycares.MXRecordData(priority=preference, exchange=exchange):
            return Record(_clean(exchange), found.ttl, preference)
        case pycares.ARecordData(addr=address) | pycares.AAAARecordData(addr=address):
            return Record(address, found.ttl)
        case pycares.SOARecordData(mname=primary, minimum=minimum):
            return Record(_clean(primary), found.ttl, minimum)
        case pycares.PTRRecordData(dname=pointed):
            return Record(_clean(pointed), found.ttl)
        case pycares.TXTRecordData(data=text):
            return Record(text.decode("utf-8", "replace"), found.ttl)
    raise AssertionError(found.type)


def _clean(name: str) -> str:
    return name.lower().rstrip(".")
