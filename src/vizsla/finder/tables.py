"""
What is kept of what came of answers, so that the next ones are better: no name, no address, no domain of anybody.

`finder_likelihood` counts how mail servers answered about addresses that turned out right or wrong, by provider.
`finder_outcome` has one row for each answer whose truth became known; `finder_calibration` the corrections learnt from them.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from vizsla.storage.schema import Id, app_metadata

finder_likelihood = Table(
    "finder_likelihood",
    app_metadata,
    Column("provider", Text, primary_key=True),  # as verifier.providers names it; empty for anybody's server
    Column("is_right", Integer, primary_key=True, autoincrement=False),
    Column("outcome", Text, primary_key=True),  # valid, invalid
    Column("n", Double, nullable=False),
)

finder_outcome = Table(
    "finder_outcome",
    app_metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("probability", Double, nullable=False),  # of the pattern, before any correction
    Column("n_known", Integer, nullable=False),  # addresses of the domain that were known
    Column("tld", Text, nullable=False),  # its kind: com, de, edu …
    Column("accept_all", Integer, nullable=False),
    Column("version", Text, nullable=False),  # of the prior
    Column("label", Text, nullable=False),  # valid, invalid, bounce, reply
    Column("is_right", Integer, nullable=False),
    Index("finder_outcome_at", "accept_all", "at"),
)

finder_calibration = Table(
    "finder_calibration",
    app_metadata,
    Column("accept_all", Integer, primary_key=True, autoincrement=False),
    Column("slope", Double, nullable=False),
    Column("intercept", Double, nullable=False),
    Column("n", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
