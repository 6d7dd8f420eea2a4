"""Revoking a chain: nothing below it is accepted afterwards, and nothing more is issued on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.administration.desk import acted, reason_of
from grantd_server.checks import CHAIN
from grantd_server.refusals import Reason, Refused
from grantd_server.store import Committed, StoreUnavailable, Tombstone, Write

if TYPE_CHECKING:
    from grantd_server.administration.desk import Desk
    from grantd_server.flows.road.call import Call
    from grantd_server.store import Entry

LEAST_KEPT = 86_400
"""Seconds that the tombstone of a chain stays at least: a grant that nobody redeemed yet
is on no list, and lives shorter."""

LONGEST_ID = 64


class Revoked(NamedTuple):
    """What was revoked."""

    chain: str
    live: int
    """Tokens and grants below it that had not expired."""


async def revoke_chain(desk: Desk, call: Call, named: str, why: str) -> Revoked:
    """Revokes a chain, named by itself or by any decision on it; in force here on return."""
    why = reason_of(why)
    chain = await _chain_of(desk, named)
    below = await desk.store.below(chain)
    until = max(int(desk.clock()) + LEAST_KEPT, below.until)
    call.record.chain = chain

    async def bury(entry: Entry) -> None:
        buried = Write(entry, tombstones=(Tombstone(bytes.fromhex(chain), until),), deadline=call.deadline)
        if not isinstance(await desk.store.write(buried), Committed):
            raise StoreUnavailable("a revocation depends on nothing and was not written")

    await acted(desk, call, bury, why=why, live=str(below.live))
    await desk.catch_up()
    return Revoked(chain, below.live)


async def _chain_of(desk: Desk, named: str) -> str:
    stored = await desk.ledger.find(named[:LONGEST_ID])
    if stored is not None:
        chain = str(stored.get("chain", ""))
        if not chain:
            raise Refused(Reason.NOT_ON_RECORD, decision=named[:LONGEST_ID], chain="none")
        return chain
    known = CHAIN.fullmatch(named) is not None and await desk.store.entries(limit=1, chain=named)
    if not known:
        raise Refused(Reason.NOT_ON_RECORD, id=named[:LONGEST_ID])
    return named
