"""What a call looks up: by the right key, byte for byte, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind
from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.governance.snapshot import Snapshot
from grantd_server.model.bundle.governed import ForeignAuthorizationServer, KeySource, SubjectMapping, SubjectRule
from grantd_server.model.registered import PeerCredential, SecretCredential

GRANTS = "https://grants.northwind.example"
TOOLS = "https://tools.northwind.example"
VENDOR = "https://as.vendor.example"
LOGIN = "https://login.northwind.example"


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return northwind.snapshot(tmp_path, epoch=4)


def test_issuers_are_found_by_their_identifier_byte_for_byte(snapshot: Snapshot) -> None:
    assert snapshot.grant_issuers.keys() == {GRANTS}
    assert snapshot.authorization_servers.keys() == {TOOLS}
    assert snapshot.foreign_servers == {VENDOR: ForeignAuthorizationServer("vendor", VENDOR, "vendor")}
    assert snapshot.grant_issuers[GRANTS].grant_lifetime == 300
    assert snapshot.authorization_servers[TOOLS].token_lifetime == 900
    assert snapshot.epoch == 4


@pytest.mark.req("B-05", "G-27")
@pytest.mark.parametrize("spelling", [TOOLS + "/", TOOLS.upper(), TOOLS + ":443", " " + TOOLS, GRANTS, "", "tools"])
def test_an_audience_is_compared_byte_for_byte(snapshot: Snapshot, spelling: str) -> None:
    assert snapshot.audience(spelling) is None
    assert snapshot.audience(TOOLS) is snapshot.authorization_servers[TOOLS]
    assert snapshot.audience(VENDOR) is snapshot.foreign_servers[VENDOR]


@pytest.mark.req("D-26")
def test_a_client_has_its_own_id_and_credentials_at_each_issuer(snapshot: Snapshot) -> None:
    at_grants = snapshot.registration(GRANTS, "desk-agent")
    at_tools = snapshot.registration(TOOLS, "agent-7")
    assert at_grants is not None
    assert at_tools is not None
    assert at_grants.client == at_tools.client == "desk"
    assert at_grants.grant_types == {GRANT_TYPE_TOKEN_EXCHANGE}
    assert at_tools.grant_types == {GRANT_TYPE_JWT_BEARER}
    assert at_grants.sso_client_ids == {"corp": {"desk-sso"}}
    assert at_tools.reuse_limit == 2
    digests = {c.digest for at in (at_grants, at_tools) for c in at.credentials if isinstance(c, SecretCredential)}
    assert len(digests) == 2
    assert snapshot.registration(TOOLS, "desk-agent") is None
    assert snapshot.registration(GRANTS, "agent-7") is None
    assert snapshot.registration(GRANTS, "Desk-agent") is None


@pytest.mark.req("D-25")
def test_the_client_id_mapping_is_kept_by_client_and_issuer(snapshot: Snapshot) -> None:
    at_vendor = snapshot.registration_of("desk", VENDOR)
    assert at_vendor is not None
    assert (at_vendor.client_id, at_vendor.credentials, at_vendor.grant_types) == ("northwind-desk", (), frozenset())
    at_tools = snapshot.registration_of("desk", TOOLS)
    assert at_tools is not None
    assert at_tools.client_id == "agent-7"
    assert snapshot.registration_of("desk", "https://elsewhere.example") is None
    assert snapshot.registration_of("desk-agent", TOOLS) is None


def test_a_client_of_a_foreign_server_cannot_authenticate_there(snapshot: Snapshot) -> None:
    assert snapshot.registration(VENDOR, "northwind-desk") is None


def test_tls_identities_are_bound_to_one_party_at_one_issuer(snapshot: Snapshot) -> None:
    agent, server = "spiffe://northwind.example/agents/desk", "spiffe://northwind.example/mcp/ledger"
    client = snapshot.registration_by_peer(GRANTS, agent)
    assert client is not None
    assert client.client_id == "desk-agent"
    assert PeerCredential(agent) in client.credentials
    assert snapshot.registration_by_peer(TOOLS, agent) is None
    assert snapshot.registration_by_peer(TOOLS, server) is None
    found = snapshot.resource_server_by_peer(TOOLS, server)
    assert found is not None
    assert found.name == "ledger-mcp"
    assert snapshot.resource_server_by_peer(GRANTS, agent) is None


def test_a_resource_server_is_no_client_and_knows_its_resources(snapshot: Snapshot) -> None:
    found = snapshot.resource_server(TOOLS, "ledger-mcp")
    assert found is not None
    assert found.resources == {"ledger"}
    assert snapshot.registration(TOOLS, "ledger-mcp") is None
    assert snapshot.resource_server(TOOLS, "agent-7") is None


@pytest.mark.req("B-13")
def test_trust_is_resolved_per_server(snapshot: Snapshot) -> None:
    trusted = snapshot.authorization_servers[TOOLS].trusted
    ours, foreign = trusted[GRANTS], trusted["https://id.fabrikam.example"]
    assert ours.keys is None
    assert ours.algorithms == {"ES256"}
    assert ours.resources == {"ledger", "wiki"}
    assert (ours.reuse_limit, ours.max_lifetime, ours.trust_domain) == (1, 300, "workforce")
    assert foreign.keys == KeySource(jwks_uri="https://id.fabrikam.example/keys")
    assert foreign.subject == SubjectMapping(SubjectRule.CLAIM, "oid")
    assert (foreign.resources, foreign.reuse_limit, foreign.known_subjects) == ({"wiki"}, 3, None)


@pytest.mark.req("B-14")
def test_the_accounts_of_a_server_may_be_listed(tmp_path: Path) -> None:
    text = northwind.changed("        reuse_limit: 3\n", "        known_subjects: [oid-1, oid-2]\n")
    trusted = northwind.snapshot(tmp_path, text).authorization_servers[TOOLS].trusted
    assert trusted["https://id.fabrikam.example"].known_subjects == {"oid-1", "oid-2"}


@pytest.mark.hostile("X19")
def test_a_provider_is_accepted_by_the_issuers_that_list_it(snapshot: Snapshot) -> None:
    issuer = snapshot.grant_issuers[GRANTS]
    provider = snapshot.identity_provider_for(issuer, LOGIN)
    assert provider is snapshot.identity_providers["corp"]
    assert provider is not None
    assert (provider.groups_claim, provider.claims) == (("groups",), ("department",))
    assert snapshot.identity_provider_for(issuer, LOGIN + "/") is None
    assert snapshot.identity_provider_for(issuer, "https://id.fabrikam.example") is None


def test_the_providers_of_one_client_may_be_fewer(tmp_path: Path) -> None:
    text = northwind.changed(
        "grant_types: [token-exchange]", "grant_types: [token-exchange]\n        identity_providers: [corp]"
    )
    found = northwind.snapshot(tmp_path, text).registration(GRANTS, "desk-agent")
    assert found is not None
    assert found.identity_providers == {"corp"}


@pytest.mark.req("A-09", "A-10", "G-22")
def test_a_resource_belongs_to_its_own_server(snapshot: Snapshot) -> None:
    assert snapshot.resource_at("tools", "https://mcp.vendor.example/parts") is None
    found = snapshot.resource_at("vendor", "https://mcp.vendor.example/parts")
    assert found is snapshot.resources["parts"]


@pytest.mark.req("G-27")
@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://mcp.northwind.example/ledger", "ledger"),
        ("HTTPS://MCP.Northwind.Example/%6Cedger", "ledger"),
        ("https://mcp.northwind.example/x/../ledger", "ledger"),
        ("https://mcp.northwind.example/ledger/", "ledger"),
        ("https://mcp.northwind.example/ledger//", None),
        ("https://mcp.northwind.example:443/ledger", None),
        ("https://mcp.northwind.example/Ledger", None),
        ("https://mcp.northwind.example/ledger?", None),
        ("https://mcp.northwind.example/ledger?a=b", None),
        ("https://mcp.northwind.example/ledger%2F", None),
        ("http://mcp.northwind.example/ledger", None),
        ("https://wiki.northwind.example", "wiki"),
        ("https://wiki.northwind.example/", "wiki"),
        ("https://WIKI.northwind.example/.", "wiki"),
        ("https://wiki.northwind.example:443/", None),
        ("https://wiki.northwind.example?", None),
        ("https://wiki.northwind.example/mcp", None),
        ("https://mcp.northwind.example/ledger#a", None),
        ("/ledger", None),
        ("", None),
        ("https://user@wiki.northwind.example", None),
        ("https://wiki.northwind.example\n", None),
    ],
)
def test_a_resource_is_found_by_its_spellings_and_no_other(snapshot: Snapshot, uri: str, name: str | None) -> None:
    found = snapshot.resource_at("tools", uri)
    assert (found.name if found else None) == name


def test_rules_are_those_of_their_issuer(snapshot: Snapshot) -> None:
    assert snapshot.grant_rules("northwind").scopes.keys() == {"ledger", "wiki", "parts"}
    assert snapshot.redemption_rules("tools").scopes.keys() == {"ledger", "wiki"}
