"""Every statement that PostgreSQL is asked, for whole batches: arrays in, one round trip.

`clock_timestamp()` is the database clock: one clock for all who share the database.
"""

from __future__ import annotations

from typing import Final

from grantd_server.store import MARGIN, OVERLAP
from grantd_server.store.records.rows import NAMES

_NOW: Final = "floor(extract(epoch FROM clock_timestamp()))::bigint"
_COLUMNS: Final = ", ".join(NAMES)

CHANNEL: Final = "grantd_live_state"
_WAKE: Final = f"RETURNING pg_notify('{CHANNEL}', '')"
"""Wakes whoever listens, at COMMIT; who missed it polls."""

HAS_SCHEMA: Final = "SELECT to_regclass('alembic_version') IS NOT NULL"
SCHEMA: Final = "SELECT version_num FROM alembic_version"

STANDING: Final = """\
SELECT bundle, withdrawals, revocations,
ARRAY(SELECT digest FROM tombstones WHERE digest = ANY($1::bytea[])) AS buried FROM epochs WHERE id = 1"""

# The insert is the decision. Of identical rows in one statement one is inserted: the
# decision id that comes back says whose.
MARK: Final = """\
INSERT INTO marks (space, issuer, digest, use, until, decision_id, owner)
SELECT * FROM unnest($1::int[], $2::text[], $3::bytea[], $4::int[], $5::bigint[], $6::text[], $7::text[])
ON CONFLICT DO NOTHING RETURNING space, issuer, digest, decision_id"""
WINNERS: Final = """\
SELECT DISTINCT ON (space, issuer, digest) space, issuer, digest, use, decision_id
FROM marks JOIN unnest($1::int[], $2::text[], $3::bytea[]) AS asked (space, issuer, digest)
USING (space, issuer, digest) ORDER BY space, issuer, digest, use DESC"""
# Only for whom it is bound to. What is spent is bound to nobody, and the decision that
# spent it is the one to name.
REBIND: Final = """\
UPDATE marks SET owner = $5::text, decision_id = CASE $5::text WHEN '' THEN $6 ELSE decision_id END
WHERE space = $1 AND issuer = $2 AND digest = $3 AND use = 1 AND owner = $4 RETURNING use"""

_ISSUED: Final = (
    "INSERT INTO issued (digest, chain, expires) SELECT * FROM unnest({}::bytea[], {}::text[], {}::bigint[])"
)
ISSUE: Final = _ISSUED.format("$1", "$2", "$3")

_KEPT: Final = "digest, family, parent, issuer, client_id, issued, expires, family_expires, sealed, rotated"
KEEP: Final = f"""\
WITH replaced AS (
  UPDATE refresh_tokens AS old SET rotated = next.issued, sealed = ''
  FROM unnest($3::bytea[], $6::bigint[]) AS next (parent, issued) WHERE old.digest = next.parent)
INSERT INTO refresh_tokens ({_KEPT}) SELECT * FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::text[],
$5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[], $10::bigint[])"""
KEPT: Final = f"SELECT {_KEPT} FROM refresh_tokens WHERE digest = $1"

# Its row lock lasts until COMMIT: who revokes does so one after the other from here on,
# and `written`, never before what is there, rises in the order of their commits. A poll
# that goes on from the newest that it saw misses none, however late a COMMIT ends.
REVOKED: Final = f"UPDATE epochs SET revocations = revocations + 1 WHERE id = 1 {_WAKE}"
# A chain's tombstone stays as long as the longest-lived token below it.
BURY: Final = f"""\
WITH dead AS (SELECT * FROM unnest($1::bytea[], $2::bigint[]) AS asked (digest, expires)),
below AS (SELECT issued.chain, issued.digest, issued.expires FROM issued
  WHERE chain IN (SELECT encode(digest, 'hex') FROM dead))
INSERT INTO tombstones (digest, expires, written)
SELECT digest, max(expires), greatest({_NOW}, (SELECT max(written) FROM tombstones)) FROM (
  SELECT digest, expires FROM dead
  UNION ALL SELECT decode(chain, 'hex'), expires FROM below
  UNION ALL SELECT digest, expires FROM below WHERE expires > {_NOW}) AS gone
GROUP BY digest ORDER BY digest
ON CONFLICT (digest) DO UPDATE SET expires = excluded.expires, written = excluded.written
WHERE tombstones.expires < excluded.expires"""

