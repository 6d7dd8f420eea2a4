"""The HTTP side and the service apart, each a `grantd` process, with mTLS between them."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import organisation as org
from certificates import Authority, Leaf, client_credentials
from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import client_pb2
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from leg_two import DESK
from served import grantd, http_at, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIM, STRANGER = "spiffe://corp.example/gateway", "spiffe://corp.example/stranger"
NAME = "grantd.internal"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
    "audience": org.SERVER,
    "resource": org.TICKETS,
    "scope": "tickets:read",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "client_id": "desk-agent",
    "client_secret": org.DESK_SECRET,
}


@dataclass
class Town:
    """The two processes, and who vouches for certificates."""

    authority: Authority
    target: str
    http: httpx2.AsyncClient

    def channel(self, leaf: Leaf | None) -> grpc.aio.Channel:
        """A channel to the service that shows a certificate, or none."""
        options = [("grpc.ssl_target_name_override", NAME)]
        return grpc.aio.secure_channel(self.target, client_credentials(self.authority, leaf), options=options)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def apart(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder, authority = tmp_path_factory.mktemp("apart"), Authority()
    service = _written(folder, "service", authority.leaf(dns=(NAME,)))
    shim = _written(folder, "shim", authority.leaf(uris=(SHIM,)))
    (folder / "ca.pem").write_bytes(authority.certificate)
    target = f"unix:{folder}/grpc.sock"
    grpc_settings = {
        "listen": target,
        "tls": {**service, "client_ca": str(folder / "ca.pem")},
        "callers": {SHIM: "shim", org.SERVICE_PEER: "service", "reader.corp.example": "resource_server"},
    }
    settings = {**prepare(folder), "grpc": grpc_settings, "limits": {"drain_notice": 0}}
    front = {
        "http": {"listen": f"unix:{folder}/http.sock", "behind_proxy": True},
        "http_upstream": {"tls": {**shim, "ca": str(folder / "ca.pem"), "server_name": NAME}},
        "limits": {"drain_notice": 0},
    }
    async with (
        grantd(folder, "rpc", settings, "serve", "rpc"),
        grantd(folder, "http", front, "serve", "http", "--upstream", target),
        http_at(folder / "http.sock") as http,
    ):
        yield Town(authority, target, http)


def _written(folder: Path, name: str, leaf: Leaf) -> dict[str, str]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(leaf.certificate)
    key.touch(mode=0o600)
    key.write_bytes(leaf.key)
    return {"certificate": str(certificate), "key": str(key)}


async def post(http: httpx2.AsyncClient, issuer: str, place: str, **form: str) -> httpx2.Response:
    return await http.post(f"{issuer.replace('https:', 'http:')}/{place}", data=form)


def now() -> int:
    return int(time.time())


@pytest.mark.req("F-48", "B-39", "C-19", "C-36")
async def test_both_legs_introspection_and_revocation_work_across_the_two(apart: Town) -> None:
    issued = await post(apart.http, org.GRANTS, "token", **EXCHANGE, subject_token=org.id_token(now()))
    assert issued.status_code == 200, issued.text
    desk = {"client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
    grant = issued.json()["access_token"]
    redeemed = await post(apart.http, org.SERVER, "token", grant_type=JWT_BEARER, assertion=grant, **desk)
    assert redeemed.status_code == 200, redeemed.text
    token = redeemed.json()["access_token"]
    asker = {"client_id": "rs-tickets", "client_secret": org.RS_SECRET}
    assert (await post(apart.http, org.SERVER, "introspect", token=token, **asker)).json()["active"] is True
    assert (await post(apart.http, org.SERVER, "revoke", token=token, **desk)).status_code == 200
    inactive = await post(apart.http, org.SERVER, "introspect", token=token, **asker)
    assert inactive.content == b'{"active":false}'
    again = await post(apart.http, org.SERVER, "token", grant_type=JWT_BEARER, assertion=grant, **desk)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert again.headers["x-grantd-decision-id"].startswith("d")


@pytest.mark.req("E-01", "E-22", "F-32")
async def test_documents_and_faults_of_the_form_cross_too(apart: Town) -> None:
    base = org.SERVER.replace("https:", "http:")
    metadata = await apart.http.get(f"{base}/.well-known/oauth-authorization-server")
    assert metadata.json()["issuer"] == org.SERVER
    assert (await apart.http.get(f"{base}/jwks.json")).json()["keys"]
    missing = await apart.http.post(f"{base}/token", data={})
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert missing.headers["x-grantd-decision-id"].startswith("d"), "the service has it on record"


@pytest.mark.req("F-48")
@pytest.mark.parametrize("who", ["stranger", "another authority", "nobody", "a service", "a resource server"])
async def test_a_shim_without_the_right_certificate_gets_nothing(apart: Town, who: str) -> None:
    leaf = {
        "stranger": apart.authority.leaf(uris=(STRANGER,)),
        "another authority": Authority("another").leaf(uris=(SHIM,)),
        "nobody": None,
        "a service": apart.authority.leaf(uris=(org.SERVICE_PEER,)),
        "a resource server": apart.authority.leaf(dns=("reader.corp.example",)),
    }[who]
    async with apart.channel(leaf) as channel:
        shim = Shim(channel, ShimLimits(call_seconds=2))
        transport = httpx2.ASGITransport(app=shim, client=("192.0.2.7", 4711))
        async with httpx2.AsyncClient(transport=transport) as http:
            answer = await http.post(f"{org.GRANTS}/token", data={**EXCHANGE, "subject_token": org.id_token(now())})
    unreachable = who in {"another authority", "nobody"}
    assert answer.status_code == (503 if unreachable else 500), "the client is not told that it is to blame"
    assert answer.json()["error"] == ("temporarily_unavailable" if unreachable else "server_error")


async def refusal(call: Awaitable[Any]) -> tuple[str, str]:
    """gRPC status and public reason."""
    info = error_details_pb2.ErrorInfo()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    assert status is not None
    status.details[0].Unpack(info)
    return caught.value.code().name, info.reason


OBSERVED = [
    client_pb2.Observed(client_address="192.0.2.1"),
    client_pb2.Observed(http_method="POST"),
    client_pb2.Observed(client_certificate=b"der"),
    client_pb2.Observed(dpop_proofs=["a.b.c"]),
    client_pb2.Observed(),
]


@pytest.mark.req("F-48")
@pytest.mark.parametrize("observed", OBSERVED, ids=["address", "method", "certificate", "proof", "empty"])
async def test_a_service_may_state_no_observed_facts(apart: Town, observed: client_pb2.Observed) -> None:
    async with apart.channel(apart.authority.leaf(uris=(org.SERVICE_PEER,))) as channel:
        stub = AuthorizationServiceStub(channel)
        grant = org.partner_grant(now(), jti=secrets.token_hex(8))
        request = pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant, observed=observed)
        assert await refusal(stub.RedeemGrant(request)) == ("INVALID_ARGUMENT", "OBSERVED_NOT_ALLOWED")
        request.ClearField("observed")
        assert (await stub.RedeemGrant(request)).access_token, "the grant was not used up"


@pytest.mark.req("D-01", "F-48")
async def test_a_service_is_the_client_that_its_certificate_is_bound_to_and_the_shim_is_none(apart: Town) -> None:
    peer = client_pb2.ClientAuthentication()
    peer.peer.SetInParent()
    request = pb.ExchangeIdentityRequest(
        issuer=org.GRANTS,
        client=peer,
        requested_token_type=EXCHANGE["requested_token_type"],
        audience=[org.SERVER],
        resource=[org.TICKETS],
        scope="tickets:read",
        subject_token=org.id_token(now(), aud="robot-sso"),
        subject_token_type=EXCHANGE["subject_token_type"],
    )
    async with apart.channel(apart.authority.leaf(uris=(org.SERVICE_PEER,))) as channel:
        assert (await AuthorizationServiceStub(channel).ExchangeIdentity(request)).scope == "tickets:read"
    async with apart.channel(apart.authority.leaf(uris=(SHIM,))) as channel:
        refused = await refusal(AuthorizationServiceStub(channel).ExchangeIdentity(request))
    assert refused == ("UNAUTHENTICATED", "CLIENT_AUTHENTICATION_FAILED")


@pytest.mark.req("F-48")
async def test_a_resource_server_may_introspect_and_no_more(apart: Town) -> None:
    async with apart.channel(apart.authority.leaf(dns=("reader.corp.example",))) as channel:
        stub = AuthorizationServiceStub(channel)
        asker = client_pb2.ClientAuthentication(
            client_id="rs-tickets", secret=client_pb2.ClientSecret(secret=org.RS_SECRET)
        )
        found = await stub.IntrospectToken(pb.IntrospectTokenRequest(issuer=org.SERVER, client=asker, token="x"))
        assert found == pb.IntrospectTokenResponse(active=False)
        redeeming = stub.RedeemGrant(pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion="x"))
        assert await refusal(redeeming) == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
