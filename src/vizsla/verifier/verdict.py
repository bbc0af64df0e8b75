"""
What does a verification say of an address?

The table from what was found out to the words of the API. A fault of ours or of the network is `unknown`, with its reason,
and never says anything of the address.
"""

from typing import Literal

import msgspec

Status = Literal["valid", "invalid", "accept_all", "webmail", "disposable", "unknown"]
Result = Literal["deliverable", "undeliverable", "risky"]
Reason = Literal[
    "accepted",
    "accepts_all",
    "no_user",
    "disabled",
    "full",
    "no_domain",
    "no_mail_server",
    "null_mx",
    "disposable",
    "webmail",
    "probe_off",
    "dns_failure",
    "resolver_away",
    "private",
    "unreachable",
    "timeout",
    "refused_us",
    "deferred",
    "busy",
    "tls",
    "eai",
    "not_askable",
    "ambiguous",
    "protocol",
    "self_test",
    "gave_up",
]
"""Why, in one word."""

REASONS: dict[Reason, str] = {
    "accepted": "The mail server takes mail for this address and refuses others.",
    "accepts_all": "The mail server takes mail for any address of this domain, so it does not tell whether this one exists.",
    "no_user": "The mail server says that there is no such mailbox.",
    "disabled": "The mail server says that the mailbox is disabled.",
    "full": "The mailbox exists, and it is full.",
    "no_domain": "The domain does not exist.",
    "no_mail_server": "The domain has no mail server.",
    "null_mx": "The domain says that it takes no mail (RFC 7505).",
    "disposable": "Mailboxes at this domain are made to be thrown away.",
    "webmail": "The domain is that of a mailbox provider.",
    "probe_off": "The domain takes mail. Whether the mailbox exists only its mail server could tell, and it was not asked: VIZSLA_PROBE is off.",
    "dns_failure": "DNS gave no answer for the domain that can be relied on.",
    "resolver_away": "Our own DNS servers do not answer, or know nothing of the internet.",
    "private": "The domain's mail servers have private addresses, where we do not go.",
    "unreachable": "No mail server of the domain could be reached.",
    "timeout": "The mail server did not answer in time.",
    "refused_us": "The mail server does not talk to us; this says nothing of the address.",
    "deferred": "The mail server asked us to come back later until we gave up.",
    "busy": "The mail server was too busy for us.",
    "tls": "The mail server asks for encryption that could not be agreed upon.",
    "eai": "The mail server does not take addresses with letters outside of ASCII.",
    "not_askable": "The address has characters that no SMTP command can hold.",
    "ambiguous": "The mail server's answer can be read in two ways.",
    "protocol": "The mail server answered outside of the protocol.",
    "self_test": "Our own self-test fails, so no mail server was asked; `vizsla doctor` says why.",
    "gave_up": "The verification was begun several times and never came to an end.",
}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out before anybody asked a mail server, and how far the asking got."""

    gibberish: bool = False
    disposable: bool = False
    webmail: bool = False
    mx_records: bool = False
    smtp_server: bool = False
    """Whether a mail server of the domain talked to us."""
    provider: str = ""
    """Who runs the mail server, in one word, if that is known."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification ended with."""

    status: Status
    reason: Reason
    provider: str
    gibberish: bool
    disposable: bool
    webmail: bool
    mx_records: bool
    smtp_server: bool
    smtp_check: bool
    accept_all: bool
    block: bool

    @property
    def result(self) -> Result:
        """The older word for the status."""
        return {"valid": "deliverable", "invalid": "undeliverable"}.get(self.status, "risky")  # type: ignore[return-value]

    @property
    def has_failed(self) -> bool:
        """Whether there is no answer at all, for the other side does not speak the protocol."""
        return self.reason == "protocol"


_STATUS: dict[Reason, Status] = {
    "accepted": "valid",
    "accepts_all": "accept_all",
    "no_user": "invalid",
    "disabled": "invalid",
    "no_domain": "invalid",
    "no_mail_server": "invalid",
    "null_mx": "invalid",
    "disposable": "disposable",
    "webmail": "webmail",
}
"""Every other reason is `unknown`."""


def conclude(reason: Reason, seen: Seen) -> Verdict:
    """The verdict for *reason*."""
    status = _STATUS.get(reason, "unknown")
    if seen.webmail and status in ("valid", "accept_all", "unknown"):
        # The API's word for all mailbox providers, whatever their servers say but that there is no such user.
        status = "webmail"
    return Verdict(
        status=status,
        reason=reason,
        provider=seen.provider,
        gibberish=seen.gibberish,
        disposable=seen.disposable,
        webmail=seen.webmail,
        mx_records=seen.mx_records,
        smtp_server=seen.smtp_server,
        smtp_check=reason in ("accepted", "accepts_all", "full"),
        accept_all=reason == "accepts_all",
        block=reason == "refused_us",
    )
