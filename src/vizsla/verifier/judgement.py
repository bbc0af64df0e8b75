"""
What does the answer to one probe mean?

A reply is judged by `classify`; here is the rest: dialogs that broke, servers that were not asked. None of that is about the
mailbox.
"""

from typing import Literal

import msgspec

from vizsla.mail.pacing import Shut
from vizsla.mail.probe import Probe
from vizsla.mail.wire import Cause
from vizsla.verifier import reply_rules
from vizsla.verifier.classify import classify

Outcome = reply_rules.Outcome | Literal["away", "unreachable", "timeout", "tls", "eai", "egress"]


class Judgement(msgspec.Struct, frozen=True):
    """The meaning, and the rule that gave it."""

    outcome: Outcome
    rule: str


_BROKEN: dict[Cause, Outcome] = {
    "timeout": "timeout",
    "deadline": "timeout",
    "closed": "unreachable",
    "refused": "unreachable",
    "unreachable": "unreachable",
    "egress": "egress",
    "tls": "tls",
    "garbled": "weird",
    "unsolicited": "weird",
    "unsupported": "eai",
}
_SKIPPED: dict[Shut, Outcome] = {
    "blocked": "block",
    "busy": "busy",
    "away": "away",
    "garbled": "weird",
    "down": "unreachable",
}


def judge(probe: Probe, provider: str = "") -> Judgement:
    """The meaning of *probe* of a server of *provider*."""
    if probe.skipped is not None:
        return Judgement(_SKIPPED[probe.skipped], f"not-asked.{probe.skipped}")
    if probe.away:
        return Judgement("away", "dialog.away")
    if probe.reply is None:
        assert probe.broken is not None
        return Judgement(_BROKEN[probe.broken], f"dialog.{probe.broken}")
    meaning = classify(probe.reply, probe.phase or "connect", recipient=probe.recipient, provider=provider)
    return Judgement(meaning.outcome, meaning.rule)
