"""The bundle in force in this process: follows the store's pointer, compiles off the
loop, swaps one reference. What cannot be used leaves the old version in force."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import TYPE_CHECKING

from grantd_server.governance.activation.ahead import LOOK, Ahead
from grantd_server.governance.compiling.beside import beside
from grantd_server.governance.faults import BundleError
from grantd_server.governance.secrets.references import SecretUnresolved
from grantd_server.store import OutcomeUnknown, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.store import Store
    from grantd_server.store.view import RevocationView

INTERVAL = 0.25
"""Seconds between looks at the epoch, which is in memory: the view polls it."""
_LOOK_EVERY = round(LOOK / INTERVAL)


class ActiveBundle:
    """Keeps one process on the active bundle.

    `compile` makes a snapshot of a document and its epoch, in a thread; `lacking` says
    what else the snapshot needs and is not there; `put` takes it into use.
    """

    def __init__(
        self,
        store: Store,
        view: RevocationView,
        compile: Callable[[bytes, int], Snapshot],  # noqa: A002 - the word for it
        lacking: Callable[[Snapshot], list[str]],
        put: Callable[[Snapshot], None],
    ) -> None:
        self._store = store
        self._view = view
        self._compile = compile
        self._lacking = lacking
        self._put = put
        self._ahead = Ahead(store, compile)
        self._tried = 0
        self._turn = asyncio.Lock()
        self.epoch = 0
        self.problem = "no governance bundle is active; run `grantd apply DIR`"
        """Why this process is not on the active bundle; empty when it is."""

    async def catch_up(self) -> None:
        """Reads the live state and the pointer now. Raises StoreUnavailable."""
        await self._view.refresh()
        async with self._turn:
            if self._view.epochs.bundle != self.epoch:
                await self._follow()

    async def run(self) -> None:
        """Follows the pointer until cancelled; what failed once is tried again, as its
        cause (a missing secret, a missing key) may be mended without a new version."""
        for turn in count():
            with contextlib.suppress(StoreUnavailable, OutcomeUnknown):
                async with self._turn:
                    if self._view.epochs.bundle != self.epoch:
                        await self._follow()
                    elif turn % _LOOK_EVERY == 0:
                        await self._ahead.look()
            await asyncio.sleep(INTERVAL if self._tried == self.epoch else 8 * INTERVAL)

    async def _follow(self) -> None:
        found = await self._store.active_bundle()
        if found is None:
            return
        epoch, version, document = found
        self._tried = epoch
        try:
            snapshot = self._ahead.take(version, epoch)
            if snapshot is None:
                snapshot = await beside(self._compile, document, epoch)
        except (BundleError, SecretUnresolved) as unusable:
            self.problem = f"bundle {version} cannot be used: {unusable}"
            return
        lacking = self._lacking(snapshot)
        if lacking:
            self.problem = f"bundle {version} cannot be used: {' '.join(lacking)}"
            return
        self._put(snapshot)
        self.epoch, self.problem = epoch, ""
