"""The days of `records`: a partition each, made ahead and dropped whole.

A day for which none was made is kept in `records_rest`, so that no call ever fails for
want of one; whoever may not change tables leaves that to `grantd db upgrade`. A day that
was begun there stays there to its end: PostgreSQL would refuse it a partition, and look
for that through all of the rest under a lock that every call waits behind.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from grantd_server.store import StoreUnavailable
from grantd_server.store.postgres import statements as sql
from grantd_server.store.postgres.locks import PARTITIONS, SPACE
from grantd_server.store.tables import PARTITION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.store.postgres.connection.link import SharedLink

AHEAD: Final = 7
"""Days that have their partition before they come."""

_QUEUE: Final = 250
"""Milliseconds that a change waits for the table: every call waits behind it."""
_TRIES: Final = 20
_DAY: Final = 86400


def name_of(day: int) -> str:
    """The partition of a day since 1970."""
    return f"{PARTITION}{datetime.fromtimestamp(day * _DAY, UTC):%Y%m%d}"


async def make_ahead(link: SharedLink) -> int:
    """Makes the partitions of today and the days to come that are not there; how many.
    One that cannot be made now is left to the next time."""
    made = 0
    ((today,),) = await link.fetch(sql.TODAY)
    there = {name for name, _ in await _days(link)}
    for day in range(today, today + AHEAD + 1):
        if name_of(day) not in there and not (day == today and await _begun_in_rest(link, today)):
            made += await _changed(
                link, f"CREATE TABLE IF NOT EXISTS {name_of(day)} PARTITION OF records FOR VALUES FROM ({day}) TO ({day + 1})"
            )  # fmt: skip
    return made


async def drop_before(link: SharedLink, day: int) -> None:
    """Drops the partitions of all days before `day`.

    Raises:
        StoreUnavailable: one could not be dropped; what was dropped before stays so.
    """
    for name, of in await _days(link):
        if of >= day:
            continue
        for _ in range(_TRIES):
            if await _changed(link, f"DROP TABLE IF EXISTS {name}"):
                break
        else:
            raise StoreUnavailable(f"{name} cannot be dropped now: it is in use, or not ours")


async def _begun_in_rest(link: SharedLink, day: int) -> bool:
    """True when records of the day are in the rest, and when that cannot be told now."""
    try:
        return bool(await link.fetch(sql.IN_REST, day))
    except StoreUnavailable:
        return True


async def _days(link: SharedLink) -> list[tuple[str, int]]:
    """The partitions that are there, and the day of each."""
    return list(_dated(row[0] for row in await link.fetch(sql.PARTITIONS)))


def _dated(names: Iterator[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        text = name.removeprefix(PARTITION)
        if text.isdigit():
            yield name, int(datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).timestamp()) // _DAY


async def _changed(link: SharedLink, statement: str) -> bool:
    """Makes one change of the table; False when somebody is in the way."""
    try:
        await link.alone(
            f"SET LOCAL lock_timeout = {_QUEUE}; SELECT pg_advisory_xact_lock({SPACE}, {PARTITIONS}); {statement}"
        )
    except StoreUnavailable:
        return False
    return True
