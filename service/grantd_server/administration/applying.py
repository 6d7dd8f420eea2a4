"""Applies a directory: read, tested, compared, and put in force unless told not to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.administration.candidates import Candidate, candidate
from grantd_server.administration.desk import LONGEST_WHY, text_of
from grantd_server.administration.versions import NO_DIFFERENCE, difference, expect, flip, in_force
from grantd_server.governance.activation.ahead import put_ahead
from grantd_server.refusals import Reason, Refused
from grantd_server.simulation.running.processes import SimulationEnded
from grantd_server.simulation.running.simulator import Busy, changed_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.administration.desk import Desk
    from grantd_server.administration.versions import Difference, InForce
    from grantd_server.flows.road.call import Call


@dataclass(frozen=True, slots=True)
class Asked:
    """How to apply."""

    dry_run: bool = False
    force: bool = False
    expected: int | None = None
    """The epoch that the administrator has seen."""
    why: str = ""
    replay_since: int = 0
    """Decisions on record from here on are replayed; 0: none."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it."""

    candidate: Candidate
    before: InForce
    """What it was compared with."""
    epoch: int
    """In force afterwards."""
    activated: bool = False
    difference: Difference = NO_DIFFERENCE
    replayed: tuple[int, int] | None = None
    """Decisions on record that would end otherwise, and those that nobody can tell of."""


async def apply(desk: Desk, call: Call, asked: Asked, files: Mapping[str, bytes]) -> Applied:
    """Applies the files of a directory. Failing tests keep it from being put in force,
    unless it is forced, which is on record."""
    text_of("reason", asked.why, LONGEST_WHY)
    before = await in_force(desk)
    await expect(desk, before, asked.expected)
    found = await asyncio.to_thread(candidate, files, desk.unusable, int(desk.clock()))
    if found.faults:
        return Applied(found, before, before.epoch)
    told = await difference(before.document, found.document, desk.clock())
    replayed = await _replayed(desk, found.document, asked.replay_since) if before.epoch else None
    failing = found.tests.failing
    if asked.dry_run or (failing and not asked.force) or found.version == before.version:
        return Applied(found, before, before.epoch, difference=told, replayed=replayed)
    await put_ahead(desk.store, found.version, found.document, call.caller.identity, asked.why)
    forced = {"failing_tests": str(len(failing))} if failing else {}
    epoch = await flip(desk, call, found.version, before, asked.why, **forced)
    return Applied(found, before, epoch, activated=True, difference=told, replayed=replayed)


async def _replayed(desk: Desk, document: bytes, since: int) -> tuple[int, int] | None:
    if not since or desk.simulator is None:
        return None
    try:
        return await changed_by(desk.simulator, document, since, desk.clock())
    except Busy:
        raise Refused(Reason.OVERLOADED, running="another simulation") from None
    except SimulationEnded as fault:
        raise Refused(Reason.OVERLOADED, cause=str(fault)) from None
