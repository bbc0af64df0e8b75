"""
The mails that the product sent, as their readers find them.

    mails = await posted(place)       # what waited is sent now; then all that lies in the outbox, oldest first
    await client.get(mails[-1].path)  # where its link leads
"""

import re
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from vizsla.work.mail import send_mail
from vizsla.work.workplace import Workplace


class Mail(NamedTuple):
    """One .eml file."""

    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]

    @property
    def link(self) -> str:
        """The one link in its text."""
        (found,) = re.findall(r"^https?://\S+$", self.text, re.MULTILINE)
        return found

    @property
    def path(self) -> str:
        """The link without scheme and host."""
        return urlsplit(self.link).path


def read_outbox(home: Path) -> list[Mail]:
    """All mails in the outbox of *home*."""
    return [read_mail(path.read_bytes()) for path in sorted((home / "outbox").glob("*.eml"))]


def read_mail(message: bytes) -> Mail:
    """*message* as a mail program shows it."""
    parsed = BytesParser(policy=policy.default).parsebytes(message)
    plain, html = (part.get_content().replace("\r\n", "\n") for part in parsed.iter_parts())
    headers = dict(parsed.items())
    assert len(headers) == len(parsed.keys()), "a header twice"
    return Mail(parsed["To"].addresses[0].addr_spec, parsed["Subject"], plain, html, headers)


async def posted(place: Workplace) -> list[Mail]:
    """Send what waits, as the loop does; then read the outbox."""
    await send_mail(place, "test", lambda event, **_: None)
    return read_outbox(place.settings.home)
