"""Values that a bundle must not have, reader by reader, and rules that nothing could satisfy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import northwind
from grantd_server.governance import document
from grantd_server.governance.faults import BundleError, Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.reading.texts.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VALUES: list[tuple[Callable[[Node], object], object]] = [
    *((scalars.text, value) for value in ("", " a", "a\n", "a" * 513, 7, True, None)),
    *((scalars.name_pattern, value) for value in ("", "Fin", "a b", "fin**", "a" * 64, "a:b")),
    *((scalars.scope, value) for value in ('a"b', "a b", "a\\b", "\u00e4", "a*", "a" * 257)),
    *((scalars.scope_pattern, value) for value in ('a"b', "a b", "a\\b", "\u00e4", "a**", "a" * 257)),
    *((scalars.client_id, value) for value in ("a|b", "a b", "\u00e4", "a" * 257, "a*", "https://a.example/c")),
    *((scalars.foreign_client_id, value) for value in ("a b", "\u00e4", "a" * 257, "a*")),
    *((scalars.count, value) for value in (0, -1, 1001, True, "3", 2.5, None, [1])),
    *((scalars.flag, value) for value in ("true", 1, None)),
    *((scalars.seconds, value) for value in (300, "300", "0s", "1w", "01s", "12345678s", None)),
]


@pytest.mark.parametrize(("read", "value"), VALUES)
def test_a_value_of_another_form_is_refused(read: Callable[[Node], object], value: object) -> None:
    with pytest.raises(Wrong):
        read(Node(value, "b.yaml"))  # type: ignore[arg-type]  # what YAML may hold


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (scalars.text, "a" * 512),
        (scalars.name_pattern, "fin-*"),
        (scalars.scope, "a.b:c"),
        (scalars.scope_pattern, "a.*"),
        (scalars.client_id, "a" * 256),
        (scalars.foreign_client_id, "a|b"),
        (scalars.count, 1000),
    ],
)
def test_a_value_at_its_limit_is_taken(read: Callable[[Node], object], value: str) -> None:
    assert read(Node(value, "b.yaml")) == value


def faults(folder: Path, old: str, new: str) -> list[str]:
    """What is told of the bundle with one change, without the places."""
    with pytest.raises(BundleError) as broken:
        northwind.snapshot(folder, northwind.changed(old, new))
    return [line.partition(": ")[2] for line in str(broken.value).splitlines()]


READS = '      subjects: {groups: ["corp:finance"]}\n'
RULE = "grants.northwind.finance-reads.subjects"
ROLES_OF = "    roles_claim: roles\n"


@pytest.mark.parametrize(
    ("subjects", "told"),
    [
        ("{claims: {department: [x]}}", ["claims: department is not qualified; write it as PROVIDER:NAME"]),
        ('{claims: {"corp:": [x]}}', ["claims: corp: is not qualified; write it as PROVIDER:NAME"]),
        ("{users: [corp]}", ['users: "corp" is not qualified; write it as PROVIDER:NAME']),
        ('{users: [":u-1"]}', ['users: ":u-1" is not qualified; write it as PROVIDER:NAME']),
        ('{users: ["corp:"]}', ['users: "corp:" is not qualified; write it as PROVIDER:NAME']),
        ('{users: ["Corp:u-1"]}', ['users: "Corp:u-1" is not qualified; write it as PROVIDER:NAME']),
        (
            '{users: ["corp:mailto:@northwind.example"]}',
            [
                "users: corp:mailto:@northwind.example: corp is not authoritative for that address; see its email_domains"
            ],
        ),
        ("{claims: [department]}", ["claims: a mapping is expected, not a list"]),
        ("{claims: {}}", ["claims: at least one entry is expected"]),
    ],
)
def test_a_rule_about_subjects_that_cannot_be_known_is_refused(tmp_path: Path, subjects: str, told: list[str]) -> None:
    assert faults(tmp_path, READS, f"      subjects: {subjects}\n") == [f"{RULE}.{one}" for one in told]


def test_a_rule_about_roles_that_no_provider_tells_is_refused(tmp_path: Path) -> None:
    text = northwind.changed(READS, '      subjects: {roles: ["corp:lead"]}\n').replace(ROLES_OF, "")

    with pytest.raises(BundleError, match="the roles of corp are never known; it has no roles_claim"):
        northwind.snapshot(tmp_path, text)


@pytest.mark.parametrize("variable", ["1A", "A-B", "A B", "A" * 129, "\u00c4"])
def test_a_secret_in_a_variable_that_cannot_be_is_refused(tmp_path: Path, variable: str) -> None:
    told = faults(tmp_path, "{env: DESK_SECRET}", f"{{env: {variable}}}")

    assert told == [
        "clients.desk.at.northwind.authentication[0].secret.env: the name of an environment variable is expected"
    ]


@pytest.mark.parametrize("grant_types", ["[7]", "[[token-exchange]]", "[token_exchange]", "[null]"])
def test_a_grant_type_that_is_none_is_refused(tmp_path: Path, grant_types: str) -> None:
    told = faults(tmp_path, "[token-exchange]", grant_types)

    assert told[0].startswith("clients.desk.at.northwind.grant_types: one of ")


def test_a_server_that_is_no_mapping_is_told_and_its_clients_are_not_blamed(tmp_path: Path) -> None:
    old = northwind.BUNDLE[
        northwind.BUNDLE.index("  vendor:\n    foreign") : northwind.BUNDLE.index("resources:\n  ledger")
    ]

    assert faults(tmp_path, old, "  vendor: 7\n")[0].startswith(
        "authorization_servers.vendor: a mapping is expected, not 7"
    )


def test_a_server_that_says_it_is_not_foreign_is_ours(tmp_path: Path) -> None:
    said = northwind.changed("    trust_domain: tools\n", "    trust_domain: tools\n    foreign: false\n")

    assert northwind.snapshot(tmp_path, said).authorization_servers.keys() == {"https://tools.northwind.example"}


@pytest.mark.parametrize("section", ["resource_servers", "redemptions"])
def test_a_section_that_is_a_list_is_refused(tmp_path: Path, section: str) -> None:
    text = northwind.BUNDLE
    start = text.index(f"{section}:\n")
    end = text.index("clients:\n") if section == "resource_servers" else len(text)

    told = faults(tmp_path, text[start:end], f"{section}: [a]\n")

    assert f"{section}: a mapping of names is expected, not a list" in told


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_FILES", 2)
    (tmp_path / "one.yaml").write_text("resources: {}\n")
    (tmp_path / "two.yaml").write_text("clients: {}\n")

    with pytest.raises(BundleError, match="1 to 2 YAML files are expected, 3 are there"):
        northwind.snapshot(tmp_path)
