"""Versions of the bundle: listed, read, compared, put in force again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.administration.desk import acted, reason_of
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.diff import diff
from grantd_server.refusals import Reason, Refused
from grantd_server.store import Conflict

if TYPE_CHECKING:
    from grantd_server.administration.desk import Desk
    from grantd_server.flows.road.call import Call
    from grantd_server.governance.analysis.difference.rows import Change as AccessChange
    from grantd_server.governance.diff import Change

NOTHING = b"{}"
"""What the first bundle is compared with."""


class InForce(NamedTuple):
    """The pointer, as it was read."""

    epoch: int
    version: str
    """Empty before the first."""
    document: bytes


class Activated(NamedTuple):
    """What came of it."""

    epoch: int
    changed: bool
    faults: list[str]
    """What keeps the service from using the version: where there is any, nothing changed."""


async def in_force(desk: Desk) -> InForce:
    """Which version is in force."""
    found = await desk.store.active_bundle()
    return InForce(0, "", NOTHING) if found is None else InForce(*found)


async def document_of(desk: Desk, version: str) -> tuple[str, bytes]:
    """A version with its document; of an empty name, the one in force."""
    if not version:
        _, version, document = await in_force(desk)
        if version:
            return version, document
    stored = await desk.store.bundle(version)
    if stored is None:
        raise Refused(Reason.NOT_ON_RECORD, version=version[:64])
    return version, stored


class Difference(NamedTuple):
    """What differs between two documents."""

    fields: list[Change]
    access: list[AccessChange]
    """Who gains and who loses what."""


NO_DIFFERENCE = Difference([], [])


async def difference(before: bytes, after: bytes, now: float) -> Difference:
    """What differs, by field and by who can do what; off the loop."""
    if before == after:
        return NO_DIFFERENCE
    old = None if before == NOTHING else before
    fields = await asyncio.to_thread(diff, before, after)
    return Difference(fields, await asyncio.to_thread(semantic_diff, old, after, int(now)))


async def activate(desk: Desk, call: Call, version: str, expected: int | None, why: str) -> Activated:
    """Puts a stored version in force, to roll back or forward again."""
    why = reason_of(why)
    active = await in_force(desk)
    await expect(desk, active, expected)
    if version == active.version and version:
        return Activated(active.epoch, changed=False, faults=[])
    name, document = await document_of(desk, version) if version else ("", b"")
    if not name:
        raise Refused(Reason.PARAMETER_MISSING, field="version")
    faults = await asyncio.to_thread(desk.unusable, document)
    if faults:
        return Activated(active.epoch, changed=False, faults=faults)
    epoch = await flip(desk, call, name, active, why)
    return Activated(epoch, changed=True, faults=[])


async def flip(desk: Desk, call: Call, version: str, active: InForce, why: str, **facts: str) -> int:
    """Points at a version that is stored, if what was in force still is; returns the
    epoch that this process then stands on."""
    author = call.caller.identity
    facts = {"why": why, "version": version, "replaces": active.version, **facts}
    try:
        epoch = await acted(
            desk,
            call,
            lambda entry: desk.store.activate(version, active.epoch, entry, author=author, why=why),
            **facts,
        )
    except Conflict:
        now = await in_force(desk)
        # Two who asked for the same at once both have it.
        if now.version != version:
            raise await _moved(desk, active.epoch) from None
        call.record.outcome = "unchanged"
        epoch = now.epoch
    await desk.catch_up()
    return epoch


async def expect(desk: Desk, active: InForce, expected: int | None) -> None:
    """Refuses where another epoch is in force than an administrator has seen."""
    if expected is not None and expected != active.epoch:
        raise await _moved(desk, expected)


async def _moved(desk: Desk, expected: int) -> Refused:
    """Tells who was faster, and when."""
    last = await desk.store.activation()
    if last is None:
        return Refused(Reason.EPOCH_MOVED, expected=expected, got=0)
    who = {"epoch": last.epoch, "version": last.version, "author": last.author, "activated": last.written}
    return Refused(Reason.EPOCH_MOVED, who, expected=expected, got=last.epoch)
