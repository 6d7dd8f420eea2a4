"""The OAuth endpoints: one form in, one RPC, one answer out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim.answer.answers import exchange_answer, introspect_answer, redeem_answer, refresh_answer
from grantd_server.shim.answer.refusal import decision_header, find_decision_id, nonce_header
from grantd_server.shim.answer.response import NO_STORE, Response, json_response
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.request.form import read_form
from grantd_server.shim.request.messages import read_request, refusal_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from grantd.v1.authorization_pb2_grpc import AuthorizationServiceAsyncStub
    from grantd_server.shim.issuers.routes import Route
    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.body import Body
    from grantd_server.shim.request.head import Head

    Ask = tuple[Any, Callable[[Any], dict[str, Any]] | None]


class Endpoints:
    """Token, introspection, revocation and authorization endpoints of every issuer."""

    def __init__(self, stub: AuthorizationServiceAsyncStub, limits: ShimLimits) -> None:
        self._limits = limits
        self._refuse = stub.RefuseRequest
        self._calls: dict[type[Message], Ask] = {
            pb.ExchangeIdentityRequest: (stub.ExchangeIdentity, exchange_answer),
            pb.RefreshTokenRequest: (stub.RefreshToken, refresh_answer),
            pb.RedeemGrantRequest: (stub.RedeemGrant, redeem_answer),
            pb.IntrospectTokenRequest: (stub.IntrospectToken, introspect_answer),
            pb.RevokeTokenRequest: (stub.RevokeToken, None),
        }

    async def post(self, route: Route, head: Head, body: Body) -> Response:
        """Answers a form post.

        Raises:
            grpc.aio.AioRpcError: the refusal, also of a request that is no call.
            Gone: the client left before its request was complete.
        """
        try:
            form = read_form(await body.read(self._limits), self._limits.fields)
            message = read_request(route, form, head, self._limits)
        except WireRefused as refused:
            return await self.refuse(route, head, refused)
        method, render = self._calls[type(message)]
        call = method(message, timeout=self._limits.call_seconds)
        answer = await call
        decided = decision_header(find_decision_id(await call.trailing_metadata() or ()))
        if render is None:
            return Response(200, b"", (*NO_STORE, *decided))
        nonce = nonce_header(getattr(answer, "dpop_nonce", None))
        return json_response(200, render(answer), *decided, *nonce)

    async def refuse(self, route: Route, head: Head, refused: WireRefused) -> Response:
        """Has the service record and refuse a request; always ends as the refusal."""
        message = refusal_request(route, refused, head, self._limits)
        await self._refuse(message, timeout=self._limits.call_seconds)
        raise RuntimeError("the service accepted a request that it was told to refuse")
