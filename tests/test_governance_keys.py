"""Keys written into a bundle: every one usable, none private, none in two places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import northwind
from grantd.jwk import thumbprint
from grantd_server.governance.faults import BundleError
from grantd_server.model.bundle.governed import KeySource
from grantd_server.model.registered import KeyCredential
from tokens import signing_key

ONE = signing_key("ES256", "one")
RSA = signing_key("RS256", "rsa")
JWKS = {"keys": [ONE.jwk]}


def bundle(**changed: Any) -> str:
    """The bundle with inline keys at some places: `provider`, `trusted`, `client`, `tools`."""
    content = yaml.safe_load(northwind.BUNDLE)
    at = content["clients"]["desk"]["at"]
    keys = {name: {"algorithms": ["ES256"], "jwks": jwks} for name, jwks in changed.items()}
    if "provider" in keys:
        content["identity_providers"]["corp"]["keys"] = {"jwks": changed["provider"]}
    if "trusted" in keys:
        content["trusted_issuers"]["fabrikam"]["keys"] = {"jwks": changed["trusted"]}
    if "client" in keys:
        at["northwind"]["authentication"] = [{"private_key_jwt": keys["client"]}]
    if "tools" in keys:
        at["tools"]["authentication"] = [{"private_key_jwt": keys["tools"]}]
    return yaml.safe_dump(content, sort_keys=False)


def faults_of(folder: Path, **changed: Any) -> list[str]:
    with pytest.raises(BundleError) as refused:
        northwind.parse(folder, bundle(**changed))
    return [error.sentence for error in refused.value.errors]


def test_inline_keys_are_kept_as_json(tmp_path: Path) -> None:
    in_force = northwind.snapshot(tmp_path, bundle(client=JWKS, trusted={"keys": [signing_key("ES256", "two").jwk]}))
    client = in_force.registration("https://grants.northwind.example", "desk-agent")
    assert client is not None
    (credential,) = client.credentials
    assert isinstance(credential, KeyCredential)
    assert credential.algorithms == {"ES256"}
    assert credential.keys.jwks is not None
    assert json.loads(credential.keys.jwks) == JWKS
    assert credential.keys == KeySource(jwks=credential.keys.jwks)


CLIENT_KEY = (
    "clients.desk.at.tools: the trust domains workforce and tools share a client key, "
    "which clients.desk.at.northwind has already"
)
ISSUER_KEY = (
    "identity_providers.corp: the trust domains fabrikam and workforce share "
    f"the key {thumbprint(ONE.jwk)}, which trusted_issuers.fabrikam has already"
)


@pytest.mark.req("B-12")
@pytest.mark.parametrize(
    ("places", "sentence"), [(("client", "tools"), CLIENT_KEY), (("trusted", "provider"), ISSUER_KEY)]
)
def test_two_trust_domains_never_share_a_key(tmp_path: Path, places: tuple[str, str], sentence: str) -> None:
    """Also where members that do not make the key differ: the thumbprint counts."""
    renamed = {"keys": [{**ONE.jwk, "kid": "renamed"}]}
    assert faults_of(tmp_path, **dict(zip(places, (JWKS, renamed), strict=True))) == [sentence]


@pytest.mark.parametrize(
    ("jwks", "sentence"),
    [
        ({"keys": [{**ONE.jwk, "d": "AAAA"}]}, "a key is not usable: a published private key"),
        ({"keys": [{"kty": "oct", "k": "AAAA"}]}, "a key is not usable: a symmetric key"),
        ({"keys": [ONE.jwk, ONE.jwk]}, "a key is not usable: the kid is repeated"),
        ({"keys": [{**ONE.jwk, "x": "AAAA"}]}, "a key is not usable: a coordinate has the wrong length"),
        ({"keys": [RSA.jwk]}, "a key is for RS256, which is not among the algorithms"),
        ({"keys": ["text"]}, "a key is not usable: not an object"),
        ({"keys": []}, "the set has no key"),
    ],
)
def test_a_key_that_would_be_dropped_is_a_fault(tmp_path: Path, jwks: dict[str, Any], sentence: str) -> None:
    (fault,) = faults_of(tmp_path, client=jwks)
    assert fault == f"clients.desk.at.northwind.authentication[0].private_key_jwt.jwks: {sentence}"
