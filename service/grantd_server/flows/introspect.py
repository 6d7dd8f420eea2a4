"""IntrospectToken: whether a token is active for the resource server that asks
(RFC 7662).

1 which resource server asks · 2 ours, genuine, in time · 3 not revoked · 4 for this
asker. Every "no" is the same answer and nothing else; why is in the record.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.checks import digest
from grantd_server.client_auth import Asking, authenticate_resource_server
from grantd_server.flows.road.deciding import Decided, decided_on_record
from grantd_server.flows.tokens.narrowing import narrowed
from grantd_server.flows.tokens.ours import AccessToken, read_access_token, withdrawn
from grantd_server.model.requests import AssertionProof
from grantd_server.refusals import Reason, Refused
from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer
    from grantd_server.model.registered import ResourceServer
    from grantd_server.model.requests import Introspect
    from grantd_server.world import World

MOST_TOKENS = 64
"""Tokens of one batch."""
YIELD_EVERY = 8
"""Signatures that a batch checks before others on the loop get a turn."""


@dataclass(frozen=True, slots=True)
class Active:
    """An active token, as the asker may see it."""

    claims: Mapping[str, object]
    audiences: tuple[str, ...]
    """Those of its audiences that the asker speaks for."""


Answer = Active | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one call's answers have in common."""

    world: World
    snapshot: Snapshot
    record: Record
    server: AuthorizationServer
    asker: ResourceServer
    now: float


async def introspect(world: World, request: Introspect, call: Call) -> tuple[Answer, ...]:
    """Introspects each token, in order. None is inactive.

    A client assertion is used up, so that call is written down like an issuing one;
    any other leaves an aggregate, written behind.
    """
    if isinstance(request.client.proof, AssertionProof):
        return await decided_on_record(world, call, "introspect.record", lambda: _decide(world, request, call))
    call.record.begin()
    return (await _decide(world, request, call)).answer


async def _decide(world: World, request: Introspect, call: Call) -> Decided[tuple[Answer, ...]]:
    record, snapshot, now = call.record, world.governed(), world.clock()

    record.step("introspect.asker")
    server = snapshot.authorization_servers.get(request.issuer)
    if server is None:
        raise record.refuse("issuer", Reason.ISSUER_UNKNOWN, "an authorization server of this service", request.issuer)
    record.issuer, record.bundle_version, record.bundle_epoch = server.issuer, snapshot.version, snapshot.epoch
    asking = Asking(world, record, call.caller, server.issuer, now)
    asker = await authenticate_resource_server(asking, snapshot, request.client)
    if not request.tokens:
        raise record.refuse("request.token", Reason.PARAMETER_MISSING, "token", "absent")
    few = len(request.tokens) <= MOST_TOKENS
    record.require("request.tokens", few, Reason.PARAMETER_INVALID, MOST_TOKENS, len(request.tokens))
    await _fresh(world, full=request.full)

    record.step("introspect.token")
    asked = _Asked(world, snapshot, record, server, asker, now)
    answers: list[Answer] = []
    for index, token in enumerate(request.tokens):
        if index and index % YIELD_EVERY == 0:
            await asyncio.sleep(0)
        answers.append(_answer(asked, token.reveal()))
    record.outcome = "active" if all(answers) else "inactive"
    return Decided(tuple(answers), record.outcome)


async def _fresh(world: World, *, full: bool) -> None:
    """Unknown is never yes: with a view that is too old nothing is answered."""
    if full:
        try:
            await world.view.refresh()
        except StoreUnavailable as unavailable:
            raise Refused(Reason.STORE_UNAVAILABLE, cause=str(unavailable)) from unavailable
    age = world.view.age()
    if age > world.stale_view:
        raise Refused(Reason.VIEW_STALE, age=f"{age:.1f} s", limit=f"{world.stale_view:.1f} s")


def _answer(asked: _Asked, raw: str) -> Answer:
    token = read_access_token(asked.world, asked.record, asked.server, raw)
    if token is None:
        # A resource server passes on what strangers send it, so that the limit is wide.
        prober = (asked.server.issuer, asked.asker.name)
        slow = asked.world.probes.take(prober, asked.world.monotonic_ns())
        expected = "tokens of ours, mostly"
        asked.record.require("token.rate", slow, Reason.RATE_LIMITED, expected, otherwise="a flood of others")
    answer = None if token is None else _for_asker(asked, token)
    found = "" if token is None else digest(token.jti).hex()
    asked.record.introspected.append((found, "active" if answer else "inactive"))
    return answer


def _for_asker(asked: _Asked, token: AccessToken) -> Answer:
    record = asked.record
    why = withdrawn(asked.world, asked.snapshot, asked.server, token)
    if why is not None:
        record.failed("token.not_withdrawn", "no revocation and no block", why)
        return None
    mine = tuple(audience for audience in token.audiences if _speaks_for(asked, audience))
    if not mine:
        record.failed("token.audience", f"a resource of {asked.asker.name}, not blocked", list(token.audiences))
        return None
    record.noted("token.audience", sorted(asked.asker.resources), list(mine))
    return Active(narrowed(asked.snapshot, asked.server, token, mine), mine)


def _speaks_for(asked: _Asked, audience: str) -> bool:
    """Whether the asker may ask about this audience (C-24) and it is still in use."""
    resource = asked.snapshot.resource_at(asked.server.name, audience)
    if resource is None or resource.name not in asked.asker.resources:
        return False
    return asked.world.view.withdrawn("resource", resource.name, asked.now) is None
