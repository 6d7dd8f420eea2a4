"""Who asks a grant issuer: the step that every flow at one begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.client_auth import Asking, authenticate_client
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.flows.road.call import Call
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import GrantIssuer
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Exchange, Refresh
    from grantd_server.world import World


async def asking_client(
    world: World, snapshot: Snapshot, request: Exchange | Refresh, call: Call, now: float
) -> tuple[GrantIssuer, Registration]:
    """The grant issuer that is asked and the client that proved itself there, or refuses.
    The issuer's block is looked at last, so that the refusal is on record as the client's."""
    record = call.record
    issuer = snapshot.grant_issuers.get(request.issuer)
    if issuer is None:
        raise record.refuse("issuer", Reason.ISSUER_UNKNOWN, "a grant issuer of this service", request.issuer)
    record.issuer, record.bundle_version, record.bundle_epoch = issuer.issuer, snapshot.version, snapshot.epoch
    client = await authenticate_client(Asking(world, record, call.caller, issuer.issuer, now), snapshot, request.client)
    blocked = world.view.withdrawn("issuer", issuer.issuer, now)
    record.require(
        "issuer.not_blocked", blocked is None, Reason.ISSUER_BLOCKED, "no block", otherwise=blocked and blocked.words
    )
    return issuer, client
