"""The gRPC peer itself as client: over real mTLS, for the identity that is bound to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

import organisation as org
from certificates import Authority, client_credentials, write_tls_files
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.client_pb2 import ClientAuthentication
from grantd_server.model.caller import Role
from grantd_server.rpc.server import Listener, RpcServer
from grantd_server.rpc.server.aio import Peers
from grantd_server.rpc.server.tls import ReloadingCredentials, TlsFiles
from leg_one import desk, exchanging, outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from house import House
    from leg_one import Outcome

BACKEND, OTHER = org.SERVICE_PEER, "spiffe://corp.example/other"
SHIM, TICKETS_MCP = "spiffe://corp.example/shim", "tickets.corp.example"
ROLES = {BACKEND: Role.SERVICE, OTHER: Role.SERVICE, SHIM: Role.SHIM, TICKETS_MCP: Role.RESOURCE_SERVER}


@asynccontextmanager
async def mutual_tls(house: House) -> AsyncIterator[Any]:
    """Serves the house over mTLS; yields a way to a stub for an identity."""
    authority = Authority()
    served = authority.leaf(dns=("localhost",), ips=("127.0.0.1",))
    files = TlsFiles(*write_tls_files(house.folder, authority, served))
    listener = Listener("127.0.0.1:0", ReloadingCredentials(files, print))
    server = RpcServer(house.parts.endpoints, Peers(ROLES), [listener])
    await server.start()
    channels = []

    def stub(identity: str) -> AuthorizationServiceStub:
        names = {"uris": (identity,)} if "://" in identity else {"dns": (identity,)}
        credentials = client_credentials(authority, authority.leaf(**names))
        # A pool of its own, or a second identity would ride on the first one's connection.
        options = (("grpc.use_local_subchannel_pool", 1),)
        channels.append(grpc.aio.secure_channel(f"127.0.0.1:{server.ports[0]}", credentials, options=options))
        return AuthorizationServiceStub(channels[-1])

    try:
        yield stub
    finally:
        for channel in channels:
            await channel.close()
        await server.grpc.stop(None)


def peer(client_id: str | None = None) -> ClientAuthentication:
    message = ClientAuthentication(client_id=client_id)
    message.peer.SetInParent()
    return message


async def asked(house: House, stub: AuthorizationServiceStub, client: ClientAuthentication) -> Outcome:
    request = exchanging(house, client, subject_token=house.id_token(aud="robot-sso"))
    return await outcome(house, stub.ExchangeIdentity(request))


@pytest.mark.parametrize("client_id", [None, "robot"])
async def test_the_service_that_a_client_is_bound_to_needs_no_other_proof(house: House, client_id: str | None) -> None:
    async with mutual_tls(house) as stub:
        found = await asked(house, stub(BACKEND), peer(client_id))
    assert found.status == "OK"
    assert (found.record["client"], found.record["client_method"]) == ("robot", "peer")
    assert (found.record["caller"], found.record["role"]) == (BACKEND, "service")


REFUSED = {
    "another service": (OTHER, peer(), "CLIENT_PEER_MISMATCH", "client.peer"),
    "another service that names the client": (OTHER, peer("robot"), "CLIENT_PEER_MISMATCH", "client.peer"),
    "the shim": (SHIM, peer("robot"), "CLIENT_PEER_MISMATCH", "client.peer_role"),
    "the service under another client's id": (BACKEND, peer("desk-agent"), "CLIENT_ID_MISMATCH", "client.named"),
}


@pytest.mark.req("D-11", "F-34")
@pytest.mark.hostile("A10")
@pytest.mark.parametrize("name", REFUSED)
async def test_nobody_else_is_that_client(house: House, name: str) -> None:
    identity, proof, reason, check = REFUSED[name]
    async with mutual_tls(house) as stub:
        found = await asked(house, stub(identity), proof)
    assert (found.status, found.public) == ("UNAUTHENTICATED", "CLIENT_AUTHENTICATION_FAILED")
    assert found.reason == reason
    assert found.record["checks"][-1][1:3] == [check, False]


@pytest.mark.req("F-34")
async def test_the_shim_is_refused_even_where_a_bundle_binds_its_identity_to_a_client(house: House) -> None:
    document = org.bundle()
    document["clients"]["robot"]["at"]["grants"]["authentication"] = [{"peer": SHIM}]
    await house.apply(document)
    async with mutual_tls(house) as stub:
        found = await asked(house, stub(SHIM), peer("robot"))
    assert (found.reason, found.record["checks"][-1][1]) == ("CLIENT_PEER_MISMATCH", "client.peer_role")


@pytest.mark.req("D-26")
async def test_an_identity_is_bound_at_one_issuer_and_not_at_another(house: House) -> None:
    request = pb.RedeemGrantRequest(
        issuer=org.SERVER, client=peer(), assertion=house.partner_grant(client_id="cli_robot")
    )
    async with mutual_tls(house) as stub:
        found = await outcome(house, stub(BACKEND).RedeemGrant(request))
    assert found.reason == "CLIENT_PEER_MISMATCH"


@pytest.mark.req("F-48")
async def test_a_known_caller_does_not_spare_the_client_its_proof(house: House) -> None:
    async with mutual_tls(house) as stub:
        wrong = await asked(house, stub(BACKEND), desk("not-the-secret"))
        none = await asked(house, stub(BACKEND), ClientAuthentication(client_id="robot"))
    assert (wrong.reason, none.reason) == ("CLIENT_SECRET_MISMATCH", "CREDENTIALS_MISSING")


@pytest.mark.req("C-17")
async def test_a_resource_server_introspects_as_its_own_tls_identity(house: House) -> None:
    document = org.bundle()
    document["resource_servers"]["tickets-server"]["authentication"] = [{"peer": TICKETS_MCP}]
    await house.apply(document)
    request = pb.IntrospectTokenRequest(issuer=org.SERVER, client=peer(), token="unknown")
    async with mutual_tls(house) as stub:
        found = await outcome(house, stub(TICKETS_MCP).IntrospectToken(request))
        other = await outcome(house, stub(BACKEND).IntrospectToken(request))
    assert (found.status, found.answer.active, found.record["client"]) == ("OK", False, "tickets-server")
    assert other.reason == "CLIENT_PEER_MISMATCH"


async def test_a_blocked_client_is_refused_also_as_a_peer(house: House) -> None:
    await house.block("client", "robot")
    async with mutual_tls(house) as stub:
        found = await asked(house, stub(BACKEND), peer())
    assert found.reason == "CLIENT_BLOCKED"


@pytest.mark.req("F-48")
async def test_a_caller_that_is_not_bound_or_not_allowed_gets_nothing(house: House) -> None:
    async with mutual_tls(house) as stub:
        unknown = await asked(house, stub("spiffe://corp.example/nobody"), desk())
        reader = await asked(house, stub(TICKETS_MCP), desk())
    assert (unknown.status, unknown.reason) == ("UNAUTHENTICATED", "CALLER_UNKNOWN")
    assert (reader.status, reader.reason) == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
    assert "client" not in unknown.record | reader.record
