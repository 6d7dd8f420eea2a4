"""RevokeToken: an access token stops being active (RFC 7009).

1 who asks · 2 which token · 3 revoke on record · 4 answer when our own view shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.checks import digest
from grantd_server.client_auth import Asking, authenticate_client
from grantd_server.flows.deciding import Decided, decided_on_record
from grantd_server.flows.tokens import read_access_token
from grantd_server.refusals import Reason, Refused
from grantd_server.store import StoreUnavailable, Tombstone

if TYPE_CHECKING:
    from grantd_server.flows.call import Call
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
    server = snapshot.authorization_servers.get(request.issuer)
    if server is None:
        raise record.refuse("issuer", Reason.ISSUER_UNKNOWN, "an authorization server of this service", request.issuer)
    record.issuer, record.bundle_version, record.bundle_epoch = server.issuer, snapshot.version, snapshot.epoch
    asking = Asking(world, record, call.caller, server.issuer, world.clock())
    client = await authenticate_client(asking, snapshot, request.client)
    if request.token is None:
        raise record.refuse("request.token", Reason.PARAMETER_MISSING, "token", "absent")

    record.step("revoke.token")
    token = read_access_token(world, record, server, request.token.reveal())
    if token is None:
        return Decided(False, "unchanged")
    mine = token.client_id == client.client_id
    record.require("token.client", mine, Reason.TOKEN_OF_ANOTHER_CLIENT, client.client_id, token.client_id)
    # The tombstone outlives every window in which the token could still be accepted.
    tombstone = Tombstone(digest(token.jti), token.expires + 2 * world.skew + 1)
    return Decided(True, "revoked", tombstones=(tombstone,))
