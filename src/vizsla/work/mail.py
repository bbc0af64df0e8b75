"""
Who sends the mails that wait?

Row by row, each under a lease. What a dead worker had sent but not yet written down is sent again, under the same Message-ID: a
link twice is better than none.
"""

from vizsla.kit.errors import InvalidEmail
from vizsla.mail.outgoing import Waiting, claim_mail, is_mail_due, record_sent, record_trouble
from vizsla.mail.post import NotSent, Post, choose_post
from vizsla.work.leased import work_off
from vizsla.work.workplace import Tell, Workplace

LASTS = 600
"""Seconds of a lease: more than the longest dialog with a relay."""
_AT_ONCE = 8


async def send_mail(place: Workplace, worker: str, tell: Tell, *, post: Post | None = None) -> int:
    """Send all that is due; how many were tried."""
    chosen = post or choose_post(place.settings)
    return await work_off(
        place,
        is_mail_due,
        lambda conn, now: claim_mail(
            conn, secret=place.secret, now=now, until=now + LASTS, worker=worker, limit=_AT_ONCE
        ),
        lambda mail: _send(place, chosen, mail, tell),
    )


async def _send(place: Workplace, post: Post, mail: Waiting, tell: Tell) -> None:
    try:
        if mail.letter is None:
            raise NotSent("it was sealed with another VIZSLA_SECRET_KEY", is_final=True)
        await post.send(mail.letter, mail.mark, mail.created_at)
    except (NotSent, InvalidEmail) as error:
        is_final = isinstance(error, InvalidEmail) or error.is_final
        async with place.stores.app.write() as conn:
            is_given_up = await record_trouble(conn, mail, error.details, place.clock.now(), is_final=is_final)
        tell(
            "mail_given_up" if is_given_up else "mail_put_off",
            level="error" if is_given_up else "warning",
            mail=mail.id,
            attempt=mail.attempt,
            error=error.details,
        )
        return
    async with place.stores.app.write() as conn:
        await record_sent(conn, mail, place.clock.now())
    tell("mail_sent", mail=mail.id, about=mail.letter.about)
