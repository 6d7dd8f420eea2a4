"""Broken bundles, one change each, with every sentence and its place. Tenants."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind
from grantd_server.governance.faults import BundleError

SOUND = (
    northwind.BUNDLE.replace(
        "    subject: passthrough\n    groups", "    subject: passthrough\n    tenant: {claim: tid}\n    groups"
    )
    .replace("    identity_providers: [corp]\n", "    identity_providers: [corp]\n    tenants: [east, west]\n")
    .replace("    algorithms: [ES256]\nauth", "    algorithms: [ES256]\n    tenants: [f-1, f-2]\nauth")
    .replace(
        "    trust_domain: tools\n",
        "    trust_domain: tools\n    tenants:\n      acme: [northwind/east]\n      globex: [northwind/west, fabrikam/f-1]\n",
    )
    .replace("      tools:\n        client_id", "      tools/acme:\n        client_id")
    .replace("    trust_domain: vendor\n", "    trust_domain: vendor\n    account_claims: {corp: oid}\n")
)


@pytest.mark.req("A-64", "G-23")
def test_tenants_of_issuers_and_servers_are_declared(tmp_path: Path) -> None:
    snapshot = northwind.snapshot(tmp_path, SOUND)
    tools = snapshot.authorization_servers["https://tools.northwind.example"]
    assert tools.tenants == {
        ("northwind", "east"): "acme", ("northwind", "west"): "globex", ("fabrikam", "f-1"): "globex",
    }  # fmt: skip
    assert {trusted.name: trusted.tenants for trusted in tools.trusted.values()} == {
        "northwind": {"east", "west"},
        "fabrikam": {"f-1"},
    }
    assert snapshot.registration_of("desk", tools.issuer) is None
    at_acme = snapshot.registration_of("desk", tools.issuer, "acme")
    assert at_acme is not None
    assert (at_acme.client_id, at_acme.tenant) == ("agent-7", "acme")
    assert snapshot.account_claims == {"corp": {"oid"}}


BROKEN = [
    ("tenant: {claim: tid}", "tenant: {claim: email}", "identity_providers.corp.tenant.claim: email changes hands"),
    ("tenant: {claim: tid}", "tenant: {claim: upn}", "corp.tenant.claim: upn changes hands"),
    ("tenant: {claim: tid}", "tenant: {clam: tid}", 'the key "clam" is not known here'),
    ("tenant: {claim: tid}", "tenant: north", "corp is in the tenant north, which northwind has not"),
    ("tenant: {claim: tid}", "tenant: a/b", '"a/b" is not a tenant'),
    ("tenant: {claim: tid}", "tenant: a|b", '"a|b" is not a tenant'),
    ("    tenant: {claim: tid}\n", "", "northwind has tenants, and corp does not say its people's tenant"),
    ("    tenants: [east, west]\n", "", "corp puts people in tenants, and northwind declares none"),
    ("[east, west]", "[east, east]", "grant_issuers.northwind.tenants: the value is repeated"),
    ("[east, west]", "[east]", "authorization_servers.tools.tenants.globex: northwind has no tenant west"),
    ("acme: [northwind/east]", "ac/me: [northwind/east]", '"ac/me" is not a tenant'),
    ("acme: [northwind/east]", "acme: [northwind/west]", "globex: northwind/west belongs to the tenant acme already"),
    ("acme: [northwind/east]", "acme: [northwind]", "northwind has tenants; write northwind/TENANT"),
    ("acme: [northwind/east]", "acme: [nobody/east]", 'there is no grant issuer and no trusted issuer "nobody"'),
    ("acme: [northwind/east]", "acme: [northwind/]", '"northwind/" is neither the name of an issuer nor ISSUER/TENANT'),
    ("acme: [northwind/east]", "acme: [North/east]", '"North/east" is neither the name of an issuer nor ISSUER/TENANT'),
    ("acme: [northwind/east]", "acme: []", "authorization_servers.tools.tenants.acme: a list of 1 to 1000 values"),
    (", fabrikam/f-1]", "]", "authorization_servers.tools.trusts.fabrikam: no tenant of tools is said to be fabrikam's"),
    (", fabrikam/f-1]", ", fabrikam/f-3]", "fabrikam has no tenant f-3"),
    ("        reuse_limit: 3\n", "        tenants: [f-1]\n", "tools has tenants; bind the issuer's to them"),
    ("tools/acme:", "tools:", "clients.desk.at.tools: tools has tenants; write tools/TENANT, one of acme, globex"),
    ("tools/acme:", "tools/initech:", "clients.desk.at.tools/initech: tools has tenants; write tools/TENANT"),
    ("vendor: {client_id", "vendor/acme: {client_id", "clients.desk.at.vendor/acme: vendor has no tenants"),
    ("      northwind:\n        client_id", "      northwind/east:\n        client_id", "northwind is a grant issuer; say tenants below it"),
    ("[token-exchange]\n", "[token-exchange]\n        tenants: [north]\n", 'clients.desk.at.northwind.tenants: there is no tenant "north" here'),
    ("[jwt-bearer]\n", "[jwt-bearer]\n        tenants: [fabrikam/f-9]\n", 'tools/acme.tenants: there is no tenant "fabrikam/f-9" here'),
    ("[jwt-bearer]\n", "[jwt-bearer]\n        tenants: [east]\n", 'tools/acme.tenants: there is no tenant "east" here'),
    ("{client_id: northwind-desk}", "{client_id: northwind-desk, tenants: [east]}", "vendor is foreign"),
    ("{corp: oid}", "{crop: oid}", 'authorization_servers.vendor.account_claims: there is no identity provider "crop"'),
    ("{corp: oid}", "{corp: email}", "authorization_servers.vendor.account_claims.corp: email changes hands"),
    ("      scopes: [ledger.read]\n    - id: con", "      scopes: [ledger.read]\n      require: {tenants: [eats]}\n    - id: con",
     "grants.northwind.finance-reads.require.tenants: eats is no tenant that northwind has"),
    ('      issuers: ["*"]', '      issuers: ["*"]\n      require: {tenants: [f-3]}',
     "redemptions.tools.honour.require.tenants: f-3 is no tenant that an issuer that tools trusts has"),
]  # fmt: skip


@pytest.mark.req("A-54", "A-56", "A-64", "A-65", "B-16", "G-23")
@pytest.mark.parametrize(
    ("old", "new", "sentence"), BROKEN, ids=[new.strip()[:40] or old.strip() for old, new, _ in BROKEN]
)
def test_a_broken_tenant_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in SOUND
    with pytest.raises(BundleError) as refused:
        northwind.parse(tmp_path, SOUND.replace(old, new, 1))
    assert sentence in str(refused.value)


WITHOUT = [
    ("    identity_providers: [corp]\n", "    identity_providers: [corp]\n    tenants: [east]\n", "corp does not say"),
    ("    algorithms: [ES256]\nauth", "    algorithms: [ES256]\n    tenants: [f-1]\nauth",
     'authorization_servers.tools.trusts.fabrikam: fabrikam has tenants: the key "tenants" says which are trusted'),
    ("        reuse_limit: 3\n", "        tenants: [f-1]\n", "trusts.fabrikam: fabrikam has no tenant f-1"),
    ("    trust_domain: vendor\n", "    trust_domain: vendor\n    tenants: {acme: [northwind]}\n",
     "northwind has no tenants, and its grants for vendor must name one; declare tenants for it"),
    ("    trust_domain: vendor\n", "    trust_domain: vendor\n    tenants: {acme: [fabrikam]}\n",
     'there is no grant issuer "fabrikam"'),
]  # fmt: skip


@pytest.mark.req("A-64", "B-16")
@pytest.mark.parametrize(("old", "new", "sentence"), WITHOUT, ids=[new.strip()[-30:] for _, new, _ in WITHOUT])
def test_a_tenant_on_one_side_only_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        northwind.parse(tmp_path, northwind.BUNDLE.replace(old, new, 1))
    assert sentence in str(refused.value)


@pytest.mark.req("G-23")
def test_a_tenant_of_a_server_belongs_to_an_issuer_that_it_trusts(tmp_path: Path) -> None:
    trust = "      northwind:\n        subject: passthrough\n        resources: [ledger, wiki]\n"
    assert trust in SOUND
    with pytest.raises(BundleError, match="tools does not trust northwind"):
        northwind.parse(tmp_path, SOUND.replace(trust, ""))


@pytest.mark.req("A-56")
def test_a_server_with_tenants_trusts_only_who_is_bound_to_one(tmp_path: Path) -> None:
    unbound = northwind.BUNDLE.replace(
        "    trust_domain: tools\n", "    trust_domain: tools\n    tenants: {acme: [fabrikam]}\n"
    )
    with pytest.raises(BundleError, match="no tenant of tools is said to be northwind's"):
        northwind.parse(tmp_path, unbound.replace("      tools:\n        client", "      tools/acme:\n        client"))
    foreign = unbound.replace("tenants: {acme: [fabrikam]}", "tenants: {acme: [initech]}")
    with pytest.raises(BundleError, match='there is no grant issuer and no trusted issuer "initech"'):
        northwind.parse(tmp_path, foreign)


SECOND = """\
  bought:
    issuer: https://login.bought.example
    keys: {discovery: true}
    algorithms: [ES256]
    subject: passthrough
    tenant: %s
