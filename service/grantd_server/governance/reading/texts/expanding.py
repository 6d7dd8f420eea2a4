"""Fills in what the profiles of a bundle preset, before it is read."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from grantd_server.governance.reading.parties.profiles import PROFILES, Profile
from grantd_server.governance.reading.texts.nodes import Node, Preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.faults import Faults

_SECTIONS = {
    "identity_providers": "an identity provider",
    "trusted_issuers": "a trusted issuer",
    "authorization_servers": "a foreign authorization server",
}


def expand(root: Node, faults: Faults) -> None:
    """Fills in the presets of every object that has a `profile`. What the bundle says
    itself is left as it is; a fault of a value that was filled in is told at `profile`."""
    trusted: dict[str, tuple[Node, Profile]] = {}
    for section, what in _SECTIONS.items():
        for name, node in _objects(root, section):
            found = _profile(node, f"{section}.{name}", faults)
            if found is None:
                continue
            presets: Mapping[str, Any] = getattr(found[1], section)
            if not presets:
                faults.add(found[0], f"{section}.{name}.profile", f'"{found[0].value}" is no profile of {what}')
                continue
            if "saml" in _keys(node) and "keys" not in _keys(node):
                sentence = "a profile is about ID tokens, and this provider has SAML alone"
                faults.add(found[0], f"{section}.{name}.profile", sentence)
                continue
            _fill(node, presets, found[0])
            if section == "trusted_issuers":
                trusted[name] = found
    for _, server in _objects(root, "authorization_servers"):
        for name, trust in _entries(server.at("trusts") if "trusts" in _keys(server) else Node(None, "")):
            if name in trusted:
                place, profile = trusted[name]
                _fill(trust, profile.trusts, place)


def _profile(node: Node, label: str, faults: Faults) -> tuple[Node, Profile] | None:
    place = _keys(node).get("profile")
    if place is None:
        return None
    name = place.value
    if isinstance(name, str) and name in PROFILES:
        return place, PROFILES[name]
    near = difflib.get_close_matches(str(name), PROFILES, 1)
    meant = f"; did you mean {near[0]}?" if near else ""
    faults.add(place, f"{label}.profile", f"one of {', '.join(sorted(PROFILES))} is expected{meant}")
    return None


def _fill(node: Node, presets: Mapping[str, Any], place: Node) -> None:
    keys = _keys(node)
    for key, value in presets.items():
        if key not in keys:
            keys[key] = _preset(value, place)


def _preset(value: Any, place: Node) -> Preset:
    below: Any = value
    if isinstance(value, dict):
        below = {key: _preset(each, place) for key, each in value.items()}
    elif isinstance(value, list):
        below = [_preset(each, place) for each in value]
    return Preset(below, place)


def _objects(root: Node, section: str) -> Iterator[tuple[str, Node]]:
    yield from _entries(_keys(root).get(section, Node(None, "")))


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    yield from ((name, below) for name, below in _keys(node).items() if isinstance(below.value, dict))


def _keys(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}
