"""
Who asked for a crawl.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "crawl_ask",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("member_id", sa.BigInteger()),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account_id", "domain", name="crawl_ask_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE", name="crawl_ask_account_id_fkey"),
    )
    op.create_index("crawl_ask_page", "crawl_ask", ["account_id", "asked_at"])
    op.create_index("crawl_ask_domain", "crawl_ask", ["domain"])