CLAIM: Final = """\
INSERT INTO writers (name, epoch, seq, hash) VALUES ($1, 1, 0, $2)
ON CONFLICT (name) DO UPDATE SET epoch = writers.epoch + 1 RETURNING epoch, seq, hash"""
# One round trip for all that needs no answer but this: is the writer still ours?
APPEND: Final = f"""\
WITH moved AS (
  UPDATE writers SET seq = $3, hash = $4, day = greatest(day, {_NOW} / 86400)
  WHERE name = $1 AND epoch = $2 RETURNING day),
noted AS ({_ISSUED.format("$5", "$6", "$7")}),
written AS (INSERT INTO records ({_COLUMNS}, day)
  SELECT entry.*, moved.day FROM moved, unnest($8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[],
  $13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[], $18::text[], $19::bigint[], $20::bigint[],
  $21::bytea[], $22::bytea[]) AS entry)
SELECT count(*) FROM moved"""

ENTRY: Final = f"SELECT {_COLUMNS} FROM records WHERE id = $1"
HISTORY: Final = f"SELECT {_COLUMNS} FROM records WHERE (writer, seq) > ($1, $2) ORDER BY writer, seq LIMIT $3"
# The days find the partitions; a clock that differs from the database's is in the next one.
DECISIONS: Final = """\
SELECT id, body FROM records WHERE id > $1 AND id < $2 AND day BETWEEN $3 AND $4 AND rpc = ANY($5::text[])
ORDER BY id LIMIT $6"""
DECISION_SPAN: Final = """\
SELECT min(id), max(id), count(*) FROM records WHERE id > $1 AND id < $2 AND day BETWEEN $3 AND $4"""
HEADS: Final = "SELECT name, epoch, seq, hash FROM writers ORDER BY name"

TODAY: Final = f"SELECT {_NOW} / 86400"
PARTITIONS: Final = """\
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'records'::regclass ORDER BY relname"""
PRUNABLE: Final = """\
SELECT writers.name, last.writer_epoch, last.seq, last.hash FROM writers CROSS JOIN LATERAL (
  SELECT writer_epoch, seq, hash FROM records WHERE writer = writers.name AND day < $1 ORDER BY seq DESC LIMIT 1) AS last
ORDER BY writers.name"""
IN_REST: Final = "SELECT 1 FROM records_rest WHERE day = $1 LIMIT 1"
PRUNE_REST: Final = """\
WITH gone AS (DELETE FROM records_rest WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM records_rest WHERE day < $1 LIMIT $2)) RETURNING 1)
SELECT count(*) FROM gone"""

PUT_BUNDLE: Final = f"""\
INSERT INTO bundles (version, document, author, why, written) VALUES ($1, $2, $3, $4, {_NOW})
ON CONFLICT (version) DO NOTHING"""
BUNDLE: Final = "SELECT document FROM bundles WHERE version = $1"
ACTIVATE: Final = f"""\
UPDATE epochs SET bundle = bundle + 1, bundle_version = $1
WHERE id = 1 AND bundle = $2 AND EXISTS (SELECT 1 FROM bundles WHERE version = $1) {_WAKE}, bundle"""
ACTIVE: Final = """\
SELECT epochs.bundle, bundles.version, bundles.document
FROM epochs JOIN bundles ON bundles.version = epochs.bundle_version WHERE epochs.id = 1"""
ACTIVATED: Final = f"""\
INSERT INTO activations (epoch, version, author, why, decision_id, written) VALUES ($1, $2, $3, $4, $5, {_NOW})"""
ACTIVATION: Final = (
    "SELECT epoch, version, author, why, decision_id, written FROM activations ORDER BY epoch DESC LIMIT 1"
)
# Of one second, what was put in force later is the newer.
BUNDLES: Final = """\
WITH listed AS (
  SELECT bundles.version, bundles.written, bundles.author, bundles.why, coalesce(last.epoch, 0) AS epoch,
  coalesce(last.written, 0) AS activated, coalesce(last.author, '') AS activated_by
  FROM bundles LEFT JOIN activations AS last
  ON last.epoch = (SELECT max(epoch) FROM activations WHERE activations.version = bundles.version))
SELECT * FROM listed
WHERE $1::text = '' OR (written, epoch, version) < (SELECT written, epoch, version FROM listed WHERE version = $1::text)
ORDER BY written DESC, epoch DESC, version DESC LIMIT $2"""

