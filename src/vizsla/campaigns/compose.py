"""
What does one recipient get, octet by octet?

A step's template filled with what is known of the lead, the sender's signature, the way to unsubscribe, tracked links if the
campaign wants them, and the names of the messages before it. The same recipient and step make the same message at every try, but
for its date. Nothing is asked of anybody here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape, unescape

import msgspec

from vizsla.campaigns.campaign import Campaign
from vizsla.campaigns.claiming import Claimed
from vizsla.campaigns.fencing import Ready
from vizsla.campaigns.templates import Format, Parsed, WrongTemplate, render
from vizsla.campaigns.tracking import Tokens, track
from vizsla.mail.mime import Attachment, Outgoing, build

_RE = re.compile(r"re\s*:", re.IGNORECASE)
_UNSEEN = re.compile(r"<(/?)(style|script|head|title)\b[^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"""<a\s[^<>]*?\bhref\s*=\s*["']([^"'<>]*)["'][^<>]*>([^<>]*)</a\s*>""", re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>\n?|</(?:div|li|tr|h[1-6]|ul|ol|table|blockquote)\s*>\n?", re.IGNORECASE)
_PARAGRAPH = re.compile(r"</p\s*>\n*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MANY_LINES = re.compile(r"(?<![ \t])[ \t]*\n(?:[ \t]*\n){2,}")
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


class ScriptStep(msgspec.Struct, frozen=True):
    """A step, read."""

    parsed: Parsed
    format: Format
    attachments: tuple[Attachment, ...] = ()


class Script(msgspec.Struct, frozen=True):
    """A campaign as it is sent."""

    campaign: Campaign
    steps: tuple[ScriptStep, ...]
    links: Mapping[str, int]
    """Those that are tracked, with their numbers."""


class Writer(msgspec.Struct, frozen=True):
    """Who a message is from."""

    email: str
    name: str = ""
    signature: str = ""
    """Plain text."""
    keeps_copy: bool = False
    """Whether a copy goes to an address of their own (`journal_of`), as a proof that the message left."""
    sign: Callable[[bytes], bytes] | None = None


class Thread(msgspec.Struct, frozen=True):
    """What the recipient got before."""

    subject: str = ""
    names: tuple[str, ...] = ()
    """Message-IDs, the oldest first."""


class Draft(msgspec.Struct, frozen=True):
    """A message with its envelope."""

    ready: Ready
    mail_from: str
    recipients: tuple[str, ...]
    message: bytes


def compose(
    script: Script,
    claimed: Claimed,
    fields: Mapping[str, str],
    *,
    thread: Thread,
    writer: Writer,
    tokens: Tokens,
    base_url: str,
    at: int,
) -> Draft:
    """
    The message of *claimed*, dated *at*. Raises WrongTemplate or InvalidEmail: of this recipient alone.

    Without *base_url* there is no address that could be followed: who does not want more answers by mail, and nothing is tracked.
    """
    if claimed.step >= len(script.steps):
        raise WrongTemplate("The campaign has no such step any more.")
    step, campaign = script.steps[claimed.step], script.campaign
    rendered = render(step.parsed, fields)
    subject = rendered.subject if step.parsed.has_subject else _inherited(thread.subject)
    if not subject:
        raise WrongTemplate("The message has no subject.")
    token = tokens.unsubscribe_token(claimed.account_id, claimed.recipient_id, claimed.email)
    leave_at = f"{base_url}/u/{token}" if base_url else None
    shown = leave_at if campaign.adds_unsubscribe else None
    html = _html(rendered.body, writer.signature, shown) if step.format == "html" else None
    text = _text(text_of(rendered.body) if html is not None else rendered.body, writer.signature, shown)
    if base_url:
        html, text = track(
            html,
            text,
            tokens=tokens,
            base_url=base_url,
            account_id=claimed.account_id,
            campaign_id=claimed.campaign_id,
            message_id=claimed.id,
            opens=campaign.tracks_opens,
            links=script.links if campaign.tracks_clicks else {},
        )
    message = build(
        Outgoing(
            from_name=writer.name,
            from_email=writer.email,
            to=claimed.address,
            subject=subject,
            text=text,
            html=html,
            message_id=claimed.message_id,
            at=at,
            in_reply_to=thread.names[-1] if thread.names else None,
            references=thread.names,
            unsubscribe_url=leave_at,
            unsubscribe_mailto=f"mailto:{writer.email}?subject=unsubscribe%20{token}",
            attachments=step.attachments,
        )
    )
    copies = [journal_of(writer.email)] if writer.keeps_copy else []
    return Draft(
        Ready(claimed, subject, rendered.body, step.format),
        # Where plus addresses are known to work, one of them tells which message came back.
        tokens.return_path(writer.email, claimed.account_id, claimed.id) if writer.keeps_copy else writer.email,
        tuple(dict.fromkeys([claimed.address, *([campaign.bcc] if campaign.bcc else []), *copies])),
        writer.sign(message) if writer.sign else message,
    )


def journal_of(email: str) -> str:
    """Where the copies go that prove that messages of *email* left."""
    local, _, domain = email.rpartition("@")
    return f"{local}+sent@{domain}"


def thread_of(sent: Sequence[tuple[str, str]]) -> Thread:
    """The thread of messages that were *sent*: (Message-ID, subject), the oldest first."""
    return Thread(sent[-1][1] or "", tuple(name for name, _ in sent)) if sent else Thread()


def text_of(html: str) -> str:
    """*html* for those who read plain text; where links lead stands behind them."""
    text = _LINK.sub(_link, _seen(html).replace("\r", ""))
    text = _PARAGRAPH.sub("\n\n", _BREAK.sub("\n", text))
    text = unescape(_TAG.sub("", text)).replace("\xa0", " ")
    return _MANY_LINES.sub("\n\n", text).strip()


def _seen(html: str) -> str:
    """*html* without what no reader shows; one walk, however it is nested."""
    kept, at, inside = [], 0, ""
    for match in _UNSEEN.finditer(html):
        name = match[2].lower()
        if not inside and not match[1]:
            kept.append(html[at : match.start()])
            inside = name
        elif inside == name and match[1]:
            at, inside = match.end(), ""
    if not inside:
        kept.append(html[at:])
    return "".join(kept)


def _link(match: re.Match[str]) -> str:
    url, words = match[1].strip(), match[2].strip()
    return words if not url.startswith(("http", "mailto:")) or url == words else f"{words} ({url})"


def _inherited(subject: str) -> str:
    return subject if not subject or _RE.match(subject) else f"Re: {subject}"


def _text(body: str, signature: str, leave_at: str | None) -> str:
    parts = [body.rstrip()]
    if signature:
        parts.append(f"-- \n{signature.strip()}")
    if leave_at:
        parts.append(f"Unsubscribe: {leave_at}")
    return "\n\n".join(parts)


def _html(body: str, signature: str, leave_at: str | None) -> str:
    end = ""
    if signature:
        end += "<p>" + escape(signature.strip()).replace("\n", "<br>\n") + "</p>\n"
    if leave_at:
        end += f'<p><small><a href="{escape(leave_at)}">Unsubscribe</a></small></p>\n'
    found = _BODY_END.search(body)
    at = found.start() if found else len(body)
    return body[:at] + ("\n" if end else "") + end + body[at:]
