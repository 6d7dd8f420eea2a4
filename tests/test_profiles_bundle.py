"""What a profile does to a bundle: it fills in keys, marked, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import northwind
from grantd_server.cli.app import app
from grantd_server.governance.document import version_of
from grantd_server.governance.effective import effective
from grantd_server.governance.reading.parties.profiles import PROFILES

CORP = """\
    keys: {discovery: true}
    algorithms: [ES256, RS256]
    subject: passthrough
    groups_claim: groups
    roles_claim: roles
    claims: [department]
    email_domains: [northwind.example]
"""
FABRIKAM = "    keys: {jwks_uri: https://id.fabrikam.example/keys}\n    algorithms: [ES256]\n"
VENDOR = "    issuer: https://as.vendor.example\n    trust_domain: vendor\n"


def content(folder: Path, text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(northwind.parse(folder, text).json)
    return parsed


def provider(profile: str, more: str = "") -> str:
    return northwind.changed(CORP, f"    keys: {{discovery: true}}\n    profile: {profile}\n{more}")


def test_a_profile_fills_in_what_the_bundle_does_not_say(tmp_path: Path) -> None:
    corp = content(tmp_path, provider("entra", "    groups_claim: teams\n"))["identity_providers"]["corp"]
    assert corp == {
        "issuer": "https://login.northwind.example",
        "profile": "entra",
        "keys": {"discovery": True},
        "algorithms": ["RS256"],
        "subject": {"claim": "oid"},
        "groups_claim": "teams",
        "roles_claim": "roles",
        "require_claims": {"ver": ["2.0"]},
    }


def test_trust_in_an_issuer_with_a_profile_is_filled_in_as_well(tmp_path: Path) -> None:
    text = northwind.changed(FABRIKAM, "    keys: {jwks_uri: https://id.fabrikam.example/keys}\n    profile: okta\n")
    document = content(tmp_path, text)
    assert document["trusted_issuers"]["fabrikam"]["algorithms"] == ["RS256"]
    assert document["authorization_servers"]["tools"]["trusts"] == {
        "northwind": {"subject": "passthrough", "resources": ["ledger", "wiki"]},
        "fabrikam": {
            "subject": {"claim": "oid"},
            "resources": ["wiki"],
            "reuse_limit": 3,
            "max_lifetime": "300s",
            "resource_claim": "optional",
        },
    }


def test_the_same_bundle_written_out_differs_by_the_name_of_the_profile_alone(tmp_path: Path) -> None:
    with_profile = content(tmp_path, provider("okta", "    claims: [department]\n    roles_claim: roles\n"))
    by_hand = content(tmp_path, provider("okta").replace("profile: okta", "groups_claim: groups").replace(
        "    groups_claim: groups\n", "    algorithms: [RS256]\n    subject: passthrough\n    groups_claim: groups\n"
        "    claims: [department]\n    roles_claim: roles\n"
    ))  # fmt: skip
    assert with_profile["identity_providers"]["corp"].pop("profile") == "okta"
    assert with_profile == by_hand


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        ("otka", "one of entra, fastmcp, generic, keycloak, okta is expected; did you mean okta?"),
        ("Okta", "one of entra, fastmcp, generic, keycloak, okta is expected; did you mean okta?"),
        ("[okta]", "one of entra, fastmcp, generic, keycloak, okta is expected"),
        ("true", "one of entra, fastmcp, generic, keycloak, okta is expected"),
        ("fastmcp", '"fastmcp" is no profile of an identity provider'),
    ],
)
def test_an_unknown_profile_is_refused_at_its_place(profile: str, sentence: str, tmp_path: Path) -> None:
    told = northwind.faults(tmp_path, provider(profile))
    assert f"b.yaml:5:14: identity_providers.corp.profile: {sentence}" in told


def test_a_provider_with_saml_alone_has_no_profile(tmp_path: Path) -> None:
    text = northwind.changed(CORP, "    profile: okta\n    saml: {entity_id: urn:corp}\n    subject: passthrough\n")
    told = "identity_providers.corp.profile: a profile is about ID tokens, and this provider has SAML alone"
    assert f"b.yaml:4:14: {told}" in northwind.faults(tmp_path, text)


@pytest.mark.parametrize("profile", ["keycloak", "entra", "fastmcp"])
def test_a_profile_of_software_that_issues_no_grants_is_none_of_a_trusted_issuer(profile: str, tmp_path: Path) -> None:
    text = northwind.changed(FABRIKAM, f"{FABRIKAM}    profile: {profile}\n")
    assert northwind.faults(tmp_path, text) == [
        f'b.yaml:22:14: trusted_issuers.fabrikam.profile: "{profile}" is no profile of a trusted issuer'
    ]


def test_a_server_of_ours_has_no_profile(tmp_path: Path) -> None:
    text = northwind.changed("    trust_domain: tools\n", "    trust_domain: tools\n    profile: okta\n")
    assert any('"profile" is not known here' in fault for fault in northwind.faults(tmp_path, text))


def test_what_a_profile_fills_in_wrongly_is_told_at_its_name(tmp_path: Path) -> None:
    text = northwind.changed(FABRIKAM, f"{FABRIKAM}    profile: okta\n").replace(
        "        resources: [wiki]\n", "        resources: [wiki, ledger]\n"
    )
    (told,) = northwind.faults(tmp_path, text)
    assert told.startswith("b.yaml:22:14: authorization_servers.tools.trusts.fabrikam.resource_claim: with several")


@pytest.mark.parametrize("value", ["no", "false", "[optional]"])
def test_resource_claim_is_required_or_optional(value: str, tmp_path: Path) -> None:
    text = northwind.changed("        reuse_limit: 3\n", f"        resource_claim: {value}\n")
    assert '"required" or "optional" is expected' in northwind.faults(tmp_path, text)[0]


@pytest.mark.parametrize(("algorithm", "fault"), [("ES256", True), ("RS256", False)])
def test_a_grant_that_its_server_cannot_verify_is_a_fault(algorithm: str, fault: bool, tmp_path: Path) -> None:
    text = northwind.changed(VENDOR, f"{VENDOR}    profile: fastmcp\n").replace(
        "    trust_domain: workforce\n", f"    trust_domain: workforce\n    algorithm: {algorithm}\n"
    )
    if not fault:
        northwind.parse(tmp_path, text)
        return
    assert [each.partition(": ")[2] for each in northwind.faults(tmp_path, text)] == [
        "authorization_servers.vendor.algorithms: northwind signs grants with ES256, which vendor does not accept"
    ]


def test_an_issuer_without_a_client_at_the_server_may_sign_as_it_likes(tmp_path: Path) -> None:
    text = northwind.changed(VENDOR, f"{VENDOR}    profile: fastmcp\n").replace(
        "      vendor: {client_id: northwind-desk}\n", ""
    )
    northwind.parse(tmp_path, text)


@pytest.mark.parametrize("profile", ["okta", "keycloak", "entra", "generic"])
def test_what_is_shown_is_the_same_bundle_with_every_preset_marked(profile: str, tmp_path: Path) -> None:
    more = "    groups_claim: groups\n" if profile == "generic" else ""
    document = northwind.parse(tmp_path, provider(profile, more))
    shown = effective(document)
    again = tmp_path / "again"
    again.mkdir()
    assert version_of(northwind.parse(again, shown)) == version_of(document)
    marked = dict(re.findall(rf"^ +(\w+): (.*)  # profile {profile}$", shown, re.MULTILINE))
    assert {key: yaml.safe_load(value) for key, value in marked.items()} == PROFILES[profile].identity_providers


def test_show_prints_the_bundle_and_its_version(tmp_path: Path) -> None:
    document = northwind.parse(tmp_path, provider("okta"))
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"# {version_of(document)}\n{effective(document)}"


def test_show_tells_the_faults_of_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(provider("otka"))
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert result.exit_code == 1
    assert "did you mean okta?" in result.stderr


def test_the_reference_has_the_presets_of_every_profile() -> None:
    reference = (Path(__file__).parent.parent / "docs/governance.md").read_text("utf-8")
    for name, profile in PROFILES.items():
        row = next(line for line in reference.splitlines() if line.startswith(f"| `{name}` |"))
        cells = [dict(yaml.safe_load(value).popitem() for value in re.findall(r"`(.*?)`", cell)) for cell in row.split("|")[2:-1]]  # fmt: skip
        played = [profile.identity_providers, profile.trusted_issuers, profile.trusts, profile.authorization_servers]
        if name == "okta":
            cells[2] = {**PROFILES["generic"].trusts, **cells[2]}
        assert cells == [dict(part) for part in played], name
