"""
How far crawls are, what harvests read, and how large the index is.

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
    for name, kind, default in (
        ("asked", sa.Integer(), "0"),
        ("state", sa.Text(), "waiting"),
        ("max_pages", sa.Integer(), "20"),
        ("pages", sa.Integer(), "0"),
        ("unchanged", sa.Integer(), "0"),
        ("pending", sa.Integer(), "0"),
        ("bytes", sa.BigInteger(), "0"),
        ("addresses", sa.Integer(), "0"),
        ("skipped", sa.Text(), "{}"),
        ("ending", sa.Text(), ""),
    ):
        op.add_column("crawl_request", sa.Column(name, kind, nullable=False, server_default=default))
    for name in ("stop_at", "started_at", "ended_at"):
        op.add_column("crawl_request", sa.Column(name, sa.BigInteger()))
    # What was crawled before progress was kept.
    op.execute("UPDATE crawl_request SET state = 'done', ended_at = requested_at WHERE due IS NULL")
    op.create_table(
        "harvest_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("by_whom", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("worker", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("stop_at", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("heard_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="harvest_run_pkey"),
    )
    op.create_index("harvest_run_due", "harvest_run", ["due"])
    op.create_table(
        "index_figures",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("worker", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger()),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="index_figures_pkey"),
    )
