"""What each issuer publishes, over gRPC and over HTTP: what is enforced, all of it, and
nothing of who is trusted."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
import pytest
import pytest_asyncio

import organisation as org
from case_files import changed
from grantd import jws
from grantd.v1 import metadata_pb2 as mpb
from grantd_server.governance.faults import BundleError
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from house import House, running
from key_server import answer, key_server
from leg_one import outcome, robot_claims, signed
from leg_two import fresh, redeemed
from tokens import jwks, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
OURS = [org.GRANTS, org.OTHER_SERVER, org.SERVER]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house whose shim asks anew what is published, for each request."""
    async with running(tmp_path_factory.mktemp("hall"), org.bundle()) as house:
        hours = count(step=3600)
        shim = Shim(house.parts.channel(), ShimLimits(), clock=lambda: float(next(hours)))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=shim)) as http:
            house.http, kept = http, house.http
            yield house
            house.http = kept


async def document(house: House, issuer: str, where: str = OAUTH) -> dict[str, Any]:
    found = await house.http.get(f"{issuer}{where}")
    assert found.status_code == 200, found
    assert found.headers["content-type"] == "application/json"
    assert found.headers["cache-control"] == "max-age=300"
    return dict(found.json())


@pytest.mark.req("E-01", "E-03", "E-04", "E-05", "E-06", "E-09", "E-10", "E-12", "E-13", "E-14", "E-19", "E-22")
async def test_an_authorization_server_publishes_exactly_this(hall: House) -> None:
    """A member that is added is added here, on purpose."""
    methods = ["private_key_jwt", "client_secret_basic", "client_secret_post"]
    assert await document(hall, org.SERVER) == {
        "issuer": org.SERVER,
        "authorization_endpoint": f"{org.SERVER}/authorize",
        "token_endpoint": f"{org.SERVER}/token",
        "jwks_uri": f"{org.SERVER}/jwks.json",
        "introspection_endpoint": f"{org.SERVER}/introspect",
        "revocation_endpoint": f"{org.SERVER}/revoke",
        "scopes_supported": ["shared:read", "tickets:read", "tickets:write", "wiki:read"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": [
            "ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
        ],
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
    }  # fmt: skip


@pytest.mark.req("E-01", "E-03", "E-06", "E-07", "E-08", "E-12", "E-22")
async def test_a_grant_issuer_publishes_its_grant_and_openid_discovery(hall: House) -> None:
    oauth, openid = await document(hall, org.GRANTS), await document(hall, org.GRANTS, OPENID)
    assert oauth["issuer"] == org.GRANTS
    assert oauth["grant_types_supported"] == ["urn:ietf:params:oauth:grant-type:token-exchange"]
    assert oauth["identity_chaining_requested_token_types_supported"] == ["urn:ietf:params:oauth:token-type:id-jag"]
    assert not {"introspection_endpoint", "revocation_endpoint", "scopes_supported"} & oauth.keys()
    assert openid == oauth | {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}


@pytest.mark.req("E-04", "E-03")
@pytest.mark.parametrize("issuer", OURS)
async def test_grpc_and_http_publish_the_same(hall: House, issuer: str) -> None:
    over_grpc = await hall.metadata().GetIssuerMetadata(mpb.GetIssuerMetadataRequest(issuer=issuer))
    where = OPENID if issuer == org.GRANTS else OAUTH
    told = {
        field.name: list(value) if field.is_repeated else value
        for field, value in over_grpc.metadata.ListFields()
        if field.name not in {"kind", "max_age"}
    }
    assert told == await document(hall, issuer, where)
    assert over_grpc.metadata.max_age == 300
    assert [] not in told.values()
    keys = await hall.metadata().GetJwks(mpb.GetJwksRequest(issuer=issuer))
    listed = [{field.name: value for field, value in key.ListFields()} for key in keys.keys]
    assert {"keys": listed} == await document(hall, issuer, "/jwks.json")


@pytest.mark.req("E-01")
async def test_the_list_of_issuers_is_each_issuer_of_ours(hall: House) -> None:
    found = await hall.metadata().ListIssuers(mpb.ListIssuersRequest())
    assert [each.issuer for each in found.issuers] == sorted(OURS)
    for each in found.issuers:
        single = await hall.metadata().GetIssuerMetadata(mpb.GetIssuerMetadataRequest(issuer=each.issuer))
        assert single.metadata == each


