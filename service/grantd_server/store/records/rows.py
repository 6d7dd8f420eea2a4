"""A record as a row of its table, both ways, and all of them in the order of their chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grantd_server.store import Entry, StoredEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

NAMES: Final = (
    "id", "time_us", "rpc", "outcome", "reason", "issuer", "client", "subject", "chain", "body",
    "writer", "writer_epoch", "seq", "prev_hash", "hash",
)  # fmt: skip
"""The columns, in the order of a row here."""


def row_of(stored: StoredEntry) -> tuple[Any, ...]:
    """The row of a record."""
    entry = stored.entry
    return (
        entry.id, entry.time_us, entry.rpc, entry.outcome, entry.reason, entry.issuer, entry.client, entry.subject,
        entry.chain, entry.body, stored.writer, stored.writer_epoch, stored.seq, stored.prev_hash, stored.hash,
    )  # fmt: skip


def stored_in(row: Iterable[Any]) -> StoredEntry:
    """The record of a row."""
    values = tuple(row)
    return StoredEntry(Entry(*values[:10]), *values[10:])


async def in_order(page: Callable[[str, int], Awaitable[Sequence[StoredEntry]]]) -> AsyncIterator[StoredEntry]:
    """Every record; `page` reads the next after a writer and a number."""
    after: tuple[str, int] = ("", 0)
    while found := await page(*after):
        for stored in found:
            yield stored
        after = (found[-1].writer, found[-1].seq)
