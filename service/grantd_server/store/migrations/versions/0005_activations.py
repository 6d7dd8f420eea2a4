"""Who put which bundle in force, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table; of what happened before, only the version in force is known."""
    op.create_table(
        "activations",
        sa.Column("epoch", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("version", "author", "why", "decision_id")),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="pk_activations"),
    )
    op.create_index("ix_activations_version", "activations", ["version"])
    op.execute("""\
INSERT INTO activations (epoch, version, author, why, decision_id, written)
SELECT epochs.bundle, bundles.version, bundles.author, bundles.why, '', bundles.written
FROM epochs JOIN bundles ON bundles.version = epochs.bundle_version""")
