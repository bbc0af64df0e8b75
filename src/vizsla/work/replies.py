"""
Who sends what people answer?

One by one, each under a lease, over a session of the account it is from. What may have left is never sent again by itself.
"""

from functools import partial

from vizsla.campaigns.replies import (
    Waiting,
    claim_replies,
    compose_reply,
    is_reply_due,
    let_go,
    record_sent,
    record_trouble,
)
from vizsla.campaigns.sender_checks import Means
from vizsla.campaigns.sending import NotUsable, Senders
from vizsla.campaigns.sessions import StoredSenders
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.mail.submission import AuthRefused, Broken, Refused, Withheld
from vizsla.mail.xoauth2 import Tokens as OAuthTokens
from vizsla.net.dns import DnsClient
from vizsla.net.guard import EgressGuard
from vizsla.net.http import HttpClient
from vizsla.work.leased import work_off
from vizsla.work.workplace import Tell, Workplace

_AT_ONCE = 8


async def send_replies(place: Workplace, worker: str, tell: Tell, *, senders: Senders | None = None) -> int:
    """Send all that wait; how many were tried."""
    app = place.stores.app
    if not await is_reply_due(app, place.clock.now()):
        return 0
    settings = place.settings
    async with DnsClient(settings.dns_servers) as dns, HttpClient(settings) as http:
        means = Means(EgressGuard(settings.egress_allow), dns, OAuthTokens(http, place.clock), settings.helo_name)
        chosen = senders or StoredSenders(app, place.secret, means)
        return await work_off(
            place,
            is_reply_due,
            lambda conn, now: claim_replies(conn, now=now, worker=worker, limit=_AT_ONCE),
            lambda waiting: _send(place, chosen, waiting, tell),
        )


async def _send(place: Workplace, senders: Senders, waiting: Waiting, tell: Tell) -> None:
    app, clock = place.stores.app, place.clock
    try:
        await _deliver(place, senders, waiting)
    except Broken as error:
        if error.phase == "dot":
            return  # so it says, and a person has to look
        trouble, is_final = error.details, False
    except Refused as error:
        trouble, is_final = error.details, error.reply.code >= 500
    except AuthRefused as error:
        trouble, is_final = error.details, not error.is_temporary
    except NotUsable as error:
        trouble, is_final = error.details, error.for_good
    except Withheld:
        return  # another worker has it by now
    except StoreError:
        raise
    except VizslaError as error:
        trouble, is_final = error.details, True
    else:
        async with app.write() as conn:
            await record_sent(conn, waiting, clock.now())
        return
    async with app.write() as conn:
        is_over = await record_trouble(conn, waiting, trouble, clock.now(), is_final=is_final)
    tell("reply_given_up" if is_over else "reply_put_off", level="warning", reply=waiting.id, error=trouble)


async def _deliver(place: Workplace, senders: Senders, waiting: Waiting) -> None:
    session = await senders.open(waiting.account_id, waiting.sender_id)
    writer, submission = session.writer, session.submission
    try:
        to, message = await compose_reply(
            place.stores.app,
            waiting,
            from_email=writer.email,
            from_name=writer.name,
            signature=writer.signature,
            now=place.clock.now(),
        )
        octets = writer.sign(message) if writer.sign else message
        await submission.deliver(writer.email, (to,), octets, before_dot=partial(_may_go, place, waiting))
        await submission.close()
    finally:
        submission.abort()


async def _may_go(place: Workplace, waiting: Waiting) -> bool:
    async with place.stores.app.write() as conn:
        return await let_go(conn, waiting, place.clock.now())
