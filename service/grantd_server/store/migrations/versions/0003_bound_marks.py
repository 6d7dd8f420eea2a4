"""Marks that bind to their first user."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the owner of a mark; the marks that are there have none."""
    op.add_column("marks", sa.Column("owner", sa.String))
