"""
What do the mails say that the product itself sends?

Plain, short, and with one link, that the caller makes of the address that the operator set: never of a request's Host. Names
that users typed are quoted, cut, and cannot become links: an invitation must not carry somebody's advertisement.
"""

import re
from html import escape
from urllib.parse import urlsplit

from vizsla.kit.clock import time_text
from vizsla.mail.letter import About, Letter

_LONGEST_NAME = 60
_LINKISH = re.compile(r"\.(?=\w)|://|@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def invitation(to: str, *, link: str, team: str, inviter: str, until: int) -> Letter:
    """Come and join a team. *until* is when the link ends, in seconds since 1970; so it is below."""
    return _letter(
        "invitation",
        to,
        subject=f"{plain_name(inviter)} invites you to {plain_name(team)} on Vizsla",
        why=f"{plain_name(inviter)} invites you to the team “{plain_name(team)}”, to find and verify e-mail addresses together.",
        link=link,
        label="Join the team",
        until=until,
        otherwise="If you do not know who this is, leave it be: without you nothing happens.",
    )


def password_reset(to: str, *, link: str, until: int) -> Letter:
    """Choose a new password."""
    return _letter(
        "password_reset",
        to,
        subject="A new password for Vizsla",
        why="Somebody, hopefully you, asked for a new password for your account.",
        link=link,
        label="Choose a new password",
        until=until,
        otherwise="If it was not you, leave it be: the old password stays as it is.",
    )


def confirm_sign_up(to: str, *, link: str, until: int) -> Letter:
    """Show that the address is yours."""
    return _letter(
        "sign_up",
        to,
        subject="Welcome to Vizsla: is this your address?",
        why="Somebody, hopefully you, made an account with this address. It is yours once you say so.",
        link=link,
        label="Yes, this is my address",
        until=until,
        otherwise="If it was not you, leave it be: there will be no account.",
    )


def already_member(to: str, *, link: str) -> Letter:
    """Somebody wanted to make an account with an address that has one."""
    return _letter(
        "sign_up",
        to,
        subject="You have a Vizsla account already",
        why="Somebody, hopefully you, wanted to make an account with this address. There is one, and it is yours.",
        link=link,
        label="Sign in",
        otherwise="If it was not you, leave it be: nothing has changed.",
    )


def claim_link(to: str, *, link: str, until: int) -> Letter:
    """See what is known about you, and have it erased."""
    return _letter(
        "claim",
        to,
        subject="What Vizsla knows about this address",
        why=(
            "Somebody, hopefully you, asked what we hold about this e-mail address. Behind the link you can look at it, take it "
            "with you, and have it erased for good."
        ),
        link=link,
        label="Show me",
        until=until,
        otherwise="If it was not you, leave it be: nobody sees anything without this link.",
    )


def webhook_stopped(to: str, *, url: str, why: str, link: str) -> Letter:
    """An endpoint of yours is no longer told anything. *link* may be empty: then nobody said where this server is."""
    host = plain_name(urlsplit(url).hostname or "")
    return _letter(
        "webhook",
        to,
        subject="A webhook of yours was turned off",
        why=f"The webhook to {host} was turned off: it could not be told anything any more. The last time: {why} What it missed "
        "is kept for a week, and can be sent again once it is on.",
        link=link,
        label="Look at it",
        otherwise="If nobody listens there any more, leave it be, or delete it.",
    )


def plain_name(text: str) -> str:
    """A name that somebody typed, as it may stand in a mail to a stranger."""
    text = _LINKISH.sub(lambda found: ". " if found[0] == "." else " ", _CONTROL.sub(" ", text))
    text = " ".join(text.split())
    text = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
    return text or "somebody"


def _letter(
    about: About, to: str, *, subject: str, why: str, link: str, label: str, otherwise: str, until: int | None = None
) -> Letter:
    once = f"The link works once, until {time_text(until)}." if until else ""
    where = f"{label}:\n{link}\n\n" if link else ""
    button = (
        f'<p><a href="{escape(link)}" style="display:inline-block;padding:8px 16px;border:1px solid;border-radius:6px">{escape(label)}</a></p>\n'
        f"<p>Or open this address: {escape(link)}</p>\n"
    )
    text = f"Hello,\n\n{why}\n\n{where}{once}\n{otherwise}\n\nVizsla\n"
    html = (
        '<!doctype html><html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em">\n'
        f"<p>Hello,</p>\n<p>{escape(why)}</p>\n"
        f"{button if link else ''}<p>{escape(once)} {escape(otherwise)}</p>\n<p>Vizsla</p>\n"
        "</body></html>\n"
    )
    return Letter(about, to, subject, text, html)
