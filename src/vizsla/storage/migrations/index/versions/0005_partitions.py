"""
On PostgreSQL the tables are cut into partitions by their domain; a page is kept under its domain on both stores.

All rows are written anew, and nobody reads or writes these tables meanwhile: docs/explanation/storage has how long that takes.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PARTITIONS = 8
_KEYS = {
    "sighting": ("domain", "local", "uri"),
    "fact": ("domain", "key", "value", "uri"),
    "page": ("domain", "uri", "digest"),
    "email": ("domain", "local"),
    "domain": ("domain",),
    "domain_pattern": ("domain",),
    "facet": ("domain", "type", "seniority", "department", "fields"),
}
_INDEXES: dict[str, dict[str, tuple[str, ...]]] = {
    "sighting": {"sighting_uri": ("uri", "domain", "local")},
    "email": {
        "email_page": ("domain", "rank", "local", "type", "seniority", "department", "fields"),
        "email_name": ("domain", "last_name", "first_name"),
        "email_linkedin": ("linkedin",),
    },
    "domain": {"domain_made_on": ("made_on",)},
}


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    if op.get_bind().dialect.name == "sqlite":
        _rekey_page()
        return
    for table, key in _KEYS.items():
        _cut(table, key)


def _cut(table: str, key: tuple[str, ...]) -> None:
    """Let *table* be in partitions. Its indexes are made last, for that is twice as fast as to keep them."""
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
    op.execute(f"ALTER TABLE {table}_whole DROP CONSTRAINT {table}_pkey")
    for index in _INDEXES.get(table, ()):
        op.execute(f"DROP INDEX {index}")
    op.execute(f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS) PARTITION BY HASH (domain)")
    for number in range(_PARTITIONS):
        op.execute(
            f"CREATE TABLE {table}_p{number} PARTITION OF {table} "
            f"FOR VALUES WITH (MODULUS {_PARTITIONS}, REMAINDER {number})"
        )
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_whole")  # noqa: S608
    op.execute(f"DROP TABLE {table}_whole")
    op.create_primary_key(f"{table}_pkey", table, list(key))
    for index, columns in _INDEXES.get(table, {}).items():
        op.create_index(index, table, list(columns))
    # Autovacuum sees to each partition, and never to the whole.
    op.execute(f"ANALYZE {table}")


def _rekey_page() -> None:
    op.rename_table("page", "page_before")
    op.create_table(
        "page",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("first_fetched", sa.BigInteger(), nullable=False),
        sa.Column("last_fetched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "uri", "digest", name="page_pkey"),
    )
    op.execute(
        "INSERT INTO page (domain, uri, digest, first_fetched, last_fetched) "
        "SELECT domain, uri, digest, first_fetched, last_fetched FROM page_before ORDER BY domain, uri, digest"
    )
    op.drop_table("page_before")
