"""
What does it cost to ask DNS, and to look at an address before anybody is asked?

Different names of one server on loopback, 200 questions in flight: `net.dns` beside bare aiodns (what c-ares gives without
cache, retries and evidence) and beside dnspython's resolver, in turns in the same run. Then the same names again, from the
cache; look-ups of whole domains (MX, A, AAAA); and microseconds an address of syntax, flags and gibberish.

    make bench ARGS="resolver [--json] [--names=N]"
"""

import asyncio
import json
import multiprocessing
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import aiodns
import dns.asyncresolver
import uvloop

from vizsla.naming.gibberish import is_gibberish
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.verifier.exchangers import find_exchangers
from vizsla.verifier.flags import infer_flags
from vizsla.verifier.syntax import Address, parse_address

IN_FLIGHT = 200
ROUNDS = 3
_A, _MX, _AAAA = 1, 15, 28


def answer_for_ever(server: socket.socket) -> None:
    """A name server that has every name: two exchangers, and an address for any host."""
    exchangers = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIHH", _MX, 1, 300, 8, preference) + bytes((3,)) + label + b"\xc0\x0c"
        for preference, label in ((10, b"mx1"), (20, b"mx2"))
    )
    address = b"\xc0\x0c" + struct.pack("!HHIH", _A, 1, 300, 4) + bytes((127, 0, 0, 9))
    address6 = b"\xc0\x0c" + struct.pack("!HHIH", _AAAA, 1, 300, 16) + bytes(15) + b"\1"
    sections = {_MX: (2, exchangers), _A: (1, address), _AAAA: (1, address6)}
    while True:
        query, peer = server.recvfrom(512)
        end = query.index(0, 12) + 5
        count, records = sections.get(query[end - 3], (0, b""))
        server.sendto(query[:2] + struct.pack("!5H", 0x8180, 1, count, 0, 0) + query[12:end] + records, peer)


@contextmanager
def name_server() -> Iterator[int]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    server.bind(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=answer_for_ever, args=(server,), daemon=True)
    process.start()
    try:
        yield server.getsockname()[1]
    finally:
        process.kill()
        process.join()
        server.close()


async def in_flight(ask: Callable[[str], Awaitable[object]], names: Iterable[str]) -> float:
    """Seconds to ask for all *names*."""
    waiting = iter(names)

    async def worker() -> None:
        for name in waiting:
            await ask(name)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - started


async def measure(port: int, count: int) -> dict[str, float]:
    """Questions (look-ups) a second of each."""
    seconds: dict[str, list[float]] = {}
    guard = EgressGuard(("127.0.0.0/8", "::1/128"))
    peer = dns.asyncresolver.Resolver(configure=False)
    peer.nameservers, peer.port = ["127.0.0.1"], port
    for turn in range(ROUNDS):
        bare = aiodns.DNSResolver(nameservers=[f"127.0.0.1:{port}"], timeout=2)
        async with DnsClient((f"127.0.0.1:{port}",), timeout=2, cache_size=8 * count) as ours:

            def names(kind: str, turn: int = turn) -> list[str]:
                return [f"{kind}{turn}x{number}.test" for number in range(count)]

            runs: dict[str, tuple[Callable[[str], Awaitable[object]], list[str]]] = {
                "bare aiodns": (lambda name, bare=bare: bare.query_dns(name, "MX"), names("b")),
                "net.dns": (lambda name, ours=ours: ours.ask(name, "MX"), names("o")),
                "net.dns, from its cache": (lambda name, ours=ours: ours.ask(name, "MX"), names("o")),
                "dnspython": (lambda name: peer.resolve(name, "MX"), names("p")[: count // 8]),
                "whole domains": (lambda name, ours=ours: find_exchangers(ours, guard, name), names("d")[: count // 4]),
            }
            for title, (ask, asked) in runs.items():
                seconds.setdefault(title, []).append(await in_flight(ask, asked) / len(asked))
        await bare.close()
    return {title: 1 / median(took) for title, took in seconds.items()}


def measure_addresses(count: int) -> dict[str, float]:
    """Microseconds an address."""
    texts = [
        f"jane{number % 7}.doe{chr(97 + number % 26)}{number}@sub{number}.acme{number % 900}.com"
        for number in range(count)
    ]
    addresses = [address for text in texts if isinstance(address := parse_address(text), Address)]
    steps: dict[str, Callable[[], object]] = {
        "syntax": lambda: [parse_address(text) for text in texts],
        "flags, gibberish among them": lambda: [infer_flags(address) for address in addresses],
        "gibberish alone": lambda: [is_gibberish(address.local) for address in addresses],
    }
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for title, step in steps.items():
            started = time.perf_counter()
            step()
            took.setdefault(title, []).append((time.perf_counter() - started) / count * 1e6)
    return {title: median(each) for title, each in took.items()}


def main(arguments: Sequence[str] = ()) -> None:
    count = next((int(word.partition("=")[2]) for word in arguments if word.startswith("--names=")), 8_000)
    with name_server() as port:
        rates = uvloop.run(measure(port, count))
    costs = measure_addresses(count)
    if "--json" in arguments:
        print(json.dumps({"per_second": rates, "microseconds": costs}))
        return
    print(f"\nDNS, {IN_FLIGHT} in flight{'a second':>34}{'of dnspython':>14}{'of bare aiodns':>16}")
    for title, rate in rates.items():
        print(f"{title:34}{rate:>22,.0f}{rate / rates['dnspython']:>14.1f}{rate / rates['bare aiodns']:>16.2f}")
    print(f"\n{'an address':34}{'microseconds':>22}")
    for title, cost in costs.items():
        print(f"{title:34}{cost:>22.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
