"""Metadata, keys and routing: what is published, and where."""

from __future__ import annotations

import grpc
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2 as mpb
from grantd_server.refusals import Public
from grantd_server.shim import ShimLimits
from shim_fakes import AS, IDP, Refuse, fronted, issuer_metadata

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
GRANT_ISSUER, SERVER = mpb.ISSUER_KIND_GRANT_ISSUER, mpb.ISSUER_KIND_AUTHORIZATION_SERVER
FULL = issuer_metadata(
    IDP,
    GRANT_ISSUER,
    scopes_supported=["files:read"],
    grant_types_supported=["urn:ietf:params:oauth:grant-type:token-exchange"],
    authorization_grant_profiles_supported=["urn:ietf:params:oauth:grant-profile:id-jag"],
    identity_chaining_requested_token_types_supported=["urn:ietf:params:oauth:token-type:id-jag"],
    token_endpoint_auth_methods_supported=["client_secret_basic", "private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported=["ES256"],
    introspection_endpoint_auth_methods_supported=["client_secret_basic"],
    revocation_endpoint_auth_methods_supported=["client_secret_post"],
    code_challenge_methods_supported=["S256"],
    dpop_signing_alg_values_supported=["ES256"],
    acr_values_supported=["urn:mfa"],
    client_id_metadata_document_supported=False,
    tls_client_certificate_bound_access_tokens=True,
    subject_types_supported=["public"],
    id_token_signing_alg_values_supported=["ES256"],
    authorization_details_types_supported=["x"],
    introspection_endpoint=f"{IDP}/introspect",
    revocation_endpoint=f"{IDP}/revoke",
)


@pytest.mark.req("E-01", "E-03", "E-04", "E-05", "E-06", "E-13", "E-19")
async def test_an_authorization_server_publishes_rfc_8414_metadata_at_the_inserted_path():
    async with fronted() as front:
        answer = await front.client.get(f"{OAUTH}/as")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "max-age=300"
    assert answer.json() == {
        "issuer": AS,
        "authorization_endpoint": f"{AS}/authorize",
        "token_endpoint": f"{AS}/token",
        "jwks_uri": f"{AS}/jwks.json",
        "introspection_endpoint": f"{AS}/introspect",
        "revocation_endpoint": f"{AS}/revoke",
        "response_types_supported": ["code"],
    }


@pytest.mark.req("E-01", "E-22")
@pytest.mark.parametrize("path", [f"{OPENID}/idp", f"/idp{OPENID}"])
async def test_a_grant_issuer_publishes_openid_discovery_at_both_paths(path):
    async with fronted() as front:
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(issuers=[FULL])
        openid, oauth = await front.client.get(path), await front.client.get(f"{OAUTH}/idp")
    extra = {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}
    assert openid.json() == oauth.json() | extra
    assert openid.json()["issuer"] == IDP


@pytest.mark.req("E-04", "E-12", "E-13", "E-14")
async def test_every_member_of_the_metadata_is_published_as_it_is():
    """A field added to the message must be published, or left out on purpose."""
    async with fronted() as front:
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(issuers=[FULL])
        body = (await front.client.get(f"{OPENID}/idp")).json()
    names = {field.name for field in mpb.IssuerMetadata.DESCRIPTOR.fields} - {"kind", "max_age"}
    assert set(body) == names
    for name in names:
        value = getattr(FULL, name)
        assert body[name] == (value if isinstance(value, str | bool) else list(value))


@pytest.mark.req("E-04", "E-11")
@pytest.mark.hostile("H12")
async def test_nothing_but_the_listed_members_is_published():
    async with fronted() as front:
        body = (await front.client.get(f"{OAUTH}/idp")).json()
    assert set(body) == {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
    }


@pytest.mark.req("E-01")
@pytest.mark.parametrize("path", [f"/as{OAUTH}", f"{OPENID}/as", f"/as{OPENID}", OAUTH, f"{OAUTH}/as/", f"{OAUTH}/x"])
async def test_metadata_is_nowhere_else(path):
    async with fronted() as front:
        answer = await front.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.req("E-01", "E-03", "E-13")
@pytest.mark.parametrize("issuer", ["https://root.example", "https://root.example/"])
async def test_a_root_issuer_is_served_at_the_root(issuer):
    async with fronted() as front:
        metadata = issuer_metadata(issuer, GRANT_ISSUER)
        front.service.answers["ListIssuers"] = mpb.ListIssuersResponse(issuers=[metadata])
        for path in (OAUTH, OPENID):
            assert (await front.client.get(path)).json()["issuer"] == issuer
        assert (await front.client.get("/jwks.json")).status_code == 200
        assert front.service.sent("GetJwks")[0].issuer == issuer
        await front.post("/token", {"grant_type": "x"})
        assert front.service.sent("RefuseRequest")[0].issuer == issuer


@pytest.mark.req("E-17", "E-19")
async def test_keys_are_published_with_public_members_only():
    async with fronted() as front:
        front.service.answers["GetJwks"].keys.add(kid="k2", kty="RSA", use="sig", alg="RS256", n="n2", e="AQAB")
        answer = await front.client.get("/as/jwks.json")
        assert front.only("GetJwks").issuer == AS
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "max-age=120"
    assert answer.json() == {
        "keys": [
            {"kid": "k1", "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "x": "x1", "y": "y1"},
            {"kid": "k2", "kty": "RSA", "use": "sig", "alg": "RS256", "n": "n2", "e": "AQAB"},
        ]
    }


@pytest.mark.parametrize(
    ("refuse", "status"),
    [
        (Refuse(code=grpc.StatusCode.NOT_FOUND, trailers=()), 404),
        (Refuse(Public.UNAVAILABLE), 503),
        (Refuse(code=grpc.StatusCode.INTERNAL, trailers=()), 500),
    ],
)
async def test_keys_that_cannot_be_had_are_never_an_empty_set(refuse, status):
    async with fronted() as front:
        front.service.answers["GetJwks"] = refuse
        answer = await front.client.get("/as/jwks.json")
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert "keys" not in answer.text


@pytest.mark.req("E-03")
@pytest.mark.hostile("H08")
async def test_no_header_moves_what_is_published():
    evil = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "x-forwarded-port": "8",
        "x-forwarded-prefix": "/evil",
        "forwarded": "for=1.2.3.4;host=evil.example;proto=http",
    }
    async with fronted() as front:
        plain = await front.client.get(f"{OAUTH}/as")
        moved = await front.client.get(f"{OAUTH}/as", headers=evil)
        await front.post("/as/token", {"grant_type": "x"}, **evil)
        assert front.service.sent("RefuseRequest")[0].issuer == AS
    assert (moved.status_code, moved.content, moved.headers) == (200, plain.content, plain.headers)


async def test_head_tells_the_length_and_sends_nothing():
    async with fronted() as front:
        got, head = [await front.client.request(method, f"{OAUTH}/as") for method in ("GET", "HEAD")]
    assert head.content == b""
    assert head.headers == got.headers


@pytest.mark.req("F-30")
@pytest.mark.hostile("H11")
@pytest.mark.parametrize("cors", [False, True])
async def test_only_documents_are_open_to_scripts_and_only_when_switched_on(cors):
    origin = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    allowed = "access-control-allow-origin"
    async with fronted(ShimLimits(cors=cors)) as front:
        documents = [
            await front.client.get(p, headers=origin) for p in (f"{OAUTH}/as", f"/idp{OPENID}", "/as/jwks.json")
        ]
        asked = [await front.post(f"/as/{p}", {"token": "t"}, **origin) for p in ("token", "introspect", "revoke")]
        asked += [await front.client.options(f"/as/{p}", headers=origin) for p in ("token", "introspect", "jwks.json")]
    assert [answer.headers.get(allowed) for answer in documents] == ["*" if cors else None] * 3
    everywhere = [name for answer in asked for name in answer.headers if name.startswith("access-control")]
    assert everywhere == []
    assert all("access-control-allow-credentials" not in answer.headers for answer in documents)


@pytest.mark.req("E-03", "E-13")
@pytest.mark.parametrize("place", ["authorization", "token", "introspection", "revocation"])
async def test_each_published_endpoint_is_served_where_it_is_published(place):
    async with fronted() as front:
        body = (await front.client.get(f"{OAUTH}/as")).json()
        path = body[f"{place}_endpoint"].removeprefix("https://mcp.example")
        await front.post(path, b"a=%")
        sent = front.only("RefuseRequest")
    assert sent.endpoint == pb.Endpoint.Value(f"ENDPOINT_{place.upper()}")
