"""
What kind of mail is this, to somebody who sends campaigns?

A bounce, a complaint, a receipt, a copy of what we sent ourselves, what a machine wrote, or what a person did. Judged by headers and
the form alone, and by words only where machines use none of those. Where it cannot be told it is a person: to be taken for one costs
a follow-up, not to be taken for one costs an answer.
"""

import re
from email.utils import mktime_tz, parsedate_tz
from typing import Literal

import msgspec

from vizsla.mail.arf import FeedbackReport, read_feedback
from vizsla.mail.dsn import Report, read_report
from vizsla.mail.parts import Mail, parse_mail

Kind = Literal["human", "automatic", "bounce", "complaint", "receipt", "journal", "other"]
_LOOKED_AT = 100
"""Characters at the start of an answer in which it is asked for no more."""
_UNSUBSCRIBE = re.compile(r"\bun-?subscri(?:be|ption)\b|\bopt[- ]?out\b", re.IGNORECASE)
_TOKEN = re.compile(r"\bunsub(?:scribe)?[- ]([A-Za-z0-9_-]{40,200})(?![A-Za-z0-9_-])")
_ABSENCE = re.compile(
    r"out of (?:the )?office|away from (?:the|my) (?:office|desk)|on (?:annual |parental |maternity |paternity |sick )?(?:leave|vacation|holiday)\b"
    r"|automatic reply|auto(?:matic)?[- ]?repl(?:y|ied)|autoresponse|vacation (?:reply|response|message)"
    r"|abwesen(?:d|heit)|nicht im b[üu]ro|automatische antwort"
    r"|r[ée]ponse automatique|absen(?:t|ce) du bureau|en cong[ée]s?\b"
    r"|respuesta autom[áa]tica|fuera de (?:la )?oficina|resposta autom[áa]tica|fora do escrit[óo]rio"
    r"|risposta automatica|fuori (?:sede|ufficio)|automatisch antwoord|afwezig|autosvar|frånvaro|fravær"
    r"|automatická odpověď|automatyczna odpowied[źz]|автоответ|вне офиса|自動(?:返信|応答)|自动(?:回复|答复)|자동 ?(?:회신|응답)",
    re.IGNORECASE,
)
_MACHINES = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|notifications?)(?:[+-].*)?\Z")
_OURS = re.compile(r"c\d{1,19}\.r\d{1,19}\.s\d{1,3}\.[a-z2-7]{8}@")
_DELIVERED_TO = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")
_SUBJECT_MARKS = re.compile(
    r"\A(?:\s*(?:re|aw|sv|antw|odp|vs|fwd?|wg|tr|rif|res|ynt|回复|答复|转发)\s*(?:\[\d+\])?\s*[:：])+\s*", re.IGNORECASE
)


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that came, and what there is to know of it."""

    kind: Kind
    message_id: str
    """Without angles; empty if it has none."""
    email: str
    """Who wrote, in lower case, as the header says."""
    name: str
    subject: str
    at: int | None
    """As its Date has it, in seconds since 1970; None if that says nothing."""
    returned_to: tuple[str, ...]
    """Addresses that may tell which message this answers: those it was delivered to, and envelope senders that reports quote."""
    returned_ids: tuple[str, ...]
    """Message-IDs of the message that came back."""
    thread: tuple[str, ...]
    """Message-IDs that this answers, the nearest first."""
    report: Report | None = None
    feedback: FeedbackReport | None = None
    is_absence: bool = False
    """Whether somebody is away: an automatic answer, of which more will not come by themselves."""
    says_unsubscribe: bool = False
    """Whether a person asks for no more in the first words of their answer."""
    unsubscribe_token: str = ""
    """What an unsubscribe link of kind `mailto` brought along."""
    text: str = ""
    html: str = ""
    """As it came: hostile."""


def read_inbound(raw: bytes, own: str = "") -> Inbound:
    """What *raw* is, in the mailbox of *own* (an address in lower case). Never raises."""
    mail = parse_mail(raw)
    email, name = mail.address("from")
    subject, message_id = mail.text("subject")[:500], next(iter(mail.ids("message-id")), "")
    report, feedback = read_report(mail), read_feedback(mail)
    text, html = mail.body()
    kind = _kind_of_report(mail, report, feedback) or ("automatic" if _is_automatic(mail, email, subject) else "human")
    if email == own and own and _OURS.match(message_id):
        kind = "journal"
    token = _TOKEN.search(subject)
    returned_to = [address for address, _ in mail.addresses(*_DELIVERED_TO)]
    if feedback is not None and feedback.mail_from:
        returned_to.append(feedback.mail_from)
    told = report or feedback
    return Inbound(
        kind=kind,
        message_id=message_id,
        email=email,
        name=name,
        subject=subject,
        at=_time(mail),
        returned_to=tuple(dict.fromkeys(returned_to)),
        returned_ids=told.message_ids if told else (),
        thread=tuple(dict.fromkeys([*mail.ids("in-reply-to"), *reversed(mail.ids("references"))]))[:100],
        report=report,
        feedback=feedback,
        is_absence=kind == "automatic" and _is_absence(mail, f"{subject}\n{text[:300]}"),
        says_unsubscribe=kind == "human" and bool(_UNSUBSCRIBE.search(text[:_LOOKED_AT])),
        unsubscribe_token=token[1] if token else "",
        text=text,
        html=html,
    )


def bare_subject(subject: str) -> str:
    """*subject* as it is compared: without `Re:` and its kin in other languages, case and blanks."""
    return " ".join(_SUBJECT_MARKS.sub("", subject).casefold().split())


def _kind_of_report(mail: Mail, report: Report | None, feedback: FeedbackReport | None) -> Kind | None:
    if report is not None:
        if report.failed is not None:
            return "bounce"
        return "receipt" if any(one.action == "delivered" for one in report.returned) else "other"
    if feedback is not None:
        return "complaint" if feedback.feedback != "other" else "other"
    return "receipt" if mail.first("message/disposition-notification") is not None else None


def _is_automatic(mail: Mail, email: str, subject: str) -> bool:
    submitted = mail.text("auto-submitted").lower()
    if (submitted and submitted.split(";")[0].strip() != "no") or _is_marked(mail):
        return True
    if mail.text("precedence").lower() in ("bulk", "junk", "list", "auto_reply") or mail.text("list-id"):
        return True
    if mail.text("return-path") == "<>" or _MACHINES.match(email.rpartition("@")[0]):
        return True
    return bool(_ABSENCE.search(subject))


def _is_absence(mail: Mail, words: str) -> bool:
    # RFC 3834 5: what answers says so; what was made unasked (a digest, an alarm) does not tell where somebody is.
    return (
        mail.text("auto-submitted").lower().startswith("auto-replied")
        or _is_marked(mail)
        or bool(_ABSENCE.search(words))
    )


def _is_marked(mail: Mail) -> bool:
    """Marks from before RFC 3834, and from those who do not read it."""
    if mail.text("x-auto-response-suppress").lower() not in ("", "none"):
        return True
    return any(
        mail.text(name)
        for name in (
            "x-autoreply",
            "x-autorespond",
            "x-autoresponse",
            "x-auto-reply",
            "x-vacation",
            "x-ms-exchange-inbox-rules-loop",
        )
    )


def _time(mail: Mail) -> int | None:
    try:
        parsed = parsedate_tz(mail.text("date")[:100])
        return int(mktime_tz(parsed)) if parsed else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
