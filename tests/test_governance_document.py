"""A folder becomes one canonical document with one version."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

import northwind
from grantd_server.governance import document
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import parse_directory, version_of
from grantd_server.governance.faults import MOST_FAULTS, BundleError


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(BundleError) as refused:
        parse_directory(folder)
    return str(refused.value).splitlines()


def test_the_sample_of_the_readme_is_a_valid_bundle() -> None:
    sample = Path(__file__).parent.parent / "deploy" / "sample" / "governance"
    compile_document(parse_directory(sample).json, northwind.generated, epoch=1, fingerprint_key=b"k")


def test_the_version_depends_on_content_and_not_on_files_order_or_layout(tmp_path: Path) -> None:
    whole, spread = tmp_path / "whole", tmp_path / "spread"
    (spread / "team").mkdir(parents=True)
    whole.mkdir()
    first = northwind.parse(whole)
    content = yaml.safe_load(northwind.BUNDLE)
    content["grants"]["northwind"].reverse()
    for number, (section, below) in enumerate(reversed(content.items())):
        (spread / "team" / f"{number}.yml").write_text(yaml.safe_dump({section: below}, sort_keys=number % 2 == 0))
    second = parse_directory(spread)
    assert first.json == second.json
    assert version_of(first) == version_of(second) == version_of(first.json)
    assert len(version_of(first)) == 33


def test_one_changed_value_is_another_version(tmp_path: Path) -> None:
    first = version_of(northwind.parse(tmp_path))
    second = version_of(northwind.parse(tmp_path, northwind.changed("reuse_limit: 3", "reuse_limit: 4")))
    assert first != second


def test_the_document_is_canonical_json(tmp_path: Path) -> None:
    raw = northwind.parse(tmp_path).json
    content = json.loads(raw)
    assert content["format"] == 1
    assert raw == json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert [rule["id"] for rule in content["grants"]["northwind"]] == ["contractors-out", "finance-reads"]


def test_every_value_knows_its_place(tmp_path: Path) -> None:
    parsed = northwind.parse(tmp_path)
    assert parsed.place_of("resources", "wiki", "uri") == "b.yaml:48:10"
    assert parsed.place_of("resources", "wiki", "nothing") == "b.yaml:48:5"


def test_several_files_add_to_one_section_and_one_list_of_rules(tmp_path: Path) -> None:
    more = """\
grants:
  northwind:
    - {id: more, effect: allow, subjects: everyone, clients: [desk], resources: [wiki], scopes: [wiki.read]}
"""
    (tmp_path / "c.yaml").write_text(more)
    rules = json.loads(northwind.parse(tmp_path).json)["grants"]["northwind"]
    assert [rule["id"] for rule in rules] == ["contractors-out", "finance-reads", "more"]


def test_an_object_declared_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("resources:\n  wiki: {}\nclients: []\n")
    (tmp_path / "b.yaml").write_text(northwind.BUNDLE)
    assert faults_of(tmp_path) == [
        'c.yaml:2:3: resources: "wiki" is declared already, in b.yaml, line 47',
        "c.yaml:3:10: clients: a mapping of names is expected, not a list",
    ]


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[")
    (tmp_path / "b.yaml").write_text(northwind.changed("reuse_limit: 3", "reuse_limit: 0"))
    (tmp_path / "c.yaml").write_text("- a\n")
    assert [fault.split(":")[0] for fault in faults_of(tmp_path)] == ["a.yaml", "b.yaml", "c.yaml"]


def test_a_terminal_is_not_flooded(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("".join(f"nonsense-{n}: 1\n" for n in range(1000)))
    assert len(faults_of(tmp_path)) == MOST_FAULTS


def test_hidden_and_other_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".old").mkdir()
    (tmp_path / ".old" / "a.yaml").write_text("[")
    (tmp_path / ".a.yaml").write_text("[")
    (tmp_path / "README.md").write_text("[")
    northwind.parse(tmp_path)


def test_a_folder_without_yaml_is_refused(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == [f"{tmp_path}: 1 to 1000 YAML files are expected, 0 are there"]
    assert faults_of(tmp_path / "none") == [f"{tmp_path / 'none'}: there is no such folder"]


def test_the_files_together_have_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_BYTES_IN_ALL", 2000)
    (tmp_path / "b.yaml").write_text(northwind.BUNDLE)
    (tmp_path / "c.yaml").write_text(northwind.BUNDLE)
    assert f"{tmp_path}: the files have more than 2000 bytes in all" in faults_of(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.yaml")
    (tmp_path / "b.yaml").write_text(northwind.BUNDLE)

    assert faults_of(tmp_path) == ["c.yaml: a pipe or a device is not read; take it away"]


def test_a_link_to_a_folder_is_refused_because_what_is_there_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bundle" / "shared").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "bundle" / "b.yaml").write_text(northwind.BUNDLE)

    assert faults_of(tmp_path / "bundle") == [
        "shared: a link to a folder is not followed; copy the files, or link each of them"
    ]


@pytest.mark.parametrize("rules", ["grants", "redemptions"])
def test_a_bundle_without_rules_is_valid_and_grants_nothing(tmp_path: Path, rules: str) -> None:
    content = yaml.safe_load(northwind.BUNDLE)
    del content[rules]
    in_force = northwind.snapshot(tmp_path, yaml.safe_dump(content))
    found = in_force.grant_rules("northwind") if rules == "grants" else in_force.redemption_rules("tools")
    assert found.allows.table == {}
