"""
What the table of leads needs: a trash, saved views, chosen columns, tasks that belong together.

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _account() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE")


def _member() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id", "member_id"], ["member.account_id", "member.id"], ondelete="CASCADE")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.add_column("lead_task", _number("batch_id", null=True))
    op.create_table(
        "lead_trash",
        *(_number(name) for name in ("account_id", "id", "deletion_id")),
        _text("email"),
        _text("lead"),
        _number("at"),
        sa.PrimaryKeyConstraint("account_id", "id", name="lead_trash_pkey"),
        _account(),
    )
    op.create_index("lead_trash_deletion", "lead_trash", ["account_id", "deletion_id"])
    op.create_index("lead_trash_at", "lead_trash", ["at"])
    op.create_table(
        "lead_view",
        *(_number(name) for name in ("account_id", "id")),
        _number("member_id", null=True),
        *(_text(name) for name in ("name", "query", "columns")),
        _number("created_at"),
        sa.PrimaryKeyConstraint("account_id", "id", name="lead_view_pkey"),
        _account(),
        _member(),
    )
    op.create_table(
        "lead_columns",
        *(_number(name) for name in ("account_id", "member_id")),
        _text("columns"),
        _number("rows"),
        sa.PrimaryKeyConstraint("account_id", "member_id", name="lead_columns_pkey"),
        _account(),
        _member(),
    )
