"""Fills a database with what a long life leaves behind, quickly."""

from __future__ import annotations

from typing import Final

import asyncpg

DAYS: Final = 86400
BATCH: Final = 250_000

# All live: none of it leaves while it is measured.
MARKS: Final = """\
INSERT INTO marks (space, issuer, digest, use, until, decision_id, owner)
SELECT 1, 'https://id.partner.example', sha256(convert_to('mark ' || n, 'UTF8')), 1,
  extract(epoch FROM now())::bigint + 86400, 'd' || lpad(to_hex(n), 32, '0'), NULL
FROM generate_series($1::bigint, $2::bigint) AS n"""

# Today's, so that they are in the trees into which a call writes; their ids are of the last day.
RECORDS: Final = """\
INSERT INTO records (id, time_us, rpc, outcome, reason, issuer, client, subject, chain, body, writer, writer_epoch,
  seq, prev_hash, hash, day)
SELECT 'd' || lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 86400000 + n / 100), 12, '0')
    || substr(md5(n::text), 1, 20),
  (extract(epoch FROM now()) * 1000000)::bigint - 86400000000 + n * 10, 'RedeemGrant', 'granted', '',
  'https://as.tools.example', 'desk', md5('s' || n % 10000), md5(n::text) || md5('c' || n),
  convert_to(repeat(md5(n::text), 16), 'UTF8'), 'filled/' || n % 3, 1, n, sha256(convert_to('p' || n, 'UTF8')),
  sha256(convert_to('h' || n, 'UTF8')), extract(epoch FROM now())::bigint / 86400
FROM generate_series($1::bigint, $2::bigint) AS n"""

# Over the last hour; their tokens are good for another.
REVOCATIONS: Final = """\
INSERT INTO tombstones (digest, expires, written)
SELECT sha256(convert_to('tomb ' || n, 'UTF8')), extract(epoch FROM now())::bigint + 3600,
  extract(epoch FROM now())::bigint - 3600 + n * 3600 / $2::bigint
FROM generate_series($1::bigint, $2::bigint) AS n"""
# All in one second, as when one chain after the other of a whole company is ended at once.
BURST: Final = REVOCATIONS.replace("- 3600 + n * 3600 / $2::bigint", "+ 0 * $2::bigint")


async def fill(url: str, statement: str, rows: int) -> None:
    """Runs a filling statement for rows 1 to `rows`, and lets PostgreSQL look at them."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        size = max(rows, 1) if "tombstones" in statement else BATCH  # it dates them by how many there are
        for first in range(1, rows + 1, size):
            await connection.execute(statement, first, min(rows, first + size - 1), timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()
