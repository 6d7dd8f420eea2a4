"""Test support: a gRPC server in grantd's place that answers, or fails, as it is told.

For faults that the real service cannot be made to have on purpose. Refusals are made
by the service's own `rpc.status`, so that client and service are held to one wire form.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceServicer, add_AuthorizationServiceServicer_to_server
from grantd.v1.metadata_pb2_grpc import MetadataServiceServicer, add_MetadataServiceServicer_to_server
from grantd_server.refusals import Public
from grantd_server.rpc.chain import status

DECISION = "dec_0123456789abcdef"

Answer = Callable[[Any, Any], Any]


def refuse(public: Public, **challenge: str) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """A refusal exactly as the service sends it."""
    trailers = (("x-grantd-decision-id", DECISION), ("grpc-status-details-bin", status.encode(public, challenge)))
    return grpc.StatusCode[public.status], public.sentence, trailers


def fail(code: grpc.StatusCode, text: str = "somebody in between") -> tuple[grpc.StatusCode, str, tuple[()]]:
    """A failure that is not grantd's own word."""
    return code, text, ()


@dataclass
class Script:
    """What to answer, call by call; the last entry stays. And what came in."""

    answers: list[Any]
    seen: list[Any] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)

    async def play(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        self.seen.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, tuple):
            await context.abort(answer[0], answer[1], answer[2])
        context.set_trailing_metadata((("x-grantd-decision-id", DECISION),))
        return answer


class _Authorization(AuthorizationServiceServicer):
    def __init__(self, script: Script) -> None:
        methods = (
            "ExchangeIdentity",
            "RefreshToken",
            "RedeemGrant",
            "IntrospectToken",
            "IntrospectTokens",
            "RevokeToken",
        )
        for method in methods:
            setattr(self, method, script.play)


class _Metadata(MetadataServiceServicer):
    def __init__(self, script: Script) -> None:
        self.GetIssuerMetadata = script.play  # type: ignore[method-assign]  # scripted
        self.GetJwks = script.play  # type: ignore[method-assign]  # scripted


@asynccontextmanager
async def scripted(
    *answers: Any, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[tuple[str, Script]]:
    """Yields the target and the script."""
    script = Script(list(answers))
    server = grpc.aio.server()
    add_AuthorizationServiceServicer_to_server(_Authorization(script), server)
    add_MetadataServiceServicer_to_server(_Metadata(script), server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}", script
    finally:
        await server.stop(None)


GRANT = pb.ExchangeIdentityResponse(
    token="the.id.jag",
    issued_token_type="urn:ietf:params:oauth:token-type:id-jag",
    token_type="N_A",
    expires_in=300,
    scope="tickets:read tickets:write",
    resource=["https://mcp.example/mcp"],
)
TOKEN = pb.RedeemGrantResponse(
    access_token="the.access.token", token_type="Bearer", expires_in=900, scope="tickets:read", resource=["https://m"]
)
SESSION = pb.RefreshTokenResponse(
    token="the-refresh-token",
    issued_token_type="urn:ietf:params:oauth:token-type:refresh_token",
    token_type="N_A",
    expires_in=3600,
)
ACTIVE = pb.IntrospectTokenResponse(
    active=True, scope="tickets:read", client_id="c", exp=2_000_000_000, sub="u", aud=["https://m"], iss="https://as"
)
INACTIVE = pb.IntrospectTokenResponse(active=False)
METADATA = metadata_pb2.GetIssuerMetadataResponse(
    metadata=metadata_pb2.IssuerMetadata(issuer="https://as", token_endpoint="https://as/token")
)
JWKS = metadata_pb2.GetJwksResponse(
    keys=[metadata_pb2.JsonWebKey(kid="k1", kty="EC", use="sig", alg="ES256", crv="P-256", x="eA", y="eQ")], max_age=600
)
