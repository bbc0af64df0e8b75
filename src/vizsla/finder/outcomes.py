"""
What teaches the finder? What mail servers said while it was answering, and what came of mails that were sent later.

Only the pattern's first candidate tells whether the pattern's probability holds: others are looked at because the first was wrong.
"""

from typing import Literal

from vizsla.finder.finding import Finding
from vizsla.finder.learning import Label, Outcome, record_outcomes
from vizsla.finder.likelihoods import count_answers
from vizsla.index.persons import find_posterior
from vizsla.kit.email_address import EmailAddress
from vizsla.naming.candidates import list_candidates
from vizsla.naming.model import Posterior
from vizsla.naming.names import PersonName
from vizsla.naming.prior import kind_of_tld
from vizsla.storage.database import Connection, Reader


async def record_finding(conn: Connection, finding: Finding, now: int) -> None:
    """Keep what *finding* teaches, without whom it was about."""
    await count_answers(conn, finding.answered)
    await record_outcomes(conn, outcomes_of(finding, now))


def outcomes_of(finding: Finding, now: int) -> list[Outcome]:
    """The outcome of the likeliest candidate by the pattern, if a mail server told of it just now."""
    if finding.candidates is None or finding.posterior is None or not finding.candidates.ranked:
        return []
    first = finding.candidates.ranked[0]
    asked = [term.what for term in finding.terms if term.local == first.local and term.what in ("valid", "invalid")]
    if not asked or not finding.answered:
        return []
    label: Label = "valid" if asked[0] == "valid" else "invalid"
    return [_outcome(first.probability, finding.posterior, label, accept_all=False, now=now)]


async def record_delivery(
    conn: Connection,
    index: Reader,
    address: EmailAddress,
    name: PersonName,
    label: Literal["bounce", "reply"],
    *,
    accept_all: bool,
    now: int,
) -> bool:
    """
    Keep that a mail to *address*, which was to reach *name*, came back as "user unknown", or was answered.

    False, and nothing kept, if the pattern would not have given this address. It is the one thing that tells of domains that
    take mail for everybody.
    """
    posterior = await find_posterior(index, address.domain)
    ranked = list_candidates(name, posterior).ranked
    if not ranked or ranked[0].local != address.local:
        return False
    await record_outcomes(conn, [_outcome(ranked[0].probability, posterior, label, accept_all=accept_all, now=now)])
    return True


def _outcome(probability: float, posterior: Posterior, label: Label, *, accept_all: bool, now: int) -> Outcome:
    return Outcome(
        at=now,
        probability=probability,
        n_known=round(posterior.evidence),
        tld=kind_of_tld(posterior.domain),
        accept_all=accept_all,
        version=posterior.prior.version,
        label=label,
    )
