"""The hash chain of a writer's records: each names the hash of the one before.

Pure: rows in, verdict out. It finds what was edited, dropped, swapped or added
between two rows; a tail that was cut off is found by comparing with a known head.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.store import Entry, StoredEntry

GENESIS = bytes(32)
"""`prev_hash` of a writer's first record."""

_DOMAIN = b"grantd record 1"
"""Says what is hashed, so that no other hash of ours can be passed off as a link."""


def link(prev_hash: bytes, writer: str, writer_epoch: int, seq: int, entry: Entry) -> bytes:
    """Computes the hash of one record: SHA-256 over its place and all its columns."""
    parts = (
        _DOMAIN,
        prev_hash,
        writer.encode(),
        b"%d" % writer_epoch,
        b"%d" % seq,
        entry.id.encode(),
        b"%d" % entry.time_us,
        entry.rpc.encode(),
        entry.outcome.encode(),
        entry.reason.encode(),
        entry.issuer.encode(),
        entry.client.encode(),
        entry.subject.encode(),
        entry.chain.encode(),
        entry.body,
    )
    # Each part goes in with its length: without it, moving a byte from one column
    # to its neighbour would give the same hash.
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def verify(rows: Iterable[StoredEntry]) -> StoredEntry | None:
    """Finds the first bad row among whole chains, each in order of `seq`; None: all hold.

    Several writers may be mixed. The row named is the first that does not fit: the
    one edited, or the one after a row that is missing or was moved.
    """
    heads: dict[str, tuple[int, int, bytes]] = {}
    for row in rows:
        epoch, seq, head = heads.get(row.writer, (0, 0, GENESIS))
        follows = row.seq == seq + 1 and row.prev_hash == head and row.writer_epoch >= epoch
        if not follows or row.hash != link(row.prev_hash, row.writer, row.writer_epoch, row.seq, row.entry):
            return row
        heads[row.writer] = (row.writer_epoch, row.seq, row.hash)
    return None
