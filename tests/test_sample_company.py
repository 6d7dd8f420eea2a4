"""The sample company of deploy/sample: it is valid, as large as it says, and can be put
in force as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import northwind
from grantd_server.cli.app import app
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import Document, parse_directory, version_of
from grantd_server.settings import issuers_of

SAMPLE = Path(__file__).parent.parent / "deploy" / "sample"


@pytest.fixture(scope="module")
def sample() -> Document:
    return parse_directory(SAMPLE / "governance")


@pytest.fixture(scope="module")
def content(sample: Document) -> Any:
    return sample.root.plain()


@pytest.mark.parametrize(
    ("section", "least"),
    [
        ("identity_providers", 5),
        ("grant_issuers", 3),
        ("trusted_issuers", 1),
        ("authorization_servers", 7),
        ("resources", 20),
        ("clients", 15),
    ],
)
def test_the_company_is_as_large_as_a_company(content: Any, section: str, least: int) -> None:
    assert len(content[section]) >= least


def test_it_has_rules_of_every_kind(content: Any) -> None:
    grants = [rule for rules in content["grants"].values() for rule in rules]
    assert len(grants) >= 40
    assert {kind for rule in grants if rule["subjects"] != "everyone" for kind in rule["subjects"]} == {
        "users", "groups", "roles", "claims",
    }  # fmt: skip
    assert {demand for rule in grants for demand in rule.get("require", ())} == {
        "acr", "max_auth_age", "network", "time", "tenants",
    }  # fmt: skip
    for effect in ("allow", "deny"):
        assert any(rule["effect"] == effect and rule.get("shadow") for rule in grants)
        assert any(rule["effect"] == effect and not rule.get("shadow") for rule in grants)
    assert any("expires" in rule for rule in grants)


def test_every_server_of_ours_has_a_ceiling_and_a_trust_domain_of_its_own(content: Any) -> None:
    servers = content["authorization_servers"]
    ours = {name for name, server in servers.items() if not server.get("foreign")}
    assert set(content["redemptions"]) == ours
    assert len({server["trust_domain"] for server in servers.values()}) == len(servers)


def test_every_resource_of_ours_has_a_server_that_may_ask_about_it(content: Any) -> None:
    foreign = {name for name, server in content["authorization_servers"].items() if server.get("foreign")}
    of_ours = {name for name, one in content["resources"].items() if one["authorization_server"] not in foreign}
    asked = {name for server in content["resource_servers"].values() for name in server["resources"]}
    assert asked == of_ours


def test_it_needs_no_secret_of_anybody_to_be_put_in_force(sample: Document) -> None:
    def nobody(_reference: object) -> bytes:
        raise AssertionError("a secret was looked for")

    compile_document(sample.json, nobody, epoch=1, fingerprint_key=bytes(32))


def test_an_entity_id_with_http_before_it_is_a_name_and_no_place(sample: Document) -> None:
    snapshot = compile_document(sample.json, northwind.generated, epoch=1, fingerprint_key=bytes(32))
    issuers = issuers_of(snapshot)
    assert "https://sso.tailspin.example/realms/tailspin" in issuers
    assert "http://adfs.coho.example/adfs/services/trust" not in issuers


def test_it_is_put_in_force_with_the_settings_beside_it(sample: Document, tmp_path: Path) -> None:
    company = shutil.copytree(SAMPLE, tmp_path / "company")

    def grantd(*arguments: str) -> str:
        command = [*arguments, str(company / "governance"), "--config", str(company / "grantd.yaml")]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert f"{version_of(sample)} is valid" in grantd("apply", "--dry-run")
    assert f"{version_of(sample)} is in force, epoch 1" in grantd("apply", "-m", "The sample company")
