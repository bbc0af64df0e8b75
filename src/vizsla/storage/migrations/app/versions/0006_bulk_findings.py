"""
Lists of people to find.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "bulk_finding",
        _number("account_id"),
        _number("id"),
        _number("created_at"),
        sa.Column("max_duration", sa.Double, nullable=False),
        _number("size"),
        _number("done"),
        _number("found"),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _number("ended_at", null=True),
        sa.PrimaryKeyConstraint("account_id", "id", name="bulk_finding_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
    )
    op.create_index("bulk_finding_due", "bulk_finding", ["due"])
    op.create_index("bulk_finding_ended_at", "bulk_finding", ["ended_at"])
    op.create_table(
        "bulk_finding_row",
        _number("account_id"),
        _number("list_id"),
        _number("number"),
        _text("asked"),
        _text("answer", null=True),
        _text("domain", null=True),
        _text("local", null=True),
        sa.PrimaryKeyConstraint("account_id", "list_id", "number", name="bulk_finding_row_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"], ["bulk_finding.account_id", "bulk_finding.id"], ondelete="CASCADE"
        ),
    )
    op.create_index("bulk_finding_row_found", "bulk_finding_row", ["domain", "local"])
