"""A bundle is compiled before it is put in force: from the flip of the pointer on nothing of the
old one is written any more, and calls would wait for the new one to be compiled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from grantd_server.governance.compiling.beside import beside
from grantd_server.governance.faults import BundleError
from grantd_server.governance.secrets.references import SecretUnresolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.store import Store

LOOK: Final = 1.0
"""Seconds between two looks at what was stored last."""
KEEP: Final = 60.0
"""Seconds that a bundle is kept ready: secrets that it refers to may change after that."""

_LAST: Final = 8
"""Versions that are looked at: of those of one second the store does not know the order."""
_SMALL: Final = 200_000
"""Bytes of a document that is compiled in less time than anybody notices."""
_PER_MEGABYTE: Final = 2.0
"""Seconds that a busy process takes to compile; measured at half of it."""
_LONGEST: Final = 20.0


@dataclass(frozen=True, slots=True)
class _Ready:
    version: str
    snapshot: Snapshot
    until: float


class Ahead:
    """What one process has ready. Versions that were there when it began to look are not
    prepared: most of them will never be in force again."""

    def __init__(self, store: Store, compile: Callable[[bytes, int], Snapshot]) -> None:  # noqa: A002 - the word for it
        self._store = store
        self._compile = compile
        self._seen: frozenset[str] | None = None
        self._ready: _Ready | None = None

    async def look(self) -> None:
        """Compiles what was stored since the last look. Raises StoreUnavailable."""
        if self._ready is not None and self._ready.until < _now():
            self._ready = None
        versions = [each.version for each in await self._store.bundles(_LAST)]
        before, self._seen = self._seen, frozenset(versions)
        newest = next((each for each in versions if before is not None and each not in before), None)
        document = None if newest is None else await self._store.bundle(newest)
        if newest is None or document is None:
            return
        try:
            self._ready = _Ready(newest, await beside(self._compile, document, 0), _now() + KEEP)
        except (BundleError, SecretUnresolved):
            self._ready = None  # once it is in force that is told, as before

    def take(self, version: str, epoch: int) -> Snapshot | None:
        """The snapshot of a version that is in force now, if it is ready."""
        ready, self._ready = self._ready, None
        if ready is None or ready.version != version or ready.until < _now():
            return None
        return replace(ready.snapshot, epoch=epoch)


async def put_ahead(store: Store, version: str, document: bytes, author: str, why: str) -> None:
    """Stores a version that is to be put in force, and gives every process time to have it
    ready: a large one after some seconds, any other at once."""
    await store.put_bundle(version, document, author, why)
    await asyncio.sleep(lead(len(document)))


def lead(size: int) -> float:
    """Seconds between storing a document of this size and putting it in force."""
    return 0.0 if size < _SMALL else min(_LONGEST, LOOK + 0.5 + _PER_MEGABYTE * size / 1e6)


def _now() -> float:
    return asyncio.get_running_loop().time()
