"""
What do people do with the mail they get?

As many of each kind as the list below says. Their mailboxes are Dovecot's folders; what they do, they do as people and their
programs do it: by mail to the server of whoever wrote, and by HTTP to the addresses that stand in the mail.
"""

import asyncio
import contextlib
import re
import smtplib
from collections import Counter
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import msgspec

from lab import post_office
from lab.post_office import ADDRESS, MX, OUR_DOMAIN, PEOPLE_DOMAIN

_PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
_SCANNER = {"User-Agent": "Mozilla/5.0 (compatible; LabLinkScanner/1.0; bot)"}
_THINKS = 3.0
"""Seconds that a person needs at least: what comes sooner is a machine's."""
_LINK = re.compile(r'https?://[^\s"<>]+/t/c/[^\s"<>]+')
_PIXEL = re.compile(r'https?://[^\s"<>]+/t/o/[^\s"<>]+')
_ADDRESS_IN_ANGLES = re.compile(r"<([^<>]+)>")


class Kind(msgspec.Struct, frozen=True):
    """People who do the same, and how it ends with them."""

    name: str
    people: int
    status: str
    """The recipient's `sending_status` in the end."""
    messages: int
    """That they get of three."""
    domain: str = PEOPLE_DOMAIN
    """Mail to another one never arrives."""

    @property
    def addresses(self) -> list[str]:
        return [f"{self.name}{number}@{self.domain}" for number in range(self.people)]


