"""What `grantd apply` shows before a bundle takes effect."""

from __future__ import annotations

from pathlib import Path

import yaml

import northwind
from grantd_server.governance.diff import Change, diff
from grantd_server.governance.document import Document


def versions(tmp_path: Path, new: str) -> tuple[Document, Document]:
    return northwind.parse(tmp_path), northwind.parse(tmp_path, new)


def test_the_same_content_has_no_changes(tmp_path: Path) -> None:
    content = yaml.safe_load(northwind.BUNDLE)
    content["grants"]["northwind"].reverse()
    old, new = versions(tmp_path, yaml.safe_dump(content))
    assert diff(old, new) == []


def test_a_changed_field_tells_both_sides(tmp_path: Path) -> None:
    old, new = versions(tmp_path, northwind.changed("reuse_limit: 3", "max_lifetime: 1m"))
    assert [str(change) for change in diff(old, new)] == [
        'added authorization_servers.tools.trusts.fabrikam.max_lifetime: null -> "1m"',
        "removed authorization_servers.tools.trusts.fabrikam.reuse_limit: 3 -> null",
    ]


def test_rules_are_compared_by_id(tmp_path: Path) -> None:
    content = yaml.safe_load(northwind.BUNDLE)
    rules = content["grants"]["northwind"]
    rules[0]["scopes"] = ["ledger.*"]
    rules[1]["id"] = "renamed"
    old, new = versions(tmp_path, yaml.safe_dump(content))
    assert diff(old.json, new.json) == [
        Change("removed", "grants", "northwind/contractors-out", "", None, None),
        Change("changed", "grants", "northwind/finance-reads", "scopes", ["ledger.read"], ["ledger.*"]),
        Change("added", "grants", "northwind/renamed", "", None, None),
    ]
    assert str(diff(old, new)[0]) == "removed grants.northwind/contractors-out"


def test_a_changed_credential_is_told_and_not_shown(tmp_path: Path) -> None:
    digest = "0f" * 32
    old, new = versions(tmp_path, northwind.changed("secret: {env: DESK_SECRET}", f"secret: {{sha256: {digest}}}"))
    (change,) = diff(old, new)
    assert str(change) == (
        "changed clients.desk.at.northwind.authentication: (credentials, not shown) -> (credentials, not shown)"
    )
    assert digest not in repr(change)
