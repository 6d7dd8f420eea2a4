"""A bundle document: the canonical JSON of a directory of YAML files, and its version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from grantd_server.governance.checking.validation import validate
from grantd_server.governance.faults import Faults
from grantd_server.governance.files import others, refuse_unread
from grantd_server.governance.reading.sections import RULES, SECTIONS, read_bundle
from grantd_server.governance.reading.texts.expanding import expand
from grantd_server.governance.reading.texts.nodes import Node
from grantd_server.governance.reading.texts.scalars import kind_of
from grantd_server.governance.reading.texts.yaml_nodes import MOST_BYTES, read_yaml
from grantd_server.governance.testing.places import is_test, read_file, refuse_sections, yaml_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
"""Version of the canonical document."""
MOST_FILES = 1000
MOST_BYTES_IN_ALL = 4 * MOST_BYTES


@dataclass(frozen=True, slots=True)
class Document:
    """A valid bundle, as the store keeps it."""

    json: bytes
    """Canonical: sorted keys, rules in the order of their ids, UTF-8. The same content
    is the same bytes, however it is spread over files."""
    root: Node
    """The same tree with the place of every value."""

    def place_of(self, *path: str | int) -> str:
        """`file:line:column` of a value, or of the nearest one above it."""
        node = self.root.at(*path)
        return f"{node.file}:{node.line}:{node.column}"


def version_of(document: Document | bytes) -> str:
    """The version of a bundle: a hash of its canonical JSON, 128 bits in hex."""
    raw = document if isinstance(document, bytes) else document.json
    return "b" + hashlib.sha256(raw).hexdigest()[:32]


def parse_directory(path: Path, instead: Mapping[str, bytes] = MappingProxyType({})) -> Document:
    """Reads and validates every YAML file below a folder, hidden ones and policy tests left
    out; `instead` has contents that are tried in place of what a file holds.

    Raises:
        BundleError: everything that is wrong, with file, line and column.
    """
    faults = Faults()
    root = Node({}, str(path))
    for file, raw in _files(path, faults):
        _merge(root, file, instead.get(file, raw), faults)
    if root.value == {} and not len(faults):
        faults.at(str(path), 0, 0, "the bundle is empty: none of its files has a section; write at least one")
    faults_of_content = Faults()
    expand(root, faults_of_content)
    bundle = read_bundle(root, faults_of_content)
    validate(bundle, faults_of_content)
    faults.take(faults_of_content)
    faults.raise_if_any()
    return Document(canonical(root.plain()), root)


def canonical(data: dict[str, Any]) -> bytes:
    """The canonical JSON of a document's content."""
    content = {section: below for section, below in data.items() if below}
    for section in RULES:
        if section in content:
            content[section] = {
                name: sorted(rules, key=lambda rule: str(rule["id"])) for name, rules in content[section].items()
            }
    whole = {"format": FORMAT, **content}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _files(path: Path, faults: Faults) -> list[tuple[str, bytes]]:
    if not path.is_dir():
        faults.at(str(path), 0, 0, "there is no such folder")
        return []
    found = [file for file in yaml_files(path) if not is_test(file.relative_to(path))]
    refuse_unread(path, faults)
    refuse_sections(path, SECTIONS, faults)
    if not found or len(found) > MOST_FILES:
        why = "" if found else others(path)
        faults.at(str(path), 0, 0, f"1 to {MOST_FILES} YAML files are expected, {len(found)} are there{why}")
        return []
    files, total = [], 0
    for file in found:
        name = file.relative_to(path).as_posix()
        raw = read_file(file, name, faults)
        total += len(raw)
        files.append((name, raw))
        if total > MOST_BYTES_IN_ALL:
            faults.at(str(path), 0, 0, f"the files have more than {MOST_BYTES_IN_ALL} bytes in all")
            return []
    return files


def _merge(root: Node, file: str, raw: bytes, faults: Faults) -> None:
    """Joins the sections of one more file to those of the others."""
    tree = read_yaml(raw, file, faults)
    if tree is None:
        return
    if not isinstance(tree.value, dict):
        faults.add(tree, "", f"a mapping of sections is expected, not {kind_of(tree)}")
        return
    sections = root.value
    if not isinstance(sections, dict):
        return
    for name, node in tree.value.items():
        there = sections.get(name)
        if there is None or name not in SECTIONS:
            sections[name] = node
        elif isinstance(there.value, dict) and isinstance(node.value, dict):
            _join(there.value, node.value, name, faults)
        elif node.value is not None:
            faults.add(node, name, f"a mapping of names is expected, not {kind_of(node)}")


def _join(there: dict[str, Node], more: dict[str, Node], section: str, faults: Faults) -> None:
    for name, node in more.items():
        first = there.get(name)
        if first is None:
            there[name] = node
        elif section in RULES and isinstance(first.value, list) and isinstance(node.value, list):
            first.value.extend(node.value)
        else:
            sentence = f'"{name}" is declared already, in {first.file}, line {first.key_line}'
            faults.at_key(node, section, sentence)
