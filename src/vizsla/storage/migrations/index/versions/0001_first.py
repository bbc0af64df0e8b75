"""
The first tables: what the web said, and what is served of it.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "sighting",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("local", _BYTEWISE, nullable=False),
        sa.Column("uri", _BYTEWISE, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("evidence", _BYTEWISE, nullable=False),
        sa.PrimaryKeyConstraint("domain", "local", "uri", name="sighting_pkey"),
    )
    op.create_index("sighting_uri", "sighting", ["uri", "domain", "local"])
    op.create_table(
        "fact",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("key", _BYTEWISE, nullable=False),
        sa.Column("value", _BYTEWISE, nullable=False),
        sa.Column("uri", _BYTEWISE, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "key", "value", "uri", name="fact_pkey"),
    )
    op.create_table(
        "page",
        sa.Column("uri", _BYTEWISE, nullable=False),
        sa.Column("digest", _BYTEWISE, nullable=False),
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("first_fetched", sa.BigInteger(), nullable=False),
        sa.Column("last_fetched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uri", "digest", name="page_pkey"),
    )
    op.create_table(
        "email",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("local", _BYTEWISE, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("type", _BYTEWISE, nullable=False),
        sa.Column("seniority", _BYTEWISE),
        sa.Column("department", _BYTEWISE),
        sa.Column("fields", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("n_sources", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("verification_status", _BYTEWISE),
        sa.Column("verified_at", sa.BigInteger()),
        sa.Column("first_name", sa.Text()),
        sa.Column("last_name", sa.Text()),
        sa.Column("position", sa.Text()),
        sa.Column("position_raw", sa.Text()),
        sa.Column("position_folded", _BYTEWISE),
        sa.Column("phone_number", sa.Text()),
        sa.Column("twitter", sa.Text()),
        sa.Column("linkedin", sa.Text()),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "local", name="email_pkey"),
    )
    op.create_index("email_page", "email", ["domain", "rank", "local", "type", "seniority", "department", "fields"])
    op.create_table(
        "domain",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("n_emails", sa.Integer(), nullable=False),
        sa.Column("n_personal", sa.Integer(), nullable=False),
        sa.Column("n_generic", sa.Integer(), nullable=False),
        sa.Column("accept_all", sa.Integer()),
        sa.Column("accept_all_at", sa.BigInteger()),
        sa.Column("pattern", sa.Text()),
        sa.Column("organization", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("industry", sa.Text()),
        sa.Column("twitter", sa.Text()),
        sa.Column("facebook", sa.Text()),
        sa.Column("linkedin", sa.Text()),
        sa.Column("instagram", sa.Text()),
        sa.Column("youtube", sa.Text()),
        sa.Column("technologies", sa.Text(), nullable=False),
        sa.Column("country", sa.Text()),
        sa.Column("state", sa.Text()),
        sa.Column("city", sa.Text()),
        sa.Column("postal_code", sa.Text()),
        sa.Column("street", sa.Text()),
        sa.Column("headcount", sa.Text()),
        sa.Column("company_type", sa.Text()),
        sa.Column("linked_domains", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text()),
        sa.PrimaryKeyConstraint("domain", name="domain_pkey"),
    )
    op.create_table(
        "facet",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("type", _BYTEWISE, nullable=False),
        sa.Column("seniority", _BYTEWISE, nullable=False),
        sa.Column("department", _BYTEWISE, nullable=False),
        sa.Column("fields", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "type", "seniority", "department", "fields", name="facet_pkey"),
    )
    op.create_table(
        "company_name",
        sa.Column("name", _BYTEWISE, nullable=False),
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "domain", name="company_name_pkey"),
    )
    op.create_index("company_name_domain", "company_name", ["domain"])
    op.create_table(
        "crawl_page",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("uri", _BYTEWISE, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("domain", "uri", name="crawl_page_pkey"),
    )
