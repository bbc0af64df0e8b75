"""
Which servers has a mail account, most likely, by its address?

Facts that providers publish (looked up 2026-11) and, for a domain of one's own, what its MX records say of who keeps its mail. It is
a guess that a person sees and may change; nothing is connected to.
"""

from collections.abc import Iterable

import msgspec

from vizsla.campaigns.senders import Auth, Journal
from vizsla.mail.server import Server


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """What to begin with."""

    smtp: Server
    imap: Server
    auth: Auth = "password"
    journal: Journal = "copy"
    daily_cap: int = 50
    why: str
    """Where the guess comes from, and what to mind."""
    token_url: str = ""


def _tls(host: str) -> Server:
    return Server(host, 465, "tls")


def _starttls(host: str) -> Server:
    return Server(host, 587, "starttls")


def _imap(host: str) -> Server:
    return Server(host, 993, "tls")


GOOGLE = Preset(
    smtp=_tls("smtp.gmail.com"),
    imap=_imap("imap.gmail.com"),
    journal="sent_folder",
    why="Google keeps this mail. Make an app password (Google account → Security → 2-Step Verification → App passwords): the usual "
    "password is refused. Google puts a copy of each message into the folder of sent mail.",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106
)
MICROSOFT = Preset(
    smtp=_starttls("smtp.office365.com"),
    imap=_imap("outlook.office365.com"),
    auth="xoauth2",
    journal="sent_folder",
    why="Microsoft keeps this mail, and takes OAuth 2 alone: your administrator registers an app with the permissions SMTP.Send "
    "and IMAP.AccessAsUser.All, and authenticated SMTP must be on for the mailbox.",
    token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106
)
_WANTS_APP = "{name} keeps this mail. Make an app password in the settings of the account: the usual one is refused."
YAHOO = Preset(
    smtp=_tls("smtp.mail.yahoo.com"),
    imap=_imap("imap.mail.yahoo.com"),
    journal="sent_folder",
    why=_WANTS_APP.format(name="Yahoo"),
)
ICLOUD = Preset(smtp=_starttls("smtp.mail.me.com"), imap=_imap("imap.mail.me.com"), why=_WANTS_APP.format(name="Apple"))
FASTMAIL = Preset(
    smtp=_tls("smtp.fastmail.com"), imap=_imap("imap.fastmail.com"), why=_WANTS_APP.format(name="Fastmail")
)
ZOHO = Preset(smtp=_tls("smtp.zoho.com"), imap=_imap("imap.zoho.com"), why=_WANTS_APP.format(name="Zoho"))
_PLAIN = (
    "{name} keeps this mail. Log in with the address and its password; IMAP may have to be switched on in the settings."
)
GMX = Preset(smtp=_starttls("mail.gmx.net"), imap=_imap("imap.gmx.net"), why=_PLAIN.format(name="GMX"))
WEB_DE = Preset(smtp=_starttls("smtp.web.de"), imap=_imap("imap.web.de"), why=_PLAIN.format(name="WEB.DE"))
IONOS = Preset(smtp=_tls("smtp.ionos.com"), imap=_imap("imap.ionos.com"), why=_PLAIN.format(name="IONOS"))
OVH = Preset(smtp=_tls("ssl0.ovh.net"), imap=_imap("ssl0.ovh.net"), why=_PLAIN.format(name="OVH"))
MAILBOX = Preset(smtp=_tls("smtp.mailbox.org"), imap=_imap("imap.mailbox.org"), why=_PLAIN.format(name="mailbox.org"))

_BY_DOMAIN = {
    "gmail.com": GOOGLE, "googlemail.com": GOOGLE,
    "outlook.com": MICROSOFT, "hotmail.com": MICROSOFT, "live.com": MICROSOFT, "msn.com": MICROSOFT,
    "yahoo.com": YAHOO, "ymail.com": YAHOO, "icloud.com": ICLOUD, "me.com": ICLOUD, "mac.com": ICLOUD,
    "fastmail.com": FASTMAIL, "fastmail.fm": FASTMAIL, "zohomail.com": ZOHO,
    "gmx.net": GMX, "gmx.de": GMX, "gmx.com": GMX, "web.de": WEB_DE, "mailbox.org": MAILBOX,
}  # fmt: skip
_BY_EXCHANGER = {
    "google.com": GOOGLE, "googlemail.com": GOOGLE, "protection.outlook.com": MICROSOFT, "mx.microsoft": MICROSOFT,
    "zoho.com": ZOHO, "messagingengine.com": FASTMAIL, "mail.icloud.com": ICLOUD, "yahoodns.net": YAHOO,
    "ionos.com": IONOS, "ionos.de": IONOS, "kundenserver.de": IONOS, "ovh.net": OVH, "mailbox.org": MAILBOX,
}  # fmt: skip


def preset_for(email: str, exchangers: Iterable[str] = ()) -> Preset:
    """The likeliest servers of *email*; *exchangers* are the hosts of its domain's MX records, in lower case."""
    domain = email.rpartition("@")[2].strip().lower()
    if found := _BY_DOMAIN.get(domain):
        return found
    for host in exchangers:
        for suffix, preset in _BY_EXCHANGER.items():
            if host == suffix or host.endswith(f".{suffix}"):
                return preset
    return Preset(
        smtp=_starttls(f"smtp.{domain}"),
        imap=_imap(f"imap.{domain}"),
        why="We do not know who keeps this mail, so these names are only what is usual. The help pages of your provider name its SMTP and "
        "IMAP servers.",
    )
