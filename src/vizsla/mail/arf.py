"""
Did somebody call a mail spam?

Feedback reports as RFC 5965 has them: what providers send to those who have joined their feedback loops.
"""

from typing import Literal

import msgspec

from vizsla.mail.dsn import returned_ids
from vizsla.mail.parts import Mail, children, decode, header_text, parse_header

Feedback = Literal["complaint", "opt_out", "other"]
_COMPLAINTS = frozenset({"abuse", "fraud", "miscategorized"})
_OPT_OUTS = frozenset({"opt-out", "opt-out-list"})


class FeedbackReport(msgspec.Struct, frozen=True):
    """What a recipient's provider says that they said."""

    feedback: Feedback
    """`other`: that it is not spam, that it has a virus, that DKIM or DMARC failed."""
    message_ids: tuple[str, ...]
    mail_from: str
    """The envelope sender of the message it is about, in lower case, or empty."""
    recipient: str
    """In lower case, or empty: many providers take it out."""


def read_feedback(mail: Mail) -> FeedbackReport | None:
    """The feedback report that *mail* is; None if it is none."""
    part = mail.first("message/feedback-report")
    if part is None:
        return None
    inside = children(part)
    fields = inside[0] if inside else parse_header(decode(part).encode("utf-8", "replace"))
    kind = header_text(fields, "feedback-type").lower()
    feedback: Feedback = "complaint" if kind in _COMPLAINTS else "opt_out" if kind in _OPT_OUTS else "other"
    return FeedbackReport(
        feedback,
        returned_ids(mail),
        header_text(fields, "original-mail-from").strip("<> ").lower()[:320],
        header_text(fields, "original-rcpt-to").strip("<> ").lower()[:320],
    )
