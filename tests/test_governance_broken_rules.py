"""Broken bundles, one change each, with every sentence and its place. Rules of both legs."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        '      subjects: {groups: ["corp:finance"]}\n      tenants: [a]',
        ["b.yaml:84:7: grants.northwind.finance-reads: tenants is a condition of a rule; say it below require"],
        id="tenants beside require",
    ),
    pytest.param(
        "      scopes: [ledger.read]\n    - id: con",
        "      scopes: [ledger.read]\n      require: {issuers: [a]}\n    - id: con",
        [
            "b.yaml:87:17: grants.northwind.finance-reads.require: issuers is not known on leg 1; decide it in redemptions"
        ],
        id="unknown rule key require",
    ),
    pytest.param(
        '      issuers: ["*"]',
        '      issuers: ["*"]\n      subjects: {groups: ["corp:finance"]}',
        [
            "b.yaml:98:7: redemptions.tools.honour: subjects is not known on leg 2, which sees the grant and not the person; decide it in grants"
        ],
        id="leg2 reads groups",
    ),
    pytest.param(
        '      issuers: ["*"]',
        '      issuers: ["*"]\n      require: {network: [10.0.0.0/8]}',
        [
            "b.yaml:98:17: redemptions.tools.honour.require: network is not known on leg 2, which sees the grant and not the person; decide it in grants"
        ],
        id="leg2 network",
    ),
    pytest.param(
        "    - id: honour",
        "    - id: finance-reads",
        ["b.yaml:95:11: redemptions.tools.finance-reads: the rule id is used already, in b.yaml, line 81"],
        id="rule id twice",
    ),
    pytest.param(
        "      scopes: [ledger.read]\n    - id",
        '      scopes: ["ledger.**"]\n    - id',
        [
            'b.yaml:86:16: grants.northwind.finance-reads.scopes: "ledger.**" is neither a scope nor a pattern of one, such as "ledger.*"'
        ],
        id="glob scope",
    ),
    pytest.param(
        "      scopes: [ledger.read]\n    - id",
        '      scopes: ["leger.*"]\n    - id',
        ["b.yaml:86:16: grants.northwind.finance-reads.scopes: leger.* matches no scope of the resources of this rule"],
        id="glob nothing",
    ),
    pytest.param(
        "      clients: [desk]\n      resources: [ledger]\n",
        "      clients: [desc]\n      resources: [ledger]\n",
        ["b.yaml:84:17: grants.northwind.finance-reads.clients: desc matches no client of this bundle"],
        id="client nothing",
    ),
    pytest.param(
        "      clients: [desk]\n      resources: [ledger]\n",
        '      clients: [desk]\n      resources: ["led*", ledgre]\n',
        [
            "b.yaml:85:27: grants.northwind.finance-reads.resources: ledgre matches no resource that these rules can be about"
        ],
        id="resource nothing",
    ),
    pytest.param(
        "      resources: [ledger, wiki]\n      scopes",
        "      resources: [ledger, parts]\n      scopes",
        [
            'b.yaml:99:27: redemptions.tools.honour.resources: parts matches no resource that these rules can be about; "parts" is a resource of vendor'
        ],
        id="leg2 resource of another",
    ),
    pytest.param(
        '      issuers: ["*"]',
        "      issuers: [northwnd]",
        ["b.yaml:97:17: redemptions.tools.honour.issuers: northwnd matches no issuer that this server trusts"],
        id="leg2 issuer",
    ),
    pytest.param(
        "      effect: deny",
        "      effect: refuse",
        ['b.yaml:88:15: grants.northwind.contractors-out.effect: allow or deny is expected, not "refuse"'],
        id="effect",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        "      subjects: everyone\n      require: {network: [10.0.0.1/8]}",
        [
            'b.yaml:84:27: grants.northwind.finance-reads.require.network: "10.0.0.1/8" is not a network such as 10.0.0.0/8, with no bits set beyond its prefix'
        ],
        id="cidr",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        '      subjects: everyone\n      require: {network: ["::ffff:10.0.0.0/104"]}',
        [
            'b.yaml:84:27: grants.northwind.finance-reads.require.network: "::ffff:10.0.0.0/104" is made of IPv4 addresses; write it as an IPv4 network, or it would match nobody'
        ],
        id="cidr mapped",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        '      subjects: everyone\n      require: {time: {days: [mon, funday], from: "8:00", to: "18:00", timezone: Mars/Base}}',
        [
            'b.yaml:84:36: grants.northwind.finance-reads.require.time.days: one of mon, tue, wed, thu, fri, sat, sun is expected, not "funday"',
            'b.yaml:84:51: grants.northwind.finance-reads.require.time.from: a time of day from 00:00 to 24:00 is expected, such as 08:00, not "8:00"',
            'b.yaml:84:82: grants.northwind.finance-reads.require.time.timezone: "Mars/Base" is not a time zone of this machine, such as Europe/Berlin or UTC',
        ],
        id="time",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        "      subjects: everyone\n      require: {time: {days: [mon], from: 08:00, to: 08:00, timezone: UTC}}",
        ["b.yaml:84:43: grants.northwind.finance-reads.require.time.from: the window is empty"],
        id="time empty",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        "      subjects: everyone\n      require: {time: {days: [mon], from: 08:00, to: 18:00}}",
        ['b.yaml:84:23: grants.northwind.finance-reads.require.time: the key "timezone" is missing'],
        id="time without zone",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        "      subjects: everyone\n      expires: 2026-12-31",
        [
            'b.yaml:84:16: grants.northwind.finance-reads.expires: a moment with its offset is expected, such as 2027-01-31T00:00:00Z, not "2026-12-31"'
        ],
        id="expires",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}',
        "      subjects: everyone\n      expires: 2026-13-31T00:00:00Z",
        [
            'b.yaml:84:16: grants.northwind.finance-reads.expires: a moment with its offset is expected, such as 2027-01-31T00:00:00Z, not "2026-13-31T00:00:00Z"'
        ],
        id="expires 13",
    ),
    pytest.param(
        "  tools:\n    - id: honour",
        "  vendor:\n    - id: honour",
        ['b.yaml:94:3: redemptions: there is no authorization server of ours "vendor"'],
        id="rules for nobody",
    ),
    pytest.param(
        "grants:\n  northwind:",
        "grants:\n  northwnd:",
        ['b.yaml:80:3: grants: there is no grant issuer "northwnd"'],
        id="grants for nobody",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
