"""Simulations of one service or command: at its store, with its keys, one at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from grantd_server.keys.own.purpose import Purpose
from grantd_server.simulation.running.job import Job
from grantd_server.simulation.running.processes import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from grantd_server.keys.own.stored import StoredKey
    from grantd_server.simulation.report.result import Result
    from grantd_server.store.opening import Opening

MICROSECONDS: Final = 1_000_000


def cores() -> int:
    """Of this machine that this process may use."""
    return len(os.sched_getaffinity(0))


class Busy(Exception):
    """Another simulation runs here: each takes a core for minutes."""


def pseudonym_keys(keys: Iterable[StoredKey]) -> dict[str, str]:
    """All keys that records were pseudonymised with, as far as they are still kept."""
    return {key.kid: key.secret.reveal() for key in keys if key.purpose is Purpose.PSEUDONYM and key.secret is not None}


@dataclass(slots=True)
class Simulator:
    """Where the records are, and what reads them."""

    opening: Opening = field(repr=False)
    keys: Callable[[], Mapping[str, str]] = field(repr=False)
    """The keys of pseudonyms (`pseudonym_keys`), asked anew each time."""
    processes: int = 1
    _running: bool = False

    async def simulate(
        self,
        document: bytes,
        since: float,
        until: float,
        *,
        examples: int = 3,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Result:
        """Replays the decisions from `since` to before `until`, seconds since the epoch.

        Raises:
            Busy: another one is under way.
            CandidateInvalid, StoreUnavailable, SimulationEnded: as `processes.simulate`.
        """
        if self._running:
            raise Busy
        self._running = True
        try:
            span = (int(since * MICROSECONDS), int(until * MICROSECONDS))
            job = Job(self.opening, document, *span, pseudonym_keys=self.keys(), examples=examples)
            return await simulate(job, processes=self.processes, progress=progress)
        finally:
            self._running = False


async def changed_by(simulator: Simulator, document: bytes, since: float, now: float) -> tuple[int, int]:
    """How many decisions since then a candidate would end otherwise, and how many more
    nobody can tell of."""
    result = await simulator.simulate(document, since, now, examples=0)
    return result.changed, result.undetermined
