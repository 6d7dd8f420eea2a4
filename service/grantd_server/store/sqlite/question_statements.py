"""The statements behind `grantd_server.store.questions`, for SQLite."""

from __future__ import annotations

from typing import Final

from grantd_server.store.records.rows import NAMES

_COLUMNS: Final = ", ".join(NAMES)

ENTRIES: Final = f"SELECT {_COLUMNS} FROM records WHERE id > ? AND id < ? AND %s ORDER BY id DESC LIMIT ?"
WRITTEN_AFTER: Final = f"SELECT {_COLUMNS} FROM records WHERE writer = ? AND seq > ? ORDER BY seq LIMIT ?"
BURIED: Final = "SELECT digest, expires, written FROM tombstones WHERE digest = ?"
ISSUED_BELOW: Final = "SELECT digest, expires FROM issued WHERE chain = ? ORDER BY digest LIMIT ?"

# One look-up a minute and token: there is no index by token alone, and none is needed.
INTROSPECTED: Final = """\
WITH RECURSIVE minutes (minute) AS (VALUES (?) UNION ALL SELECT minute + 1 FROM minutes WHERE minute < ?)
SELECT sums.minute, sums.token, sums.asker, sums.outcome, sums.count, sums.decision_id
FROM minutes CROSS JOIN json_each(?) AS asked CROSS JOIN introspections AS sums
ON sums.minute = minutes.minute AND sums.token = asked.value
ORDER BY sums.minute, sums.token, sums.asker, sums.outcome"""

# A body that somebody damaged is no JSON; it must not end the report.
_GRANTED: Final = """\
SELECT client, subject, rpc, time_us,
json_extract(text, '$.audience') AS audience, json_extract(text, '$.resources') AS resources,
json_extract(text, '$.scopes_granted') AS scopes, json_extract(text, '$.subject_key') AS subject_key
FROM (SELECT *, CAST(body AS TEXT) AS text FROM records
  WHERE id > :after AND id < :before AND outcome = 'granted' AND client <> ''
  AND rpc IN ('ExchangeIdentity', 'RedeemGrant')) WHERE json_valid(text)"""
USED: Final = f"""\
SELECT client, rpc, audience, resources, scopes, count(*), max(time_us) FROM ({_GRANTED})
WHERE audience IS NOT NULL AND resources IS NOT NULL AND scopes IS NOT NULL
GROUP BY client, rpc, audience, resources, scopes"""
USERS: Final = f"""\
SELECT granted.client, named.name, granted.rpc, coalesce(granted.subject_key, ''), count(DISTINCT granted.subject)
FROM ({_GRANTED}) AS granted JOIN (
  SELECT json_extract(value, '$[0]') AS audience, json_extract(value, '$[1]') AS resources,
  json_extract(value, '$[2]') AS name FROM json_each(:names)) AS named
ON named.audience = granted.audience AND named.resources = granted.resources
GROUP BY 1, 2, 3, 4"""
