"""The reference of the bundle is true: its examples are one valid bundle, and it names
every key that is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import northwind
from grantd_server.governance.reading.sections import SECTIONS
from grantd_server.governance.testing.reading.cells import REASONS
from grantd_server.governance.testing.reading.suite_files import read_suites

REFERENCE = (Path(__file__).parent.parent / "docs" / "governance.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)

MORE = """\
resources:
  wiki:
    uri: https://wiki.northwind.example
    authorization_server: tools
    scopes: [wiki.read]
"""


def test_the_examples_together_are_a_valid_bundle(tmp_path: Path) -> None:
    for number, example in enumerate([*EXAMPLES, MORE]):
        (tmp_path / f"{number}.yaml").write_text(example)
    northwind.parse(tmp_path, "")


def test_every_section_has_its_example() -> None:
    assert [example.partition(":")[0] for example in EXAMPLES] == [
        "identity_providers", "directories", "grant_issuers", "trusted_issuers", "authorization_servers", "resources", "detail_types",
        "resource_servers", "clients", "grants", "redemptions",
    ]  # fmt: skip
    assert {example.partition(":")[0] for example in EXAMPLES} == set(SECTIONS)


SOURCES = Path(__file__).parent.parent / "service" / "grantd_server" / "governance"


def _keys(*sources: Path) -> list[str]:
    found = re.compile(
        r"(?:fields|inside|listed|one_or_many)(?:\.(?:required|optional|each|inside|mapping))?\((?:fields, )?\s*\"(\w+)\""
    )
    return sorted({key for source in sources for key in found.findall(source.read_text())})


TESTING = sorted((SOURCES / "testing").rglob("*.py"))
KEYS = _keys(*(source for source in SOURCES.rglob("*.py") if source not in TESTING))
TEST_KEYS = _keys(*TESTING)
POLICY = (SOURCES.parents[2] / "docs" / "policy.md").read_text()


def test_keys_are_found_in_the_source() -> None:
    assert {"issuer", "reuse_limit", "max_auth_age", "sha256"} <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_in_the_reference(key: str) -> None:
    assert re.search(rf"\b{key}\b", REFERENCE), key


def test_keys_of_policy_tests_are_found_in_the_source() -> None:
    assert {"who", "client", "groups", "age", "granted", "table"} <= set(TEST_KEYS)


@pytest.mark.parametrize("key", TEST_KEYS)
def test_every_key_of_policy_tests_is_in_their_reference(key: str) -> None:
    assert re.search(rf"\b{key}\b", POLICY), key


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_in_the_reference_of_policy_tests(reason: str) -> None:
    assert f"`{reason}`" in POLICY


def test_the_example_of_policy_tests_is_read(tmp_path: Path) -> None:
    (tmp_path / "ledger_test.yaml").write_text(re.findall(r"```yaml\n(.*?)```", POLICY, re.DOTALL)[0])

    (suite,) = read_suites(tmp_path)

    assert (suite.name, len(suite.cases)) == ("ledger", 6)
