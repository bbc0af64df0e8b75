"""What is a mail that the product itself sends, and how does it become a message?"""

from hashlib import sha256
from typing import Literal

import msgspec

from vizsla.kit.email_address import parse_email
from vizsla.mail.mime import Outgoing, build, in_one_line

About = Literal["invitation", "password_reset", "sign_up", "claim", "webhook"]
_LONGEST_SUBJECT = 200


class Letter(msgspec.Struct, frozen=True):
    """A mail that the product sends, without the date and name it gets on its way."""

    about: About
    to: str
    """One address."""
    subject: str
    text: str
    html: str


def compose(letter: Letter, *, sender: str, mark: str, at: int) -> bytes:
    """
    *letter* as a message with CRLF lines. *mark* makes its Message-ID: the same for each try to send it.

    Raises InvalidEmail if it cannot be addressed.
    """
    from_ = parse_email(sender)
    return build(
        Outgoing(
            from_name="Vizsla",
            from_email=str(from_),
            to=str(parse_email(letter.to)),
            subject=in_one_line(letter.subject)[:_LONGEST_SUBJECT],
            text=letter.text,
            html=letter.html,
            message_id=f"{sha256(mark.encode()).hexdigest()[:32]}@{from_.domain}",
            at=at,
            # RFC 3834 5: nobody's holiday notice need answer it.
            headers=(("Auto-Submitted", "auto-generated"),),
        )
    )
