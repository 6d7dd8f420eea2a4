"""Twenty-two ways to break a bundle, each one change to `northwind.BUNDLE`, and the whole of
what is told. `docs/bundle-errors.md` shows them."""

from __future__ import annotations

from typing import NamedTuple


class Broken(NamedTuple):
    """One change, and every line that it is answered with."""

    name: str
    old: str
    new: str
    told: tuple[str, ...]


BROKEN = (
    Broken(
        "a key that is misspelt",
        "      resources: [ledger]\n      scopes: [ledger.read]",
        "      resuorces: [ledger]\n      scopes: [ledger.read]",
        (
            'b.yaml:81:7: grants.northwind.finance-reads: the key "resources" is missing',
            'b.yaml:85:7: grants.northwind.finance-reads: the key "resuorces" is not known here; did you mean "resources"?',
        ),
    ),
    Broken(
        "a key that is repeated",
        "    - id: finance-reads\n      effect: allow\n",
        "    - id: finance-reads\n      effect: allow\n      effect: deny\n",
        ('b.yaml:83:7: the key "effect" is repeated; it stands in line 82 already',),
    ),
    Broken(
        "no YAML at all",
        "identity_providers:\n  corp:\n",
        "identity_providers:\n  corp: [\n",
        (
            "b.yaml:4:9: not YAML: did not find expected ',' or ']'; see line 2, column 9, while parsing a flow sequence",
        ),
    ),
    Broken(
        "an anchor",
        "    issuer: https://login.northwind.example\n",
        "    issuer: &login https://login.northwind.example\n",
        ("b.yaml:3:13: anchors and aliases are not allowed; write the value out in each place",),
    ),
    Broken(
        "a number where a text is meant",
        "    claims: [department]\n",
        "    claims: [2027]\n",
        (
            'b.yaml:9:14: identity_providers.corp.claims: a text is expected, not 2027 (write "2027" in quotes if a text is meant)',
        ),
    ),
    Broken(
        "a section that does not exist",
        "grants:\n",
        "grant:\n",
        ('b.yaml:79:1: the key "grant" is not known here; did you mean "grants"?',),
    ),
    Broken(
        "a client that does not exist",
        "      clients: [desk]\n      resources: [ledger]\n",
        "      clients: [desc]\n      resources: [ledger]\n",
        ("b.yaml:84:17: grants.northwind.finance-reads.clients: desc matches no client of this bundle",),
    ),
    Broken(
        "a scope pattern that matches nothing",
        "      scopes: [ledger.read]\n    - id",
        '      scopes: ["leger.*"]\n    - id',
        (
            "b.yaml:86:16: grants.northwind.finance-reads.scopes: leger.* matches no scope of the resources of this rule",
        ),
    ),
    Broken(
        "a group without its provider",
        '["corp:finance"]',
        "[finance]",
        (
            'b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: "finance" is not qualified; write it as PROVIDER:NAME',
        ),
    ),
    Broken(
        "a pattern of groups",
        '["corp:finance"]',
        '["corp:fin*"]',
        (
            'b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: "corp:fin*" is a pattern; subjects are compared byte for byte, name them one by one',
        ),
    ),
    Broken(
        "a group of a provider that the issuer does not accept",
        '["corp:finance"]',
        '["guests:finance"]',
        (
            "b.yaml:83:26: grants.northwind.finance-reads.subjects.groups: guests:finance: guests is not an identity provider of this grant issuer",
        ),
    ),
    Broken(
        "groups that nobody ever tells",
        "    groups_claim: groups\n",
        "",
        (
            "b.yaml:82:26: grants.northwind.finance-reads.subjects.groups: corp:finance: the groups of corp are never known; it has no groups_claim",
            "b.yaml:88:26: grants.northwind.contractors-out.subjects.groups: corp:contractors: the groups of corp are never known; it has no groups_claim",
        ),
    ),
    Broken(
        "people on leg 2",
        '      issuers: ["*"]',
        '      issuers: ["*"]\n      subjects: {groups: ["corp:finance"]}',
        (
            "b.yaml:98:7: redemptions.tools.honour: subjects is not known on leg 2, which sees the grant and not the person; decide it in grants",
        ),
    ),
    Broken(
        "an id that is used twice",
        "    - id: honour",
        "    - id: finance-reads",
        ("b.yaml:95:11: redemptions.tools.finance-reads: the rule id is used already, in b.yaml, line 81",),
    ),
    Broken(
        "an expiry without an offset",
        "    - id: finance-reads\n",
        "    - id: finance-reads\n      expires: 2027-01-31\n",
        (
            'b.yaml:82:16: grants.northwind.finance-reads.expires: a moment with its offset is expected, such as 2027-01-31T00:00:00Z, not "2027-01-31"',
        ),
    ),
    Broken(
        "a network with bits beyond its prefix",
        '      subjects: {groups: ["corp:finance"]}',
        '      subjects: {groups: ["corp:finance"]}\n      require: {network: [10.1.2.3/8]}',
        (
            'b.yaml:84:27: grants.northwind.finance-reads.require.network: "10.1.2.3/8" is not a network such as 10.0.0.0/8, with no bits set beyond its prefix',
        ),
    ),
    Broken(
        "one trust domain for both legs",
        "    trust_domain: tools\n",
        "    trust_domain: workforce\n",
        (
            "b.yaml:27:7: authorization_servers.tools.trusts: northwind and tools are both in the trust domain workforce; an authorization server must not redeem grants of its own domain",
        ),
    ),
    Broken(
        "a resource of a server that does not exist",
        "    authorization_server: tools\n    scopes: [wiki.read]",
        "    authorization_server: tolls\n    scopes: [wiki.read]",
        (
            'b.yaml:29:29: authorization_servers.tools.trusts.northwind: there is no resource of tools "wiki"; "wiki" is a resource of tolls',
            'b.yaml:32:21: authorization_servers.tools.trusts.fabrikam: there is no resource of tools "wiki"; "wiki" is a resource of tolls',
            'b.yaml:35:7: authorization_servers.tools.default_scopes: there is no resource of tools "wiki"',
            'b.yaml:49:27: resources.wiki: there is no authorization server "tolls"',
            'b.yaml:99:27: redemptions.tools.honour.resources: wiki matches no resource that these rules can be about; "wiki" is a resource of tolls',
        ),
    ),
    Broken(
        "an algorithm with a shared secret",
        "    algorithms: [ES256, RS256]\n    subject: passthrough\n",
        "    algorithms: [HS256]\n    subject: passthrough\n",
        (
            'b.yaml:5:18: identity_providers.corp.algorithms: "HS256" is not an algorithm with public keys that we know (ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512)',
        ),
    ),
    Broken(
        "one secret at two issuers",
        "          - peer: spiffe://northwind.example/agents/desk\n        grant_types",
        "          - secret: {env: DESK_TOOLS_SECRET}\n        grant_types",
        (
            "b.yaml:75:13: clients.desk.at.tools: the trust domains workforce and tools share a client secret, which clients.desk.at.northwind has already",
        ),
    ),
    Broken(
        "a deny of users and groups together",
        '      subjects: {groups: ["corp:contractors"]}',
        '      subjects: {groups: ["corp:contractors"], users: ["corp:u-9"]}',
        (
            "b.yaml:89:17: grants.northwind.contractors-out.subjects: a deny names one of users and groups; write one rule for each",
        ),
    ),
    Broken(
        "an address in place of a person in a deny",
        '      subjects: {groups: ["corp:contractors"]}',
        '      subjects: {users: ["corp:mailto:ada@northwind.example"]}',
        (
            "b.yaml:89:17: grants.northwind.contractors-out.subjects: a deny names people by their identifier; an address may be missing from a sign-in",
        ),
    ),
)
