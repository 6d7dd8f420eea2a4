"""Lists decisions, newest first, a page at a time: by columns with an index in the
database, by the others in passing, and never through the whole of it at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from grantd_server.store.questions import id_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.store import Entry, Store

_BITE: Final = 200
"""Records read at a time; others on the loop get a turn in between."""
_COLUMNS: Final = ("id", "rpc", "outcome", "reason", "issuer", "client", "subject", "chain")
_MOST: Final = 4000
"""Records looked through for one page."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What decisions are asked for; empty means any."""

    client: str = ""
    subject: str = ""
    reason: str = ""
    chain: str = ""
    rpc: str = ""
    outcome: str = ""
    since: float = 0.0
    until: float = 0.0

    def indexed(self) -> dict[str, str]:
        """What the database finds by itself."""
        found = {"client": self.client, "subject": self.subject, "reason": self.reason, "chain": self.chain}
        return {name: value for name, value in found.items() if value}

    def matches(self, entry: Entry) -> bool:
        """Whether a record is asked for, its time apart."""
        wanted = {**self.indexed(), "rpc": self.rpc, "outcome": self.outcome}
        return all(not value or getattr(entry, name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where the next page goes on: an id, or nothing on the last."""

    bodies: tuple[Mapping[str, Any], ...]
    more: str = ""


async def page_of(store: Store, sought: Sought, size: int, before: str = "") -> Page:
    """The next `size` decisions short of an id; fewer where they are rare."""
    after = id_at(sought.since) if sought.since > 0 else ""
    before = before or (id_at(sought.until) if sought.until > 0 else "")
    found: list[Mapping[str, Any]] = []
    for _ in range(_MOST // _BITE):
        rows = await store.entries(limit=_BITE, after=after, before=before, **sought.indexed())
        for row in rows:
            before = row.entry.id
            if sought.matches(row.entry):
                found.append(body_of(row.entry))
            if len(found) == size:
                return Page(tuple(found), before)
        if len(rows) < _BITE:
            return Page(tuple(found))
        await asyncio.sleep(0)
    return Page(tuple(found), before)


def body_of(entry: Entry) -> dict[str, Any]:
    """The body of a record, and what its columns say where it was damaged."""
    try:
        body = json.loads(entry.body)
    except ValueError:
        body = None
    columns = {name: getattr(entry, name) for name in _COLUMNS if getattr(entry, name)}
    return columns | body if isinstance(body, dict) else columns
