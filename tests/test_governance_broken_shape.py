"""Broken bundles, one change each, with every sentence and its place. What every section has in common: keys, types, names, durations."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        None,
        "clientz:\n  a: {}\n",
        ['b.yaml:101:1: the key "clientz" is not known here; did you mean "clients"?'],
        id="unknown section",
    ),
    pytest.param(
        "      effect: allow\n      subjects",
        "      efect: allow\n      subjects",
        [
            'b.yaml:81:7: grants.northwind.finance-reads: the key "effect" is missing',
            'b.yaml:82:7: grants.northwind.finance-reads: the key "efect" is not known here; did you mean "effect"?',
        ],
        id="unknown key",
    ),
    pytest.param(
        "    roles_claim: roles",
        "    groups_claim: roles",
        ['b.yaml:8:5: the key "groups_claim" is repeated; it stands in line 7 already'],
        id="a repeated key",
    ),
    pytest.param(
        "    trust_domain: workforce\n",
        "",
        ['b.yaml:13:5: grant_issuers.northwind: the key "trust_domain" is missing'],
        id="a missing key",
    ),
    pytest.param(
        "    groups_claim: groups",
        "    groups_claim: 7",
        [
            'b.yaml:7:19: identity_providers.corp.groups_claim: a text is expected, not 7 (write "7" in quotes if a text is meant)'
        ],
        id="wrong type text",
    ),
    pytest.param(
        "    identity_providers: [corp]",
        "    identity_providers: corp",
        [
            "b.yaml:15:25: grant_issuers.northwind.identity_providers: a list is expected, not a text; put brackets around it"
        ],
        id="wrong type list",
    ),
    pytest.param(
        "    keys: {discovery: true}",
        "    keys: always",
        ["b.yaml:4:11: identity_providers.corp.keys: a mapping is expected, not a text"],
        id="wrong type mapping",
    ),
    pytest.param(
        "    foreign: true",
        '    foreign: "yes"',
        ['b.yaml:37:14: authorization_servers.vendor.foreign: true or false is expected, not "yes"'],
        id="wrong type bool",
    ),
    pytest.param(
        "    algorithms: [ES256]\n",
        "    algorithms: []\n",
        ["b.yaml:21:17: trusted_issuers.fabrikam.algorithms: a list of 1 to 1000 values is expected"],
        id="an empty list",
    ),
    pytest.param(
        "[ES256, RS256]",
        "[ES256, ES256]",
        ["b.yaml:5:25: identity_providers.corp.algorithms: the value is repeated"],
        id="a repeated value",
    ),
    pytest.param(
        "  desk:\n",
        "  Desk*:\n",
        [
            'b.yaml:63:3: clients: "Desk*" is not a name: a name has 1 to 63 lower-case letters, digits, dots, hyphens or underscores, and begins and ends with a letter or digit',
            "b.yaml:84:17: grants.northwind.finance-reads.clients: desk matches no client of this bundle",
            "b.yaml:98:17: redemptions.tools.honour.clients: desk matches no client of this bundle",
        ],
        id="a name with capitals and a star",
    ),
    pytest.param(
        "  desk:\n",
        '  "de\\u0000sk":\n',
        [
            "b.yaml:63:3: clients: the text has a control character, or a blank at its beginning or end",
            "b.yaml:84:17: grants.northwind.finance-reads.clients: desk matches no client of this bundle",
            "b.yaml:98:17: redemptions.tools.honour.clients: desk matches no client of this bundle",
        ],
        id="client name control",
    ),
    pytest.param(
        "    trust_domain: workforce\n",
        "    trust_domain: workforce\n    grant_lifetime: 300\n",
        [
            "b.yaml:15:21: grant_issuers.northwind.grant_lifetime: a duration with its unit is expected, such as 300s, 5m, 8h or 30d, not 300 (write 300s if seconds are meant)"
        ],
        id="duration unit",
    ),
    pytest.param(
        "    claims: [department]",
        "    claims:",
        ["b.yaml:9:12: identity_providers.corp.claims: a list is expected, not nothing"],
        id="null section",
    ),
    pytest.param(
        "redemptions:\n",
        "trusted:\n",
        ['b.yaml:93:1: the key "trusted" is not known here; did you mean "trusted_issuers"?'],
        id="section no mapping",
    ),
    pytest.param(
        "  tools:\n    - id: honour",
        "  fabrikam: {}\n  tools:\n    - id: honour",
        [
            'b.yaml:94:3: redemptions: there is no authorization server of ours "fabrikam"',
            "b.yaml:94:13: redemptions.fabrikam: a list of rules is expected, not a mapping",
        ],
        id="rules no list",
    ),
    pytest.param(
        "    claims: [department]",
        "    claims: &a [department]",
        ["b.yaml:9:13: anchors and aliases are not allowed; write the value out in each place"],
        id="anchor",
    ),
    pytest.param(
        "    claims: [department]",
        "    claims: !!python/name:os.system [department]",
        ["b.yaml:9:13: tags are not allowed; leave it out"],
        id="tag",
    ),
    pytest.param(
        None,
        "---\na: b\n",
        ["b.yaml:101:1: one file holds one document; take the mark away, or begin another file"],
        id="two docs",
    ),
    pytest.param(
        "    claims: [department]",
        "\tclaims: [department]",
        ["b.yaml:9:1: not YAML: a tab stands where the line is indented; use spaces"],
        id="tab",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(
    tmp_path: Path, old: str | None, new: str, sentences: list[str]
) -> None:
    text = northwind.BUNDLE + new if old is None else northwind.changed(old, new)
    assert northwind.faults(tmp_path, text) == sentences
