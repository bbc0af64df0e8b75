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
    Column("batch_id", BigInteger),  # of all tasks that do one thing to leads that were chosen together
    Index("lead_task_due", "due"),
    Index("lead_task_ended_at", "ended_at"),
)

# Where leads are sent on to: see leads.connectors. Leased as a whole, as webhook_endpoint is.
crm_connector = Table(
    "crm_connector",
    app_metadata,
    _account(),
    _id(),
    Column("kind", Text, nullable=False),  # espocrm, webhook
    Column("url", Text, nullable=False),
    Column("entity", Text),  # what a lead becomes there: Lead, Contact
    Column("secret", Text, nullable=False),  # sealed, in hex: the API key, or what signs
    Column("state", Text, nullable=False),  # leads.connectors.State
    Column("trouble", Text),  # why the last request failed, if it did
    Column("since", BigInteger, nullable=False),  # up to this change of the account's leads all is in crm_sync …
    Column("since_id", BigInteger, nullable=False),  # … and of the next one up to this lead
    Column("created_at", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),  # in a row
    Column("due", BigInteger),  # NULL: it is off
    Column("worker", Text),
    Column("attempt", BigInteger, nullable=False),
)

crm_sync = Table(
    "crm_sync",
    app_metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("lead_id", BigInteger, primary_key=True, autoincrement=False),
    Column("connector_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),  # pending, success, error
    Column("external_id", Text),  # what it is called there
    Column("payload_hash", Text),  # of what was written last, or refused
    Column("tries", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("error", Text),  # in our words
    Column("synced_at", BigInteger),
    ForeignKeyConstraint(["account_id", "lead_id"], ["lead.account_id", "lead.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["account_id", "connector_id"], ["crm_connector.account_id", "crm_connector.id"], ondelete="CASCADE"
    ),
    Index("crm_sync_next", "account_id", "connector_id", "due", "lead_id"),
    Index("crm_sync_state", "account_id", "connector_id", "state", "lead_id"),
)

# Leads that were deleted and may be brought back, for an hour.
lead_trash = Table(
    "lead_trash",
    app_metadata,
    _account(),
    _id(),  # the lead's
    Column("deletion_id", BigInteger, nullable=False),  # of all that were deleted together
    Column("email", Text, nullable=False),
    Column("lead", Text, nullable=False),  # JSON of leads.lead.Lead
    Column("at", BigInteger, nullable=False),
    Index("lead_trash_deletion", "account_id", "deletion_id"),
    Index("lead_trash_at", "at"),
)


def _member(*, nullable: bool) -> tuple[Column[int], ForeignKeyConstraint]:
    """Whose a row is; it goes with its member."""
    return (
        Column("member_id", BigInteger, primary_key=not nullable, autoincrement=False, nullable=nullable),
        ForeignKeyConstraint(["account_id", "member_id"], ["member.account_id", "member.id"], ondelete="CASCADE"),
    )


lead_view = Table(
    "lead_view",
    app_metadata,
    _account(),
    _id(),
    *_member(nullable=True),  # NULL: the team's
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # filters and order, as they stand in an address
    Column("columns", Text, nullable=False),  # words, with blanks between them
    Column("created_at", BigInteger, nullable=False),
)

# What a member's table of leads shows.
lead_columns = Table(
    "lead_columns",
    app_metadata,
    _account(),
    *_member(nullable=False),
    Column("columns", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),  # on a page
)

NO_PERSON = {
    "crm_connector.kind": "a word of ours",
    "crm_connector.url": "where a program of the account's own listens",
    "crm_connector.entity": "a word of theirs",
    "crm_connector.secret": "sealed",
    "crm_connector.state": "a word of ours",
    "crm_connector.trouble": "a sentence of ours",
    "crm_connector.worker": "a process of ours",
    "crm_sync.state": "a word of ours",
    "crm_sync.external_id": "an id",
    "crm_sync.payload_hash": "a hash, gone with the lead",
    "crm_sync.error": "a sentence of ours, with the names of fields",
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
    "lead_view.name": "what an account calls its view",
    "lead_view.columns": "words of ours, and ids",
    "lead_columns.columns": "the same",
    "lead_import.columns": "the names of a file's columns",
    "lead_import.worker": "a process of ours",
    "lead_import_row.fault": "a sentence of ours",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