"""


@pytest.mark.req("A-56", "A-65", "G-24")
@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("east", "west", None),
        ("east", "east", "corp needs subject: qualified"),
        ("{claim: tid}", "west", "corp needs subject: qualified"),
        ("east", "{claim: tid}", "bought needs subject: qualified"),
    ],
)
def test_two_providers_share_an_issuer_where_their_tenants_differ(
    tmp_path: Path, first: str, second: str, sentence: str | None
) -> None:
    text = SOUND.replace("tenant: {claim: tid}", f"tenant: {first}").replace(
        "grant_issuers:\n", SECOND % second + "grant_issuers:\n"
    )
    text = text.replace("identity_providers: [corp]", "identity_providers: [corp, bought]")
    if sentence is None:
        northwind.parse(tmp_path, text)
        return
    with pytest.raises(BundleError, match=sentence):
        northwind.parse(tmp_path, text)


@pytest.mark.req("A-65")
def test_two_providers_do_not_give_accounts_of_one_tenant(tmp_path: Path) -> None:
    text = SOUND.replace("tenant: {claim: tid}", "tenant: east").replace(
        "grant_issuers:\n", SECOND % "west" + "grant_issuers:\n"
    )
    text = text.replace("identity_providers: [corp]", "identity_providers: [corp, bought]")
    with pytest.raises(BundleError, match="bought and corp would give accounts of one tenant"):
        northwind.parse(tmp_path, text.replace("{corp: oid}", "{corp: oid, bought: oid}"))
    apart = "    trust_domain: vendor\n    tenants: {x: [northwind/east], y: [northwind/west]}\n"
    text = text.replace("    trust_domain: vendor\n", apart).replace("vendor: {client", "vendor/x: {client")
    northwind.parse(tmp_path, text.replace("{corp: oid}", "{corp: oid, bought: oid}"))
    together = text.replace("{x: [northwind/east], y: [northwind/west]}", "{x: [northwind/east, northwind/west]}")
    with pytest.raises(BundleError, match="bought and corp would give accounts of one tenant"):
        northwind.parse(tmp_path, together.replace("{corp: oid}", "{corp: oid, bought: oid}"))


@pytest.mark.req("A-54")
def test_a_foreign_server_may_give_one_client_id_in_each_tenant(tmp_path: Path) -> None:
    text = SOUND.replace(
        "    trust_domain: vendor\n",
        "    trust_domain: vendor\n    tenants: {x: [northwind/east], y: [northwind/west]}\n",
    ).replace("vendor: {client_id: northwind-desk}", "vendor/x: {client_id: d}\n      vendor/y: {client_id: d}")
    northwind.parse(tmp_path, text)
    ours = (
        "      tools/globex: {client_id: agent-7, authentication: [{peer: a.example}], grant_types: []}\n      vendor"
    )
    with pytest.raises(BundleError, match="has the client id agent-7 at tools already"):
        northwind.parse(tmp_path, SOUND.replace("      vendor", ours, 1).replace(ours, ours, 1))
