"""Reads what a PostgreSQL holds: records and their chain in one snapshot, and from time to
time the rows that leave when they have outlived their time."""

from __future__ import annotations

import json
from typing import Any, Final

import asyncpg

from chaos.evidence import Held, Row, Used
from grantd_server.audit import chain
from grantd_server.store import Entry, Space, StoredEntry
from grantd_server.store.records.rows import NAMES

PAGE: Final = 2000
EVERY: Final = 20.0
"""Seconds between two looks at what leaves: a mark stays for a minute at least."""

_RECORDS: Final = f"SELECT {', '.join(NAMES)} FROM records ORDER BY writer, seq"


class Witness:
    """What one database held since this was made."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._marks: dict[tuple[str, str, int], Used] = {}
        self._issued: set[tuple[str, str]] = set()
        self._tombstones: set[str] = set()

    async def look(self) -> None:
        """Notes marks, issued tokens and tombstones before they leave."""
        connection = await asyncpg.connect(self._url)
        try:
            await self._look(connection)
        finally:
            await connection.close()

    async def testimony(self) -> Held:
        """Everything, the records read and their chain followed."""
        connection = await asyncpg.connect(self._url)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await self._look(connection)
                heads = [
                    chain.Head(*row) for row in await connection.fetch("SELECT name, epoch, seq, hash FROM writers")
                ]
                records: list[Row] = []
                follower = Follower()
                async for raw in connection.cursor(_RECORDS, prefetch=PAGE):
                    stored = StoredEntry(Entry(*raw[:10]), *raw[10:])
                    follower.follow(stored)
                    records.append(_row(stored.entry))
        finally:
            await connection.close()
        broken = follower.broken or follower.short_of(heads)
        return Held(records, list(self._marks.values()), self._issued, self._tombstones, broken)

    async def _look(self, connection: Any) -> None:
        for issuer, digest, use, decision in await connection.fetch(
            "SELECT issuer, digest, use, decision_id FROM marks WHERE space = $1", Space.ID_JAG.value
        ):
            self._marks[issuer, digest.hex(), use] = Used(issuer, digest.hex(), use, decision)
        issued = await connection.fetch("SELECT chain, digest FROM issued")
        self._issued |= {(of, digest.hex()) for of, digest in issued}
        self._tombstones |= {digest.hex() for (digest,) in await connection.fetch("SELECT digest FROM tombstones")}


class Follower:
    """Follows every writer's chain, row by row."""

    def __init__(self) -> None:
        self.broken = ""
        self._heads: dict[str, chain.Head] = {}

    def follow(self, stored: StoredEntry) -> None:
        why = chain.misfit(stored, self._heads.get(stored.writer, chain.start(stored.writer)))
        if why and not self.broken:
            self.broken = f"{stored.writer} {stored.seq}: {why}"
        self._heads[stored.writer] = chain.head_of(stored)

    def short_of(self, heads: list[chain.Head]) -> str:
        """The chain that does not end where its writer's head says."""
        return next(
            (
                f"{head.writer}: the last row is not its head"
                for head in heads
                if (end := self._heads.get(head.writer, chain.start(head.writer))).seq != head.seq
                or end.hash != head.hash
            ),
            "",
        )


def _row(entry: Entry) -> Row:
    body = json.loads(entry.body)
    jti, token = body.get("jti_hash", ""), body.get("token_hash", "")
    return Row(entry.id, entry.rpc, entry.outcome, entry.reason, entry.chain, jti, token)
