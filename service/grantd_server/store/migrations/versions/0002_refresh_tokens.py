"""Refresh tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table of refresh tokens."""
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("family", sa.String, nullable=False),
        sa.Column("parent", sa.LargeBinary),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("family_expires", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("rotated", sa.BigInteger),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
        sa.CheckConstraint("length(digest) = 32", name="ck_refresh_tokens_digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_refresh_tokens_family_expires", "refresh_tokens", ["family_expires"])