@pytest.mark.req("E-03", "E-11", "G-27")
@pytest.mark.parametrize(
    "issuer", [org.FOREIGN_SERVER, org.PARTNER, org.LOGIN, f"{org.SERVER}/", "https://AS.tools.example", "", "x"]
)
async def test_nothing_is_published_of_anybody_else(hall: House, issuer: str) -> None:
    for call in (
        hall.metadata().GetIssuerMetadata(mpb.GetIssuerMetadataRequest(issuer=issuer)),
        hall.metadata().GetJwks(mpb.GetJwksRequest(issuer=issuer)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.value.details() == "this service has no such issuer"
    if issuer in {org.FOREIGN_SERVER, org.PARTNER, org.LOGIN}:
        assert (await hall.http.get(f"{issuer}{OAUTH}")).status_code == 404


TRUST = [
    {"authorization_servers.tools.trusts.partner": None, "redemptions.tools.1": None},
    {"authorization_servers.tools.trusts.partner.known_subjects": ["p-1"]},
    {"authorization_servers.tools.trusts.partner.reuse_limit": 9},
    {"clients.other": None},
    {"redemptions.tools": []},
    {"grants.grants.1.require.max_auth_age": "5m"},
    {"resource_servers.wiki-server": None},
    {"identity_providers.corp.email_domains": ["acquired.example"]},
]


@pytest.mark.req("E-11")
@pytest.mark.hostile("H12")
async def test_who_is_trusted_changes_no_byte_of_what_is_published(hall: House) -> None:
    async def everything() -> list[bytes]:
        paths = [f"{issuer}{where}" for issuer in OURS for where in (OAUTH, "/jwks.json")]
        return [(await hall.http.get(path)).content for path in [*paths, f"{org.GRANTS}{OPENID}"]]

    before = await everything()
    for edits in TRUST:
        await hall.apply(changed(org.bundle(), edits))
        assert await everything() == before, edits
    await hall.apply(org.bundle())
    whole = b"".join(before)
    for name in (b"partner", b"login.corp", b"cli_desk", b"desk", b"p-77", b"corp:eng", b"abroad"):
        assert name not in whole


@pytest.mark.req("E-17")
@pytest.mark.hostile("K17")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_keys_are_published_with_public_members_only(
    tmp_path_factory: pytest.TempPathFactory, algorithm: str
) -> None:
    edits = {"authorization_servers.tools.algorithm": algorithm, "grant_issuers.grants.algorithm": algorithm}
    async with running(tmp_path_factory.mktemp("keys"), changed(org.bundle(), edits)) as house:
        listed = [key for issuer in OURS for key in (await document(house, issuer, "/jwks.json"))["keys"]]
    members = {"ES256": {"crv", "x", "y"}, "RS256": {"n", "e"}, "EdDSA": {"crv", "x"}}
    for key in listed:
        assert set(key) == {"kid", "kty", "use", "alg"} | members[key["alg"]]
        assert key["use"] == "sig"
    assert len({key["kid"] for key in listed}) == len(listed) == 3


@pytest.mark.req("E-02")
@pytest.mark.parametrize(
    "issuer", ["http://as.tools.example", "https://as.tools.example?x=1", "https://as.tools.example#x", "as.tools.example"]
)  # fmt: skip
async def test_an_issuer_is_https_without_query_and_fragment(hall: House, issuer: str) -> None:
    with pytest.raises(BundleError, match="issuer"):
        await hall.apply(changed(org.bundle(), {"authorization_servers.tools.issuer": issuer}))


@pytest.mark.req("E-01", "E-03", "E-13")
@pytest.mark.parametrize("issuer", ["https://tools.example/as", "https://as.tools.example/"])
async def test_an_issuer_is_the_same_bytes_in_url_document_token_and_grant(hall: House, issuer: str) -> None:
    await hall.apply(changed(org.bundle(), {"authorization_servers.tools.issuer": issuer}))
    path = issuer.partition("example")[2]
    found = await hall.http.get(f"{issuer.removesuffix(path)}{OAUTH}{path if path != '/' else ''}")
    assert found.json()["issuer"] == issuer
    redeeming = await redeemed(hall, hall.partner_grant(jti=fresh(), aud=issuer), issuer=issuer)
    assert jws.read(redeeming.answer.access_token).unverified_claims["iss"] == issuer
    form = {
        "grant_type": found.json()["grant_types_supported"][0],
        "assertion": hall.partner_grant(jti=fresh(), aud=issuer),
        "client_id": "cli_desk",
        "client_secret": org.TOOLS_SECRET,
    }
    over_http = await hall.http.post(found.json()["token_endpoint"], data=form)
    assert over_http.status_code == 200
    assert (await hall.http.get(found.json()["jwks_uri"])).json()["keys"]
    await hall.apply(org.bundle())


ALGORITHMS = ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]


@pytest.mark.req("E-12")
async def test_each_published_algorithm_is_accepted_of_a_client(hall: House) -> None:
    keys = [signing_key(algorithm, f"client-{algorithm}") for algorithm in ALGORITHMS]
    method = {"private_key_jwt": {"jwks": org.jwks_of(*keys), "algorithms": ALGORITHMS}}
    await hall.apply(changed(org.bundle(), {"clients.robot.at.tools.authentication": [method]}))
    metadata = await document(hall, org.SERVER)
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ALGORITHMS
    for key in keys:
        proof = signed(key.sign(robot_claims(hall, org.SERVER)), "cli_robot")
        found = await redeemed(hall, "no grant", client=proof)
        assert found.record["client"] == "robot", (key.alg, found.record)
    await hall.apply(org.bundle())


@pytest.mark.req("E-03")
@pytest.mark.hostile("H08")
async def test_no_header_moves_what_is_published(hall: House) -> None:
    evil = {
        "x-forwarded-host": "evil.example",
        "forwarded": "host=evil.example;proto=http",
        "x-forwarded-proto": "http",
    }
    plain = await hall.http.get(f"{org.SERVER}{OAUTH}")
    moved = await hall.http.get(f"{org.SERVER}{OAUTH}", headers=evil)
    assert (moved.status_code, moved.content) == (200, plain.content)
    elsewhere = await hall.http.get(f"{org.SERVER}{OAUTH}", headers={"host": "evil.example"})
    assert elsewhere.status_code == 404


async def test_before_a_bundle_is_in_force_nothing_is_published(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running(tmp_path_factory.mktemp("empty")) as house:
        found = await outcome(house, house.metadata().ListIssuers(mpb.ListIssuersRequest()))
        assert (found.status, found.reason) == ("UNAVAILABLE", "NOT_READY")
        assert (await house.http.get(f"{org.SERVER}{OAUTH}")).status_code == 503


@pytest.mark.req("E-20", "E-21")
@pytest.mark.hostile("K18")
@pytest.mark.parametrize(("told", "status"), [("", "OK"), ("/", "UNAVAILABLE"), ("-evil", "UNAVAILABLE")])
async def test_keys_of_a_discovered_issuer_are_believed_only_under_its_own_name(
    tmp_path_factory: pytest.TempPathFactory, told: str, status: str
) -> None:
    key = signing_key("ES256", "discovered")
    async with key_server() as theirs:
        issuer = theirs.url("")
        metadata = json.dumps({"issuer": issuer + told, "jwks_uri": theirs.url("/keys")})
        theirs.scripts |= {OAUTH: answer(metadata), OPENID: answer(metadata), "/keys": answer(jwks(key))}
        partner = {"issuer": issuer, "trust_domain": "partner", "keys": {"discovery": True}, "algorithms": ["ES256"]}
        edit = {"trusted_issuers.partner": partner}
        async with running(tmp_path_factory.mktemp("found"), changed(org.bundle(), edit)) as house:
            found = await redeemed(house, house.partner_grant(jti=fresh(), iss=issuer, key=key))
    assert found.status == status, found.record
    assert bool(theirs.paths["/keys"]) == (status == "OK"), "an address under another name is not asked"


@pytest.mark.req("A-39", "E-01", "E-22")
async def test_refresh_tokens_are_published_where_they_are_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    edits = {"grant_issuers.grants.refresh_tokens": {"lifetime": "1h"}}
    async with running(tmp_path_factory.mktemp("on"), changed(org.bundle(), edits)) as house:
        for where in (OAUTH, OPENID):
            found = await document(house, org.GRANTS, where)
            assert found["grant_types_supported"][1:] == ["refresh_token"]
            assert found["scopes_supported"] == ["offline_access", "openid"]
            assert found["revocation_endpoint"] == f"{org.GRANTS}/revoke"
            methods = found["token_endpoint_auth_methods_supported"]
            assert found["revocation_endpoint_auth_methods_supported"] == methods
            assert "introspection_endpoint" not in found


async def test_an_issuer_without_refresh_tokens_has_no_revocation_endpoint(hall: House) -> None:
    answer = await hall.http.post(f"{org.GRANTS}/revoke", data={"token": "t"})
    assert answer.status_code == 404


@pytest.mark.req("E-15")
async def test_an_issuer_tells_which_sign_ins_it_may_ask_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = org.bundle()
    bundle["resources"]["tickets"]["sign_in"] = {"tickets:read": {"acr": ["phr"]}}
    rule = bundle["redemptions"]["tools"][0]
    bundle["redemptions"]["tools"] += [
        deepcopy(rule) | {"id": "strong", "require": {"acr": ["phrh"]}},
        deepcopy(rule) | {"id": "tried", "require": {"acr": ["later"]}, "shadow": True},
        deepcopy(rule) | {"id": "never", "effect": "deny", "require": {"acr": ["weak"]}},
    ]

    async with running(tmp_path_factory.mktemp("step-up"), bundle) as house:
        told = {issuer: (await document(house, issuer)).get("acr_values_supported") for issuer in OURS}

    assert told == {org.GRANTS: ["mfa", "phr"], org.SERVER: ["phr", "phrh"], org.OTHER_SERVER: None}
