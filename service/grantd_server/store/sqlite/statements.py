"""Every statement that SQLite is asked on the road, prepared by the driver by text.

`unixepoch()` is the database clock: one clock for all who share the database.
"""

from __future__ import annotations

from typing import Final

from grantd_server.store import MARGIN, OVERLAP
from grantd_server.store.records.rows import NAMES

_COLUMNS: Final = ", ".join(NAMES)

SCHEMA: Final = "SELECT version_num FROM alembic_version"

EPOCHS: Final = "SELECT bundle, withdrawals, revocations FROM epochs WHERE id = 1"

# The insert is the decision. A look-up first would let two callers both see nothing.
MARK: Final = """\
INSERT INTO marks (space, issuer, digest, use, until, decision_id) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING use"""
MARK_WINNER: Final = """\
SELECT decision_id FROM marks WHERE space = ? AND issuer = ? AND digest = ? ORDER BY use DESC LIMIT 1"""

# One statement again: it binds, or finds itself bound to the same owner, or changes nothing.
# What is spent is bound to nobody, and the decision that spent it is the one to name.
BIND: Final = """\
INSERT INTO marks (space, issuer, digest, use, until, decision_id, owner)
VALUES (:space, :issuer, :digest, 1, :until, :decision_id, :left_to)
ON CONFLICT DO UPDATE SET
owner = excluded.owner,
decision_id = CASE excluded.owner WHEN '' THEN excluded.decision_id ELSE decision_id END
WHERE owner = :owner RETURNING use"""

ISSUE: Final = "INSERT INTO issued (digest, chain, expires) VALUES (?, ?, ?)"
BURIED: Final = "SELECT 1 FROM tombstones WHERE digest = ?"
# Never before one that is there: a poll goes on from the newest that the last one saw.
_WRITTEN: Final = "max(unixepoch(), coalesce((SELECT max(written) FROM tombstones), 0))"
# A chain's tombstone stays as long as the longest-lived token below it.
BURY: Final = f"""\
INSERT INTO tombstones (digest, expires, written)
VALUES (:digest, max(:expires, coalesce((SELECT max(expires) FROM issued WHERE chain = :chain), 0)), {_WRITTEN})
ON CONFLICT (digest) DO UPDATE SET expires = max(expires, excluded.expires)"""
BURY_BELOW: Final = f"""\
INSERT INTO tombstones (digest, expires, written)
SELECT digest, expires, {_WRITTEN} FROM issued WHERE chain = :chain AND expires > unixepoch()
ON CONFLICT (digest) DO NOTHING"""
_KEPT: Final = "digest, family, parent, issuer, client_id, issued, expires, family_expires, sealed, rotated"
KEEP: Final = f"INSERT INTO refresh_tokens ({_KEPT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
KEPT: Final = f"SELECT {_KEPT} FROM refresh_tokens WHERE digest = ?"
ROTATE: Final = "UPDATE refresh_tokens SET rotated = ?, sealed = x'' WHERE digest = ?"

REVOKED: Final = "UPDATE epochs SET revocations = revocations + 1 WHERE id = 1"

CLAIM: Final = """\
INSERT INTO writers (name, epoch, seq, hash) VALUES (?, 1, 0, ?)
ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, seq, hash"""
# A clock that is turned back does not turn the days of a chain back.
ADVANCE: Final = """\
UPDATE writers SET seq = ?, hash = ?, day = max(day, unixepoch() / 86400) WHERE name = ? AND epoch = ? RETURNING day"""
APPEND: Final = f"INSERT INTO records ({_COLUMNS}, day) VALUES ({', '.join('?' * len(NAMES))}, ?)"

ENTRY: Final = f"SELECT {_COLUMNS} FROM records WHERE id = ?"
HISTORY: Final = f"SELECT {_COLUMNS} FROM records WHERE (writer, seq) > (?, ?) ORDER BY writer, seq LIMIT ?"
DECISIONS: Final = """\
SELECT id, body FROM records WHERE id > ? AND id < ? AND rpc IN (?, ?) ORDER BY id LIMIT ?"""
DECISION_SPAN: Final = "SELECT min(id), max(id), count(*) FROM records WHERE id > ? AND id < ?"
HEADS: Final = "SELECT name, epoch, seq, hash FROM writers ORDER BY name"

# Days never fall along a chain: what is before a day is the beginning of it.
PRUNABLE: Final = """\
SELECT writer, writer_epoch, seq, hash FROM records WHERE (writer, seq) IN (
  SELECT name, coalesce((SELECT seq FROM records WHERE writer = name AND day >= ? ORDER BY seq LIMIT 1),
    (SELECT max(seq) + 1 FROM records WHERE writer = name)) - 1 FROM writers)
ORDER BY writer"""
PRUNE: Final = """\
DELETE FROM records WHERE id IN (SELECT id FROM records WHERE writer = ? AND seq <= ? ORDER BY seq LIMIT ?)"""

