"""The gRPC peer itself: a service whose TLS identity is registered for a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.model.caller import Role
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.client_auth.directory import Directory, Party
    from grantd_server.model.caller import Caller


def by_peer(record: Record, directory: Directory, client_id: str | None, caller: Caller) -> Party:
    """Finds the party that the caller's TLS identity is bound to.

    The shim speaks for many clients, so its own identity proves none of them.
    """
    shim = caller.role is Role.SHIM
    record.require("client.peer_role", not shim, Reason.CLIENT_PEER_MISMATCH, "not the shim", caller.role.value)
    party = directory.by_peer(caller.identity)
    if party is None:
        expected = "a TLS identity bound to a client"
        raise record.refuse("client.peer", Reason.CLIENT_PEER_MISMATCH, expected, caller.identity)
    named = client_id is None or client_id == party.client_id
    record.require("client.named", named, Reason.CLIENT_ID_MISMATCH, party.client_id, client_id or "")
    return party
