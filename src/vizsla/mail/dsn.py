"""
Did a mail come back, and why?

Delivery status notifications as RFC 3464 has them, with the codes of RFC 3463, and what qmail and old Exims send instead. Only
`failed` is a bounce: what is delayed is still on its way, and what was relayed may have arrived. A report says which message it is
about; whether that is one of ours is not asked here, and nobody should believe a report before it has been.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import Literal, cast

import msgspec

from vizsla.mail.parts import Mail, children, decode, header_text, parse_header

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
Bounce = Literal["hard", "soft", "blocked"]
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
)
_MOST = 20
"""Recipients of a report that are looked at."""
_HARD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.9", "5.1.10", "5.2.1", "5.4.4"})
_SOFT = frozenset({"5.2.2", "5.4.1", "5.4.3", "5.4.5", "5.4.6", "5.4.7", "5.4.9"})
_UNKNOWN = re.compile(
    r"user unknown|unknown (?:user|recipient|address)|no such (?:user|mailbox|recipient|address|person)|no mailbox"
    r"|(?:user|mailbox|recipient|address|account)(?: \S{1,200})? (?:does not|doesn't|doesnt) exist|not our customer"
    r"|(?:user|recipient|address|mailbox)(?: address)? (?:not found|unknown|is unknown|is not known)|invalid (?:recipient|mailbox)"
    r"|mailbox (?:is )?(?:unavailable|disabled|inactive)|account (?:is |has been )?(?:disabled|deactivated)"
    r"|(?:host|domain) (?:or domain name )?not found|no mail exchanger",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"(?:mailbox|quota|storage)\b.{0,40}\b(?:full|exceeded|exceeds|limit)|over ?quota|insufficient storage",
    re.IGNORECASE,
)
_QMAIL = re.compile(r"\AHi\. This is the .{1,200} program", re.IGNORECASE)
_QMAIL_RECIPIENT = re.compile(r"^<([^<>\s]{1,320})>:$", re.MULTILINE)


class Returned(msgspec.Struct, frozen=True):
    """What became of a mail to one recipient."""

    action: Action
    status: str
    """RFC 3463, or empty."""
    final_recipient: str
    """In lower case, or empty."""
    original_recipient: str
    diagnostic: str
    """What the server said, in one line."""

    @property
    def bounce(self) -> Bounce | None:
        """Which kind of bounce it is; None: none."""
        return classify(self.status, self.diagnostic) if self.action == "failed" else None


class Report(msgspec.Struct, frozen=True):
    """What a report says, and of which message."""

    returned: tuple[Returned, ...]
    message_ids: tuple[str, ...]
    """Of the message it is about."""
    envelope_id: str
    """As it was given with ENVID (RFC 3461)."""

    @property
    def failed(self) -> Returned | None:
        """The recipient to whom it failed; of several the one that is the least to be hoped for."""
        order = {"hard": 0, "blocked": 1, "soft": 2}
        failed = [one for one in self.returned if one.bounce]
        return min(failed, key=lambda one: order[one.bounce or "soft"], default=None)


def read_report(mail: Mail) -> Report | None:
    """The report that *mail* is; None if it is none."""
    part = mail.first(*_REPORTS)
    if part is None:
        return _read_old(mail)
    blocks = list(_blocks(part))
    returned = tuple(one for block in blocks if (one := _read(block)) is not None)
    envelope_id = next((found for block in blocks if (found := header_text(block, "original-envelope-id"))), "")
    return Report(returned[:_MOST], returned_ids(mail), envelope_id) if returned else None


def returned_ids(mail: Mail) -> tuple[str, ...]:
    """The Message-ID of the message that comes back with a report."""
    found: list[str] = []
    for part in mail.parts():
        if part is mail.message or part.get_content_type() not in _RETURNED:
            continue
        inside = children(part)
        message = inside[0] if inside else parse_header(decode(part).lstrip().encode("utf-8", "replace"))
        found += Mail(message).ids("message-id")
    return tuple(dict.fromkeys(found))


def classify(status: str, diagnostic: str) -> Bounce:
    """
    Whether a mailbox is gone (hard), did not take this for now (soft), or did not want it (blocked).

    Where it cannot be told it is soft: nobody is given up for a code that says nothing.
    """
    said = _STATUS.search(diagnostic)
    # "5.0.0" is what mail servers write who have read nothing else; what the last one said itself is better (RFC 3464 2.3.6).
    if said and (not status or status.endswith((".0.0", ".5.0", ".3.0"))):
        status = said[0]
    if not status and (code := _CODE.search(diagnostic)):
        status = f"{code[1][0]}.0.0"
    if status.startswith(("4", "2")):
        return "soft"
    if status in _HARD:
        return "hard"
    if status in _SOFT:
        # Exchange Online says 5.4.1 of those that its directory does not know.
        return "hard" if status == "5.4.1" and "recipient address rejected" in diagnostic.lower() else "soft"
    if status.startswith(("5.7.", "5.6.", "5.3.")) or status in ("5.1.7", "5.1.8", "5.2.3", "5.2.4"):
        return "blocked"
    if _FULL.search(diagnostic):
        return "soft"
    return "hard" if _UNKNOWN.search(diagnostic) else "soft"


def _blocks(part: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """The groups of fields: one of the message, and one of each recipient."""
    inside = children(part)[: _MOST + 1]
    if len(inside) != 1 or part.get_content_type() == _REPORTS[0]:
        yield from inside
    if not inside or part.get_content_type() != _REPORTS[0]:
        # An internationalised one (RFC 6533), or one that was encoded though it must not be: read as text.
        text = decode(part) if not inside else inside[0].as_string()
        for block in text.replace("\r\n", "\n").split("\n\n")[: _MOST + 1]:
            yield parse_header(block.encode("utf-8", "replace"))


def _read(block: "Message[str, str]") -> Returned | None:
    action = header_text(block, "action").lower().split(" ")[0].rstrip(";")
    if action not in _ACTIONS:
        return None
    status = _STATUS.search(header_text(block, "status"))
    return Returned(
        cast(Action, action),
        status[0] if status else "",
        _recipient(header_text(block, "final-recipient")),
        _recipient(header_text(block, "original-recipient")),
        header_text(block, "diagnostic-code").partition(";")[2].strip()[:500]
        or header_text(block, "diagnostic-code")[:500],
    )


def _recipient(text: str) -> str:
    """`rfc822; someone@acme.com` without what comes before the address (RFC 3464 2.3.1)."""
    return text.rpartition(";")[2].strip().strip("<>").lower()[:320]


def _read_old(mail: Mail) -> Report | None:
    """From before reports had a form: Exim names the recipients in a header, qmail in paragraphs (QSBMF)."""
    text, _ = mail.body()
    named = [email for email, _ in mail.addresses("x-failed-recipients")]
    is_qmail = bool(_QMAIL.match(text))
    if is_qmail:
        named = named or [email.lower() for email in _QMAIL_RECIPIENT.findall(text)]
    if not named:
        return None
    # What follows is the message itself, which may speak of anything.
    told = re.split(
        r"^---+ ?(?:Below this line|This is a copy|The body|Original)", text[:8_000], maxsplit=1, flags=re.MULTILINE
    )[0]
    status = _STATUS.search(told)
    returned = tuple(
        Returned("failed", status[0] if status else "", email, "", " ".join(told.split())[-500:])
        for email in named[:_MOST]
    )
    return Report(returned, returned_ids(mail) or _ids_in(text), "")


def _ids_in(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^Message-I[Dd]:\s{0,5}<([^<>\s]{3,400})>", text, re.MULTILINE)[:5])
