"""Which advisory locks a transaction takes, and the text that begins it with them.

All are taken at the start, in one order, before anything is read: the first statement
after that sees whatever was committed before the lock was given. They end with the
transaction, and so work behind a pooler. docs/decisions/0013 says what they guarantee.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grantd_server.store import Write
    from grantd_server.store.window.settlement import Job

SPACE: Final = 0x67726E74
"""The first key of every advisory lock of ours; the second is one of these."""
MIGRATION: Final = -1
PARTITIONS: Final = -2
LIVE_STATE: Final = 0
_CHAINS: Final = 1024
"""Locks that chains are spread over, from 1 on. Few, so that no window can fill
PostgreSQL's table of locks; two chains that share one wait for each other at worst."""

LOCK_WAIT: Final = 250
"""Milliseconds that a statement waits for another writer before it gives up."""

_IDLE: Final = 5000
"""Milliseconds after which the server ends a transaction whose client fell silent, so
that a frozen replica does not hold its locks for ever."""

# `statement_timeout` could end the wait for a standby, and the COMMIT would then count.
_BEGIN: Final = f"""\
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('lock_timeout', '{LOCK_WAIT}', true), set_config('statement_timeout', '0', true),
set_config('idle_in_transaction_session_timeout', '{_IDLE}', true), set_config('synchronous_commit',
CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)"""


def beginning(jobs: Sequence[Job]) -> str:
    """The statements that begin a transaction for these jobs.

    Who issues shares the locks of the live state and of its chains; who revokes has
    those of its chains alone, and who changes the live state has that one alone.
    """
    leads = any(job.leads for job in jobs)
    moves = any(job.effect is not None for job in jobs)
    writes = [job.write for job in jobs if job.write is not None]
    chains = {_number(chain) for write in writes for chain in _chains(write, ends=leads)}
    if moves or chains or any(write.epochs is not None for write in writes):
        taken = f"{_BEGIN};\nSELECT {_lock(exclusive=moves)}({SPACE}, {LIVE_STATE})"
    else:
        taken = _BEGIN
    if chains:
        numbers = ",".join(str(number) for number in sorted(chains))
        taken += f";\nSELECT count({_lock(exclusive=leads)}({SPACE}, n)::text) FROM unnest('{{{numbers}}}'::int[]) AS n"
    return taken


def _lock(*, exclusive: bool) -> str:
    return "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"


def _chains(write: Write, *, ends: bool) -> Iterator[bytes]:
    for token in write.issued:
        yield bytes.fromhex(token.chain)
    for kept in write.refresh_tokens:
        yield bytes.fromhex(kept.family)
    if ends:
        for tombstone in write.tombstones:
            yield tombstone.digest


def _number(chain: bytes) -> int:
    return 1 + int.from_bytes(chain[:4]) % _CHAINS
