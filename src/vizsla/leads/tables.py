"""
Leads and what they are sorted by.

A lead is one row, with all that is said of it: lists and tags are ids between commas (`,3,7,`), custom attributes are JSON by
id. So one read shows a lead and one write changes it, however many attributes an account has; what searches them is
`leads.mirror`. An id in a row whose list, tag or attribute is gone means nothing, for ids are never given twice.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text

from vizsla.storage.schema import app_metadata


def _account() -> Column[int]:
    return Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


# Locked by whoever changes leads: changes of one account have an order, and the counts are right in it.
lead_account = Table(
    "lead_account",
    app_metadata,
    _account(),
    Column("leads", BigInteger, nullable=False),
    Column("changes", BigInteger, nullable=False),
)

lead = Table(
    "lead",
    app_metadata,
    _account(),
    _id(),
    Column("email", Text, nullable=False),  # in lower case
    Column("first_name", Text),
    Column("last_name", Text),
    Column("position", Text),
    Column("company", Text),
    Column("company_industry", Text),
    Column("company_size", Text),
    Column("confidence_score", BigInteger),
    Column("website", Text),
    Column("country_code", Text),
    Column("source", Text),
    Column("linkedin_url", Text),
    Column("phone_number", Text),
    Column("twitter", Text),
    Column("notes", Text),
    Column("sync_status", Text),  # pending, error, success
    Column("sending_status", Text),
    Column("verification_status", Text),
    Column("verified_at", BigInteger),
    Column("last_activity_at", BigInteger),
    Column("last_contacted_at", BigInteger),
    Column("lists", Text),
    Column("tags", Text),
    Column("attributes", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("change", BigInteger, nullable=False),  # lead_account.changes when it was written last
    Index("lead_email", "account_id", "email", unique=True),
    Index("lead_change", "account_id", "change"),
)

# Kept for a day, so that a mirror hears of it.
lead_gone = Table(
    "lead_gone",
    app_metadata,
    _account(),
    _id(),
    Column("change", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("lead_gone_change", "account_id", "change"),
    Index("lead_gone_at", "at"),
)

leads_list = Table(
    "leads_list",
    app_metadata,
    _account(),
    _id(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # as it is compared: without case
    Column("leads_count", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("leads_list_name", "account_id", "name_key"),
)

leads_attribute = Table(
    "leads_attribute",
    app_metadata,
    _account(),
    _id(),
    Column("label", Text, nullable=False),
    Column("label_key", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Index("leads_attribute_label", "account_id", "label_key", unique=True),
    Index("leads_attribute_slug", "account_id", "slug", unique=True),
)

lead_tag = Table(
    "lead_tag",
    app_metadata,
    _account(),
    _id(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("color", Text, nullable=False),  # six hexadecimal digits
    Column("created_at", BigInteger, nullable=False),
    Index("lead_tag_name", "account_id", "name_key", unique=True),
)

lead_import = Table(
    "lead_import",
    app_metadata,
    _account(),
    _id(),
    Column("file_name", Text, nullable=False),
    Column("columns", Text, nullable=False),  # JSON: the names of the file's columns
    Column("plan", Text),  # JSON of leads.mapping.Plan; NULL: nobody said yet what is what
    Column("size", BigInteger, nullable=False),  # rows
    Column("done", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("lead_import_due", "due"),
    Index("lead_import_created_at", "created_at"),
)

# Rows that wait, and those that were refused; the others are leads.
lead_import_row = Table(
    "lead_import_row",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("import_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("cells", Text, nullable=False),  # JSON
    Column("fault", Text),  # why it was refused
    ForeignKeyConstraint(["account_id", "import_id"], ["lead_import.account_id", "lead_import.id"], ondelete="CASCADE"),
)

# What is done to many leads, in steps: see storage.lease.
lead_task = Table(
    "lead_task",
    app_metadata,
    _account(),
    _id(),
    Column("kind", Text, nullable=False),  # as leads.tasks.Kind
    Column("ref_id", BigInteger),  # the list that leads are in, or the list, tag or attribute that is gone
    Column("target_id", BigInteger),  # the list they go to
    Column("lead_ids", Text),  # JSON, rising; NULL: all that have `ref_id`
    Column("last_id", BigInteger, nullable=False),  # the last lead that was looked at
    Column("size", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("lead_task_due", "due"),
    Index("lead_task_ended_at", "ended_at"),
)

NO_PERSON = {
    "lead.country_code": "a country",
    "lead.sync_status": "a word of ours",
    "lead.sending_status": "a word of ours",
    "lead.verification_status": "a word of ours",
    "lead.lists": "ids",
    "lead.tags": "ids",
    "leads_list.name": "what an account calls its list",
    "leads_list.name_key": "the same",
    "leads_attribute.label": "what an account calls a field of its leads",
    "leads_attribute.label_key": "the same",
    "leads_attribute.slug": "the same",
    "lead_tag.name": "what an account calls its tag",
    "lead_tag.name_key": "the same",
    "lead_tag.color": "a color",
    "lead_task.kind": "a word of ours",
    "lead_task.lead_ids": "ids",
    "lead_task.worker": "a process of ours",
    "lead_import.columns": "the names of a file's columns",
    "lead_import.worker": "a process of ours",
    "lead_import_row.fault": "a sentence of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
