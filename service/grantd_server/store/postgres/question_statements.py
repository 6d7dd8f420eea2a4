"""The statements behind `grantd_server.store.questions`, for PostgreSQL."""

from __future__ import annotations

from typing import Final

from grantd_server.store.records.rows import NAMES

_COLUMNS: Final = ", ".join(NAMES)

ENTRIES: Final = f"SELECT {_COLUMNS} FROM records WHERE id > $2 AND id < $3 AND %s ORDER BY id DESC LIMIT $1"
WRITTEN_AFTER: Final = f"SELECT {_COLUMNS} FROM records WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3"
BURIED: Final = "SELECT digest, expires, written FROM tombstones WHERE digest = ANY($1::bytea[]) ORDER BY digest"
ISSUED_BELOW: Final = "SELECT digest, expires FROM issued WHERE chain = $1 ORDER BY digest LIMIT $2"
INTROSPECTED: Final = """\
SELECT sums.minute, sums.token, sums.asker, sums.outcome, sums.count, sums.decision_id
FROM generate_series($1::bigint, $2::bigint) AS minutes (minute) CROSS JOIN unnest($3::text[]) AS asked (token)
JOIN introspections AS sums ON sums.minute = minutes.minute AND sums.token = asked.token
ORDER BY sums.minute, sums.token, sums.asker, sums.outcome"""

# Not by PostgreSQL's own JSON, which stops at a hostile \u0000 anywhere in the body. Names
# are in the order of the alphabet and a quote inside of a text is escaped, so that the
# first of a name in this form is the record's own.
_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_LIST: Final = rf"\[(?:{_TEXT},?)*\]"


def _member(name: str, form: str) -> str:
    return f"""substring(text from '"{name}":({form})')"""


_GRANTED: Final = f"""\
SELECT client, subject, rpc, time_us, {_member("audience", _TEXT)} AS audience, {_member("resources", _LIST)} AS resources,
{_member("scopes_granted", _LIST)} AS scopes, {_member("subject_key", _TEXT)} AS subject_key
FROM (SELECT client, subject, rpc, time_us, convert_from(body, 'UTF8') AS text FROM records
  WHERE id > $1 AND id < $2 AND outcome = 'granted' AND client <> ''
  AND rpc IN ('ExchangeIdentity', 'RedeemGrant')) AS bodies"""
USED: Final = f"""\
SELECT client, rpc, trim(both '"' from audience), resources, scopes, count(*), max(time_us)
FROM ({_GRANTED}) AS granted WHERE audience IS NOT NULL AND resources IS NOT NULL AND scopes IS NOT NULL
GROUP BY 1, 2, 3, 4, 5"""
USERS: Final = f"""\
SELECT granted.client, named.name, granted.rpc, coalesce(trim(both '"' from granted.subject_key), ''),
count(DISTINCT granted.subject)
FROM ({_GRANTED}) AS granted JOIN unnest($3::text[], $4::text[], $5::text[]) AS named (audience, resources, name)
ON named.audience = trim(both '"' from granted.audience) AND named.resources = granted.resources
GROUP BY 1, 2, 3, 4"""
