"""RevokeToken: a token stops being usable (RFC 7009): an access token at the server that
issued it, a refresh token, and with it its whole family, at its grant issuer.

1 who asks · 2 which token · 3 revoke on record · 4 answer when our own view shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.checks import digest
from grantd_server.client_auth import Asking, authenticate_client
from grantd_server.flows.road.deciding import Decided, decided_on_record
from grantd_server.flows.tokens.ours import read_access_token
from grantd_server.refusals import Reason, Refused
from grantd_server.store import StoreUnavailable, Tombstone
from grantd_server.subjects.refresh_token import family_tombstone

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.model.bundle.governed import AuthorizationServer
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Revoke
    from grantd_server.world import World


async def revoke(world: World, request: Revoke, call: Call) -> None:
    """Revokes a token of the asking client; an invalid token is a success (section 2.2)."""
    revoked = await decided_on_record(world, call, "revoke.record", lambda: _decide(world, request, call))
    if revoked:
        try:
            await world.view.refresh()
        except StoreUnavailable as unavailable:
            raise Refused(Reason.STORE_UNAVAILABLE, cause=str(unavailable)) from unavailable


async def _decide(world: World, request: Revoke, call: Call) -> Decided[bool]:
    record, snapshot = call.record, world.governed()

    record.step("revoke.client")
    server, issuer = snapshot.authorization_servers.get(request.issuer), snapshot.grant_issuers.get(request.issuer)
    if server is None and (issuer is None or issuer.refresh_tokens is None):
        raise record.refuse("issuer", Reason.ISSUER_UNKNOWN, "an issuer with tokens to be revoked", request.issuer)
    record.issuer, record.bundle_version, record.bundle_epoch = request.issuer, snapshot.version, snapshot.epoch
    asking = Asking(world, record, call.caller, request.issuer, world.clock())
    client = await authenticate_client(asking, snapshot, request.client)
    if request.token is None:
        raise record.refuse("request.token", Reason.PARAMETER_MISSING, "token", "absent")

    record.step("revoke.token")
    raw = request.token.reveal()
    if server is None:
        tombstone = await _family(world, record, client, raw)
    else:
        tombstone = _access_token(world, record, server, client, raw)
    if tombstone is None:
        return Decided(False, "unchanged")
    return Decided(True, "revoked", tombstones=(tombstone,))


def _access_token(
    world: World, record: Record, server: AuthorizationServer, client: Registration, raw: str
) -> Tombstone | None:
    token = read_access_token(world, record, server, raw)
    if token is None:
        return None
    mine = token.client_id == client.client_id
    record.require("token.client", mine, Reason.TOKEN_OF_ANOTHER_CLIENT, client.client_id, token.client_id)
    # The tombstone outlives every window in which the token could still be accepted.
    return Tombstone(digest(token.jti), token.expires + 2 * world.skew + 1)


async def _family(world: World, record: Record, client: Registration, raw: str) -> Tombstone | None:
    """Any token of a family revokes all of it (section 2.1), a rotated one as well."""
    kept = await world.store.refresh_token(digest(raw))
    if kept is None or kept.issuer != client.issuer:
        record.failed("token.known", "a refresh token of this issuer", "another text")
        return None
    mine = kept.client_id == client.client_id
    record.require("token.client", mine, Reason.TOKEN_OF_ANOTHER_CLIENT, client.client_id, kept.client_id)
    record.chain = record.family = kept.family
    record.token_hash = kept.digest.hex()
    return family_tombstone(kept, world.skew)
