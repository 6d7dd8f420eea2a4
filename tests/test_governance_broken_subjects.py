"""Broken bundles, one change each, with every sentence and its place. Whom a grant rule is about."""

from __future__ import annotations

from pathlib import Path

import pytest

import northwind

BROKEN = [
    pytest.param(
        '"corp:finance"',
        "finance",
        [
            'b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: "finance" is not qualified; write it as PROVIDER:NAME'
        ],
        id="group unqualified",
    ),
    pytest.param(
        '"corp:finance"',
        '"corp:*"',
        [
            'b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: "corp:*" is a pattern; subjects are compared byte for byte, name them one by one'
        ],
        id="group pattern",
    ),
    pytest.param(
        '"corp:finance"',
        '"crop:finance"',
        [
            "b.yaml:83:26: grants.northwind.finance-reads.subjects.groups: crop:finance: crop is not an identity provider of this grant issuer"
        ],
        id="group provider",
    ),
    pytest.param(
        '"corp:finance"',
        '"corp:finance "',
        [
            "b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: the text has a control character, or a blank at its beginning or end"
        ],
        id="group blank",
        marks=pytest.mark.hostile("X26"),
    ),
    pytest.param(
        '"corp:finance"',
        '"corp:admins\\0x"',
        [
            "b.yaml:83:27: grants.northwind.finance-reads.subjects.groups: the text has a control character, or a blank at its beginning or end"
        ],
        id="group control",
        marks=pytest.mark.hostile("X26"),
    ),
    pytest.param(
        "    groups_claim: groups\n",
        "",
        [
            "b.yaml:82:26: grants.northwind.finance-reads.subjects.groups: corp:finance: the groups of corp are never known; it has no groups_claim",
            "b.yaml:88:26: grants.northwind.contractors-out.subjects.groups: corp:contractors: the groups of corp are never known; it has no groups_claim",
        ],
        id="groups never known",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        '{roles: ["corp:x"], claims: {"corp:cost": [a]}}',
        [
            "b.yaml:83:45: grants.northwind.finance-reads.subjects.claims: corp:cost: corp does not declare the claim cost"
        ],
        id="role",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        '{claims: {"corp:cost-center": ["1"]}}',
        [
            "b.yaml:83:26: grants.northwind.finance-reads.subjects.claims: corp:cost-center: corp does not declare the claim cost-center"
        ],
        id="claim undeclared",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        "{claims: {department: [finance]}}",
        [
            "b.yaml:83:26: grants.northwind.finance-reads.subjects.claims: department is not qualified; write it as PROVIDER:NAME"
        ],
        id="claim unqualified",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        '{users: ["corp:mailto:a@gmail.example"]}',
        [
            "b.yaml:83:25: grants.northwind.finance-reads.subjects.users: corp:mailto:a@gmail.example: corp is not authoritative for that address; see its email_domains"
        ],
        id="mailto",
    ),
    pytest.param(
        '      subjects: {groups: ["corp:finance"]}\n',
        "",
        ['b.yaml:81:7: grants.northwind.finance-reads: the key "subjects" is missing'],
        id="no subjects",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        "{}",
        [
            'b.yaml:83:17: grants.northwind.finance-reads.subjects: nobody is named; write "everyone" if everybody is meant'
        ],
        id="empty subjects",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        "all",
        [
            'b.yaml:83:17: grants.northwind.finance-reads.subjects: "everyone", which is no list, or a mapping of users, groups, roles or claims is expected'
        ],
        id="subjects word",
    ),
    pytest.param(
        '{groups: ["corp:contractors"]}',
        '{groups: ["corp:contractors"], roles: ["corp:temp"]}',
        [
            "b.yaml:89:17: grants.northwind.contractors-out.subjects: a deny names one of groups and roles; write one rule for each"
        ],
        id="deny two",
    ),
    pytest.param(
        '{groups: ["corp:finance"]}',
        '{groups: ["corp:finance"], users: ["corp:u"]}',
        [
            "b.yaml:83:17: grants.northwind.finance-reads.subjects: users and groups in one rule would both have to hold; write one rule for each"
        ],
        id="users and groups",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentences"), BROKEN)
def test_a_broken_bundle_is_refused_with_every_place(tmp_path: Path, old: str, new: str, sentences: list[str]) -> None:
    assert northwind.faults(tmp_path, northwind.changed(old, new)) == sentences
