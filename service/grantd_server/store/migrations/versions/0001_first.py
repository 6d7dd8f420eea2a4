"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table, and the one epoch row."""
    _live_state()
    _replay_and_revocation()
    _records()
    _aggregates()
    op.execute("INSERT INTO epochs (id, bundle, withdrawals, revocations, beat) VALUES (1, 0, 0, 0, 0)")


def _live_state() -> None:
    op.create_table(
        "epochs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("bundle", sa.BigInteger, nullable=False),
        sa.Column("bundle_version", sa.String),
        sa.Column("withdrawals", sa.BigInteger, nullable=False),
        sa.Column("revocations", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_epochs"),
        sa.CheckConstraint("id = 1", name="ck_epochs_one"),
    )
    op.create_table(
        "bundles",
        sa.Column("version", sa.String, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_bundles"),
    )
    op.create_table(
        "withdrawals",
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_withdrawals"),
    )


def _replay_and_revocation() -> None:
    op.create_table(
        "marks",
        sa.Column("space", sa.Integer, nullable=False),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("use", sa.Integer, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("space", "issuer", "digest", "use", name="pk_marks"),
        sa.CheckConstraint("length(digest) = 32", name="ck_marks_digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_marks_until", "marks", ["until"])
    op.create_table(
        "issued",
        sa.Column("chain", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("chain", "digest", name="pk_issued"),
        sa.CheckConstraint("length(digest) = 32", name="ck_issued_digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_issued_expires", "issued", ["expires"])
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_tombstones"),
        sa.CheckConstraint("length(digest) = 32", name="ck_tombstones_digest"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstones_expires", "tombstones", ["expires"])
    op.create_index("ix_tombstones_written", "tombstones", ["written"])


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("rpc", "outcome", "reason", "issuer", "client", "subject", "chain")
        ),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("writer", sa.String, nullable=False),
        sa.Column("writer_epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("prev_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.UniqueConstraint("writer", "seq", name="uq_records_writer_seq"),
        sa.CheckConstraint("length(prev_hash) = 32", name="ck_records_prev_hash"),
        sa.CheckConstraint("length(hash) = 32", name="ck_records_hash"),
    )
    for name in ("client", "subject", "reason", "chain"):
        wanted = sa.text(f"{name} <> ''")
        op.create_index(f"ix_records_{name}_id", "records", [name, "id"], sqlite_where=wanted, postgresql_where=wanted)
    op.create_table(
        "writers",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_writers"),
        sa.CheckConstraint("length(hash) = 32", name="ck_writers_hash"),
    )


def _aggregates() -> None:
    op.create_table(
        "introspections",
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("asker", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("minute", "token", "asker", "outcome", name="pk_introspections"),
    )
    op.create_table(
        "refusals",
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("decision_id", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("minute", "address", "reason", name="pk_refusals"),
    )
