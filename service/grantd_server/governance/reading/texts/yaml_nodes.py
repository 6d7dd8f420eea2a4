"""Reads a strict part of YAML: one document of mappings, lists and scalars.

No anchors, aliases or tags, so that no alias bomb and no constructor exists; no
duplicate keys; plain scalars are texts unless they are `true`, `false`, an integer or
empty, so that `no`, `on` and `18:00` are what they look like.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from grantd_server.governance.reading.texts.nodes import Node, Scalar
from grantd_server.governance.reading.texts.yaml_errors import not_text, not_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.faults import Faults

MOST_BYTES = 16 * 1024 * 1024
"""Of one file. 10,000 rules are about 4 MiB."""
MOST_DEPTH = 16
"""The deepest value of the format is at 8."""
MOST_DIGITS = 15
"""Beyond 2**53 an integer does not survive every JSON reader."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_EMPTY = frozenset({"", "~", "null"})


class _NotOurs(Exception):
    """The file leaves the strict part of YAML; nothing after this can be trusted."""

    def __init__(self, mark: Any, sentence: str) -> None:
        super().__init__(sentence)
        self.mark = mark
        self.sentence = sentence


def read_yaml(raw: bytes, file: str, faults: Faults) -> Node | None:
    """Reads one file; None when it is empty or, with a fault, when it is not readable."""
    if len(raw) > MOST_BYTES:
        faults.at(file, 0, 0, f"the file is larger than {MOST_BYTES} bytes")
        return None
    if (unreadable := not_text(raw)) is not None:
        faults.at(file, *unreadable)
        return None
    text = raw.decode("utf-8-sig")
    try:
        return _Builder(file, faults).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except _NotOurs as fault:
        faults.at(file, fault.mark.line + 1, fault.mark.column + 1, fault.sentence)
    except yaml.MarkedYAMLError as fault:
        faults.at(file, *not_yaml(fault, text))
    return None


class _Frame:
    """A mapping or list under construction."""

    __slots__ = ("key", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        """Of a mapping: the key whose value comes next."""

    def expects_key(self) -> bool:
        return isinstance(self.node.value, dict) and self.key is None


class _Builder:
    """Builds nodes from parser events. Iterative: depth is a cap, not a stack."""

    def __init__(self, file: str, faults: Faults) -> None:
        self._file = file
        self._faults = faults
        self._frames: list[_Frame] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            self._refuse(event)
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin({}, event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin([], event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._frames.pop()
        return self._root

    def _refuse(self, event: Any) -> None:
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _NotOurs(event.start_mark, "anchors and aliases are not allowed; write the value out in each place")
        if getattr(event, "tag", None) is not None:
            raise _NotOurs(event.start_mark, "tags are not allowed; leave it out")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _NotOurs(
                    event.start_mark, "one file holds one document; take the mark away, or begin another file"
                )

    def _begin(self, empty: dict[str, Node] | list[Node], event: Any) -> None:
        if len(self._frames) >= MOST_DEPTH:
            raise _NotOurs(event.start_mark, f"the nesting is deeper than {MOST_DEPTH}")
        if self._frames and self._frames[-1].expects_key():
            raise _NotOurs(event.start_mark, "a key must be a text")
        node = self._node(empty, event)
        self._put(node)
        self._frames.append(_Frame(node))

    def _scalar(self, event: Any) -> None:
        if self._frames and self._frames[-1].expects_key():
            self._frames[-1].key = self._node(event.value, event)
        else:
            plain = event.style in {None, ""}
            self._put(self._node(_resolve(event.value) if plain else event.value, event))

    def _node(self, value: dict[str, Node] | list[Node] | Scalar, event: Any) -> Node:
        return Node(value, self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _put(self, node: Node) -> None:
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        if isinstance(frame.node.value, list):
            frame.node.value.append(node)
        elif isinstance(frame.node.value, dict) and frame.key is not None:
            node.key_line, node.key_column = frame.key.line, frame.key.column
            self._file_under(frame.node.value, str(frame.key.value), node)
            frame.key = None

    def _file_under(self, mapping: dict[str, Node], key: str, node: Node) -> None:
        if key in mapping:
            sentence = f'the key "{key}" is repeated; it stands in line {mapping[key].key_line} already'
            self._faults.at_key(node, "", sentence)
        else:
            mapping[key] = node


def _resolve(text: str) -> Scalar:
    if text in _EMPTY:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text) and len(text) <= MOST_DIGITS:
        return int(text)
    return text
