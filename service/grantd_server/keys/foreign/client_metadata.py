"""Reads a client ID metadata document strictly: what a client says about itself at the
address that is its id (draft-ietf-oauth-client-id-metadata-document-01 section 4).

Nothing in it grants anything: it names keys, and may only narrow what is registered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from grantd import claims as read
from grantd import jwk, strict
from grantd.strict import Fault
from grantd_server.checks import GRANT_PROFILE_ID_JAG, GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.model.bundle.governed import KeySource
from grantd_server.model.uris import LONGEST_URI, check_web_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.keys.foreign.fetch import Fetched

METHOD: Final = "private_key_jwt"
"""The one method: a document is public, so that it can hold no secret (section 4.1)."""
_PROFILE_NEEDS: Final = frozenset({GRANT_TYPE_TOKEN_EXCHANGE, GRANT_TYPE_JWT_BEARER})


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """What is used of a document."""

    keys: KeySource
    algorithm: str | None
    """The only one the client signs with; None where it names none."""
    grant_types: frozenset[str] | None
    """The only ones the client uses; None where it names none."""


def read_client_metadata(fetched: Fetched, url: str) -> ClientMetadata:
    """Reads the document at `url`. Raises Fault."""
    json_type = fetched.media_type == "application/json" or (
        fetched.media_type.startswith("application/") and fetched.media_type.endswith("+json")
    )
    if not json_type:
        raise Fault("content_type", "application/json", strict.shown(fetched.media_type))
    document = strict.read_object(fetched.body, "json")
    # Simple string comparison (section 3): another spelling is another client.
    read.exactly(document, "client_id", url)
    if secret := next((name for name in document if name.startswith("client_secret")), None):
        raise Fault("client_secret", "no shared secret in a public document", strict.shown(secret))
    # Left out, it means client_secret_basic (RFC 7591 section 2).
    read.exactly(document, "token_endpoint_auth_method", METHOD)
    algorithm = read.optional_text(document, "token_endpoint_auth_signing_alg")
    if algorithm is not None and algorithm not in jwk.ALGORITHMS:
        raise Fault("algorithm", "an algorithm with public keys", strict.shown(algorithm))
    return ClientMetadata(_keys(document), algorithm, _grant_types(document))


def _grant_types(document: Mapping[str, Any]) -> frozenset[str] | None:
    """D-17: a profile without its grant types contradicts itself; with them, it says what
    the client can do, and never what it may do."""
    grant_types = read.optional_text_list(document, "grant_types")
    profiles = read.optional_text_list(document, "authorization_grant_profiles_supported") or ()
    if GRANT_PROFILE_ID_JAG in profiles and not _PROFILE_NEEDS.issubset(grant_types or ()):
        raise Fault("grant_types", "both grant types of the id-jag profile", "fewer")
    return None if grant_types is None else frozenset(grant_types)


def _keys(document: Mapping[str, Any]) -> KeySource:
    if ("jwks" in document) == ("jwks_uri" in document):
        raise Fault("jwks", "exactly one of jwks and jwks_uri", "both" if "jwks" in document else "none")
    if "jwks_uri" in document:
        return KeySource(jwks_uri=_address(read.text(document, "jwks_uri", LONGEST_URI)))
    jwks = document["jwks"]
    if not isinstance(jwks, dict) or not isinstance(jwks.get("keys"), list):
        raise Fault("jwks", "a JWK Set", strict.kind(jwks))
    # Whoever publishes a private key has lost it: no key beside it is believed either.
    if any(isinstance(key, dict) and not jwk.PRIVATE_MEMBERS.isdisjoint(key) for key in jwks["keys"]):
        raise Fault("jwks", "public keys only", "a private or symmetric key")
    if not jwk.read_jwks(jwks, default_algs=jwk.ALGORITHMS).keys:
        raise Fault("jwks", "a usable key", "none")
    return KeySource(jwks=json.dumps({"keys": jwks["keys"]}))


def _address(jwks_uri: str) -> str:
    try:
        check_web_address(jwks_uri)
    except ValueError as fault:
        raise Fault("jwks_uri", "an https address", str(fault)) from None
    if not jwks_uri.startswith("https://"):
        raise Fault("jwks_uri", "an https address", strict.shown(jwks_uri))
    return jwks_uri
