"""A stray key anywhere in a bundle is refused: no mapping of the format is open."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import northwind
from grantd_server.governance.faults import BundleError
from test_governance_reference import EXAMPLES, MORE

Place = tuple[str | int, ...]


def whole() -> dict[str, Any]:
    """The examples of the reference joined: every key of the format is in it."""
    content: dict[str, Any] = {}
    for example in [*EXAMPLES, MORE]:
        for section, below in yaml.safe_load(example.replace("08:00", "'08:00'").replace("18:00", "'18:00'")).items():
            content.setdefault(section, {}).update(below)
    for rules in content["grants"].values():
        for rule in rules:
            rule["expires"] = "2027-01-31T00:00:00Z"
    # YAML reads a moment as one; the format wants it as text.
    content["resources"]["ledger"]["sign_in"]["ledger.write"]["since"] = "2026-01-31T00:00:00Z"
    return content


def described(place: Place) -> bool:
    """Whether a JSON schema begins here or above: what stands in it is judged as a schema."""
    return "schema" in place


def mappings(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of every mapping below."""
    if isinstance(value, dict):
        yield place
        for key, below in value.items():
            yield from mappings(below, (*place, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from mappings(below, (*place, number))


PLACES = [place for place in mappings(whole()) if not described(place)]


def test_the_whole_without_a_stray_key_is_valid(tmp_path: Path) -> None:
    northwind.parse(tmp_path, yaml.safe_dump(whole()))
    assert len(PLACES) > 40


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)) or "top")
def test_a_stray_key_is_refused(tmp_path: Path, place: Place) -> None:
    content = copy.deepcopy(whole())
    mapping = content
    for step in place:
        mapping = mapping[step]
    mapping["stray-key"] = "x"
    with pytest.raises(BundleError, match="stray-key"):
        northwind.parse(tmp_path, yaml.safe_dump(content))
