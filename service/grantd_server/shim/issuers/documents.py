"""The documents an issuer publishes: metadata and keys.

Members are listed one by one: what the service adds to its messages later is not
published by accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from grantd_server.shim.answer.response import JSON, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from grantd.v1.metadata_pb2 import GetJwksResponse, IssuerMetadata
    from grantd_server.shim.answer.response import Header

_METADATA = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
    "scopes_supported",
    "response_types_supported",
    "grant_types_supported",
    "authorization_grant_profiles_supported",
    "identity_chaining_requested_token_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
    "acr_values_supported",
    "client_id_metadata_document_supported",
    "tls_client_certificate_bound_access_tokens",
    "authorization_details_types_supported",
)
_OPENID_ONLY = ("subject_types_supported", "id_token_signing_alg_values_supported")
_KEY = ("kid", "kty", "use", "alg", "crv", "x", "y", "n", "e")

_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")


def metadata_document(metadata: IssuerMetadata, *, openid: bool, cors: bool) -> Response:
    """The document of RFC 8414 section 3.2, or the OpenID discovery document."""
    members = _METADATA + _OPENID_ONLY if openid else _METADATA
    return _document(_members(metadata, members), metadata.max_age, cors=cors)


def jwks_document(answer: GetJwksResponse, *, cors: bool) -> Response:
    """The key set of RFC 7517 section 5."""
    return _document({"keys": [_members(key, _KEY) for key in answer.keys]}, answer.max_age, cors=cors)


def _members(message: Message, names: Iterable[str]) -> dict[str, Any]:
    """The members that are set; RFC 8414 section 3.2 leaves empty ones out (E-04)."""
    present = {field.name: value for field, value in message.ListFields()}
    return {
        name: value if isinstance(value, str | bool) else list(value)
        for name in names
        if (value := present.get(name)) is not None
    }


def _document(value: dict[str, Any], max_age: int, *, cors: bool) -> Response:
    headers: tuple[Header, ...] = (JSON, (b"cache-control", f"max-age={max_age}".encode()))
    return Response(200, orjson.dumps(value), (*headers, _ANY_ORIGIN) if cors else headers)
