"""The same rules and questions for Cedar, with everything parsed beforehand that can be:
policies, people and their groups, resources, clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cedarpy
from bench.rules import CLIENTS, RESOURCES, SCOPES, groups_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rules import Rule

    from grantd_server.model.bundle.rules import GrantInputs


def policies(rules: Sequence[Rule]) -> cedarpy.PolicySet:
    """As Cedar is meant to be written: who, what and where in the head, where its engine
    looks first. A value of a claim is a group there as well: nothing is faster."""
    return cedarpy.PolicySet.from_str("\n".join(_policy(rule) for rule in rules))


def _policy(rule: Rule) -> str:
    (group,), (client,), (resource,) = groups_named(rule), rule["clients"], rule["resources"]
    actions = ", ".join(f'Action::"{scope}"' for scope in rule["scopes"])
    where = "resource" if resource == "*" else f'resource == Resource::"{resource}"'
    conditions = [] if client == "*" else [f'context.client == "{client}"']
    conditions += [f'context.acr == "{acr}"' for acr in rule.get("require", {}).get("acr", ())]
    when = f" when {{ {' && '.join(conditions)} }}" if conditions else ""
    effect = "forbid" if rule["effect"] == "deny" else "permit"
    return f'{effect}(principal in Group::"{group}", action in [{actions}], {where}){when};'


def entities(questions: Sequence[GrantInputs], groups: Sequence[str]) -> cedarpy.Entities:
    """Everybody who asks, in their groups, and what they ask about."""
    people = [_entity("Person", _person(each), _parents(each)) for each in questions]
    others = [("Group", groups), ("Resource", RESOURCES), ("Client", CLIENTS), ("Action", SCOPES)]
    rest = [_entity(kind, name) for kind, names in others for name in names]
    return cedarpy.Entities.from_json_str(json.dumps([*people, *rest]))


def requests(question: GrantInputs) -> list[dict[str, Any]]:
    """One request for each scope: Cedar answers yes or no."""
    return [
        {
            "principal": {"type": "Person", "id": _person(question)},
            "action": {"type": "Action", "id": scope},
            "resource": {"type": "Resource", "id": question.resource},
            "context": {"client": question.client, "acr": question.sign_in.acr},
        }
        for scope in question.scopes
    ]


def granted(answers: Sequence[cedarpy.AuthzResult], question: GrantInputs) -> set[str]:
    """The scopes that Cedar allows; an error inside a policy would be no answer."""
    if any(answer.diagnostics.errors for answer in answers):
        raise RuntimeError("a policy could not be evaluated")
    return {scope for scope, answer in zip(question.scopes, answers, strict=True) if answer.allowed}


def _parents(question: GrantInputs) -> list[str]:
    found = question.claims.get("unit", question.groups)
    return sorted(found.values)


def _person(question: GrantInputs) -> str:
    return next(iter(question.users.values))


def _entity(kind: str, name: str, groups: Sequence[str] = ()) -> dict[str, Any]:
    parents = [{"type": "Group", "id": group} for group in groups]
    return {"uid": {"type": kind, "id": name}, "attrs": {}, "parents": parents}
