"""The sample company with credentials of this machine in place of those of its own: the
same people, clients, servers and rules, but keys and secrets that we hold."""

from __future__ import annotations

import hashlib
import json
import secrets
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from grantd import jwk, jws
from grantd.client.credentials import ClientSecret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NEVER: Final = "https://nobody.example/keys"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key of one identity provider."""

    kid: str
    alg: str
    private: jwk.PrivateKey = field(repr=False)

    def public(self) -> dict[str, Any]:
        """As the bundle names it."""
        return {"jwks": {"keys": [jwk.public_jwk(self.private.public_key(), self.kid, self.alg)]}}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An ID token."""
        data = jws.signing_input(claims, alg=self.alg, kid=self.kid, typ="JWT")
        return jws.compact(data, jws.sign_with(self.private, self.alg, data))


@dataclass(frozen=True, slots=True)
class StandIn:
    """The bundle, and what it takes to speak for its clients and providers."""

    content: dict[str, Any]
    keys: dict[str, SigningKey]
    """By identity provider; those with assertions only have none."""
    secrets: dict[tuple[str, str], ClientSecret]
    """By client and place."""

    def write(self, folder: Path) -> Path:
        """Writes the bundle as one file; JSON is YAML."""
        folder.mkdir()
        (folder / "bundle.yaml").write_text(json.dumps(self.content, indent=1))
        return folder


def stand_in(original: Mapping[str, Any]) -> StandIn:
    """Exchanges every key and credential of the bundle for one of this machine."""
    content = deepcopy(dict(original))
    keys = {}
    for name, provider in content["identity_providers"].items():
        if "issuer" in provider:
            keys[name] = _signing_key(name, provider)
            provider["keys"] = keys[name].public()
    for issuer in content["trusted_issuers"].values():
        issuer["keys"] = {"jwks_uri": NEVER}
    found = {}
    for client, registered in content["clients"].items():
        for place, at in registered["at"].items():
            if "authentication" in at and not _known_by_document(at):
                found[client, place] = _secret_at(at)
    return StandIn(content, keys, found)


def _signing_key(name: str, provider: Mapping[str, Any]) -> SigningKey:
    if provider.get("algorithms") == ["ES256"]:
        return SigningKey(name, "ES256", ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(name, "RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _known_by_document(at: Mapping[str, Any]) -> bool:
    """Whether the client id is an address, behind which somebody else holds the keys."""
    return any("metadata_document" in credential for credential in at["authentication"])


def _secret_at(at: dict[str, Any]) -> ClientSecret:
    """A secret for the same client id."""
    secret = secrets.token_urlsafe(32)
    at["authentication"] = [{"secret": {"sha256": hashlib.sha256(secret.encode()).hexdigest()}}]
    return ClientSecret(at["client_id"], secret)
