"""The hash chain of a writer's records: each names the hash of the one before.

Pure: rows in, verdict out. It finds what was edited, dropped, swapped or added
between two rows; a tail that was cut off is found by comparing with a known head.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.store import Entry, StoredEntry

GENESIS = bytes(32)
"""`prev_hash` of a writer's first record."""

MOVED_BY: Final = 1000
"""Numbers to either side among which the place of a moved row is looked for."""

_DOMAIN = b"grantd record 1"
"""Says what is hashed, so that no other hash of ours can be passed off as a link."""


class Head(NamedTuple):
    """The last record of one writer's chain."""

    writer: str
    epoch: int
    seq: int
    hash: bytes


def link(prev_hash: bytes, writer: str, writer_epoch: int, seq: int, entry: Entry) -> bytes:
    """Computes the hash of one record: SHA-256 over its place and all its columns.

    The bytes hashed are the domain, `prev_hash` (32 bytes), the other columns as a JSON
    array in ASCII without white space, a line feed, and the body.
    """
    columns = (
        writer, writer_epoch, seq, entry.id, entry.time_us, entry.rpc, entry.outcome, entry.reason, entry.issuer,
        entry.client, entry.subject, entry.chain,
    )  # fmt: skip
    # JSON tells where each column ends: without that, moving a byte from one column to
    # its neighbour would give the same hash. The body comes last, so it needs no end.
    return sha256(
        b"%b%b%b\n%b" % (_DOMAIN, prev_hash, json.dumps(columns, separators=(",", ":")).encode(), entry.body)
    ).digest()


def verify(rows: Iterable[StoredEntry]) -> StoredEntry | None:
    """Finds the first bad row among whole chains, each in order of `seq`; None: all hold.

    Several writers may be mixed. The row named is the first that does not fit: the
    one edited, or the one after a row that is missing or was moved.
    """
    heads: dict[str, Head] = {}
    for row in rows:
        if misfit(row, heads.get(row.writer, start(row.writer))):
            return row
        heads[row.writer] = head_of(row)
    return None


def start(writer: str) -> Head:
    """What a writer's first record follows."""
    return Head(writer, 0, 0, GENESIS)


def head_of(row: StoredEntry) -> Head:
    """The end of a chain whose last record is `row`."""
    return Head(row.writer, row.writer_epoch, row.seq, row.hash)


def misfit(row: StoredEntry, before: Head) -> str:
    """Says why a row does not follow `before`, in one phrase; empty when it does."""
    if not _holds(row, row.seq):
        return _how_it_changed(row)
    if row.seq > before.seq + 1:
        gone = row.seq - before.seq - 1
        return f"missing: {gone} row{'s' if gone > 1 else ''} before it, from {before.seq + 1} to {row.seq - 1}"
    if row.seq <= before.seq:
        return f"moved: it comes after row {before.seq}"
    if row.prev_hash != before.hash:
        return f"foreign: it was written after another row {before.seq} than the one that is here"
    if row.writer_epoch < before.epoch:
        return f"foreign: epoch {row.writer_epoch} had ended, the row before is of epoch {before.epoch}"
    return ""


def _holds(row: StoredEntry, seq: int) -> bool:
    try:
        return row.hash == link(row.prev_hash, row.writer, row.writer_epoch, seq, row.entry)
    except TypeError:
        return False  # SQLite takes any type in any column, and this one is not what we wrote


def _how_it_changed(row: StoredEntry) -> str:
    try:
        near = range(max(1, row.seq - MOVED_BY), row.seq + MOVED_BY + 1)
    except TypeError:
        near = range(0)
    written = next((seq for seq in near if _holds(row, seq)), None)
    return "edited: its hash is not that of its content" if written is None else f"moved: it was written as {written}"