KINDS = (
    Kind("silent", 230, "sent", 3),
    Kind("reader", 40, "opened", 3),
    Kind("visitor", 30, "clicked", 3),
    Kind("scanner", 30, "sent", 3),
    Kind("answerer", 30, "replied", 1),
    Kind("ponderer", 20, "replied", 2),
    Kind("delegator", 15, "replied", 1),
    Kind("absent", 20, "sent", 3),
    Kind("clicker", 15, "unsubscribed", 1),
    Kind("mailer", 10, "unsubscribed", 1),
    Kind("writer", 10, "unsubscribed", 1),
    Kind("complainer", 10, "unsubscribed", 1),
    Kind("gone", 20, "bounced", 1, "gone.test"),
    Kind("full", 10, "sent", 3, "full.test"),
    Kind("policy", 5, "error", 1, "policy.test"),
    Kind("later", 5, "sent", 3, "later.test"),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(address: str) -> Kind:
    return BY_NAME[address.partition("@")[0].rstrip("0123456789")]


class Correspondents:
    """Everybody who has a mailbox here."""

    def __init__(self, folder: Path = post_office.MAIL) -> None:
        self._folder = folder / PEOPLE_DOMAIN
        self._seen: set[Path] = set()
        self.got: Counter[str] = Counter()
        """Messages by address."""
        self.names: Counter[str] = Counter()
        """Message-IDs: one that is here twice was sent twice."""
        self.troubles: list[str] = []

    async def read(self) -> int:
        """Read what is new and do what is to be done; how many messages there were."""
        new = list(self._new())
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            acts = [self._act(session, address, message) for address, message in new]
            for trouble in await asyncio.gather(*acts, return_exceptions=True):
                if isinstance(trouble, BaseException):
                    self.troubles.append(repr(trouble)[:300])
        return len(new)

    def _new(self) -> Iterator[tuple[str, EmailMessage]]:
        for path in sorted(self._folder.glob("*/Maildir/new/*")):
            if path in self._seen:
                continue
            self._seen.add(path)
            with contextlib.suppress(FileNotFoundError):
                message = BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes())
                address = f"{path.parts[-4]}@{PEOPLE_DOMAIN}"
                self.got[address] += 1
                self.names[str(message["Message-ID"])] += 1
                yield address, message

    async def _act(self, session: aiohttp.ClientSession, address: str, message: EmailMessage) -> None:
        name, number = kind_of(address).name, self.got[address]
        if name == "reader":
            await _get(session, _PIXEL, message)
        elif name == "visitor":
            await _get(session, _LINK, message)
        elif name == "scanner":
            await _scan(session, message)
        elif number == 1 and name == "clicker":
            (url,) = [one for one in _unsubscribes(message) if one.startswith("http")]
            form = {"List-Unsubscribe": "One-Click"}
            async with session.post(url, data=form, headers=_PERSON, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise AssertionError(f"unsubscribing is answered {answer.status}")
        elif answer := _answer(name, number, address, message):
            await asyncio.to_thread(_send, address, answer)


async def _get(session: aiohttp.ClientSession, what: re.Pattern[str], message: EmailMessage) -> None:
    """Open what stands in the HTML of *message*, as a browser does."""
    await asyncio.sleep(_THINKS)
    found = what.search(_html(message))
    if found is None:
        raise AssertionError(f"{message['To']} got nothing like {what.pattern}")
    url = found[0].replace("&amp;", "&")
    async with session.get(url, headers=_PERSON, allow_redirects=False) as answer:
        if answer.status not in (200, 302):
            raise AssertionError(f"{what.pattern} is answered {answer.status}")


async def _scan(session: aiohttp.ClientSession, message: EmailMessage) -> None:
    """Look at everything, as a filter of incoming mail does."""
    urls = [*_PIXEL.findall(_html(message)), *_LINK.findall(_html(message))]
    for url in (*urls, *(one for one in _unsubscribes(message) if one.startswith("http"))):
        for method in ("HEAD", "GET"):
            async with session.request(method, url, headers=_SCANNER, allow_redirects=False) as answer:
                await answer.read()


def _answer(name: str, number: int, address: str, message: EmailMessage) -> EmailMessage | None:
    """What somebody writes back to their mail with *number*, if they do."""
    if (name, number) in (("answerer", 1), ("ponderer", 2)):
        return _reply(address, message, "Yes, tell me more, please.\n\nOn Monday Ann wrote:\n> Hello\n")
    if (name, number) == ("delegator", 1):
        return _reply("assistant@elsewhere.test", message, "I answer for my colleague: next week is fine.\n")
    if (name, number) == ("writer", 1):
        return _reply(address, message, "Please unsubscribe me from this.\n")
    if (name, number) == ("absent", 1):
        answer = _reply(address, message, "I am away until Monday.\n")
        answer.replace_header("Subject", f"Automatic reply: {message['Subject']}")
        answer["Auto-Submitted"] = "auto-replied"
        return answer
    if (name, number) == ("mailer", 1):
        (to,) = [one for one in _unsubscribes(message) if one.startswith("mailto:")]
        answer = EmailMessage()
        target, _, query = to.removeprefix("mailto:").partition("?")
        answer["From"], answer["To"] = address, target
        answer["Subject"] = unquote(query.removeprefix("subject=")) or "unsubscribe"
        answer.set_content("")
        return answer
    return _complaint(message) if (name, number) == ("complainer", 1) else None


def _reply(sender: str, message: EmailMessage, text: str) -> EmailMessage:
    answer = EmailMessage()
    answer["From"], answer["To"] = sender, str(message["Reply-To"] or message["From"])
    answer["Subject"] = f"Re: {message['Subject']}"
    answer["In-Reply-To"] = str(message["Message-ID"])
    answer["References"] = f"{message['References'] or ''} {message['Message-ID']}".strip()
    answer["Message-ID"] = f"<{abs(hash((sender, str(message['Message-ID']))))}@{sender.partition('@')[2]}>"
    answer.set_content(text)
    return answer


def _complaint(message: EmailMessage) -> EmailMessage:
    """An abuse report (RFC 5965)."""
    report = EmailMessage()
    report["From"], report["To"], report["Subject"] = "fbl@provider.test", str(message["From"]), "complaint"
    report.set_content("This is an abuse report.\n")
    report.make_mixed()
    report.set_param("report-type", "feedback-report")
    part = EmailMessage()
    part.set_content("Feedback-Type: abuse\nUser-Agent: Lab/1.0\nVersion: 1\n")
    part.replace_header("Content-Type", "message/feedback-report")
    report.attach(part)
    report.add_attachment(message)
    report.replace_header("Content-Type", report["Content-Type"].replace("multipart/mixed", "multipart/report"))
    return report


def _send(sender: str, message: EmailMessage) -> None:
    """To the server that the sender's domain has."""
    to = _ADDRESS_IN_ANGLES.search(str(message["To"]))
    target = to[1] if to else str(message["To"])
    if not target.endswith(f"@{OUR_DOMAIN}"):
        raise AssertionError(f"an answer is to go to {target}")
    with smtplib.SMTP(ADDRESS, MX, timeout=20) as client:
        client.send_message(message, sender if "@" in sender else None, [target])


def _html(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    return str(body.get_content()) if body is not None else ""


def _unsubscribes(message: EmailMessage) -> list[str]:
    return _ADDRESS_IN_ANGLES.findall(str(message["List-Unsubscribe"] or ""))
