"""
How domains make their addresses, what an address's confidence rests on, and ways to find a person by name or profile.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Forward; there is no way back but a backup."""
    op.create_table(
        "domain_pattern",
        sa.Column("domain", _BYTEWISE, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("n_named", sa.Integer(), nullable=False),
        sa.Column("n_nameless", sa.Integer(), nullable=False),
        sa.Column("clues", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="domain_pattern_pkey"),
    )
    op.add_column("email", sa.Column("certainty", sa.Double(), nullable=False, server_default="0"))
    # Until the rows are made anew, what they say is the best that is known.
    op.execute("UPDATE email SET certainty = confidence / 100.0")
    op.create_index("email_name", "email", ["domain", "last_name", "first_name"])
    op.create_index("email_linkedin", "email", ["linkedin"])
    # The clues are read from the rows of addresses: let all domains be made anew.
    op.execute("UPDATE domain SET made_on = 0")
