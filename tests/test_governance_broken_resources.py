"""Broken bundles, one change each, with every sentence and its place. Resources and resource servers."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        "    uri: https://mcp.northwind.example/ledger",
        "    uri: /ledger",
        [
            'b.yaml:42:10: resources.ledger.uri: "/ledger" is not usable: it is not absolute; it must begin with a scheme such as https:'
        ],
        id="resource relative",
    ),
    pytest.param(
        "    uri: https://mcp.northwind.example/ledger",
        "    uri: https://mcp.northwind.example/ledger#a",
        [
            'b.yaml:42:10: resources.ledger.uri: "https://mcp.northwind.example/ledger#a" is not usable: it has a fragment'
        ],
        id="resource fragment",
    ),
    pytest.param(
        "    uri: https://mcp.northwind.example/ledger",
        "    uri: https://*.northwind.example/ledger",
        ["b.yaml:42:10: resources.ledger.uri: a resource is no pattern; register each one by its identifier"],
        id="resource wildcard",
        marks=pytest.mark.hostile("P05"),
    ),
    pytest.param(
        "    uri: https://wiki.northwind.example",
        "    uri: https://wiki.northwind.example/@".replace("@", "a" * 600),
        ["b.yaml:48:10: resources.wiki.uri: a text of 1 to 512 characters is expected"],
        id="resource long",
    ),
    pytest.param(
        "[wiki.read]\n  parts",
        '["wiki.*"]\n  parts',
        ['b.yaml:50:14: resources.wiki.scopes: "wiki.*" is a pattern; register each scope by its name'],
        id="scope wildcard",
        marks=pytest.mark.hostile("P05"),
    ),
    pytest.param(
        "    uri: https://wiki.northwind.example",
        "    uri: HTTPS://mcp.northwind.example/%6cedger",
        [
            "b.yaml:48:10: resources.wiki: resources.ledger has HTTPS://mcp.northwind.example/%6cedger already; a resource has one authorization server"
        ],
        id="resource twice",
    ),
    pytest.param(
        "aliases: [https://mcp.northwind.example/ledger/]",
        "aliases: [https://mcp.northwind.example/./ledger]",
        [
            "b.yaml:43:15: resources.ledger: https://mcp.northwind.example/./ledger is the same as another spelling of this resource"
        ],
        id="alias twice",
    ),
    pytest.param(
        "aliases: [https://mcp.northwind.example/ledger/]",
        "aliases: [https://wiki.northwind.example/]",
        [
            "b.yaml:48:10: resources.wiki: resources.ledger has https://wiki.northwind.example already; a resource has one authorization server"
        ],
        id="alias origin",
    ),
    pytest.param(
        "[wiki.read]\n  parts",
        '["wiki read"]\n  parts',
        ['b.yaml:50:14: resources.wiki.scopes: "wiki read" has a character that no scope has (RFC 6749 section 3.3)'],
        id="scope charset",
    ),
    pytest.param(
        "    authorization_server: vendor",
        "    authorization_server: vender",
        ['b.yaml:53:27: resources.parts: there is no authorization server "vender"'],
        id="unknown as",
    ),
    pytest.param(
        "    at: tools",
        "    at: vendor",
        ['b.yaml:57:9: resource_servers.ledger-mcp: there is no authorization server of ours "vendor"'],
        id="rs at foreign",
    ),
    pytest.param(
        "    resources: [ledger]\nclients",
        "    resources: [parts]\nclients",
        [
            'b.yaml:61:17: resource_servers.ledger-mcp: there is no resource of tools "parts"; "parts" is a resource of vendor'
        ],
        id="rs resource",
    ),
    pytest.param(
        "      wiki: [wiki.read]",
        "      wiki: [wiki.write]\n      parts: [parts.read]",
        [
            'b.yaml:35:14: authorization_servers.tools.default_scopes.wiki: there is no scope of wiki "wiki.write"',
            'b.yaml:36:7: authorization_servers.tools.default_scopes: there is no resource of tools "parts"',
        ],
        id="default scope as",
    ),
    pytest.param(
        "default_scopes: [ledger.read]",
        "default_scopes: [ledger.admin]",
        ['b.yaml:46:21: resources.ledger.default_scopes: "ledger.admin" is not among the scopes of this resource'],
        id="default scope resource",
    ),
    pytest.param(
        "  fabrikam:\n    issuer",
        "  tools:\n    issuer",
        [
            "b.yaml:23:3: authorization_servers.tools: trusted_issuers.tools has this name already; issuers and servers share one set of names",
            'b.yaml:30:7: authorization_servers.tools.trusts.fabrikam: there is no grant issuer and no trusted issuer "fabrikam"',
        ],
        id="name twice",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
