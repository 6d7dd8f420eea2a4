"""What three witnesses say: clients in a journal of their calls, the database in its
rows, the audit chain in its verdict. Plain values, read and written here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TOKEN, ACTIVE, INACTIVE, UNKNOWN = "token", "active", "inactive", "unknown"
"""Answers; any other is the public reason of a refusal."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as its client saw it."""

    rpc: str
    kind: str
    """`honest`, or what is wrong with it."""
    replica: int
    begun: float
    ended: float
    """Monotonic seconds of the client."""
    answer: str
    status: str = "OK"
    """gRPC status."""
    chain: str = ""
    """Of the grant presented or got; empty when the client cannot know it."""
    decision: str = ""
    token: str = ""
    """Digest of the jti of the token or grant that was got, hex."""
    cause: str = ""
    """What the client was told when it got no answer."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Something was done to a replica, or to all; a call under way then may end unknown."""

    replica: int | None
    begun: float
    ended: float
    what: str

    def covers(self, call: Call) -> bool:
        """True when the call was under way on that replica."""
        mine = self.replica is None or self.replica == call.replica
        return mine and call.begun <= self.ended and call.ended >= self.begun


@dataclass(frozen=True, slots=True)
class Row:
    """One durable record."""

    id: str
    rpc: str
    outcome: str
    reason: str
    chain: str
    jti: str
    token: str


@dataclass(frozen=True, slots=True)
class Used:
    """One use of a grant."""

    issuer: str
    digest: str
    use: int
    decision: str


@dataclass(frozen=True)
class Held:
    """What the database holds, and of what leaves in time, what it held."""

    records: list[Row] = field(default_factory=list)
    marks: list[Used] = field(default_factory=list)
    """Of grants."""
    issued: set[tuple[str, str]] = field(default_factory=set)
    """Chain and digest of each token."""
    tombstones: set[str] = field(default_factory=set)
    broken: str = ""
    """What is wrong with the chain of records, if anything."""


class Journal:
    """Calls, one JSON line each, written as they end."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def note(self, call: Call) -> None:
        self._file.write(json.dumps(asdict(call), separators=(",", ":")) + "\n")


def read(path: Path) -> Iterator[Call]:
    """The calls of a journal."""
    with path.open() as file:
        for line in file:
            yield Call(**json.loads(line))


def excused(call: Call, outages: Iterable[Outage]) -> str:
    """What was done to the replica while the call was under way; empty: nothing."""
    return next((outage.what for outage in outages if outage.covers(call)), "")