PUT_BUNDLE: Final = """\
INSERT INTO bundles (version, document, author, why, written) VALUES (?, ?, ?, ?, unixepoch())
ON CONFLICT (version) DO NOTHING"""
BUNDLE: Final = "SELECT document FROM bundles WHERE version = ?"
ACTIVATE: Final = """\
UPDATE epochs SET bundle = bundle + 1, bundle_version = :version
WHERE id = 1 AND bundle = :expected AND EXISTS (SELECT 1 FROM bundles WHERE version = :version) RETURNING bundle"""
ACTIVE: Final = """\
SELECT epochs.bundle, bundles.version, bundles.document
FROM epochs JOIN bundles ON bundles.version = epochs.bundle_version WHERE epochs.id = 1"""
ACTIVATED: Final = """\
INSERT INTO activations (epoch, version, author, why, decision_id, written) VALUES (?, ?, ?, ?, ?, unixepoch())"""
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
WHERE ?1 = '' OR (written, epoch, version) < (SELECT written, epoch, version FROM listed WHERE version = ?1)
ORDER BY written DESC, epoch DESC, version DESC LIMIT ?2"""

# A family has the chains of its grants below it, and those their tokens.
BELOW: Final = """\
WITH hung AS (SELECT digest, expires FROM issued WHERE chain = :chain),
below AS (SELECT expires FROM hung UNION ALL
  SELECT expires FROM issued WHERE chain IN (SELECT lower(hex(digest)) FROM hung))
SELECT (SELECT count(*) FROM below WHERE expires > unixepoch()),
max(coalesce((SELECT max(expires) FROM below), 0),
  coalesce((SELECT max(family_expires) FROM refresh_tokens WHERE family = :chain), 0))"""

WITHDRAW: Final = """\
INSERT INTO withdrawals (kind, name, reason, until, author, written, authored)
VALUES (?, ?, ?, ?, ?, unixepoch(), unixepoch())
ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason, until = excluded.until,
author = excluded.author, written = excluded.written, authored = excluded.authored"""
RESTORE: Final = "DELETE FROM withdrawals WHERE kind = ? AND name = ? RETURNING kind"
WITHDRAWN: Final = "UPDATE epochs SET withdrawals = withdrawals + 1 WHERE id = 1"
WITHDRAWALS: Final = """\
SELECT kind, name, reason, until, CASE WHEN authored = written THEN author ELSE '' END, written FROM withdrawals"""
TOMBSTONES: Final = f"""\
SELECT digest, expires FROM tombstones WHERE written >= ? - {OVERLAP} AND expires > unixepoch() - {MARGIN}"""
NOW: Final = "SELECT unixepoch(), coalesce((SELECT max(written) FROM tombstones), 0)"

BEAT: Final = "UPDATE epochs SET beat = unixepoch() WHERE id = 1"

# The newest decision id is kept: it is the one that somebody still has at hand.
BEHIND: Final = {
    "introspections": """\
INSERT INTO introspections (minute, token, asker, outcome, count, decision_id)
VALUES (:minute, :token, :asker, :outcome, :count, :decision_id)
ON CONFLICT (minute, token, asker, outcome)
DO UPDATE SET count = count + excluded.count, decision_id = excluded.decision_id""",
    "refusals": """\
INSERT INTO refusals (minute, address, reason, count, decision_id)
VALUES (:minute, :address, :reason, :count, :decision_id)
ON CONFLICT (minute, address, reason)
DO UPDATE SET count = count + excluded.count, decision_id = excluded.decision_id""",
}

AGGREGATES: Final = {table: f"SELECT * FROM {table} ORDER BY minute DESC LIMIT ?" for table in BEHIND}

# One bite each. Rows leave by the database clock, never before their time.
PURGES: Final = (
    f"""\
DELETE FROM marks WHERE (space, issuer, digest, use) IN
(SELECT space, issuer, digest, use FROM marks WHERE until < unixepoch() - {MARGIN} LIMIT :bite)""",
    f"""\
DELETE FROM issued WHERE (chain, digest) IN
(SELECT chain, digest FROM issued WHERE expires < unixepoch() - {MARGIN} LIMIT :bite)""",
    f"""\
DELETE FROM tombstones WHERE digest IN
(SELECT digest FROM tombstones WHERE expires < unixepoch() - {MARGIN} LIMIT :bite)""",
    f"""\
DELETE FROM withdrawals WHERE (kind, name) IN
(SELECT kind, name FROM withdrawals WHERE until < unixepoch() - {MARGIN} LIMIT :bite)""",
    f"""\
DELETE FROM refresh_tokens WHERE digest IN
(SELECT digest FROM refresh_tokens WHERE family_expires < unixepoch() - {MARGIN} LIMIT :bite)""",
    """\
DELETE FROM refusals WHERE rowid IN
(SELECT rowid FROM refusals ORDER BY minute
 LIMIT max(0, min(:bite, (SELECT count(*) FROM refusals) - :refusals)))""",
    """\
DELETE FROM introspections WHERE rowid IN
(SELECT rowid FROM introspections ORDER BY minute
 LIMIT max(0, min(:bite, (SELECT count(*) FROM introspections) - :introspections)))""",
)
