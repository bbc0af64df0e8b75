"""
How is a list's row written to a CSV file?

The columns are the same in the API's file and in the one that `vizsla verify --file` makes beside the columns that were there.
"""

from vizsla.verifier.bulk import Ending
from vizsla.verifier.verdict import REASONS

COLUMNS = (
    "status", "result", "score", "reason", "details", "accept_all", "smtp_check", "smtp_server", "mx_records",
    "disposable", "webmail", "gibberish", "block",
)  # fmt: skip
WHY = {
    "malformed": "This is no email address.",
    "claimed": "The person owning the address, or the owner of its domain, asked us to stop processing their data.",
    "failed": "The mail server answered outside of the protocol.",
    "domain_limit": "Too many addresses of this mail domain were asked about within 24 hours.",
}
"""What is said of a row without an answer, beside what is said of that row alone."""


def cells_of(ending: Ending) -> list[str]:
    """The values of COLUMNS."""
    verdict = ending.verdict
    if ending.why != "verified" or verdict is None:
        return ["", "", "", ending.why, ending.details or WHY[ending.why], *[""] * (len(COLUMNS) - 5)]
    truths = (
        verdict.accept_all, verdict.smtp_check, verdict.smtp_server, verdict.mx_records, verdict.disposable,
        verdict.webmail, verdict.gibberish, verdict.block,
    )  # fmt: skip
    words = [verdict.status, verdict.result, str(ending.score), verdict.reason, REASONS[verdict.reason]]
    return words + ["true" if truth else "false" for truth in truths]
