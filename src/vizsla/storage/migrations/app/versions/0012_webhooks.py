"""
Webhooks, and leads on their way to other systems.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _create(
    name: str,
    *columns: sa.Column[int] | sa.Column[str],
    key: tuple[str, ...] = ("account_id", "id"),
    parent: tuple[str, str] | None = None,
) -> None:
    """A table of accounts; its *parent* is a column and the table whose id it holds."""
    keys = [sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE")]
    if parent is not None:
        ours, theirs = ["account_id", parent[0]], [f"{parent[1]}.account_id", f"{parent[1]}.id"]
        keys.append(sa.ForeignKeyConstraint(ours, theirs, ondelete="CASCADE"))
    op.create_table(
        name,
        *(_number(each) for each in key),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"),
        *keys,
    )


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    _create(
        "webhook_endpoint",
        *(_text(name) for name in ("url", "events", "state", "secret")),
        _text("old_secret", null=True),
        _number("old_until", null=True),
        *(_number(name) for name in ("created_at", "failures")),
        *(_number(name, null=True) for name in ("failing_since", "due")),
        _text("worker", null=True),
        _number("attempt"),
    )
    _create(
        "webhook_delivery",
        _number("endpoint_id"),
        *(_text(name) for name in ("event", "mark")),
        _text("body", null=True),
        _text("state"),
        *(_number(name) for name in ("created_at", "until")),
        _number("due", null=True),
        _number("tries"),
        *(_number(name, null=True) for name in ("tried_at", "status")),
        _text("trouble", null=True),
        *(_number(name, null=True) for name in ("took", "ended_at")),
        parent=("endpoint_id", "webhook_endpoint"),
    )
    op.create_index("webhook_delivery_next", "webhook_delivery", ["account_id", "endpoint_id", "due", "id"])
    op.create_index("webhook_delivery_endpoint", "webhook_delivery", ["account_id", "endpoint_id", "id"])
    op.create_index("webhook_delivery_due", "webhook_delivery", ["due"])
    op.create_index("webhook_delivery_ended_at", "webhook_delivery", ["ended_at"])
    _create(
        "crm_connector",
        *(_text(name) for name in ("kind", "url")),
        _text("entity", null=True),
        *(_text(name) for name in ("secret", "state")),
        _text("trouble", null=True),
        *(_number(name) for name in ("since", "since_id", "created_at", "failures")),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
    )
    op.create_table(
        "crm_sync",
        *(_number(name) for name in ("account_id", "lead_id", "connector_id")),
        _text("state"),
        *(_text(name, null=True) for name in ("external_id", "payload_hash")),
        _number("tries"),
        _number("due", null=True),
        _text("error", null=True),
        _number("synced_at", null=True),
        sa.PrimaryKeyConstraint("account_id", "lead_id", "connector_id", name="crm_sync_pkey"),
        sa.ForeignKeyConstraint(["account_id", "lead_id"], ["lead.account_id", "lead.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["account_id", "connector_id"], ["crm_connector.account_id", "crm_connector.id"], ondelete="CASCADE"
        ),
    )
    op.create_index("crm_sync_next", "crm_sync", ["account_id", "connector_id", "due", "lead_id"])
    op.create_index("crm_sync_state", "crm_sync", ["account_id", "connector_id", "state", "lead_id"])
