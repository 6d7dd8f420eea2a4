"""Blocks: the kill switches. They outlive every bundle version and end by the database clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from grantd_server.administration.desk import acted, reason_of, text_of
from grantd_server.administration.listed import listed
from grantd_server.administration.versions import in_force
from grantd_server.refusals import Reason, Refused
from grantd_server.store import Withdrawal

if TYPE_CHECKING:
    from grantd_server.administration.desk import Desk
    from grantd_server.flows.road.call import Call

KINDS = ("user", "client", "resource_server", "issuer", "resource")

LONGEST_NAME = 2048
_NO_TOMBSTONES = (1 << 31) - 1
"""Of the live state only the blocks are asked for: no tombstone is so new."""


async def block(desk: Desk, call: Call, withdrawal: Withdrawal, *, unlisted: bool = False) -> None:
    """Blocks something, until a moment or until it is lifted; in force here on return.
    A block that is there is replaced. What the bundle in force does not name is blocked
    only where somebody says that this is meant (`unlisted`)."""
    kind, name = _named(withdrawal.kind, withdrawal.name)
    why, until = reason_of(withdrawal.reason), withdrawal.until
    if kind == "user" and ":mailto:" in name:
        # A sign-in without a verified address would slip past.
        raise Refused(Reason.PARAMETER_INVALID, field="name", expected="a user by identifier")
    if until is not None and until <= desk.clock():
        raise Refused(Reason.PARAMETER_INVALID, field="until", expected="a moment ahead")
    if not unlisted:
        await _demand_listed(desk, kind, name)
    facts = {"kind": kind, "name": name, "why": why} | ({} if until is None else {"until": str(until)})
    blocked = Withdrawal(kind, name, why, until, call.caller.identity)
    await acted(desk, call, lambda entry: desk.store.withdraw(blocked, entry), **facts)
    await desk.catch_up()


async def unblock(desk: Desk, call: Call, kind: str, name: str, why: str) -> None:
    """Lifts a block that is in force."""
    kind, name = _named(kind, name)
    why = reason_of(why)
    if not any((found.kind, found.name) == (kind, name) for found in await blocks(desk)):
        raise Refused(Reason.NOT_ON_RECORD, kind=kind, name=name)
    await acted(desk, call, lambda entry: desk.store.restore(kind, name, entry), kind=kind, name=name, why=why)
    await desk.catch_up()


async def blocks(desk: Desk) -> list[Withdrawal]:
    """The blocks in force by the database clock, by kind and name."""
    live = await desk.store.live_state(_NO_TOMBSTONES)
    ours = (found for found in live.withdrawals if found.kind in KINDS)
    holding = [found for found in ours if found.until is None or found.until > live.now]
    return sorted(holding, key=lambda found: (found.kind, found.name))


async def _demand_listed(desk: Desk, kind: str, name: str) -> None:
    document = (await in_force(desk)).document
    known, nearest = await asyncio.to_thread(listed, document, kind, name)
    if not known:
        raise Refused(Reason.BLOCK_UNLISTED, {"nearest": nearest}, kind=kind, name=name)


def _named(kind: str, name: str) -> tuple[str, str]:
    if not name.strip():
        raise Refused(Reason.PARAMETER_MISSING, field="name")
    return kind, text_of("name", name, LONGEST_NAME)
