"""What an issuer's metadata must say, and what they should not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.view import View

TYPE = Row(
    "metadata.type", Severity.ERROR, "A member of the metadata is not what it must be.",
    "Publish lists as JSON arrays of texts, addresses as texts, switches as true or false; readers drop or refuse the rest.",
)  # fmt: skip
TOKEN_ENDPOINT = Row(
    "metadata.token-endpoint", Severity.ERROR, "The metadata name no token endpoint.",
    "Publish `token_endpoint`: it is where the grant is asked for or redeemed.",
)  # fmt: skip
JWKS_URI = Row(
    "metadata.jwks-uri", Severity.ERROR, "The metadata name no key set.",
    "Publish `jwks_uri`: nobody can verify what this party signs without it.",
)  # fmt: skip
AUTHORIZATION_ENDPOINT = Row(
    "metadata.authorization-endpoint", Severity.WARNING, "The metadata name no authorization endpoint.",
    "Publish `authorization_endpoint`, also where it only answers with an error: both SDKs of MCP refuse metadata without it.",
)  # fmt: skip
RESPONSE_TYPES = Row(
    "metadata.response-types", Severity.WARNING, "The metadata name no response types.",
    "Publish `response_types_supported`, which RFC 8414 section 2 requires.",
)  # fmt: skip
EMPTY = Row(
    "metadata.empty", Severity.NOTE, "A member of the metadata is an empty list.",
    "Leave it out (RFC 8414 section 3.2).",
)  # fmt: skip
TRUST_TOLD = Row(
    "metadata.trust-told", Severity.WARNING, "The metadata tell whom the server trusts.",
    "Do not publish trusted issuers or tenants: it tells attackers whom to impersonate.",
)  # fmt: skip
ROWS: Final = (TYPE, TOKEN_ENDPOINT, JWKS_URI, AUTHORIZATION_ENDPOINT, RESPONSE_TYPES, EMPTY, TRUST_TOLD)

_LISTS: Final = (
    "scopes_supported", "response_types_supported", "grant_types_supported", "authorization_grant_profiles_supported",
    "identity_chaining_requested_token_types_supported", "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported", "id_token_signing_alg_values_supported",
    "dpop_signing_alg_values_supported", "code_challenge_methods_supported", "acr_values_supported",
)  # fmt: skip
_TEXTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
)
_FLAGS: Final = (
    "client_id_metadata_document_supported", "tls_client_certificate_bound_access_tokens", "id_jag_encryption_required",
)  # fmt: skip
_TRUST: Final = ("trusted_issuers", "trusted_idps", "trusted_identity_providers", "allowed_issuers", "trusted_tenants")


def check(view: View) -> Iterator[Finding]:
    """Looks at the members of all metadata."""
    for issuer in view.issuers:
        if issuer.metadata:
            yield from _types(issuer)
            yield from _required(issuer)


def _types(issuer: IssuerSeen) -> Iterator[Finding]:
    for member in _LISTS:
        value = issuer.metadata.get(member, ["absent"])
        if value == []:
            yield EMPTY.at(issuer.party, issuer.identifier, member)
        elif issuer.metadata.get(member) is not None and issuer.texts(member) is None:
            yield TYPE.at(issuer.party, issuer.identifier, f"{member} is {cut(value)}")
    for member in _TEXTS:
        value = issuer.metadata.get(member, "")
        if not isinstance(value, str):
            yield TYPE.at(issuer.party, issuer.identifier, f"{member} is {cut(value)}")
    for member in _FLAGS:
        value = issuer.metadata.get(member, False)
        if not isinstance(value, bool):
            yield TYPE.at(issuer.party, issuer.identifier, f"{member} is {cut(value)}")
    if told := [member for member in _TRUST if issuer.metadata.get(member)]:
        yield TRUST_TOLD.at(issuer.party, issuer.identifier, listed(told))


def _required(issuer: IssuerSeen) -> Iterator[Finding]:
    metadata, lacks = issuer.metadata, f"the metadata have {listed(sorted(issuer.metadata))}"
    if "token_endpoint" not in metadata and issuer.party is not Party.PROVIDER:
        yield TOKEN_ENDPOINT.at(issuer.party, issuer.identifier, lacks)
    # A server with opaque access tokens has no keys to publish.
    if "jwks_uri" not in metadata and issuer.party is not Party.SERVER:
        yield JWKS_URI.at(issuer.party, issuer.identifier, lacks)
    if issuer.party is Party.SERVER:
        if "authorization_endpoint" not in metadata:
            yield AUTHORIZATION_ENDPOINT.at(issuer.party, issuer.identifier, lacks)
        if "response_types_supported" not in metadata:
            yield RESPONSE_TYPES.at(issuer.party, issuer.identifier, lacks)
