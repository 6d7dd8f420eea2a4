"""RefreshToken: a refresh token of ours is replaced by a new one (RFC 6749 section 6).

1 who asks · 2 which token · 3 who that is, now · 4 once and on record · 5 answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_REFRESH_TOKEN
from grantd_server.flows.people.standing import person_now
from grantd_server.flows.road.asking import asking_client
from grantd_server.flows.road.deciding import Decided, decided_on_record
from grantd_server.flows.road.possession import read_possession
from grantd_server.flows.tokens.renewal import check_renewal_scope, make_refresh_token
from grantd_server.refusals import Reason
from grantd_server.store import Mark, Space
from grantd_server.subjects.identity import Reading
from grantd_server.subjects.refresh_token import read_identity

if TYPE_CHECKING:
    from grantd_server.flows.road.call import Call
    from grantd_server.model.requests import Refresh
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Renewed:
    """The refresh token that takes the place of the one presented."""

    token: str
    expires_in: int
    scopes: tuple[str, ...]


async def refresh(world: World, request: Refresh, call: Call) -> Renewed:
    """Rotates a refresh token, or refuses and leaves it as it is."""
    return await decided_on_record(world, call, "refresh.record", lambda: _decide(world, request, call))


async def _decide(world: World, request: Refresh, call: Call) -> Decided[Renewed]:
    record, now, snapshot = call.record, world.clock(), world.governed()

    record.step("refresh.client")
    issuer, client = await asking_client(world, snapshot, request, call, now)
    policy = issuer.refresh_tokens
    if policy is None:
        expected = "an issuer with refresh tokens"
        raise record.refuse("request.grant_type", Reason.GRANT_TYPE_UNSUPPORTED, expected, GRANT_TYPE_REFRESH_TOKEN)
    # The token is not bound: it is rotated at each use, by a client with credentials.
    read_possession(world, record, request.observed.dpop_proofs, issuer, client)
    scopes = check_renewal_scope(record, request.scope)

    record.step("refresh.token")
    if request.refresh_token is None:
        raise record.refuse("request.refresh_token", Reason.PARAMETER_MISSING, "refresh_token", "absent")
    reading = Reading(world, snapshot, record, issuer, client, now)
    identity = await read_identity(reading, request.refresh_token.reveal())

    record.step("refresh.account")
    person_now(reading, identity)
    raw, kept = make_refresh_token(record, policy, client, identity, int(now))
    marks = () if identity.renewed is None else (_mark(identity.renewed, world.skew),)
    answer = Renewed(raw, kept.expires - int(now), scopes)
    return Decided(answer, "granted", snapshot, marks=marks, refresh_tokens=(kept,))


def _mark(parent: RefreshToken, skew: int) -> Mark:
    """The one rotation of a token: of many at once, one wins."""
    return Mark(Space.REFRESH, parent.issuer, parent.digest, parent.family_expires + 2 * skew + 1)
