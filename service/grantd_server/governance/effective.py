"""A bundle as text with every preset filled in, each marked with the profile it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from grantd_server.governance.reading.sections import SECTIONS
from grantd_server.governance.reading.texts.nodes import Node, Preset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.document import Document


def effective(document: Document) -> str:
    """YAML that reads as the same bundle."""
    sections = document.root.value if isinstance(document.root.value, dict) else {}
    ordered = {name: sections[name] for name in SECTIONS if name in sections and sections[name].value}
    return "".join(f"{line}\n" for line in _lines(Node(ordered, ""), ""))


def _lines(node: Node, margin: str) -> Iterator[str]:
    if not isinstance(node.value, dict):
        return
    for key, below in node.value.items():
        start = f"{margin}{_flow(key)}:"
        if isinstance(below.value, dict) and below.value and not isinstance(below, Preset):
            yield start
            yield from _lines(below, margin + "  ")
        elif isinstance(below.value, list) and any(isinstance(item.value, dict) for item in below.value):
            yield start
            yield from (f"{margin}  - {_flow(item.plain())}" for item in below.value)
        else:
            mark = f"  # profile {below.profile}" if isinstance(below, Preset) else ""
            yield f"{start} {_flow(below.plain())}{mark}"


def _flow(value: Any) -> str:
    """One line, however long."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False)
    return text.removesuffix("...\n").strip()
