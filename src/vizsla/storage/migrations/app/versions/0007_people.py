"""
People: passwords, sessions, teams, one-time codes, invitations; usage by member; a log of requests.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, server_default=default)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"{table}_pkey")


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=f"{table}_account_id_fkey", ondelete="CASCADE")


def _of_member(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id", "member_id"],
        ["member.account_id", "member.id"],
        name=f"{table}_account_id_fkey",
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.add_column("account", _text("name", null=True))
    op.add_column("account", _number("period_day", default="1"))
    op.add_column("member", sa.Column("role", sa.Text, nullable=False, server_default="owner"))
    for name in ("limit_searches", "limit_verifications", "totp_since", "totp_step"):
        op.add_column("member", _number(name, null=True))
    for name in ("password", "totp_secret"):
        op.add_column("member", _text(name, null=True))
    # Until now all members of an account could do the same with it; the first one is its owner.
    op.execute(
        "UPDATE member SET role = 'admin' WHERE EXISTS "
        "(SELECT 1 FROM member AS earlier WHERE earlier.account_id = member.account_id AND earlier.id < member.id)"
    )
    op.add_column("api_key", _number("last_used_at", null=True))
    op.add_column("bulk_list", _number("member_id", null=True))
    op.add_column("bulk_finding", _number("member_id", null=True))
    _create_counts()
    _create_secrets()
    op.create_table(
        "invitation",
        _number("account_id"),
        _number("id"),
        _text("hash"),
        _text("email"),
        _text("role", null=True),
        _number("invited_by"),
        _number("created_at"),
        _number("expires_at"),
        _key("invitation", "account_id", "id"),
        _of_account("invitation"),
        sa.UniqueConstraint("hash", name="invitation_hash_key"),
    )
    op.create_index("invitation_expires_at", "invitation", ["expires_at"])


def _create_counts() -> None:
    op.create_table(
        "caller_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        _number("account_id"),
        _number("changed_at"),
        _key("caller_change", "id"),
    )
    op.create_table(
        "member_usage",
        _number("account_id"),
        _number("period"),
        _number("member_id"),
        _number("searches", default="0"),
        _number("verifications", default="0"),
        _key("member_usage", "account_id", "period", "member_id"),
        _of_account("member_usage"),
    )
    op.create_table("guess", _text("bucket"), _number("arrival"), _key("guess", "bucket"))
    op.create_index("guess_arrival", "guess", ["arrival"])
    op.create_table(
        "request_log",
        _number("account_id"),
        _number("id"),
        _number("key_id"),
        _number("member_id", null=True),
        _number("at"),
        _text("method"),
        _text("path"),
        _text("call"),
        _number("status"),
        _number("ms"),
        _text("request_id"),
        _key("request_log", "account_id", "id"),
        _of_account("request_log"),
        sqlite_with_rowid=False,
    )
    op.create_index("request_log_key", "request_log", ["account_id", "key_id", "id"])


def _create_secrets() -> None:
    op.create_table(
        "session",
        _number("account_id"),
        _number("member_id"),
        _number("id"),
        _text("hash"),
        _number("created_at"),
        _number("seen_at"),
        _number("expires_at"),
        _text("user_agent"),
        _text("address"),
        _key("session", "hash"),
        _of_member("session"),
    )
    op.create_table(
        "ticket",
        _number("account_id"),
        _number("member_id"),
        _text("hash"),
        _text("purpose"),
        _number("created_at"),
        _number("expires_at"),
        _key("ticket", "hash"),
        _of_member("ticket"),
    )
    for table in ("session", "ticket"):
        op.create_index(f"{table}_member", table, ["account_id", "member_id"])
        op.create_index(f"{table}_expires_at", table, ["expires_at"])
    op.create_table(
        "recovery_code",
        _number("account_id"),
        _number("member_id"),
        _text("hash"),
        _key("recovery_code", "account_id", "member_id", "hash"),
        _of_member("recovery_code"),
    )
    op.create_table(
        "sign_up",
        _text("hash"),
        _text("email"),
        _number("created_at"),
        _number("expires_at"),
        _key("sign_up", "hash"),
    )
    op.create_index("sign_up_email", "sign_up", ["email"])
    op.create_index("sign_up_expires_at", "sign_up", ["expires_at"])
