"""What those who explain ask of a store: reads only, each of them bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from grantd_server.store import StoredEntry

_LATEST: Final = 16**12 - 1


class Tomb(NamedTuple):
    """A revoked digest."""

    digest: bytes
    expires: int
    written: int


class Use(NamedTuple):
    """Decisions that granted the same to the same client."""

    client: str
    rpc: str
    audience: str
    resources: str
    """A JSON array of texts, as the record has it; so are the scopes."""
    scopes: str
    times: int
    last_us: int


class Users(NamedTuple):
    """How many subjects one pseudonym key tells apart."""

    client: str
    resource: str
    rpc: str
    key: str
    number: int


class Questions(Protocol):
    """Times are bounds on ids, which begin with their time (`id_at`)."""

    async def entries(self, *, limit: int, after: str = "", before: str = "", **where: str) -> list[StoredEntry]:
        """Reads the newest records that match (`client`, `chain`, `reason`, `subject`),
        with ids beyond `after` and short of `before`."""

    async def written_after(self, writer: str, seq: int, limit: int) -> list[StoredEntry]:
        """Reads what a writer wrote after its record `seq`, in its order."""

    async def buried(self, digests: Sequence[bytes]) -> list[Tomb]:
        """Finds which of these are revoked."""

    async def issued_below(self, chain: str, limit: int) -> list[tuple[bytes, int]]:
        """Reads digest and end of what hangs below a chain, while it lives."""

    async def introspected(self, tokens: Sequence[str], first: int, last: int) -> list[dict[str, Any]]:
        """Reads the sums of introspections of tokens, by digest, from minute to minute."""

    async def used(self, after: str, before: str) -> list[Use]:
        """Sums up what was granted between two ids."""

    async def users(self, after: str, before: str, names: Sequence[tuple[str, str, str]]) -> list[Users]:
        """Counts distinct users; `names` tells what an audience and resources, as in
        `Use`, are called: more than one name for more than one resource."""


def id_at(time: float) -> str:
    """Before the id of every decision at or after a time, and beyond all earlier ones."""
    return f"d{min(max(0, int(time * 1000)), _LATEST):012x}"
