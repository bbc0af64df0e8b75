"""
Leads, their lists, tags and custom attributes.

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _create(name: str, *columns: sa.Column[int] | sa.Column[str], key: tuple[str, ...] = ("account_id", "id")) -> None:
    op.create_table(
        name,
        *(_number(each) for each in key),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
    )


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    _create("lead_account", _number("leads"), _number("changes"), key=("account_id",))
    _create(
        "lead",
        _text("email"),
        *(_text(name, null=True) for name in ("first_name", "last_name", "position")),
        *(_text(name, null=True) for name in ("company", "company_industry", "company_size")),
        _number("confidence_score", null=True),
        *(_text(name, null=True) for name in ("website", "country_code", "source", "linkedin_url")),
        *(_text(name, null=True) for name in ("phone_number", "twitter", "notes")),
        *(_text(name, null=True) for name in ("sync_status", "sending_status", "verification_status")),
        *(_number(name, null=True) for name in ("verified_at", "last_activity_at", "last_contacted_at")),
        *(_text(name, null=True) for name in ("lists", "tags", "attributes")),
        _number("created_at"),
        _number("change"),
    )
    op.create_index("lead_email", "lead", ["account_id", "email"], unique=True)
    op.create_index("lead_change", "lead", ["account_id", "change"])
    _create("lead_gone", _number("change"), _number("at"))
    op.create_index("lead_gone_change", "lead_gone", ["account_id", "change"])
    op.create_index("lead_gone_at", "lead_gone", ["at"])
    _create("leads_list", _text("name"), _text("name_key"), _number("leads_count"), _number("created_at"))
    op.create_index("leads_list_name", "leads_list", ["account_id", "name_key"])
    _create("leads_attribute", _text("label"), _text("label_key"), _text("slug"))
    op.create_index("leads_attribute_label", "leads_attribute", ["account_id", "label_key"], unique=True)
    op.create_index("leads_attribute_slug", "leads_attribute", ["account_id", "slug"], unique=True)
    _create("lead_tag", _text("name"), _text("name_key"), _text("color"), _number("created_at"))
    op.create_index("lead_tag_name", "lead_tag", ["account_id", "name_key"], unique=True)
    _create(
        "lead_task",
        _text("kind"),
        _number("ref_id", null=True),
        _number("target_id", null=True),
        _text("lead_ids", null=True),
        *(_number(name) for name in ("last_id", "size", "done", "created_at")),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _number("ended_at", null=True),
    )
    op.create_index("lead_task_due", "lead_task", ["due"])
    op.create_index("lead_task_ended_at", "lead_task", ["ended_at"])
    _create(
        "lead_import",
        _text("file_name"),
        _text("columns"),
        _text("plan", null=True),
        *(_number(name) for name in ("size", "done", "created", "updated", "skipped", "refused", "created_at")),
        _number("due", null=True),
        _text("worker", null=True),
        _number("attempt"),
        _number("ended_at", null=True),
    )
    op.create_index("lead_import_due", "lead_import", ["due"])
    op.create_index("lead_import_created_at", "lead_import", ["created_at"])
    op.create_table(
        "lead_import_row",
        *(_number(name) for name in ("account_id", "import_id", "number")),
        _text("cells"),
        _text("fault", null=True),
        sa.PrimaryKeyConstraint("account_id", "import_id", "number", name="lead_import_row_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id", "import_id"], ["lead_import.account_id", "lead_import.id"], ondelete="CASCADE"
        ),
    )