# A family has the chains of its grants below it, and those their tokens.
BELOW: Final = f"""\
WITH hung AS (SELECT digest, expires FROM issued WHERE chain = $1),
below AS (SELECT expires FROM hung UNION ALL
  SELECT expires FROM issued WHERE chain IN (SELECT encode(digest, 'hex') FROM hung))
SELECT (SELECT count(*) FROM below WHERE expires > {_NOW}),
greatest(coalesce((SELECT max(expires) FROM below), 0),
  coalesce((SELECT max(family_expires) FROM refresh_tokens WHERE family = $1), 0))"""

WITHDRAW: Final = f"""\
INSERT INTO withdrawals (kind, name, reason, until, author, written, authored)
SELECT $1, $2, $3, $4::bigint, $5, clock.now, clock.now FROM (SELECT {_NOW} AS now) AS clock
ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason, until = excluded.until,
author = excluded.author, written = excluded.written, authored = excluded.authored"""
RESTORE: Final = "DELETE FROM withdrawals WHERE kind = $1 AND name = $2 RETURNING kind"
WITHDRAWN: Final = f"UPDATE epochs SET withdrawals = withdrawals + 1 WHERE id = 1 {_WAKE}"

# One statement is one snapshot: epochs that ran ahead of the withdrawals would hide a block.
LIVE_STATE: Final = f"""\
SELECT bundle, withdrawals, revocations, {_NOW} AS now,
coalesce((SELECT max(written) FROM tombstones), 0) AS newest, blocked.*, dead.*
FROM epochs, (SELECT coalesce(array_agg(kind), '{{}}') AS kinds, coalesce(array_agg(name), '{{}}') AS names,
  coalesce(array_agg(reason), '{{}}') AS reasons, coalesce(array_agg(until), '{{}}') AS untils,
  coalesce(array_agg(CASE WHEN authored = written THEN author ELSE '' END), '{{}}') AS authors,
  coalesce(array_agg(written), '{{}}') AS times FROM withdrawals) AS blocked,
(SELECT coalesce(array_agg(digest), '{{}}') AS digests, coalesce(array_agg(expires), '{{}}') AS expiries FROM tombstones
  WHERE written >= $1 - {OVERLAP} AND expires > {_NOW} - {MARGIN}
  AND ((SELECT revocations FROM epochs WHERE id = 1) IS DISTINCT FROM $2::bigint
    OR (SELECT max(written) FROM tombstones) IS DISTINCT FROM $1)) AS dead
WHERE id = 1"""

BEAT: Final = f"UPDATE epochs SET beat = {_NOW} WHERE id = 1"

# The newest decision id is kept: it is the one that somebody still has at hand.
BEHIND: Final = {
    "introspections": """\
INSERT INTO introspections AS old (minute, token, asker, outcome, count, decision_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) ORDER BY 1, 2, 3, 4
ON CONFLICT (minute, token, asker, outcome)
DO UPDATE SET count = old.count + excluded.count, decision_id = excluded.decision_id""",
    "refusals": """\
INSERT INTO refusals AS old (minute, address, reason, count, decision_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[]) ORDER BY 1, 2, 3
ON CONFLICT (minute, address, reason)
DO UPDATE SET count = old.count + excluded.count, decision_id = excluded.decision_id""",
}
BEHIND_COLUMNS: Final = {
    "introspections": ("minute", "token", "asker", "outcome", "count", "decision_id"),
    "refusals": ("minute", "address", "reason", "count", "decision_id"),
}
AGGREGATES: Final = {
    table: f"SELECT {', '.join(columns)} FROM {table} ORDER BY minute DESC LIMIT $1"
    for table, columns in BEHIND_COLUMNS.items()
}


def _bite(table: str, where: str) -> str:
    """Deletes one bite. Rows that another replica deletes just now are left to it."""
    return f"""\
WITH gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM {table} {where} FOR UPDATE SKIP LOCKED)) RETURNING 1)
SELECT count(*) FROM gone"""


# Rows leave by the database clock, never before their time.
PURGES: Final = tuple(
    _bite(table, f"WHERE {column} < {_NOW} - {MARGIN} LIMIT $1")
    for table, column in (
        ("marks", "until"),
        ("issued", "expires"),
        ("tombstones", "expires"),
        ("refresh_tokens", "family_expires"),
        ("withdrawals", "until"),
    )
)
CAPS: Final = {
    table: _bite(table, f"ORDER BY minute LIMIT greatest(0, least($1, (SELECT count(*) FROM {table}) - $2))")
    for table in BEHIND_COLUMNS
}
