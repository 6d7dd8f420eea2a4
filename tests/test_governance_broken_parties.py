"""Broken bundles, one change each, with every sentence and its place. Identity providers, grant issuers and authorization servers."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        "    issuer: https://grants.northwind.example",
        "    issuer: http://grants.northwind.example",
        [
            'b.yaml:13:13: grant_issuers.northwind.issuer: "http://grants.northwind.example" is not usable: http is for loopback hosts only; use https'
        ],
        id="issuer http",
    ),
    pytest.param(
        "    issuer: https://grants.northwind.example",
        "    issuer: https://grants.northwind.example?x=1",
        [
            'b.yaml:13:13: grant_issuers.northwind.issuer: "https://grants.northwind.example?x=1" is not usable: an issuer has no query'
        ],
        id="issuer query",
    ),
    pytest.param(
        "    issuer: https://grants.northwind.example",
        "    issuer: https://grants.northwind.example#x",
        [
            'b.yaml:13:13: grant_issuers.northwind.issuer: "https://grants.northwind.example#x" is not usable: it has a fragment'
        ],
        id="issuer fragment",
    ),
    pytest.param(
        "[ES256, RS256]",
        "[ES256, HS256]",
        [
            'b.yaml:5:25: identity_providers.corp.algorithms: "HS256" is not an algorithm with public keys that we know (ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512)'
        ],
        id="a symmetric algorithm",
    ),
    pytest.param(
        "[ES256, RS256]",
        "[none]",
        [
            'b.yaml:5:18: identity_providers.corp.algorithms: "none" is not an algorithm with public keys that we know (ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512)'
        ],
        id="the algorithm none",
    ),
    pytest.param(
        "    keys: {jwks_uri: https://id.fabrikam.example/keys}",
        "    keys: {jwks_uri: https://id.fabrikam.example/keys, discovery: true}",
        ["b.yaml:20:11: trusted_issuers.fabrikam.keys: exactly one of jwks_uri, discovery, jwks is expected"],
        id="keys two",
    ),
    pytest.param(
        "    keys: {jwks_uri: https://id.fabrikam.example/keys}",
        "    keys: {jwks_uri: http://id.fabrikam.example/keys}",
        [
            'b.yaml:20:22: trusted_issuers.fabrikam.keys.jwks_uri: "http://id.fabrikam.example/keys" is not usable: http is for loopback hosts only; use https'
        ],
        id="jwks http",
    ),
    pytest.param(
        "    subject: passthrough\n    groups",
        "    subject: email\n    groups",
        [
            'b.yaml:6:14: identity_providers.corp.subject: "passthrough", "qualified", "pairwise" or a mapping such as {claim: oid} is expected'
        ],
        id="subject",
    ),
    pytest.param(
        "claims: [department]",
        "claims: [email]",
        [
            "b.yaml:9:14: identity_providers.corp.claims: an address is no attribute; name people as PROVIDER:mailto:ADDRESS and declare email_domains"
        ],
        id="email claim",
    ),
    pytest.param(
        "[northwind.example]",
        "[Northwind.example]",
        ['b.yaml:10:21: identity_providers.corp.email_domains: "Northwind.example" is not a domain in lower case'],
        id="email domain",
    ),
    pytest.param(
        "    identity_providers: [corp]",
        "    identity_providers: [corp, crop]",
        ['b.yaml:15:32: grant_issuers.northwind: there is no identity provider "crop"'],
        id="unknown provider",
    ),
    pytest.param(
        "      fabrikam:\n",
        "      fabricam:\n",
        [
            'b.yaml:30:7: authorization_servers.tools.trusts.fabricam: there is no grant issuer and no trusted issuer "fabricam"'
        ],
        id="unknown trust",
    ),
    pytest.param(
        "        resources: [ledger, wiki]\n      fab",
        "        resources: [ledger, parts]\n      fab",
        [
            'b.yaml:29:29: authorization_servers.tools.trusts.northwind: there is no resource of tools "parts"; "parts" is a resource of vendor'
        ],
        id="trust resource",
    ),
    pytest.param(
        "    foreign: true\n",
        "    foreign: true\n    trusts: {northwind: {}}\n",
        ['b.yaml:38:5: authorization_servers.vendor: the key "trusts" is not known here'],
        id="foreign with trusts",
    ),
    pytest.param(
        "    trust_domain: workforce\n",
        "    trust_domain: workforce\n    grant_lifetime: 6m\n",
        [
            "b.yaml:15:21: grant_issuers.northwind.grant_lifetime: more than 300s needs allow_long_grants: true beside it"
        ],
        id="grant life",
    ),
    pytest.param(
        "    trust_domain: workforce\n",
        "    trust_domain: workforce\n    grant_lifetime: 1h\n    allow_long_grants: true\n",
        ["b.yaml:15:21: grant_issuers.northwind.grant_lifetime: more than 900s is never allowed"],
        id="grant life cap",
    ),
    pytest.param(
        "    trust_domain: tools\n",
        "    trust_domain: tools\n    token_lifetime: 2h\n",
        [
            "b.yaml:26:21: authorization_servers.tools.token_lifetime: more than 3600s needs allow_long_tokens: true beside it"
        ],
        id="token life",
    ),
    pytest.param(
        "    trust_domain: tools\n",
        "    trust_domain: tools\n    token_lifetime: 2d\n    allow_long_tokens: true\n",
        ["b.yaml:26:21: authorization_servers.tools.token_lifetime: more than 43200s is never allowed"],
        id="token life cap",
    ),
    pytest.param(
        "        reuse_limit: 3",
        "        max_lifetime: 2h",
        [
            "b.yaml:33:23: authorization_servers.tools.trusts.fabrikam.max_lifetime: grants that live longer than 3600s are not accepted"
        ],
        id="max lifetime",
    ),
    pytest.param(
        "reuse_limit: 3",
        "reuse_limit: 0",
        [
            "b.yaml:33:22: authorization_servers.tools.trusts.fabrikam.reuse_limit: a number from 1 to 1000 is expected, not 0"
        ],
        id="reuse count",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
