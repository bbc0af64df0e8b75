"""
What came of messages to addresses that were verified.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.add_column("verification", sa.Column("arrival", sa.Text))
    op.create_table(
        "arrival_tally",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("bounced", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("provider", "reason", name="arrival_tally_pkey"),
    )
