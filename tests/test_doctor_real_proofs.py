"""The doctor walks through grantd's own issuers and kit where they bind tokens to keys."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager

import pytest
from deploy.demo import mcp_server

import organisation as org
from grantd.dpop_nonce import Nonces
from grantd.resource_server.asgi import ResourceServer
from grantd.resource_server.possession import Possession
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd_server.doctor.examine import examine
from grantd_server.doctor.findings import Severity
from grantd_server.doctor.probing.credentials import Secret
from grantd_server.doctor.probing.journey import Probe
from grantd_server.doctor.setup import ClientSetup, Setup
from grantd_server.keys.foreign.fetch import Fetcher
from serving_ import base_of, listening, serving
from town_ import town


@asynccontextmanager
async def desk(folder, grants, tools, possession):
    """The service, with DPoP as the two words say, and an MCP server that takes proofs."""

    def changes(document):
        document["grant_issuers"]["grants"]["dpop"] = grants
        document["authorization_servers"]["tools"]["dpop"] = tools

    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with town(folder, resource=resource, changes=changes) as here:
        verifier = AccessTokenVerifier(issuer=here.server, resource=resource)
        app = mcp_server.ticket_desk(verifier).streamable_http_app(json_response=True, stateless_http=True)
        protected = ResourceServer(
            app,
            verifier,
            ProtectedResource(resource, (here.server,), scopes_supported=("tickets:read",)),
            possession=possession,
        )
        async with serving(protected, lifespan="on", listener=listener):
            yield here


async def walked(here):
    fetcher = Fetcher(allow_loopback=True)
    setup = Setup(
        grant_issuer=here.grants,
        authorization_server=here.server,
        resource=here.resource,
        scopes=("tickets:read",),
        client=ClientSetup("desk-sso", "desk-agent", "cli_desk"),
    )
    probe = Probe(here.id_token(), Secret("desk-agent", org.DESK_SECRET), Secret("cli_desk", org.TOOLS_SECRET))
    try:
        return await examine(setup, fetcher, time.time, None, probe)
    finally:
        await fetcher.aclose()


@pytest.mark.req("A-67", "B-23", "C-14", "F-26")
@pytest.mark.parametrize(
    ("grants", "tools", "required"),
    [("required", "required", True), ("optional", "optional", False), ("off", "required", True)],
)
async def test_a_walk_is_healthy_where_tokens_are_bound_and_nonces_handed_out(tmp_path, grants, tools, required):
    possession = Possession(required=required, nonces=Nonces(bytes(32), "desk"))
    async with desk(tmp_path, grants, tools, possession) as here:
        found = await walked(here)
    codes = {each.code for each in found.findings}
    assert [each for each in found.findings if each.severity is not Severity.NOTE] == []
    assert codes >= {"probe.proofs", "resource.opened", "replay.once", "revocation.done"}
    told = next(each.evidence for each in found.findings if each.code == "probe.proofs")
    assert told.count("http://127.0.0.1:") == 2  # the service's nonces and the desk's
    assert found.view.journey.scheme == "DPoP"
