"""
Lists of domains to search, files that wait to become lists, and lists of people that can be cancelled.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.add_column("bulk_list", _text("name", null=True))
    op.add_column("bulk_finding", _text("name", null=True))
    op.add_column("bulk_finding", _number("cancelled_at", null=True))
    op.create_table(
        "bulk_search",
        _number("account_id"),
        _number("id"),
        _number("created_at"),
        _number("per_domain"),
        _number("size"),
        _number("done"),
        _number("found"),
        _number("addresses"),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _text("name", null=True),
        _number("cancelled_at", null=True),
        _number("ended_at", null=True),
        _number("member_id", null=True),
        sa.PrimaryKeyConstraint("account_id", "id", name="bulk_search_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
    )
    op.create_index("bulk_search_due", "bulk_search", ["due"])
    op.create_index("bulk_search_ended_at", "bulk_search", ["ended_at"])
    op.create_table(
        "bulk_search_row",
        _number("account_id"),
        _number("list_id"),
        _number("number"),
        _text("asked"),
        _text("answer", null=True),
        _text("domain", null=True),
        _text("locals", null=True),
        sa.PrimaryKeyConstraint("account_id", "list_id", "number", name="bulk_search_row_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"], ["bulk_search.account_id", "bulk_search.id"], ondelete="CASCADE"
        ),
    )
    op.create_index("bulk_search_row_domain", "bulk_search_row", ["domain", "account_id", "list_id"])
    op.create_table(
        "upload",
        _number("account_id"),
        _number("id"),
        _text("kind"),
        _text("name"),
        _number("created_at"),
        _number("size"),
        _number("has_header"),
        sa.PrimaryKeyConstraint("account_id", "id", name="upload_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
    )
    op.create_index("upload_created_at", "upload", ["created_at"])
    op.create_table(
        "upload_part",
        _number("account_id"),
        _number("upload_id"),
        _number("number"),
        _text("rows"),
        sa.PrimaryKeyConstraint("account_id", "upload_id", "number", name="upload_part_pkey"),
        sa.ForeignKeyConstraint(["account_id", "upload_id"], ["upload.account_id", "upload.id"], ondelete="CASCADE"),
    )
