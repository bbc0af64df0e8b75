"""
What came of the finder's answers, counted without names.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "finder_likelihood",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("is_right", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("n", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("provider", "is_right", "outcome", name="finder_likelihood_pkey"),
    )
    op.create_table(
        "finder_outcome",
        sa.Column("id", _Id, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("n_known", sa.Integer, nullable=False),
        sa.Column("tld", sa.Text, nullable=False),
        sa.Column("accept_all", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("is_right", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="finder_outcome_pkey"),
    )
    op.create_index("finder_outcome_at", "finder_outcome", ["accept_all", "at"])
    op.create_table(
        "finder_calibration",
        sa.Column("accept_all", sa.Integer, nullable=False),
        sa.Column("slope", sa.Double, nullable=False),
        sa.Column("intercept", sa.Double, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("accept_all", name="finder_calibration_pkey"),
    )
