"""Who blocked something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the author; of blocks that are there, their records know it. An older release
    that blocks something meanwhile names none."""
    op.add_column("withdrawals", sa.Column("author", sa.String, nullable=False, server_default=""))
