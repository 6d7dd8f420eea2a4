"""Broken bundles, one change each, with every sentence and its place. Trust domains, issuers and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        "    trust_domain: tools\n",
        "    trust_domain: workforce\n",
        [
            "b.yaml:27:7: authorization_servers.tools.trusts: northwind and tools are both in the trust domain workforce; an authorization server must not redeem grants of its own domain"
        ],
        id="same domain",
        marks=pytest.mark.req("G-40", "B-12"),
    ),
    pytest.param(
        "    trusts:\n      northwind:\n        subject: passthrough\n        resources: [ledger, wiki]\n      fabrikam:\n        subject: {claim: oid}\n        resources: [wiki]\n        reuse_limit: 3\n",
        "    trusts: {}\n",
        [
            "b.yaml:26:13: authorization_servers.tools.trusts: an authorization server that trusts nobody redeems nothing; name at least one issuer"
        ],
        id="empty trust",
    ),
    pytest.param(
        "    trusts:\n",
        "    trust:\n",
        [
            'b.yaml:24:5: authorization_servers.tools: the key "trusts" is missing',
            'b.yaml:26:5: authorization_servers.tools: the key "trust" is not known here; did you mean "trusts"?',
        ],
        id="trust no keys",
    ),
    pytest.param(
        "        subject: passthrough\n        resources: [ledger, wiki]\n",
        "        resources: [ledger, wiki]\n",
        ['b.yaml:28:9: authorization_servers.tools.trusts.northwind: the key "subject" is missing'],
        id="trust without subject",
        marks=pytest.mark.req("B-13"),
    ),
    pytest.param(
        "        subject: {claim: oid}\n        resources: [wiki]\n",
        "        subject: {claim: oid}\n",
        ['b.yaml:31:9: authorization_servers.tools.trusts.fabrikam: the key "resources" is missing'],
        id="trust without resources",
        marks=pytest.mark.req("B-13"),
    ),
    pytest.param(
        "    keys: {jwks_uri: https://id.fabrikam.example/keys}\n",
        "",
        ['b.yaml:18:5: trusted_issuers.fabrikam: the key "keys" is missing'],
        id="trusted without keys",
        marks=pytest.mark.req("B-13"),
    ),
    pytest.param(
        "    trust_domain: fabrikam\n",
        "",
        ['b.yaml:18:5: trusted_issuers.fabrikam: the key "trust_domain" is missing'],
        id="trusted without domain",
    ),
    pytest.param(
        "    trust_domain: tools\n",
        "",
        ['b.yaml:24:5: authorization_servers.tools: the key "trust_domain" is missing'],
        id="server without domain",
    ),
    pytest.param(
        "    issuer: https://id.fabrikam.example",
        "    issuer: https://login.northwind.example",
        [
            "b.yaml:3:13: identity_providers.corp: the trust domains fabrikam and workforce share the issuer https://login.northwind.example, which trusted_issuers.fabrikam has already"
        ],
        id="shared issuer",
    ),
    pytest.param(
        "    issuer: https://as.vendor.example",
        "    issuer: https://tools.northwind.example",
        [
            "b.yaml:38:13: authorization_servers.vendor: authorization_servers.tools has the issuer https://tools.northwind.example already",
            "b.yaml:38:13: authorization_servers.vendor: the trust domains tools and vendor share the issuer https://tools.northwind.example, which authorization_servers.tools has already",
        ],
        id="issuer twice",
    ),
    pytest.param(
        "    issuer: https://id.fabrikam.example\n",
        "    issuer: https://grants.northwind.example\n",
        [
            "b.yaml:18:13: trusted_issuers.fabrikam: grant_issuers.northwind has the issuer https://grants.northwind.example already",
            "b.yaml:18:13: trusted_issuers.fabrikam: the trust domains workforce and fabrikam share the issuer https://grants.northwind.example, which grant_issuers.northwind has already",
        ],
        id="issuer redeclared as trusted",
    ),
    pytest.param(
        "grant_issuers:\n",
        "  corp2:\n    issuer: https://login.northwind.example\n    keys: {discovery: true}\n    algorithms: [ES256]\n    subject: passthrough\ngrant_issuers:\n",
        [
            "b.yaml:12:13: identity_providers.corp2: identity_providers.corp has the issuer https://login.northwind.example already"
        ],
        id="two idp same issuer",
    ),
    pytest.param(
        "    keys: {discovery: true}",
        "    keys: {jwks_uri: https://id.fabrikam.example/keys}",
        [
            "b.yaml:4:11: identity_providers.corp: the trust domains fabrikam and workforce share the jwks_uri https://id.fabrikam.example/keys, which trusted_issuers.fabrikam has already"
        ],
        id="jwks_uri shared",
    ),
    pytest.param(
        "env: DESK_TOOLS_SECRET",
        "env: DESK_SECRET",
        [
            "b.yaml:75:13: clients.desk.at.tools: the trust domains workforce and tools share a client secret, which clients.desk.at.northwind has already"
        ],
        id="secret shared",
        marks=pytest.mark.req("D-26"),
    ),
    pytest.param(
        "client_id: ledger-mcp\n    authentication:\n      - peer: spiffe://northwind.example/mcp/ledger",
        "client_id: ledger-mcp\n    authentication:\n      - secret: {env: DESK_TOOLS_SECRET}",
        [
            "b.yaml:60:9: resource_servers.ledger-mcp: a client secret belongs to one party at one issuer, and clients.desk.at.tools has this one already"
        ],
        id="secret shared in one domain",
    ),
    pytest.param(
        "          - secret: {env: DESK_SECRET}\n          - peer: spiffe://northwind.example/agents/desk",
        "          - secret: {sha256: 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f}\n          - secret: {sha256: 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f}",
        ["b.yaml:69:13: clients.desk.at.northwind: a client secret is repeated"],
        id="digest shared",
    ),
    pytest.param(
        "spiffe://northwind.example/mcp/ledger",
        "spiffe://northwind.example/agents/desk",
        [
            "b.yaml:60:9: resource_servers.ledger-mcp: the trust domains workforce and tools share a TLS identity, which clients.desk.at.northwind has already"
        ],
        id="peer shared",
    ),
    pytest.param(
        "    identity_providers: [corp]\n",
        "    identity_providers: [corp]\n  other:\n    issuer: https://other.example\n    trust_domain: elsewhere\n    identity_providers: [corp]\n",
        [
            "b.yaml:19:26: grant_issuers.other: the trust domains workforce and elsewhere share the subjects of corp, which grant_issuers.northwind has already"
        ],
        id="provider in two domains",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
