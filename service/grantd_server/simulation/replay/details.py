"""Authorization details again: as far as rules name their fields, those are on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.model.bundle.details import Detail, DetailTerms, types_digest
from grantd_server.model.bundle.rules import GrantInputs
from grantd_server.policy.combining import agree, label
from grantd_server.policy.decide import grant_keys
from grantd_server.policy.index import ANY
from grantd_server.simulation.replay.answer import Answer, refused, undetermined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy.rules import RuleSet
    from grantd_server.simulation.replay.case import Case


class AskedDetail(NamedTuple):
    """One object, as far as it is on record."""

    detail: Detail
    recorded: frozenset[str]
    """Its fields that are; an absent one is on record as null."""
    same_schema: bool
    """Whether its type still has the schema that it was found to follow."""
    wanted: bool


def asked_details(snapshot: Snapshot, case: Case, server: str) -> tuple[AskedDetail, ...] | None:
    """The objects asked for; none where there are none or they could not be read then.
    None where the candidate has no such type, which refuses the call."""
    noted = case.asked.get("details")
    found = []
    for one in noted if isinstance(noted, list) else ():
        kind = snapshot.detail_types.get((server, one["type"]))
        if kind is None:
            return None
        fields: Mapping[str, Any] = one["fields"]
        same = kind.schema_digest == one["schema"]
        found.append(AskedDetail(Detail(kind, fields), frozenset(fields), same, one.get("wanted", True)))
    return tuple(found)


def unread(snapshot: Snapshot, case: Case, server: str) -> Answer | None:
    """What it means that there were objects and they could not be read then: not by this
    bundle either, where it knows the same types. None where they could, or there were none."""
    noted = case.asked.get("details")
    if noted is None or isinstance(noted, list):
        return None
    if noted == types_digest(snapshot.detail_types, server):
        return refused()
    return undetermined("authorization_details")


def agreed(
    answer: Answer,
    details: tuple[AskedDetail, ...],
    scopes: tuple[str, ...],
    attempts: Mapping[str, Any],
    rules: RuleSet[Any],
    *,
    needed: bool,
) -> Answer:
    """What is left of the scopes, and the objects that go with them. `needed`: without any
    object nothing is granted."""
    of = {id(one.detail): one for one in details}
    open_fields: set[str] = set()

    def rule_of(detail: Detail) -> str | None:
        one = of[id(detail)]
        rule, hanging = _granting(rules, attempts[one.detail.kind.resource], one)
        open_fields.update(f"authorization_details.{one.detail.kind.type}{field}" for field in hanging)
        return rule

    agreement = agree([one.detail for one in details], scopes, attempts, rule_of)
    if open_fields:
        return Answer(open=frozenset(open_fields))
    if needed and not (agreement.scopes and any(agreement.rules)):
        return refused()
    granted = {access: rule for access, rule in answer.granted.items() if access[1] in agreement.scopes}
    for number, (one, rule) in enumerate(zip(details, agreement.rules, strict=True)):
        if rule is not None and agreement.scopes:
            granted["", label(one.detail.kind.type, number)] = rule
    return Answer(granted, answer.denied, answer.names)


def _granting(rules: RuleSet[Any], inputs: Any, asked: AskedDetail) -> tuple[str | None, frozenset[str]]:
    """The rule that grants an object; or the unrecorded fields on which that hangs."""
    if not asked.wanted:
        return None, frozenset()
    keys = grant_keys(rules, inputs) if isinstance(inputs, GrantInputs) else [ANY, inputs.issuer]
    sure, hanging = [], set()
    for rule in rules.allows.find(inputs.resource, inputs.client, keys):
        terms = rule.details.get(asked.detail.kind.name)
        if terms is None or not rule.concerns(inputs) or not rule.matches(inputs):
            continue
        missing = {name for name, _ in terms.fields} - asked.recorded
        known = DetailTerms(tuple(each for each in terms.fields if each[0] not in missing))
        if not known.allow(asked.detail):
            continue
        if missing or not asked.same_schema:
            hanging |= {f".{name}" for name in missing} or {""}
        else:
            sure.append(rule.id)
    return (min(sure), frozenset()) if sure else (None, frozenset(hanging))
