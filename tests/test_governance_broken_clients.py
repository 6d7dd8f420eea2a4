"""Broken bundles, one change each, with every sentence and its place. Clients and credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        "client_id: agent-7",
        "client_id: agent-*",
        ["b.yaml:73:20: clients.desk.at.tools.client_id: a client id is no pattern; register each client by its id"],
        id="client wildcard",
        marks=pytest.mark.hostile("P05"),
    ),
    pytest.param(
        "client_id: agent-7",
        "client_id: https://agent.example/x",
        [
            "b.yaml:73:20: clients.desk.at.tools.client_id: a client id that we give must not begin with https://; for a client with a metadata document write authentication: [{metadata_document: {algorithms: [ES256]}}]"
        ],
        id="client https",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        '{users: ["corp:desk-agent"]}',
        ["b.yaml:66:20: clients.desk.at.northwind: the client id desk-agent is also the name of a user"],
        id="client id is user",
        marks=pytest.mark.req("G-25"),
    ),
    pytest.param(
        "client_id: agent-7",
        "client_id: corp:agent",
        ["b.yaml:73:20: clients.desk.at.tools: the client id corp:agent reads as a user of an identity provider"],
        id="client id reads as user",
        marks=pytest.mark.req("G-25"),
    ),
    pytest.param(
        "        authentication:\n          - secret: {env: DESK_TOOLS_SECRET}\n",
        "",
        ['b.yaml:73:9: clients.desk.at.tools: the key "authentication" is missing; public clients are not admitted'],
        id="no auth",
    ),
    pytest.param(
        "          - secret: {env: DESK_TOOLS_SECRET}",
        "          - {secret: {env: DESK_TOOLS_SECRET}, peer: a.example.com}",
        [
            "b.yaml:75:13: clients.desk.at.tools.authentication[0]: exactly one of secret, private_key_jwt, peer, tls_client_auth, metadata_document is expected"
        ],
        id="two kinds",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "secret: {sha256: abc}",
        [
            "b.yaml:75:30: clients.desk.at.tools.authentication[0].secret.sha256: the SHA-256 of a generated secret is expected, 64 lower-case hexadecimal digits"
        ],
        id="bad digest",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "secret: {value: hunter2}",
        [
            "b.yaml:75:21: clients.desk.at.tools.authentication[0].secret: exactly one of sha256, file, env is expected",
            'b.yaml:75:22: clients.desk.at.tools.authentication[0].secret: the key "value" is not known here; a secret never stands in a bundle, only where it is: {env: NAME}, {file: PATH}, or {sha256: DIGEST}',
        ],
        id="plain secret",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "secret: correct-horse-battery-staple",
        [
            "b.yaml:75:21: clients.desk.at.tools.authentication[0].secret: a mapping is expected; a secret never stands in a bundle, only where it is: {env: NAME}, {file: PATH}, or {sha256: DIGEST}"
        ],
        id="secret inline",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "secret: {env: A, file: b}",
        ["b.yaml:75:21: clients.desk.at.tools.authentication[0].secret: exactly one of sha256, file, env is expected"],
        id="secret both",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "private_key_jwt: {algorithms: [ES256], jwks: {keys: [{kty: EC, crv: P-256, d: a}]}}",
        [
            "b.yaml:75:58: clients.desk.at.tools.authentication[0].private_key_jwt.jwks: a key is not usable: a published private key"
        ],
        id="private key",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "private_key_jwt: {algorithms: [ES256], jwks: {keyz: []}}",
        [
            "b.yaml:75:58: clients.desk.at.tools.authentication[0].private_key_jwt.jwks: this is no JWK Set: a list of keys is expected, not null"
        ],
        id="jwks nothing",
    ),
    pytest.param(
        "secret: {env: DESK_TOOLS_SECRET}",
        "private_key_jwt: {algorithms: [ES256], jwks: {keys: []}}",
        ["b.yaml:75:58: clients.desk.at.tools.authentication[0].private_key_jwt.jwks: the set has no key"],
        id="jwks none",
    ),
    pytest.param(
        "spiffe://northwind.example/mcp/ledger",
        "spiffe://Northwind.example/",
        [
            'b.yaml:60:15: resource_servers.ledger-mcp.authentication[0].peer: "spiffe://Northwind.example/" is neither a SPIFFE id with a path nor a DNS name in lower case'
        ],
        id="peer",
    ),
    pytest.param(
        "      vendor: {client_id: northwind-desk}",
        "      vender: {client_id: northwind-desk, authentication: [{secret: {env: X}}], grant_types: [jwt-bearer]}",
        ['b.yaml:78:7: clients.desk.at.vender: there is no grant issuer and no authorization server "vender"'],
        id="client at",
    ),
    pytest.param(
        "{client_id: northwind-desk}",
        "{client_id: northwind-desk, authentication: []}",
        [
            "b.yaml:78:43: clients.desk.at.vendor: vendor is foreign: it authenticates the client itself, and only client_id is said here"
        ],
        id="foreign auth",
    ),
    pytest.param(
        "[jwt-bearer]\n        reuse",
        "[token-exchange]\n        reuse",
        ["b.yaml:76:22: clients.desk.at.tools: an authorization server offers jwt-bearer and nothing else"],
        id="grant type wrong place",
    ),
    pytest.param(
        "[jwt-bearer]\n        reuse",
        "[authorization_code]\n        reuse",
        [
            "b.yaml:76:23: clients.desk.at.tools.grant_types: one of token-exchange, jwt-bearer, refresh-token is expected"
        ],
        id="grant type unknown",
    ),
    pytest.param(
        "grant_types: [token-exchange]",
        "grant_types: [token-exchange, jwt-bearer]",
        [
            "b.yaml:70:22: clients.desk.at.northwind: a grant issuer offers token-exchange and refresh-token, and nothing else"
        ],
        id="issuer grant type",
    ),
    pytest.param(
        "        sso: {corp: [desk-sso]}\n",
        "",
        [
            'b.yaml:66:9: clients.desk.at.northwind: the key "sso" is missing: the ids of this client at each identity provider, which its ID tokens name'
        ],
        id="no sso",
    ),
    pytest.param(
        "        sso: {corp: [desk-sso]}",
        "        sso: {corp: [desk-sso], crop: [x]}",
        ["b.yaml:71:33: clients.desk.at.northwind: crop is not an identity provider of northwind"],
        id="sso stranger",
    ),
    pytest.param(
        "        reuse_limit: 2\n",
        "        reuse_limit: 2\n        sso: {corp: [a]}\n        identity_providers: [corp]\n",
        [
            "b.yaml:78:9: clients.desk.at.tools: sso belongs to grant issuers; nobody signs in at tools",
            "b.yaml:79:9: clients.desk.at.tools: identity_providers belongs to grant issuers; nobody signs in at tools",
        ],
        id="sso at as",
    ),
    pytest.param(
        "        grant_types: [token-exchange]\n",
        "        grant_types: [token-exchange]\n        reuse_limit: 2\n",
        [
            "b.yaml:71:22: clients.desk.at.northwind: grants are redeemed at authorization servers; say reuse_limit there"
        ],
        id="reuse at issuer",
    ),
    pytest.param(
        "        grant_types: [token-exchange]\n",
        "        grant_types: [token-exchange]\n        identity_providers: [crop]\n",
        ["b.yaml:71:30: clients.desk.at.northwind: the client has no sso id at crop, so it cannot use it"],
        id="idp without sso",
    ),
    pytest.param(
        "client_id: agent-7",
        "client_id: ledger-mcp",
        [
            "b.yaml:58:16: resource_servers.ledger-mcp: clients.desk.at.tools has the client id ledger-mcp at tools already"
        ],
        id="client id twice",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
