"""The hash chain of a writer's records: each names the hash of the one before.

Pure: rows in, verdict out. It finds what was edited, dropped, swapped or added
between two rows; a tail that was cut off is found by comparing with a known head.
"""

from __future__ import annotations

import json
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
    heads: dict[str, tuple[int, int, bytes]] = {}
    for row in rows:
        epoch, seq, head = heads.get(row.writer, (0, 0, GENESIS))
        follows = row.seq == seq + 1 and row.prev_hash == head and row.writer_epoch >= epoch
        if not follows or row.hash != link(row.prev_hash, row.writer, row.writer_epoch, row.seq, row.entry):
            return row
        heads[row.writer] = (row.writer_epoch, row.seq, row.hash)
    return None
