"""A grpc.aio service that records what the shim sends and answers what a test wants,
and an HTTP client in front of the shim."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import grpc
import httpx2
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2 as mpb
from grantd.v1.authorization_pb2_grpc import (
    AuthorizationServiceServicer,
    add_AuthorizationServiceServicer_to_server,
)
from grantd.v1.metadata_pb2_grpc import MetadataServiceServicer, add_MetadataServiceServicer_to_server
from grantd_server.refusals import Public
from grantd_server.shim import Shim, ShimLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

FORM = "application/x-www-form-urlencoded"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REDEEM = "urn:ietf:params:oauth:grant-type:jwt-bearer"
IDP, AS = "https://login.example/idp", "https://mcp.example/as"
CLIENT = {"client_id": "desk", "client_secret": "s"}
LEG_1 = {
    "grant_type": EXCHANGE,
    "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
    "audience": AS,
    "resource": ["https://mcp.example/files", "https://mcp.example/mail"],
    "scope": "files:read files:write",
    "authorization_details": '[{"type":"x"}]',
    "subject_token": "id.token.x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "actor_token": "actor",
    "actor_token_type": "urn:ietf:params:oauth:token-type:jwt",
    **CLIENT,
}
"""Leg 1 with every parameter there is."""
LEG_2 = {"grant_type": REDEEM, "assertion": "id.jag.x", "scope": "files:read", "resource": "https://mcp.example/files"}

FAULTS = {
    pb.WIRE_FAULT_FORM: Public.MESSAGE_MALFORMED,
    pb.WIRE_FAULT_REPEATED_PARAMETER: Public.PARAMETER_REPEATED,
    pb.WIRE_FAULT_MISSING_PARAMETER: Public.PARAMETER_MISSING,
    pb.WIRE_FAULT_TWO_CREDENTIALS: Public.MULTIPLE_CREDENTIALS,
    pb.WIRE_FAULT_BASIC_HEADER: Public.CLIENT_AUTHENTICATION_FAILED,
    pb.WIRE_FAULT_GRANT_TYPE: Public.GRANT_TYPE_UNSUPPORTED,
    pb.WIRE_FAULT_BODY_TOO_LARGE: Public.BODY_TOO_LARGE,
    pb.WIRE_FAULT_NO_AUTHORIZATION_GRANT: Public.NO_AUTHORIZATION_GRANT,
    pb.WIRE_FAULT_BODY_TOO_SLOW: Public.BODY_TOO_SLOW,
    pb.WIRE_FAULT_CLIENT_ID_MISMATCH: Public.CLIENT_AUTHENTICATION_FAILED,
}
"""What the service makes of each fault; the shim does not know it."""


@dataclass
class Refuse:
    """A refusal as the service sends it; `trailers` replaces the usual ones."""

    public: Public = Public.INTERNAL
    metadata: Mapping[str, str] = field(default_factory=dict)
    code: grpc.StatusCode | None = None
    trailers: Sequence[tuple[str, str | bytes]] | None = None
    domain: str = "grantd"
    reason: str | None = None

    async def abort(self, context: Any) -> None:
        code = self.code or grpc.StatusCode[self.public.status]
        info = ErrorInfo(reason=self.reason or self.public.name, domain=self.domain, metadata=self.metadata)
        status = Status(code=code.value[0], message="secret-of-the-service")
        status.details.add().Pack(info)
        usual = (("x-grantd-decision-id", "dec-1"), ("grpc-status-details-bin", status.SerializeToString()))
        await context.abort(code, "secret-of-the-service", self.trailers if self.trailers is not None else usual)


def issuer_metadata(issuer: str, kind: int, **more: Any) -> mpb.IssuerMetadata:
    members: dict[str, Any] = {
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks.json",
        "response_types_supported": ["code"],
        "max_age": 300,
    }
    if kind == mpb.ISSUER_KIND_AUTHORIZATION_SERVER:
        members |= {"introspection_endpoint": f"{issuer}/introspect", "revocation_endpoint": f"{issuer}/revoke"}
    return mpb.IssuerMetadata(kind=kind, issuer=issuer, **(members | more))


class FakeService(AuthorizationServiceServicer, MetadataServiceServicer):
    """Answers from `answers`, by method name; a function gets the message."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.seconds_left: list[float] = []
        self.metadata: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {
            "ExchangeIdentity": pb.ExchangeIdentityResponse(
                token="id.jag.x",
                issued_token_type="urn:ietf:params:oauth:token-type:id-jag",
                token_type="N_A",
                expires_in=300,
                scope="files:read",
                resource=["https://mcp.example/files"],
            ),
            "RedeemGrant": pb.RedeemGrantResponse(
                access_token="at.at.x", token_type="Bearer", expires_in=900, scope="files:read"
            ),
            "IntrospectToken": pb.IntrospectTokenResponse(active=False),
            "RevokeToken": pb.RevokeTokenResponse(),
            "RefuseRequest": lambda message: Refuse(FAULTS[message.fault]),
            "ListIssuers": mpb.ListIssuersResponse(
                issuers=[
                    issuer_metadata(IDP, mpb.ISSUER_KIND_GRANT_ISSUER),
                    issuer_metadata(AS, mpb.ISSUER_KIND_AUTHORIZATION_SERVER),
                ]
            ),
            "GetJwks": mpb.GetJwksResponse(
                keys=[mpb.JsonWebKey(kid="k1", kty="EC", use="sig", alg="ES256", crv="P-256", x="x1", y="y1")],
                max_age=120,
            ),
        }

    async def _answer(self, method: str, message: Any, context: Any) -> Any:
        self.got.append((method, message))
        self.seconds_left.append(context.time_remaining())
        self.metadata.append(dict(context.invocation_metadata()))
        answer = self.answers[method]
        if callable(answer):
            answer = answer(message)
        if hasattr(answer, "__await__"):
            answer = await answer
        if isinstance(answer, Refuse):
            await answer.abort(context)
        context.set_trailing_metadata((("x-grantd-decision-id", "dec-ok"),))
        return answer

    def sent(self, method: str) -> list[Any]:
        return [message for name, message in self.got if name == method]


