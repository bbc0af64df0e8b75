"""
A DNS that means harm: a name server on loopback, UDP and TCP, whose names say octet by octet what they send.

Nothing of it is a DNS library, for a library would not let us send what we must.

    async with dns() as world:
        world.zone("acme.test", minimum=60)
        world.add("acme.test", "MX", (10, "mx.acme.test"))
        world.add("mx.acme.test", "A", "127.0.0.9")
        world.behave("broken.test", "servfail")
"""

import asyncio
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
_MOST_UDP = 1_232


@dataclass
class World:
    """Zones, records and misbehaviour; a log of what was asked."""

    zones: dict[str, tuple[int, int]] = field(default_factory=dict)
    records: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    ttls: dict[tuple[str, str], int] = field(default_factory=dict)
    behaviours: dict[str, str] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    over_tcp: Counter[str] = field(default_factory=Counter)
    ip: str = ""
    port: int = 0
    left: Counter[str] = field(default_factory=Counter)
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def server(self) -> str:
        return f"{self.ip}:{self.port}"

    def zone(self, name: str, *, minimum: int = 300, ttl: int = 900) -> None:
        """*name* has a SOA record; names below it that have no record do not exist."""
        self.zones[name] = (minimum, ttl)

    def add(self, name: str, kind: str, *values: object, ttl: int = 300) -> None:
        """Records of *name*: addresses, `(preference, exchanger)` of an MX, a name of a CNAME."""
        self.records.setdefault((name, kind), []).extend(_rdata(kind, value) for value in values)
        self.ttls[name, kind] = ttl

    def behave(self, name: str, how: str, *, kind: str = "", times: int = 0) -> None:
        """
        *name* misbehaves: servfail, nxdomain, refuse, drop, garbage, mangle, wrong_id, other_question, truncate, unfollowed.

        Only for questions of *kind*, and only the first *times*, if they are given.
        """
        self.behaviours[f"{name} {kind}"] = how
        self.left[f"{name} {kind}"] = times or 1_000_000

    def exists(self, name: str) -> bool:
        return any(known == name or known.endswith("." + name) for known, _ in self.records) or name in self.zones

    def answer(self, query: bytes, *, is_tcp: bool) -> Iterator[bytes]:
        """What is sent for *query*: any number of messages."""
        name, kind, question = _parse(query)
        self.asked[name, kind] += 1
        if is_tcp:
            self.over_tcp[name] += 1
        how = self._how(f"{name} {kind}") or self._how(f"{name} ")
        right = self._truthful(query[:2], name, kind, question, follow=how != "unfollowed")
        match how:
            case "drop":
                return
            case "servfail":
                yield _message(query[:2], SERVFAIL, question)
            case "nxdomain":
                yield _message(query[:2], NXDOMAIN, question)
            case "refuse":
                yield _message(query[:2], REFUSED, question)
            case "garbage":
                yield b"\xff" * 40
            case "mangle":
                yield query[:2] + self._mangled(right[2:])
            case "wrong_id":
                yield bytes((query[0] ^ 0x55, query[1])) + _message(b"\0\0", NXDOMAIN, question)[2:]
                yield right
            case "other_question":
                yield _message(query[:2], NXDOMAIN, _name("evil.test") + question[-4:])
                yield right
            case "truncate" if not is_tcp:
                yield _message(query[:2], NOERROR, question, truncated=True)
            case _ if len(right) > _MOST_UDP and not is_tcp:
                yield _message(query[:2], NOERROR, question, truncated=True)
            case _:
                yield right

    def _mangled(self, message: bytes) -> bytes:
        """*message* with a few octets changed, or cut, or with more behind it: another each time."""
        octets = bytearray(message)
        for _ in range(self.dice.randint(0, 4)):
            octets[self.dice.randrange(len(octets))] = self.dice.randrange(256)
        return bytes(octets[: self.dice.randint(4, len(octets))]) + self.dice.randbytes(self.dice.choice((0, 0, 40)))

    def _how(self, key: str) -> str:
        self.left[key] -= 1
        return self.behaviours.get(key, "") if self.left[key] >= 0 else ""

    def _truthful(self, number: bytes, name: str, kind: str, question: bytes, *, follow: bool) -> bytes:
        answers, owner, seen = [], name, {name}
        while (target := self.records.get((owner, "CNAME"))) and kind != "CNAME":
            answers.append(_record(owner, "CNAME", self.ttls[owner, "CNAME"], target[0]))
            owner = _unname(target[0])
            if owner in seen or not follow:
                return _message(number, NOERROR, question, answers)
            seen.add(owner)
        zone = next(
            (zone for zone in sorted(self.zones, key=len, reverse=True) if f".{owner}".endswith("." + zone)), None
        )
        if kind == "SOA" and owner == zone:
            return _message(number, NOERROR, question, [*answers, self._soa(zone)])
        found = self.records.get((owner, kind), [])
        answers += [_record(owner, kind, self.ttls[owner, kind], data) for data in found]
        if found or (zone is None and self.exists(owner)):
            return _message(number, NOERROR, question, answers)
        rcode = NOERROR if self.exists(owner) else NXDOMAIN
        return _message(number, rcode, question, answers, [self._soa(zone)] if zone else [])

    def _soa(self, zone: str) -> bytes:
        minimum, ttl = self.zones[zone]
        data = _name("ns." + zone) + _name("hostmaster." + zone) + struct.pack("!5I", 1, 7200, 900, 86_400, minimum)
        return _record(zone, "SOA", ttl, data)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, world: World) -> None:
        self._world = world

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        delay = self._world.delays.get(_parse(data)[0], 0)
        for message in self._world.answer(data, is_tcp=False):
            asyncio.get_running_loop().call_later(delay, self._send, message, peer)

    def _send(self, message: bytes, peer: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(message, peer)


def _tcp(world: World) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                for message in world.answer(await reader.readexactly(size), is_tcp=True):
                    writer.write(struct.pack("!H", len(message)) + message)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


@asynccontextmanager
async def dns(ip: str = "127.0.0.1") -> AsyncIterator[World]:
    """A world on *ip*, on a port that is free for both protocols."""
    world = World(ip=ip)
    loop = asyncio.get_running_loop()
    while True:
        listener = await asyncio.start_server(_tcp(world), ip, 0)
        world.port = listener.sockets[0].getsockname()[1]
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(world), local_addr=(ip, world.port))
        except OSError:
            listener.close()
            continue
        break
    try:
        yield world
    finally:
        transport.close()
        listener.close()
        await asyncio.sleep(0)


