"""
Mails that wait to be sent; claims that people make themselves, and the ledger of all.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_KEEP = "a line of the ledger is never changed"


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "mail_out",
        sa.Column("id", _ID, nullable=False),
        _text("about"),
        _number("created_at"),
        _number("until"),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _text("sealed", null=True),
        _number("ended_at", null=True),
        _text("trouble", null=True),
        sa.PrimaryKeyConstraint("id", name="mail_out_pkey"),
    )
    op.create_index("mail_out_due", "mail_out", ["due"])
    op.create_index("mail_out_ended_at", "mail_out", ["ended_at"])
    op.create_table(
        "claim_version",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        _number("version"),
        sa.PrimaryKeyConstraint("id", name="claim_version_pkey"),
    )
    op.create_table(
        "claim_request",
        _text("hash"),
        _text("kind"),
        _text("sealed"),
        _number("created_at"),
        _number("expires_at"),
        _number("used_at", null=True),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        sa.PrimaryKeyConstraint("hash", name="claim_request_pkey"),
    )
    op.create_index("claim_request_due", "claim_request", ["due"])
    op.create_index("claim_request_expires_at", "claim_request", ["expires_at"])
    op.create_table(
        "claim_limit",
        _text("hash"),
        _number("day"),
        _number("count"),
        sa.PrimaryKeyConstraint("hash", "day", name="claim_limit_pkey"),
    )
    op.create_table(
        "claim_event",
        sa.Column("id", _ID, nullable=False),
        _number("at"),
        *(_text(name) for name in ("what", "kind", "hash", "label", "word", "proof", "counts")),
        sa.PrimaryKeyConstraint("id", name="claim_event_pkey"),
    )
    op.create_index("claim_event_hash", "claim_event", ["hash"])
    _keep_the_ledger()


def _keep_the_ledger() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER claim_event_{verb.lower()} BEFORE {verb} ON claim_event "
                f"BEGIN SELECT RAISE(ABORT, '{_KEEP}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION claim_event_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_KEEP}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER claim_event_is_kept BEFORE UPDATE OR DELETE ON claim_event "
        "FOR EACH ROW EXECUTE FUNCTION claim_event_is_kept()"
    )
