"""
Verifications: one row an address, who asked for it, and what is known of each mail domain.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "verification",
        sa.Column("id", _Id, nullable=False),
        _text("domain"),
        _text("local"),
        _number("asked_at"),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _number("deferred_at", null=True),
        _number("deferrals"),
        _text("verdict", null=True),
        _number("ended_at", null=True),
        _number("stale_at", null=True),
        _text("trail"),
        sa.PrimaryKeyConstraint("id", name="verification_pkey"),
        sa.UniqueConstraint("domain", "local", name="verification_domain_local_key"),
    )
    op.create_index("verification_due", "verification", ["due"])
    op.create_index("verification_stale_at", "verification", ["stale_at"])
    op.create_table(
        "verification_request",
        _number("account_id"),
        _number("id"),
        _number("verification_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="verification_request_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="verification_request_account_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verification.id"],
            name="verification_request_verification_id_fkey",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "account_id", "verification_id", name="verification_request_account_id_verification_id_key"
        ),
    )
    op.create_index("verification_request_verification_id", "verification_request", ["verification_id"])
    op.create_table(
        "mail_domain",
        _text("domain"),
        _number("window_start"),
        _number("started"),
        _text("accept_all", null=True),
        _number("accept_all_at", null=True),
        _text("accept_all_trail", null=True),
        sa.PrimaryKeyConstraint("domain", name="mail_domain_pkey"),
    )
