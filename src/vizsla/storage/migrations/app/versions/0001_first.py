"""
The first tables: accounts, members, keys, usage, idempotency, rate limits, set-up, claims.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _number(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, server_default=default)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"{table}_pkey")


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=f"{table}_account_id_fkey", ondelete="CASCADE")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "account",
        sa.Column("id", _Id, nullable=False),
        _number("created_at"),
        _number("last_id", default="0"),
        _text("plan_name", null=True),
        _number("plan_level", null=True),
        _number("plan_searches", null=True),
        _number("plan_verifications", null=True),
        _text("rate_search", null=True),
        _text("rate_verify", null=True),
        _text("rate_count", null=True),
        _key("account", "id"),
    )
    op.create_table(
        "member",
        _number("account_id"),
        _number("id"),
        _text("email"),
        _text("first_name", null=True),
        _text("last_name", null=True),
        _number("is_admin", default="0"),
        _number("created_at"),
        _key("member", "account_id", "id"),
        _of_account("member"),
        sa.UniqueConstraint("email", name="member_email_key"),
    )
    op.create_table(
        "api_key",
        _number("account_id"),
        _number("id"),
        _number("member_id", null=True),
        _text("name"),
        _text("hash"),
        _text("last4"),
        _number("created_at"),
        _number("revoked_at", null=True),
        _key("api_key", "account_id", "id"),
        _of_account("api_key"),
        sa.UniqueConstraint("hash", name="api_key_hash_key"),
    )
    op.create_table(
        "usage",
        _number("account_id"),
        _number("period"),
        _number("searches", default="0"),
        _number("verifications", default="0"),
        _key("usage", "account_id", "period"),
        _of_account("usage"),
    )
    op.create_table(
        "usage_charge",
        _number("account_id"),
        _text("kind"),
        _text("question"),
        _number("charged_at"),
        _key("usage_charge", "account_id", "kind", "question"),
        _of_account("usage_charge"),
    )
    op.create_index("usage_charge_charged_at", "usage_charge", ["charged_at"])
    op.create_table(
        "idempotency",
        _number("account_id"),
        _text("request"),
        _text("params"),
        _number("status"),
        _text("answer"),
        _number("created_at"),
        _key("idempotency", "account_id", "request"),
        _of_account("idempotency"),
    )
    op.create_index("idempotency_created_at", "idempotency", ["created_at"])
    op.create_table(
        "rate_limit",
        _number("account_id"),
        _text("bucket"),
        _number("arrival"),
        _number("granted"),
        _key("rate_limit", "account_id", "bucket"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE rate_limit SET UNLOGGED")
    op.create_table(
        "setup_token",
        _text("hash"),
        _number("created_at"),
        _number("used_at", null=True),
        _key("setup_token", "hash"),
    )
    op.create_table(
        "claim",
        _text("kind"),
        _text("hash"),
        _number("created_at"),
        _number("erased_at", null=True),
        _text("label", null=True),
        _key("claim", "kind", "hash"),
    )
