"""MetadataService: what each issuer publishes about itself (RFC 8414, RFC 7517)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd import dpop
from grantd.jwk import ALGORITHMS
from grantd.v1 import metadata_pb2 as pb
from grantd_server.checks import (
    GRANT_PROFILE_ID_JAG,
    GRANT_TYPE_JWT_BEARER,
    GRANT_TYPE_JWT_DPOP,
    GRANT_TYPE_REFRESH_TOKEN,
    GRANT_TYPE_TOKEN_EXCHANGE,
    RENEWAL_SCOPES,
    TOKEN_TYPE_ID_JAG,
    token_endpoint,
)
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.flows.road.call import Call
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, GrantIssuer
    from grantd_server.rpc.chain.edge import Handler
    from grantd_server.world import World

MAX_AGE = 300
"""Seconds that metadata and keys may be kept: a key is published this long, at least,
before it signs (E-18)."""

_AUTH_METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post")
_CERTIFICATE = "tls_client_auth"
_CLIENT_ALGORITHMS = tuple(sorted(ALGORITHMS))
"""All that a client can be registered with; never `none`, never a shared secret (E-12)."""


def metadata_handlers(world: World) -> Mapping[str, Handler]:
    """The handlers of MetadataService, by method name."""

    async def list_issuers(message: pb.ListIssuersRequest, call: Call) -> pb.ListIssuersResponse:  # noqa: ARG001
        snapshot = world.governed()
        issuers = sorted([*snapshot.grant_issuers, *snapshot.authorization_servers])
        return pb.ListIssuersResponse(issuers=[_metadata(snapshot, issuer) for issuer in issuers])

    async def get_issuer_metadata(
        message: pb.GetIssuerMetadataRequest,
        call: Call,  # noqa: ARG001 - handlers have one shape
    ) -> pb.GetIssuerMetadataResponse:
        return pb.GetIssuerMetadataResponse(metadata=_metadata(world.governed(), message.issuer))

    async def get_jwks(message: pb.GetJwksRequest, call: Call) -> pb.GetJwksResponse:  # noqa: ARG001
        _kind(world.governed(), message.issuer)
        keys = [pb.JsonWebKey(**jwk) for jwk in world.ring.public_keys(message.issuer)]
        return pb.GetJwksResponse(keys=keys, max_age=MAX_AGE)

    return {"ListIssuers": list_issuers, "GetIssuerMetadata": get_issuer_metadata, "GetJwks": get_jwks}


def _kind(snapshot: Snapshot, issuer: str) -> GrantIssuer | AuthorizationServer:
    found = snapshot.grant_issuers.get(issuer) or snapshot.authorization_servers.get(issuer)
    if found is None:
        raise Refused(Reason.ISSUER_UNKNOWN)
    return found


def _metadata(snapshot: Snapshot, issuer: str) -> pb.IssuerMetadata:
    found, base = _kind(snapshot, issuer), issuer.rstrip("/")
    metadata = pb.IssuerMetadata(
        issuer=issuer,
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=token_endpoint(issuer),
        jwks_uri=f"{base}/jwks.json",
        response_types_supported=["code"],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=_AUTH_METHODS,
        token_endpoint_auth_signing_alg_values_supported=_CLIENT_ALGORITHMS,
        max_age=MAX_AGE,
    )
    if snapshot.accepts_certificates(issuer):
        metadata.token_endpoint_auth_methods_supported.append(_CERTIFICATE)
    if snapshot.accepts_documents(issuer):
        metadata.client_id_metadata_document_supported = True
    if found.dpop is not None:
        metadata.dpop_signing_alg_values_supported.extend(sorted(dpop.ALGORITHMS))
    if issuer in snapshot.grant_issuers:
        _describe_grant_issuer(metadata, snapshot.grant_issuers[issuer])
        types = snapshot.details_offered.get(found.name, frozenset())
    else:
        _describe_server(snapshot, metadata, snapshot.authorization_servers[issuer])
        types = frozenset(kind for server, kind in snapshot.detail_types if server == found.name)
    metadata.authorization_details_types_supported.extend(sorted(types))
    metadata.acr_values_supported.extend(snapshot.acr_values.get(issuer, ()))
    return metadata


def _describe_grant_issuer(metadata: pb.IssuerMetadata, issuer: GrantIssuer) -> None:
    metadata.kind = pb.ISSUER_KIND_GRANT_ISSUER
    metadata.grant_types_supported.append(GRANT_TYPE_TOKEN_EXCHANGE)
    metadata.identity_chaining_requested_token_types_supported.append(TOKEN_TYPE_ID_JAG)
    # The OpenID discovery document requires both, though no ID token is issued here.
    metadata.subject_types_supported.append("public")
    metadata.id_token_signing_alg_values_supported.append(issuer.algorithm)
    if issuer.refresh_tokens is not None:
        metadata.grant_types_supported.append(GRANT_TYPE_REFRESH_TOKEN)
        metadata.scopes_supported.extend(sorted(RENEWAL_SCOPES))
        metadata.revocation_endpoint = f"{issuer.issuer.rstrip('/')}/revoke"
        metadata.revocation_endpoint_auth_methods_supported.extend(_AUTH_METHODS)


def _describe_server(snapshot: Snapshot, metadata: pb.IssuerMetadata, server: AuthorizationServer) -> None:
    """Scopes are published; which issuers are trusted never is (E-11)."""
    metadata.kind = pb.ISSUER_KIND_AUTHORIZATION_SERVER
    metadata.grant_types_supported.append(GRANT_TYPE_JWT_BEARER)
    if server.jwt_dpop:
        metadata.grant_types_supported.append(GRANT_TYPE_JWT_DPOP)
    metadata.authorization_grant_profiles_supported.append(GRANT_PROFILE_ID_JAG)
    base = metadata.issuer.rstrip("/")
    metadata.introspection_endpoint = f"{base}/introspect"
    metadata.revocation_endpoint = f"{base}/revoke"
    methods = metadata.token_endpoint_auth_methods_supported
    metadata.introspection_endpoint_auth_methods_supported.extend(methods)
    metadata.revocation_endpoint_auth_methods_supported.extend(methods)
    governed = [r for r in snapshot.resources.values() if r.authorization_server == server.name]
    metadata.scopes_supported.extend(sorted({scope for resource in governed for scope in resource.scopes}))
