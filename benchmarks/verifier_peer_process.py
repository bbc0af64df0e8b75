"""
How fast does a published package verify? Run alone, with nothing of ours on its path:

    python -I verifier_peer_process.py PACKAGE WAY FOLDER

reads where DNS and mail servers are, and the addresses, as JSON from standard input; writes what it says and what it took.
"""

import asyncio
import contextlib
import importlib
import io
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def point_at(given: dict) -> None:
    """Names and ports as in the made-up internet: the packages ask for port 25 and the system's DNS."""
    asked = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **named):
        ip = given["hosts"].get(str(host).rstrip("."), host)
        return asked(ip, given["smtp_port"] if port in (25, "25") else port, *rest, **named)

    socket.getaddrinfo = getaddrinfo
    resolver = importlib.import_module("dns.resolver")

    class Resolver(resolver.Resolver):
        def __init__(self, *_, **__):
            super().__init__(configure=False)
            self.nameservers, self.port = ["127.0.0.1"], given["dns_port"]

    resolver.Resolver = Resolver
    resolver.default_resolver = Resolver()
    later = importlib.import_module("dns.asyncresolver")

    class AsyncResolver(later.Resolver):
        def __init__(self, *_, **__):
            super().__init__(configure=False)
            self.nameservers, self.port = ["127.0.0.1"], given["dns_port"]

    later.Resolver = AsyncResolver


def mailscout(given: dict, way: str) -> list:
    scout = importlib.import_module("mailscout").Scout()
    catchall: dict = {}

    def verify(email: str) -> str:
        domain = email.split("@")[1]
        if domain not in catchall:
            catchall[domain] = scout.check_email_catchall(domain)
        if catchall[domain]:
            return "accept_all"
        return "valid" if scout.check_smtp(email) else "invalid"

    with ThreadPoolExecutor(given["at_once"]) as threads, contextlib.redirect_stdout(io.StringIO()):
        return list(threads.map(verify, given["emails"]))


def pigeontrust(given: dict, way: str) -> list:
    package = importlib.import_module("pigeontrust")
    words = {"deliverable": "valid", "undeliverable": "invalid", "risky": "accept_all"}
    config = package.VerifierConfig(helo_host="us.test", from_address="probe@us.test")

    async def run() -> list:
        verifier = package.AsyncPigeontrust(config)
        if way == "its bulk":
            return await verifier.averify_many(given["emails"], max_workers=given["at_once"])
        turn = asyncio.Semaphore(given["at_once"])

        async def one(email: str):
            async with turn:
                return await verifier.averify(email)

        return await asyncio.gather(*map(one, given["emails"]))

    found = asyncio.run(run())
    return [words.get(one.verdict.value, "unknown") for one in found]


def main() -> None:
    package, way, folder = sys.argv[1:]
    sys.path.insert(0, folder)
    given = json.load(sys.stdin)
    point_at(given)
    began, worked = time.perf_counter(), time.process_time()
    said = {"mailscout": mailscout, "pigeontrust": pigeontrust}[package](given, way)
    print(json.dumps({"said": said, "seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}))


if __name__ == "__main__":
    main()
