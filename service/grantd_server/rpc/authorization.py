"""AuthorizationService: each method unpacks, runs its flow, packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.v1 import authorization_pb2 as pb
from grantd_server.checks import TOKEN_TYPE_REFRESH_TOKEN
from grantd_server.flows.exchange import exchange
from grantd_server.flows.introspect import introspect
from grantd_server.flows.redeem import redeem
from grantd_server.flows.refresh import refresh
from grantd_server.flows.revoke import revoke
from grantd_server.flows.terms.details import as_json
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.claims import introspection_of
from grantd_server.rpc.messages import exchange_of, introspect_of, redeem_of, refresh_of, revoke_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import Handler
    from grantd_server.world import World

_WIRE_FAULTS = {
    pb.WIRE_FAULT_UNSPECIFIED: Reason.FORM_MALFORMED,
    pb.WIRE_FAULT_FORM: Reason.FORM_MALFORMED,
    pb.WIRE_FAULT_REPEATED_PARAMETER: Reason.PARAMETER_REPEATED,
    pb.WIRE_FAULT_MISSING_PARAMETER: Reason.PARAMETER_MISSING,
    pb.WIRE_FAULT_TWO_CREDENTIALS: Reason.MULTIPLE_CREDENTIALS,
    pb.WIRE_FAULT_BASIC_HEADER: Reason.CREDENTIALS_MISSING,
    pb.WIRE_FAULT_GRANT_TYPE: Reason.GRANT_TYPE_UNSUPPORTED,
    pb.WIRE_FAULT_BODY_TOO_LARGE: Reason.BODY_TOO_LARGE,
    pb.WIRE_FAULT_NO_AUTHORIZATION_GRANT: Reason.NO_AUTHORIZATION_GRANT,
    pb.WIRE_FAULT_BODY_TOO_SLOW: Reason.BODY_TOO_SLOW,
    pb.WIRE_FAULT_CLIENT_ID_MISMATCH: Reason.CLIENT_ID_MISMATCH,
}


def authorization_handlers(world: World) -> Mapping[str, Handler]:
    """The handlers of AuthorizationService, by method name."""

    async def exchange_identity(message: pb.ExchangeIdentityRequest, call: Call) -> pb.ExchangeIdentityResponse:
        issued = await exchange(world, exchange_of(message), call)
        return pb.ExchangeIdentityResponse(
            token=issued.token,
            issued_token_type=issued.type,
            token_type="N_A",
            expires_in=issued.expires_in,
            scope=" ".join(issued.scopes),
            resource=issued.resources,
            dpop_nonce=issued.possession.nonce if issued.possession else None,
            authorization_details=as_json(issued.details),
        )

    async def refresh_token(message: pb.RefreshTokenRequest, call: Call) -> pb.RefreshTokenResponse:
        renewed = await refresh(world, refresh_of(message), call)
        return pb.RefreshTokenResponse(
            token=renewed.token,
            issued_token_type=TOKEN_TYPE_REFRESH_TOKEN,
            token_type="N_A",
            expires_in=renewed.expires_in,
            scope=" ".join(renewed.scopes),
        )

    async def redeem_grant(message: pb.RedeemGrantRequest, call: Call) -> pb.RedeemGrantResponse:
        redeemed = await redeem(world, redeem_of(message), call)
        return pb.RedeemGrantResponse(
            access_token=redeemed.access_token,
            token_type="DPoP" if redeemed.possession else "Bearer",
            expires_in=redeemed.expires_in,
            scope=" ".join(redeemed.scopes),
            resource=redeemed.resources,
            dpop_nonce=redeemed.possession.nonce if redeemed.possession else None,
            authorization_details=as_json(redeemed.details),
        )

    async def introspect_token(message: pb.IntrospectTokenRequest, call: Call) -> pb.IntrospectTokenResponse:
        tokens = [message.token] if message.token else []
        full = message.consistency == pb.CONSISTENCY_FULL
        (answer,) = await introspect(world, introspect_of(message, tokens, full=full), call)
        return introspection_of(answer)

    async def introspect_tokens(message: pb.IntrospectTokensRequest, call: Call) -> pb.IntrospectTokensResponse:
        full = message.consistency == pb.CONSISTENCY_FULL
        answers = await introspect(world, introspect_of(message, message.tokens, full=full), call)
        return pb.IntrospectTokensResponse(results=[introspection_of(answer) for answer in answers])

    async def revoke_token(message: pb.RevokeTokenRequest, call: Call) -> pb.RevokeTokenResponse:
        await revoke(world, revoke_of(message), call)
        return pb.RevokeTokenResponse()

    async def refuse_request(message: pb.RefuseRequestRequest, call: Call) -> pb.RefuseRequestResponse:
        call.record.issuer = message.issuer if _known(world, message.issuer) else ""
        # A fault of a newer shim is refused all the same.
        reason = _WIRE_FAULTS.get(message.fault, Reason.FORM_MALFORMED)
        raise Refused(reason, endpoint=pb.Endpoint.Name(message.endpoint), field=message.parameter)

    return {
        "ExchangeIdentity": exchange_identity,
        "RefreshToken": refresh_token,
        "RedeemGrant": redeem_grant,
        "IntrospectToken": introspect_token,
        "IntrospectTokens": introspect_tokens,
        "RevokeToken": revoke_token,
        "RefuseRequest": refuse_request,
    }


def _known(world: World, issuer: str) -> bool:
    snapshot = world.snapshot
    return snapshot is not None and (issuer in snapshot.grant_issuers or issuer in snapshot.authorization_servers)
