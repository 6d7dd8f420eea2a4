"""A key from the sign-in to the tool: both legs of the service, then an MCP server behind
the kit, by keys and by asking; and when a revocation is seen."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx2
import pytest
from deploy.demo import mcp_server

from grantd import http
from grantd.client import AsyncClient
from grantd.dpop.prover import Prover
from grantd.resource_server.mcp import protect
from grantd.resource_server.possession import Possession
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.resource_server.requirement import Requirement
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.introspection import HttpAsker, IntrospectionVerifier
from mcp_calls_ import bound, call, connected, post
from serving_ import base_of, listening, serving
from town_ import DESK, DESK_AT_TOOLS, TICKETS_SERVER, town

URN = "urn:ietf:params:oauth:"


def with_dpop(document):
    document["grant_issuers"]["grants"]["dpop"] = "optional"
    document["authorization_servers"]["tools"]["dpop"] = "optional"


@asynccontextmanager
async def desk(folder, mode):
    """The service, and a ticket desk that takes key-bound tokens only."""
    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with town(folder, resource=resource, changes=with_dpop) as here:
        keys = AccessTokenVerifier(issuer=here.server, resource=resource)
        ask = HttpAsker(
            f"{here.server}/introspect", client_id=TICKETS_SERVER.client_id, client_secret=TICKETS_SERVER.secret
        )
        asking = IntrospectionVerifier(ask, issuer=here.server, resource=resource, life=0, negative_life=0)
        verifier = asking if mode == "introspection" else keys
        app = protect(
            mcp_server.ticket_desk(verifier).streamable_http_app(json_response=True, stateless_http=True),
            verifier,
            ProtectedResource(resource, (here.server,)),
            possession=Possession(required=True),
            asking=asking,
            required=Requirement(("tickets:read",), fresh=mode == "both"),
        )
        async with serving(app, lifespan="on", listener=listener):
            yield here
        await keys.close()
        await ask.close()


async def leg(here, prover, url, credentials, **form):
    """One leg, again with the nonce that the first answer brings."""
    authorization = {"authorization": http.basic(credentials.client_id, credentials.secret)}
    async with httpx2.AsyncClient(trust_env=False) as client:
        first = await client.post(url, data=form, headers=authorization | {"dpop": prover.proof("POST", url)})
        assert first.json()["error"] == "use_dpop_nonce"
        proof = prover.proof("POST", url, nonce=first.headers["dpop-nonce"])
        answer = await client.post(url, data=form, headers=authorization | {"dpop": proof})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def bound_token(here, prover):
    granted = await leg(
        here,
        prover,
        f"{here.grants}/token",
        DESK,
        grant_type=URN + "grant-type:token-exchange",
        requested_token_type=URN + "token-type:id-jag",
        subject_token_type=URN + "token-type:id_token",
        subject_token=here.id_token(),
        audience=here.server,
        resource=here.resource,
    )
    redeemed = await leg(
        here,
        prover,
        f"{here.server}/token",
        DESK_AT_TOOLS,
        grant_type=URN + "grant-type:jwt-bearer",
        assertion=granted["access_token"],
    )
    assert redeemed["token_type"] == "DPoP"
    return redeemed["access_token"]


@pytest.mark.req("C-11", "C-14", "C-20", "H-14", "X-11", "G-43")
@pytest.mark.parametrize(("mode", "status_of_revoked"), [("keys", 200), ("introspection", 401), ("both", 401)])
async def test_a_key_opens_the_desk_that_its_token_was_bound_for(tmp_path, mode, status_of_revoked):
    async with desk(tmp_path, mode) as here:
        prover = Prover.generate()
        token = await bound_token(here, prover)
        async with connected(here.resource, bound(token, prover, here.resource)) as client:
            listed = await client.call_tool("list_tickets", {})
            assert "coffee machine" in listed.content[0].text

        async def status(**headers):
            return (await post(here.resource, token, call("list_tickets"), **headers)).status_code

        def shown(by=prover):
            proof = by.proof("POST", here.resource, access_token=token)
            return {"authorization": f"DPoP {token}", "dpop": proof}

        assert await status() == 401
        assert await status(**shown(Prover.generate())) == 401
        again = shown()
        assert (await status(**again), await status(**again)) == (200, 401)

        async with AsyncClient.loopback(here.target) as grantd:
            await grantd.revoke_token(issuer=here.server, credentials=DESK_AT_TOOLS, token=token)
        assert await status(**shown()) == status_of_revoked
