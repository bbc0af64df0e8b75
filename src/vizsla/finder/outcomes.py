"""Which outcomes does an answer show at once? Those of the pattern's first candidate, where a mail server told of it."""

from vizsla.finder.email_finder import Finding
from vizsla.finder.learning import Outcome
from vizsla.naming.prior import kind_of_tld


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
