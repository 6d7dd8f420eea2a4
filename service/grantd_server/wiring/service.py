"""The running service: background tasks, readiness, and the governance directory."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from grantd_server.governance.activation.apply import apply
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError
from grantd_server.governance.testing.reading.suite_files import read_suites
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.keys.own.stored import KeyFileFault
from grantd_server.settings import SettingsError
from grantd_server.store import Conflict, OutcomeUnknown, StoreUnavailable
from grantd_server.store.schema import SchemaMismatch
from grantd_server.telemetry.logs import Level
from grantd_server.telemetry.names import Gauge
from grantd_server.wiring.checkpoints import Checkpoints, checkpointer
from grantd_server.wiring.directory import stamp

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from grantd_server.governance.activation.apply import Applied
    from grantd_server.settings import Settings
    from grantd_server.store import Store
    from grantd_server.wiring.directory import Stamp
    from grantd_server.wiring.parts import Parts

STALE = 5.0
"""Seconds of age at which the revocation view makes this process not ready."""


class Service:
    """Starts and stops what runs beside the calls. With `led` a supervisor has the
    governance directory applied, once for all workers."""

    def __init__(self, parts: Parts, settings: Settings, *, led: bool = False) -> None:
        self._parts = parts
        self._settings = settings
        self._led = led
        self._tasks: list[asyncio.Task[None]] = []
        self._checkpoints = self._second_place(settings.audit.checkpoints.directory)

    async def start(self) -> None:
        """Reads the live state, applies the governance directory, begins to follow.

        Raises:
            SettingsError: the store is out of reach or of another release; the directory
                holds no valid bundle, or it cannot be used.
        """
        parts, world = self._parts, self._parts.world
        await self._reach(world.store)
        directory = self._settings.governance.directory
        seen: Stamp = []
        if directory is not None and not self._led:
            # Looked at before it is read: what changes meanwhile is seen as a change.
            seen = await asyncio.to_thread(stamp, directory)
            await self._apply_at_start(directory)
        await parts.active.catch_up()
        if directory is not None and parts.active.problem:
            raise SettingsError([parts.active.problem])
        metrics = parts.telemetry.metrics
        metrics.watch(Gauge.KEY_AGE, lambda: world.ring.ages(time.time()))
        metrics.watch(Gauge.VIEW_AGE, lambda: [({}, world.view.age())])
        metrics.watch(Gauge.LEDGER_BACKLOG, lambda: [({"class": k}, n) for k, n in world.ledger.backlog().items()])
        if self._checkpoints is None:
            self._tell(Level.WARNING, "checkpoints.off", why="audit.checkpoints.directory is not set")
        metrics.watch(Gauge.BUNDLE_EPOCH, lambda: [({}, parts.active.epoch)])
        for name, work in self._work(directory, seen):
            self._tasks.append(asyncio.create_task(work, name=name))

    def problem(self) -> str:
        """Why this process is not ready; empty when it is."""
        parts = self._parts
        if parts.world.snapshot is None or parts.active.problem:
            return parts.active.problem
        if parts.world.view.stale(STALE):
            return "the revocation view is too old; check the database"
        dead = [task.get_name() for task in self._tasks if task.done()]
        return f"a background task has ended: {', '.join(dead)}" if dead else ""

    async def stop(self) -> None:
        """Ends the tasks and fetches under way, writes behind what waits, closes the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._parts.world.remote.aclose()
        await self._parts.world.documents.aclose()
        self._parts.world.offloop.close()
        await self._parts.world.ledger.close()
        if self._checkpoints is not None:
            await self._checkpoints.finish()
        await self._parts.world.store.close()

    def _work(self, directory: Path | None, seen: Stamp) -> list[tuple[str, Coroutine[None, None, None]]]:
        world = self._parts.world
        work: list[tuple[str, Coroutine[None, None, None]]] = [
            ("revocation view", world.view.run()),
            ("ledger", world.ledger.run()),
            ("bundle", self._parts.active.run()),
            ("keys", self._follow_keys()),
        ]
        if self._checkpoints is not None:
            work.append(("checkpoints", self._checkpoints.run()))
        if directory is not None and not self._led:
            work.append(("governance directory", self._follow_directory(directory, seen)))
        return work

    def _second_place(self, directory: Path | None) -> Checkpoints | None:
        if directory is None:
            return None
        world = self._parts.world
        taking = checkpointer(directory, world.store, world.ring, world.clock)
        interval = self._settings.audit.checkpoints.interval
        return Checkpoints(taking, self._parts.telemetry, world.clock, interval)

    async def _reach(self, store: Store) -> None:
        try:
            await store.start()
        except (StoreUnavailable, SchemaMismatch) as fault:
            raise SettingsError([f"store.url: {fault}"]) from fault

    async def _apply_at_start(self, directory: Path) -> None:
        try:
            await self._apply(directory, f"start with {directory.name}")
        except BundleError as invalid:
            raise SettingsError(str(invalid).splitlines()) from invalid
        except (Conflict, StoreUnavailable) as fault:
            raise SettingsError([f"governance.directory: {fault}"]) from fault

    async def _follow_directory(self, directory: Path, seen: Stamp) -> None:
        """Applies the directory whenever it changes; what is invalid keeps the old version."""
        while True:
            await asyncio.sleep(self._settings.governance.poll)
            found = await asyncio.to_thread(stamp, directory)
            if found == seen:
                continue
            seen = found
            try:
                applied = await self._apply(directory, "the directory changed")
            except (BundleError, Conflict, StoreUnavailable, OutcomeUnknown) as fault:
                self._tell(Level.ERROR, "governance.kept", cause=str(fault))
            else:
                self._tell(Level.INFO, "governance.applied", version=applied.version, epoch=applied.epoch)

    async def _apply(self, directory: Path, why: str) -> Applied:
        document = await asyncio.to_thread(parse_directory, directory)
        suites = await asyncio.to_thread(read_suites, directory)
        return await apply(self._parts.world.store, document, "serve", why, time.time(), suites=suites)

    async def _follow_keys(self) -> None:
        """Takes the steps of rotation that are due, and picks up key files that another
        process changed: rotation, taint."""
        while True:
            await asyncio.sleep(self._settings.keys.poll)
            try:
                for step in await asyncio.to_thread(self._turn_keys):
                    self._tell(Level.INFO, "keys.rotated", step=step)
            except KeyFileFault as fault:
                self._tell(Level.ERROR, "keys.kept", cause=str(fault))

    def _turn_keys(self) -> list[str]:
        directory = self._settings.keys.directory
        steps: list[str] = []
        if self._settings.keys.rotate and directory is not None:
            steps = Rotation(KeyDirectory(directory), Schedule()).by_age(int(self._parts.world.clock()))
        self._parts.world.ring.reload()
        return steps

    def _tell(self, level: Level, event: str, **fields: object) -> None:
        self._parts.telemetry.log.event(level, event, **fields)