def _method(name: str) -> Any:
    async def method(self: FakeService, message: Any, context: Any) -> Any:
        return await self._answer(name, message, context)

    return method


for _name in (
    "ExchangeIdentity",
    "RedeemGrant",
    "IntrospectToken",
    "RevokeToken",
    "RefuseRequest",
    "ListIssuers",
    "GetJwks",
):
    setattr(FakeService, _name, _method(_name))


@dataclass
class Front:
    """The shim with its fake service, and a client without a server in between."""

    service: FakeService
    shim: Shim
    client: httpx2.AsyncClient
    channel: grpc.aio.Channel
    server: grpc.aio.Server
    address: str

    async def post(self, path: str, form: Any, **headers: str) -> httpx2.Response:
        """Posts a form given as pairs, mapping, text or bytes."""
        content = form if isinstance(form, str | bytes) else urlencode(form, doseq=True)
        names = {"content-type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers=names)

    def only(self, method: str) -> Any:
        """The one message of this method; nothing else was asked of the service."""
        asked = [(name, message) for name, message in self.service.got if name != "ListIssuers"]
        assert [name for name, _ in asked] == [method]
        return asked[0][1]


@contextlib.asynccontextmanager
async def fronted(
    limits: ShimLimits | None = None,
    clock: Callable[[], float] | None = None,
    peer: tuple[str, int] = ("198.51.100.9", 4711),
    register: Callable[[grpc.aio.Server], None] | None = None,
) -> AsyncIterator[Front]:
    service, server = FakeService(), grpc.aio.server()
    add_AuthorizationServiceServicer_to_server(service, server)
    add_MetadataServiceServicer_to_server(service, server)
    if register:
        register(server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    more = {"clock": clock} if clock else {}
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            shim = Shim(channel, limits or ShimLimits(), **more)
            transport = httpx2.ASGITransport(app=shim, client=peer)
            async with httpx2.AsyncClient(transport=transport, base_url="http://front.example") as client:
                yield Front(service, shim, client, channel, server, address)
    finally:
        await server.stop(None)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()
