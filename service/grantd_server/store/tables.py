"""The tables, as SQLModel classes: the schema that migrations must arrive at.

Nothing on the hot path goes through them; see `statements` for what is executed.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import CheckConstraint, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlmodel import BigInteger, Field, SQLModel

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """What all tables share: one metadata with named constraints, so that every
    constraint can be altered by a later migration."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=_NAMES)


_KEYED: dict[str, Any] = {"sqlite_with_rowid": False}
"""A table that is only ever reached by its primary key needs no second tree."""


def _digest(column: str) -> CheckConstraint:
    return CheckConstraint(f"length({column}) = 32", name=column)


class MarkRow(Table, table=True):
    """One use of a one-time token, and the decision that used it."""

    __tablename__ = "marks"
    __table_args__ = (_digest("digest"), _KEYED)

    space: int = Field(primary_key=True)
    issuer: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    use: int = Field(primary_key=True)
    until: int = Field(sa_type=BigInteger, index=True)
    decision_id: str
    owner: str | None = None
    """Of a mark that binds: its first user, or empty when it is spent."""


def _searched(column: str) -> Index:
    """Finds the newest records by a column that many leave empty; those cost nothing."""
    wanted = text(f"{column} <> ''")
    return Index(None, column, "id", sqlite_where=wanted, postgresql_where=wanted)


PARTITION: Final = "records_"
"""How the partitions of `records` are called: `records_20261122`, and `records_rest`."""


def _once(*columns: str, dialect: str) -> UniqueConstraint:
    return UniqueConstraint(*columns, info={"dialect": dialect}).ddl_if(dialect=dialect)


class RecordRow(Table, table=True):
    """One durable record, in its place in its writer's chain.

    Ids begin with the time, so that `id` is also the order of time, and a new row goes
    to the end of its trees. PostgreSQL keeps each `day` in a partition of its own, and
    holds what is unique to that within a day: the head of the chain does the rest.
    """

    __tablename__ = "records"
    __table_args__ = (
        _once("writer", "seq", dialect="sqlite"),
        _once("writer", "seq", "day", dialect="postgresql"),
        *(_searched(column) for column in ("client", "subject", "reason", "chain")),
        _digest("prev_hash"),
        _digest("hash"),
    )

    id: str = Field(primary_key=True)
    time_us: int = Field(sa_type=BigInteger)
    rpc: str
    outcome: str
    reason: str
    issuer: str
    client: str
    subject: str
    chain: str
    body: bytes = Field(sa_type=LargeBinary)
    writer: str
    writer_epoch: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    prev_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    day: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """Days since 1970 by the database clock when it was written; never falls along a chain."""


class WriterRow(Table, table=True):
    """The head of one writer's chain, moved in the transaction that appends to it."""

    __tablename__ = "writers"
    __table_args__ = (_digest("hash"),)

    name: str = Field(primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    day: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class IssuedRow(Table, table=True):
    """A live token, so that revoking its chain finds it."""

    __tablename__ = "issued"
    __table_args__ = (_digest("digest"), _KEYED)

    chain: str = Field(primary_key=True)
    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    expires: int = Field(sa_type=BigInteger, index=True)


class TombstoneRow(Table, table=True):
    """A revoked token or chain."""

    __tablename__ = "tombstones"
    __table_args__ = (_digest("digest"), _KEYED)

    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    expires: int = Field(sa_type=BigInteger, index=True)
    written: int = Field(sa_type=BigInteger, index=True)


class RefreshTokenRow(Table, table=True):
    """A refresh token by its hash; whose it is can be read with the token only."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (_digest("digest"), _KEYED)

    digest: bytes = Field(primary_key=True, sa_type=LargeBinary)
    family: str
    parent: bytes | None = Field(default=None, sa_type=LargeBinary)
    issuer: str
    client_id: str
    issued: int = Field(sa_type=BigInteger)
    expires: int = Field(sa_type=BigInteger)
    family_expires: int = Field(sa_type=BigInteger, index=True)
    sealed: bytes = Field(sa_type=LargeBinary)
    rotated: int | None = Field(default=None, sa_type=BigInteger)


class EpochRow(Table, table=True):
    """The one epoch row, and the version that the bundle epoch points at."""

    __tablename__ = "epochs"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: int = Field(primary_key=True)
    bundle: int = Field(sa_type=BigInteger)
    bundle_version: str | None = None
    withdrawals: int = Field(sa_type=BigInteger)
    revocations: int = Field(sa_type=BigInteger)
    beat: int = Field(sa_type=BigInteger)


class BundleRow(Table, table=True):
    """One immutable version of the governance bundle, canonical JSON."""

    __tablename__ = "bundles"

    version: str = Field(primary_key=True)
    document: bytes = Field(sa_type=LargeBinary)
    author: str
    why: str
    written: int = Field(sa_type=BigInteger)


class ActivationRow(Table, table=True):
    """One flip of the pointer: which version, by whom and why."""

    __tablename__ = "activations"

    epoch: int = Field(primary_key=True, sa_type=BigInteger)
    version: str = Field(index=True)
    author: str
    why: str
    decision_id: str
    written: int = Field(sa_type=BigInteger)


class WithdrawalRow(Table, table=True):
    """A block of a user, client, issuer, resource, credential or kid."""

    __tablename__ = "withdrawals"

    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    reason: str
    until: int | None = Field(default=None, sa_type=BigInteger)
    written: int = Field(sa_type=BigInteger)
    author: str = Field(default="", sa_column_kwargs={"server_default": ""})
    authored: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """When the author wrote; another than `written` where a release without authors wrote since."""


class IntrospectionRow(Table, table=True):
    """Introspections of one token by one asker in one minute (class 2)."""

    __tablename__ = "introspections"

    minute: int = Field(primary_key=True, sa_type=BigInteger)
    token: str = Field(primary_key=True)
    asker: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)
    decision_id: str


class RefusalRow(Table, table=True):
    """Refusals before client authentication, by address and minute (class 3)."""

    __tablename__ = "refusals"

    minute: int = Field(primary_key=True, sa_type=BigInteger)
    address: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)
    decision_id: str
