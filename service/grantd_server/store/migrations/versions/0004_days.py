"""The day of each record; on PostgreSQL records by day in partitions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the day; records that are there get theirs from their times, in chain order."""
    op.add_column("writers", sa.Column("day", sa.BigInteger, nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        _partitioned()
        _tuned()
        return
    op.add_column("records", sa.Column("day", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("""\
UPDATE records SET day = dated.day FROM (
  SELECT id, max(time_us / 86400000000) OVER (PARTITION BY writer ORDER BY seq) AS day FROM records
) AS dated WHERE records.id = dated.id""")
    op.execute("UPDATE writers SET day = coalesce((SELECT max(day) FROM records WHERE writer = name), 0)")


def _partitioned() -> None:
    """No release before this one ran on PostgreSQL, so that there is nothing to move."""
    op.drop_table("records")
    texts = ("rpc", "outcome", "reason", "issuer", "client", "subject", "chain")
    op.create_table(
        "records",
        # "C": ids sort by their bytes, which are in the order of time, whatever the locale.
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in texts),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("writer", sa.String(collation="C"), nullable=False),
        sa.Column("writer_epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("day", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", "day", name="pk_records"),
        sa.UniqueConstraint("writer", "seq", "day", name="uq_records_writer_seq_day"),
        sa.CheckConstraint("length(prev_hash) = 32", name="ck_records_prev_hash"),
        sa.CheckConstraint("length(hash) = 32", name="ck_records_hash"),
        postgresql_partition_by="RANGE (day)",
    )
    for name in ("client", "subject", "reason", "chain"):
        wanted = sa.text(f"{name} <> ''")
        op.create_index(f"ix_records_{name}_id", "records", [name, "id"], postgresql_where=wanted)
    # What comes on a day without a partition is kept all the same.
    op.execute("CREATE TABLE records_rest PARTITION OF records DEFAULT")


def _tuned() -> None:
    """Rows that change with every commit leave room beside themselves, and tables whose
    rows soon leave are cleaned early."""
    for table in ("epochs", "writers"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 20)")
    for table in ("marks", "issued", "tombstones", "refresh_tokens"):
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.05)")
