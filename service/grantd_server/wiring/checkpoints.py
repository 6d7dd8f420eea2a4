"""Checkpoints beside the calls: from store and keys to the second place, and what is
told when there are none. They never stop serving."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from grantd.jwk import Key
from grantd_server.audit.checkpointer import Checkpointer, NotTaken, Source
from grantd_server.audit.file_place import FilePlace
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.keys.own.stored import State
from grantd_server.store import StoreUnavailable
from grantd_server.telemetry.logs import Level
from grantd_server.telemetry.names import Gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from grantd_server.audit.chain import Head
    from grantd_server.keys.own.ring import KeyRing
    from grantd_server.keys.own.signer import Signer
    from grantd_server.store import Store
    from grantd_server.telemetry.calls import Telemetry


def checkpointer(directory: Path, store: Store, ring: KeyRing, clock: Callable[[], float]) -> Checkpointer:
    """The checkpointer of one second place, for the service and for commands."""

    async def heads() -> Sequence[Head]:
        try:
            return await store.heads()
        except StoreUnavailable as fault:
            raise NotTaken(f"the heads cannot be read: {fault}") from None

    def signer() -> Signer:
        try:
            return ring.signer("", Purpose.CHECKPOINT)
        except SignerUnavailable as fault:
            raise NotTaken(str(fault)) from None

    def announced() -> Sequence[Key]:
        return [
            Key(key.kid, key.alg, key.public)
            for key in ring.keys
            if key.purpose is Purpose.CHECKPOINT and key.state is State.PUBLISHED and key.public is not None
        ]

    source = Source(heads, signer, lambda: ring.keyset("", Purpose.CHECKPOINT), announced, clock)
    return Checkpointer(FilePlace(directory), source)


class Checkpoints:
    """Takes a checkpoint at the start, at an interval and at the end."""

    def __init__(self, taking: Checkpointer, telemetry: Telemetry, clock: Callable[[], float], interval: float) -> None:
        self._taking = taking
        self._telemetry = telemetry
        self._clock = clock
        self._interval = interval
        self._began = clock()
        telemetry.metrics.watch(Gauge.CHECKPOINT_AGE, lambda: [({}, self.age())])

    def age(self) -> float:
        """Seconds since the last checkpoint, or since the start."""
        last = self._taking.last
        return self._clock() - (self._began if last is None else last.time_us / 1e6)

    async def run(self) -> None:
        """Takes checkpoints until cancelled."""
        await self._take(None)
        while True:
            await asyncio.sleep(self._interval)
            # Another process that shares the second place may have covered this one.
            await self._take(self._clock() - self._interval / 2)

    async def finish(self) -> None:
        """Takes the last one, when nothing is written any more."""
        await self._take(None)

    async def _take(self, unless_since: float | None) -> None:
        metrics, tell = self._telemetry.metrics, self._telemetry.log.event
        try:
            taken = await self._taking.take(unless_since=unless_since)
        except NotTaken as fault:
            metrics.checkpointed("failed")
            tell(Level.ERROR, "checkpoint.missing", cause=str(fault))
            return
        if taken is None:
            return
        metrics.checkpointed("written")
        if taken.foreign:
            tell(Level.ERROR, "checkpoint.foreign", number=taken.checkpoint.number - 1, cause=taken.foreign)
        if taken.behind:
            tell(Level.ERROR, "checkpoint.behind", number=taken.checkpoint.number, writers=list(taken.behind))
