"""Directories and claim paths in the bundle: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind
from grantd_server.governance.diff import diff
from grantd_server.model.bundle.directory import Account, Missing

CLAIMS = "    groups_claim: groups\n    roles_claim: roles\n"
ISSUERS = "grant_issuers:\n"
PEOPLE = "{u-1: {groups: [finance], roles: []}, u-2: {active: false}}"


def text(directory: str = f"{{missing: disabled, users: {PEOPLE}}}", claims: str = "", name: str = "corp") -> str:
    declared = northwind.changed(CLAIMS, claims)
    return declared.replace(ISSUERS, f"directories:\n  {name}: {directory}\n{ISSUERS}")


@pytest.mark.req("A-37", "A-38")
def test_a_directory_says_of_each_person_what_is_known(tmp_path: Path) -> None:
    snapshot = northwind.snapshot(tmp_path, text())
    found = snapshot.identity_providers["corp"].directory
    assert found is not None
    assert found.missing is Missing.DISABLED
    assert found.users == {
        "u-1": Account(frozenset({"finance"}), frozenset(), active=True),
        "u-2": Account(None, None, active=False),
    }
    issuer = snapshot.grant_issuers["https://grants.northwind.example"]
    assert snapshot.identity_provider_for(issuer, "https://login.northwind.example") is not None
    assert snapshot.identity_provider_for(issuer, "https://login.northwind.example").directory == found


def test_a_provider_without_one_has_none(tmp_path: Path) -> None:
    assert northwind.snapshot(tmp_path).identity_providers["corp"].directory is None


def test_a_directory_may_be_a_file_of_its_own_and_a_change_is_told_by_person(tmp_path: Path) -> None:
    bundle = northwind.changed(CLAIMS, "")
    people = tmp_path / "people.yaml"
    people.write_text("directories: {corp: {missing: unknown, users: {u-1: {groups: [finance]}}}}\n")
    before = northwind.parse(tmp_path, bundle)
    people.write_text("directories: {corp: {missing: unknown, users: {u-1: {groups: [sales]}, u-3: {}}}}\n")
    after = northwind.parse(tmp_path, bundle)
    assert [str(change) for change in diff(before, after)] == [
        'changed directories.corp.users.u-1.groups: ["finance"] -> ["sales"]',
        "added directories.corp.users.u-3: null -> {}",
    ]


@pytest.mark.req("A-37")
def test_a_claim_that_is_declared_as_well_or_preset_by_a_profile_is_no_fault(tmp_path: Path) -> None:
    declared = text().replace("    algorithms: [ES256, RS256]\n", "    profile: okta\n")
    found = northwind.snapshot(tmp_path, declared).identity_providers["corp"]
    assert found.groups_claim == ("groups",)
    assert found.directory is not None


def test_rules_may_name_groups_and_roles_of_a_directory(tmp_path: Path) -> None:
    named = text().replace('{groups: ["corp:finance"]}', '{roles: ["corp:approver"]}')
    northwind.parse(tmp_path, named)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("groups", ("groups",)),
        ("[realm_access, roles]", ("realm_access", "roles")),
        ("https://corp.example/groups.all", ("https://corp.example/groups.all",)),
        ("[a, b, c, d, e, f, g, h]", tuple("abcdefgh")),
    ],
)
def test_a_claim_is_named_or_found_by_its_way(tmp_path: Path, value: str, path: tuple[str, ...]) -> None:
    bundle = northwind.changed("    roles_claim: roles\n", f"    roles_claim: {value}\n")
    assert northwind.snapshot(tmp_path, bundle).identity_providers["corp"].roles_claim == path


AT = "b.yaml:10:9: directories.corp"


@pytest.mark.parametrize(
    ("bundle", "sentences"),
    [
        (
            text("{users: {}}"),
            [f'{AT}: the key "missing" is missing'],
        ),
        (text("{missing: disabled}"), [f'{AT}: the key "users" is missing']),
        (
            text("{missing: gone, users: {u-1: {}}}"),
            ['b.yaml:10:19: directories.corp.missing: "disabled" or "unknown" is expected'],
        ),
        (
            text("{missing: [disabled], users: {u-1: {}}}"),
            ['b.yaml:10:19: directories.corp.missing: "disabled" or "unknown" is expected'],
        ),
        (
            text("{missing: disabled, users: {u-1: {groups: finance}}}"),
            ["b.yaml:10:51: directories.corp.users.u-1.groups: a list is expected, not a text; put brackets around it"],
        ),
        (
            text("{missing: disabled, users: {u-1: {active: maybe}}}"),
            ['b.yaml:10:51: directories.corp.users.u-1.active: true or false is expected, not "maybe"'],
        ),
        (
            text("{missing: disabled, users: {u-1: {group: [a]}}}"),
            ['b.yaml:10:43: directories.corp.users.u-1: the key "group" is not known here; did you mean "groups"?'],
        ),
        (
            text("{missing: disabled, users: {u-1: eng}}"),
            ["b.yaml:10:42: directories.corp.users.u-1: a mapping is expected, not a text"],
        ),
        (text(name="crop", claims=CLAIMS), ['b.yaml:12:3: directories: there is no identity provider "crop"']),
    ],
    ids=[
        "empty",
        "nobody",
        "missing",
        "missing list",
        "a text",
        "active",
        "stray",
        "no person",
        "no provider",
    ],
)
def test_a_broken_directory_is_refused_with_its_place(tmp_path: Path, bundle: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, bundle) == sentences


@pytest.mark.parametrize(
    ("value", "sentences"),
    [
        ("[]", ["b.yaml:8:18: identity_providers.corp.roles_claim: a list of 1 to 1000 values is expected"]),
        (
            "[a, 7]",
            [
                'b.yaml:8:22: identity_providers.corp.roles_claim: a text is expected, not 7 (write "7" in quotes if a text is meant)'
            ],
        ),
        (
            "[a, b, c, d, e, f, g, h, i]",
            ["b.yaml:8:18: identity_providers.corp.roles_claim: a way of at most 8 claims is expected"],
        ),
        ("{a: b}", ["b.yaml:8:18: identity_providers.corp.roles_claim: a text is expected, not a mapping"]),
    ],
)
def test_a_broken_way_to_a_claim_is_refused_with_its_place(tmp_path: Path, value: str, sentences: list[str]) -> None:
    text = northwind.changed("    roles_claim: roles\n", f"    roles_claim: {value}\n")
    assert northwind.faults(tmp_path, text) == sentences
