"""fastmcp, code of other hands: its verifiers take our access tokens, and its OAuth
proxy, a foreign authorization server, redeems our ID-JAGs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import IdentityAssertion, OAuthProxy
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier
from key_value.aio.stores.memory import MemoryStore

import organisation as org
from grantd.client import AsyncClient
from grantd.client.results import IssuedGrant
from serving_ import base_of, listening, serving
from town_ import DESK, DESK_AT_TOOLS, Town, town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def issue(here: Town, audience: str, resource: str, **changed) -> IssuedGrant:
    """Leg 1."""
    async with AsyncClient.loopback(here.target) as grantd:
        return await grantd.exchange_identity(
            issuer=here.grants,
            credentials=DESK,
            subject_token=here.id_token(**changed),
            audience=audience,
            resource=[resource],
        )


async def access_token(here: Town) -> str:
    """Both legs, for the ticket server."""
    grant = await issue(here, here.server, here.resource)
    async with AsyncClient.loopback(here.target) as grantd:
        token = await grantd.redeem_grant(issuer=here.server, credentials=DESK_AT_TOOLS, assertion=grant.token)
    return token.access_token


async def test_its_jwt_verifier_accepts_our_access_token_for_us_and_for_nobody_else(tmp_path):
    async with town(tmp_path) as here:
        token = await access_token(here)
        for audience, accepted in ((here.resource, True), ("https://else.example/mcp", False)):
            verifier = JWTVerifier(
                jwks_uri=f"{here.server}/jwks.json", issuer=here.server, audience=audience, algorithm="ES256"
            )
            found = await verifier.verify_token(token)
            assert (found is not None) is accepted
            if found is not None:
                assert (found.client_id, found.scopes) == ("cli_desk", ["tickets:read"])


async def test_its_introspection_verifier_accepts_our_access_token_until_it_is_revoked(tmp_path):
    async with town(tmp_path) as here:
        token = await access_token(here)
        verifier = IntrospectionTokenVerifier(
            introspection_url=f"{here.server}/introspect",
            client_id="rs-tickets",
            client_secret=org.RS_SECRET,
            audience=here.resource,
        )
        found = await verifier.verify_token(token)
        assert found is not None
        assert (found.client_id, found.scopes) == ("cli_desk", ["tickets:read"])
        async with AsyncClient.loopback(here.target) as grantd:
            await grantd.revoke_token(issuer=here.server, credentials=DESK_AT_TOOLS, token=token)
        assert await verifier.verify_token(token) is None


@dataclass
class Abroad:
    """A foreign authorization server and our client's registration there."""

    issuer: str
    resource: str
    client_id: str

    async def redeem(self, assertion: str) -> httpx2.Response:
        form = {"grant_type": JWT_BEARER, "assertion": assertion, "client_id": self.client_id}
        async with httpx2.AsyncClient(trust_env=False) as http:
            return await http.post(f"{self.issuer}/token", data=form | {"resource": self.resource})


def proxy_at(base: str, grants: str) -> OAuthProxy:
    """fastmcp's OAuth proxy in the part of an authorization server that trusts `grants`."""
    return OAuthProxy(
        upstream_authorization_endpoint="https://login.partner.example/authorize",
        upstream_token_endpoint="https://login.partner.example/token",
        upstream_client_id="proxy",
        upstream_client_secret="not-used-here",
        token_verifier=JWTVerifier(jwks_uri=f"{grants}/jwks.json", issuer=grants, audience="unused"),
        base_url=base,
        client_storage=MemoryStore(),
        jwt_signing_key="a-key-of-the-foreign-server-only",
        identity_assertion=IdentityAssertion(
            trusted_issuers=[grants], jwks_uris={grants: f"{grants}/jwks.json"}, audience=base, algorithm="ES256"
        ),
    )


@asynccontextmanager
async def abroad(folder: Path, **changed: Any) -> AsyncIterator[tuple[Town, Abroad]]:
    """The proxy runs, our client is registered there, and the bundle knows both."""
    listener = listening()
    base = base_of(listener)
    resource = f"{base}/mcp"

    def changes(document: dict[str, Any]) -> None:
        document["authorization_servers"]["abroad"] |= {"issuer": base, **changed}
        document["resources"]["partner-mcp"]["uri"] = resource
        document["grant_issuers"]["grants"] |= {"grant_lifetime": "10m", "allow_long_grants": True}

    async with town(folder, changes=changes) as here:
        app = FastMCP("abroad", auth=proxy_at(base, here.grants)).http_app(path="/mcp")
        async with serving(app, lifespan="on", listener=listener):
            async with httpx2.AsyncClient(trust_env=False) as http:
                registered = await http.post(
                    f"{base}/register",
                    json={
                        "redirect_uris": ["http://127.0.0.1/callback"],
                        "token_endpoint_auth_method": "none",
                        "grant_types": ["authorization_code", "refresh_token"],
                    },
                )
            assert registered.status_code == 201, registered.text
            there = Abroad(base, resource, registered.json()["client_id"])
            here.document["clients"]["desk"]["at"]["abroad"]["client_id"] = there.client_id
            await here.house.apply(here.document)
            yield here, there


@pytest.mark.req("X-2", "A-58")
async def test_its_oauth_proxy_redeems_our_grant_once_and_for_its_own_name_only(tmp_path):
    async with abroad(tmp_path, profile="fastmcp", algorithms=["ES256"]) as (here, there):
        grant = await issue(here, there.issuer, there.resource)
        first = await there.redeem(grant.token)
        assert first.status_code == 200, first.text
        assert first.json()["scope"] == "files:read"
        assert first.json()["expires_in"] <= 300

        again = await there.redeem(grant.token)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_grant")

        elsewhere = await issue(here, here.server, here.resource)
        wrong = await there.redeem(elsewhere.token)
        assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_grant")

        fresh = await issue(here, there.issuer, there.resource)
        assert (await there.redeem(fresh.token)).status_code == 200


async def test_without_its_profile_a_grant_may_live_longer_than_its_oauth_proxy_takes(tmp_path):
    async with abroad(tmp_path) as (here, there):
        grant = await issue(here, there.issuer, there.resource)
        refused = await there.redeem(grant.token)
    assert (grant.expires_in, refused.status_code, refused.json()["error"]) == (600, 401, "invalid_grant")
