"""The reference of the bundle is true: its examples are one valid bundle, and it names
every key that is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import northwind
from grantd_server.governance.reading.sections import SECTIONS

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
KEYS = sorted(
    {
        key
        for source in SOURCES.rglob("*.py")
        for key in re.findall(
            r"(?:fields|inside)\.(?:required|optional|each|inside|mapping)\(\s*\"(\w+)\"", source.read_text()
        )
    }
)


def test_keys_are_found_in_the_source() -> None:
    assert {"issuer", "reuse_limit", "max_auth_age", "sha256"} <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_in_the_reference(key: str) -> None:
    assert re.search(rf"\b{key}\b", REFERENCE), key
