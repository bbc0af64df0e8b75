"""
Work on the index that is due: domains to be crawled, and since when a domain's rows are as they are.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "crawl_request",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("worker", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="crawl_request_pkey"),
    )
    op.create_index("crawl_request_due", "crawl_request", ["due"])
    # Rows from before are taken for the oldest, and made anew first.
    op.add_column("domain", sa.Column("made_on", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("domain_made_on", "domain", ["made_on"])
