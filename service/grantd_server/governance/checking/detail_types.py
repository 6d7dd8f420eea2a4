"""Checks types of authorization details, and what rules grant of them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.texts.patterns import select

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Declared, DetailText, RuleText


def check_detail_types(bundle: Bundle, faults: Faults) -> None:
    """Each type is about a scope of a resource, and known by one name at one server."""
    seen: dict[tuple[str, str], str] = {}
    for kind, declared in sound(bundle.detail_types):
        resource = bundle.resources.get(kind.resource)
        if resource is None:
            node = declared.node.at("resource")
            faults.add(node, declared.label, f'there is no resource "{kind.resource}"')
        elif resource.value is not None:
            if kind.scope not in resource.value.scopes:
                faults.add(declared.node.at("scope"), declared.label, f"{kind.resource} has no scope {kind.scope}")
            first = seen.setdefault((resource.value.authorization_server, kind.type), declared.label)
            if first != declared.label:
                sentence = f"{first} is of this type at {resource.value.authorization_server} already"
                faults.add(declared.node.at("type"), declared.label, sentence)
    for rules in chain(bundle.grants.values(), bundle.redemptions.values()):
        for text, ruled in rules.sound():
            for name, terms in text.details.items():
                _check_terms(bundle, (name, terms), text, ruled, faults)


def _check_terms(
    bundle: Bundle,
    granted: tuple[str, tuple[tuple[str, tuple[str, ...]], ...]],
    text: RuleText,
    declared: Declared[RuleText],
    faults: Faults,
) -> None:
    name, terms = granted
    node, label = declared.node.at("details", name), f"{declared.label}.details"
    kind = bundle.detail_types.get(name)
    if kind is None:
        faults.at_key(node, label, f'there is no detail type "{name}"')
    elif kind.value is not None:
        sentence = _out_of_reach(text, kind.value)
        if sentence is not None:
            faults.at_key(node, label, sentence)
        for field, _ in terms:
            if field not in kind.value.schema["properties"]:
                faults.at_key(node.at(field), f"{label}.{name}", f'{name} has no field "{field}"')


def _out_of_reach(text: RuleText, kind: DetailText) -> str | None:
    """Why a rule could never grant an object of this type, if so."""
    if not select(text.resources, [kind.resource]):
        return f"{kind.name} is about {kind.resource}, and this rule is not"
    if not select(text.scopes, [kind.scope]):
        return f"{kind.name} needs the scope {kind.scope}, which this rule does not grant"
    return None
