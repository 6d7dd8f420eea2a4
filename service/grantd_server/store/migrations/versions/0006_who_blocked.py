"""Who blocked something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the author, and when that one wrote; of blocks that are there, their records
    know it. An older release that blocks something meanwhile writes neither: where the
    times differ, the author is of an earlier block."""
    op.add_column("withdrawals", sa.Column("author", sa.String, nullable=False, server_default=""))
    op.add_column("withdrawals", sa.Column("authored", sa.BigInteger, nullable=False, server_default="0"))
