"""What does an answer teach at once? What its mail servers said, and of the pattern's first candidate whether it was right."""

from vizsla.finder.email_finder import Finding
from vizsla.finder.learning import Outcome, record_outcomes
from vizsla.finder.likelihoods import count_answers
from vizsla.naming.prior import kind_of_tld
from vizsla.storage.database import Connection


async def record_finding(conn: Connection, finding: Finding, now: int) -> None:
    """Keep what *finding* teaches, without whom it was about."""
    await count_answers(conn, finding.answered)
    await record_outcomes(conn, outcomes_of(finding, now))


def outcomes_of(finding: Finding, now: int) -> list[Outcome]:
    """
    The outcome of the likeliest candidate by the pattern, if it was asked about.

    Of the others it would say something only because the first was wrong: they are not what the pattern would have answered.
    """
    if finding.candidates is None or finding.posterior is None or not finding.candidates.ranked:
        return []
    first = finding.candidates.ranked[0]
    asked = [term.what for term in finding.terms if term.local == first.local and term.what in ("valid", "invalid")]
    if not asked or not finding.answered:
        return []
    return [
        Outcome(
            at=now,
            probability=first.probability,
            n_known=round(finding.posterior.evidence),
            tld=kind_of_tld(finding.posterior.domain),
            accept_all=False,
            version=finding.posterior.prior.version,
            label="valid" if asked[0] == "valid" else "invalid",
        )
    ]
