"""A bundle as text, for tests that change one thing and want a place told."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import Document, parse_directory
from grantd_server.governance.faults import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.governance.snapshot import Snapshot

BUNDLE = """\
identity_providers:
  corp:
    issuer: https://login.northwind.example
    keys: {discovery: true}
    algorithms: [ES256, RS256]
    subject: passthrough
    groups_claim: groups
    roles_claim: roles
    claims: [department]
    email_domains: [northwind.example]
grant_issuers:
  northwind:
    issuer: https://grants.northwind.example
    trust_domain: workforce
    identity_providers: [corp]
trusted_issuers:
  fabrikam:
    issuer: https://id.fabrikam.example
    trust_domain: fabrikam
    keys: {jwks_uri: https://id.fabrikam.example/keys}
    algorithms: [ES256]
authorization_servers:
  tools:
    issuer: https://tools.northwind.example
    trust_domain: tools
    trusts:
      northwind:
        subject: passthrough
        resources: [ledger, wiki]
      fabrikam:
        subject: {claim: oid}
        resources: [wiki]
        reuse_limit: 3
    default_scopes:
      wiki: [wiki.read]
  vendor:
    foreign: true
    issuer: https://as.vendor.example
    trust_domain: vendor
resources:
  ledger:
    uri: https://mcp.northwind.example/ledger
    aliases: [https://mcp.northwind.example/ledger/]
    authorization_server: tools
    scopes: [ledger.read, ledger.write]
    default_scopes: [ledger.read]
  wiki:
    uri: https://wiki.northwind.example
    authorization_server: tools
    scopes: [wiki.read]
  parts:
    uri: https://mcp.vendor.example/parts
    authorization_server: vendor
    scopes: [parts.read]
resource_servers:
  ledger-mcp:
    at: tools
    client_id: ledger-mcp
    authentication:
      - peer: spiffe://northwind.example/mcp/ledger
    resources: [ledger]
clients:
  desk:
    at:
      northwind:
        client_id: desk-agent
        authentication:
          - secret: {env: DESK_SECRET}
          - peer: spiffe://northwind.example/agents/desk
        grant_types: [token-exchange]
        sso: {corp: [desk-sso]}
      tools:
        client_id: agent-7
        authentication:
          - secret: {env: DESK_TOOLS_SECRET}
        grant_types: [jwt-bearer]
        reuse_limit: 2
      vendor: {client_id: northwind-desk}
grants:
  northwind:
    - id: finance-reads
      effect: allow
      subjects: {groups: ["corp:finance"]}
      clients: [desk]
      resources: [ledger]
      scopes: [ledger.read]
    - id: contractors-out
      effect: deny
      subjects: {groups: ["corp:contractors"]}
      clients: ["*"]
      resources: ["*"]
      scopes: ["*"]
redemptions:
  tools:
    - id: honour
      effect: allow
      issuers: ["*"]
      clients: [desk]
      resources: [ledger, wiki]
      scopes: ["*"]
"""


def changed(old: str, new: str) -> str:
    """The bundle with one place changed; the place must be there once."""
    assert BUNDLE.count(old) == 1, (BUNDLE.count(old), old)
    return BUNDLE.replace(old, new)


def parse(folder: Path, text: str = BUNDLE) -> Document:
    """Parses a bundle of one file, `b.yaml`."""
    (folder / "b.yaml").write_text(text)
    return parse_directory(folder)


def faults(folder: Path, text: str) -> list[str]:
    """All that is wrong with a broken bundle, each with its place."""
    with pytest.raises(BundleError) as refused:
        parse(folder, text)
    return str(refused.value).splitlines()


def generated(reference: SecretReference) -> bytes:
    """A secret that depends on nothing but its reference."""
    return hashlib.sha256(reference.name.encode()).hexdigest().encode()


def snapshot(folder: Path, text: str = BUNDLE, epoch: int = 1) -> Snapshot:
    """The bundle in force."""
    return compile_document(parse(folder, text).json, generated, epoch=epoch, fingerprint_key=b"0123456789abcdef")
