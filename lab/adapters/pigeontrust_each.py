"""pigeontrust, one address after the other: its bulk mode does worse."""

from common import ask_each, helo, sender
from pigeontrust import Pigeontrust, Reason, Verdict

# With TLS its 0.2.0 ends in an internal error wherever STARTTLS is offered, for it asks for a certificate of no name.
pigeon = Pigeontrust(helo_host=helo, from_address=sender, use_starttls=False)


def verify(email: str) -> str:
    found = pigeon.verify(email)
    if found.is_disposable:
        return "disposable"
    if found.is_catch_all and found.verdict is Verdict.RISKY:
        return "accept_all"
    if found.reason is Reason.MAILBOX_FULL:
        return "unknown"
    return {Verdict.DELIVERABLE: "valid", Verdict.UNDELIVERABLE: "invalid"}.get(found.verdict, "unknown")


ask_each(verify)
