"""
Lists of addresses, and the rows of each.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "bulk_list",
        _number("account_id"),
        _number("id"),
        _number("created_at"),
        _number("period"),
        _number("size"),
        _number("counted"),
        _number("begun"),
        _number("done"),
        _number("given_back"),
        _text("tally"),
        _number("cancelled_at", null=True),
        _number("ended_at", null=True),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        sa.PrimaryKeyConstraint("account_id", "id", name="bulk_list_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="bulk_list_account_id_fkey", ondelete="CASCADE"),
    )
    op.create_index("bulk_list_due", "bulk_list", ["due"])
    op.create_index("bulk_list_ended_at", "bulk_list", ["ended_at"])
    op.create_table(
        "bulk_row",
        _number("account_id"),
        _number("list_id"),
        _number("number"),
        _text("email"),
        _number("verification_id", null=True),
        _text("ending", null=True),
        sa.PrimaryKeyConstraint("account_id", "list_id", "number", name="bulk_row_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"],
            ["bulk_list.account_id", "bulk_list.id"],
            name="bulk_row_account_id_list_id_fkey",
            ondelete="CASCADE",
        ),
    )
