"""
Who looks whether a domain's owner has published the record, and who brings erasures to their end?

DNS is asked again for a week, by a client that remembers nothing: an answer from before the record was there is the one thing that is
of no use here.
"""

from vizsla.erasure.asking import claim_by_dns
from vizsla.erasure.claiming import finish_erasures
from vizsla.mail.post import outbox_of
from vizsla.net.dns import DnsClient
from vizsla.privacy.requests import ClaimRequest, LinkGone, ask_again, claim_proofs, forget_requests, is_proof_due
from vizsla.work.workplace import Tell, Workplace

LASTS = 600
"""Seconds of a lease: more than DNS and an erasure take."""
_AT_ONCE = 8


async def look_for_proofs(place: Workplace, worker: str, tell: Tell) -> int:
    """Ask DNS about all requests that are due; how many were proven, and their domains erased."""
    app, proven = place.stores.app, 0
    while await is_proof_due(app, now := place.clock.now()):
        async with app.write() as conn:
            requests = await claim_proofs(
                conn, secret=place.secret, now=now, until=now + LASTS, worker=worker, limit=_AT_ONCE
            )
        async with DnsClient(place.settings.dns_servers) as dns:
            for request in requests:
                if await _look(place, request, dns):
                    proven += 1
                    tell("domain_claimed", label=request.claimed.label)
    return proven


async def finish_pending(place: Workplace, tell: Tell) -> None:
    """Erase what a process that died, or was stopped, left half done; drop requests that are over."""
    outbox = outbox_of(place.settings)
    if forgotten := await finish_erasures(place.stores, place.secret, place.clock, outbox=outbox):
        tell("erased", count=forgotten)
    async with place.stores.app.write() as conn:
        await forget_requests(conn, place.clock.now())


async def _look(place: Workplace, request: ClaimRequest, dns: DnsClient) -> bool:
    claims, outbox = await place.claims(), outbox_of(place.settings)
    try:
        if await claim_by_dns(place.stores, claims, request, dns, place.clock, secret=place.secret, outbox=outbox):
            return True
    except LinkGone:
        return False  # somebody at the page was faster
    async with place.stores.app.write() as conn:
        await ask_again(conn, request, place.clock.now())
    return False