def _parse(query: bytes) -> tuple[str, str, bytes]:
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode("latin-1").lower())
        at += size + 1
    kind = struct.unpack("!H", query[at + 1 : at + 3])[0]
    return ".".join(labels), NAMES.get(kind, str(kind)), query[12 : at + 5]


def _message(
    number: bytes,
    rcode: int,
    question: bytes,
    answers: Sequence[bytes] = (),
    authority: Sequence[bytes] = (),
    *,
    truncated: bool = False,
) -> bytes:
    flags = 0x8180 | rcode | (0x0200 if truncated else 0)
    counts = struct.pack("!5H", flags, 1, len(answers), len(authority), 0)
    return number + counts + question + b"".join(answers) + b"".join(authority)


def _record(owner: str, kind: str, ttl: int, data: bytes) -> bytes:
    return _name(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


def _rdata(kind: str, value: object) -> bytes:
    if kind in ("A", "AAAA"):
        return ip_address(str(value)).packed
    if kind == "MX":
        preference, exchanger = value
        return struct.pack("!H", preference) + _name(exchanger)
    if kind == "TXT":
        return bytes((len(str(value)),)) + str(value).encode()
    return _name(str(value))


def _name(name: str) -> bytes:
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _unname(data: bytes) -> str:
    labels, at = [], 0
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += size + 1
    return ".".join(labels)
