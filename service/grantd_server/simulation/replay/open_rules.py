"""Three-valued decisions, where something that rules read was not recorded.

That is not the same as unknown: at the time of the call it could have been read. A scope
hangs on it only where rules that do not read it leave the scope open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.policy.clauses.circumstances import Networks
from grantd_server.policy.clauses.scope_sign_ins import with_demands
from grantd_server.policy.clauses.who import Claim, Groups, Roles, Tenants, Users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs
    from grantd_server.policy.index import Index
    from grantd_server.policy.rules import Rule, RuleSet

_NAMES: dict[type, str] = {
    Groups: "groups", Roles: "roles", Users: "users", Tenants: "tenant", Networks: "address",
}  # fmt: skip


def attribute_of(clause: object) -> str:
    """What a clause reads, as far as it may be left unrecorded; empty for the others,
    which every record holds."""
    if isinstance(clause, Claim):
        return claim(clause.provider, clause.claim)
    return _NAMES.get(type(clause), "")


def claim(provider: str, name: str) -> str:
    """How a claim of a provider is called."""
    return f"claims.{provider}:{name}"


def reads(rules: RuleSet[Any]) -> frozenset[str]:
    """What the rules read of what may be left unrecorded."""
    found = (rules.allows.rules() | rules.denies.rules()).values()
    return frozenset(attribute_of(clause) for rule in found for clause in rule.clauses) - {""}


def hinging(rules: RuleSet[Any], inputs: GrantInputs | RedemptionInputs, unrecorded: frozenset[str]) -> frozenset[str]:
    """The unrecorded attributes on which a scope hangs; none where none does."""
    asked = rules.scopes.get(inputs.resource, frozenset()).intersection(inputs.scopes)
    allows = _matching(rules, rules.allows, inputs, unrecorded, asked)
    denies = _matching(rules, rules.denies, inputs, unrecorded, asked)
    return frozenset().union(*(_hangs_on(_of(scope, allows), _of(scope, denies)) for scope in asked))


def _of(scope: str, found: list[tuple[frozenset[str], frozenset[str]]]) -> list[frozenset[str]]:
    return [needed for scopes, needed in found if scope in scopes]


def _hangs_on(allows: list[frozenset[str]], denies: list[frozenset[str]]) -> frozenset[str]:
    """Each entry is a rule that matches, if what it names turns out so."""
    if not allows or frozenset() in denies:
        return frozenset()  # refused for certain
    hanging = frozenset[str]().union(*denies)
    return hanging if frozenset() in allows else hanging.union(*allows)


def _matching(
    rules: RuleSet[Any],
    index: Index[Rule[Any]],
    inputs: Any,
    unrecorded: frozenset[str],
    asked: frozenset[str],
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """The scopes of each rule that matches or may, and what it takes beside the record."""
    near: Iterable[Rule[Any]] = {
        rule.id: rule for rule in index.near(inputs.resource, inputs.client) if rule.concerns(inputs)
    }.values()
    demands = rules.demands.get(inputs.resource)
    if demands is not None and index is rules.allows:
        near = with_demands(near, demands, asked)
    found = []
    for rule in near:
        needed = _needed(rule, inputs, unrecorded)
        if needed is not None:
            found.append((rule.scopes, needed))
    return found


def _needed(rule: Rule[Any], inputs: Any, unrecorded: frozenset[str]) -> frozenset[str] | None:
    """What has to turn out so for the rule to match; None where it does not, anyhow."""
    needed = set()
    for clause in rule.clauses:
        attribute = attribute_of(clause)
        if attribute in unrecorded:
            needed.add(attribute)
            continue
        holds = clause.holds(inputs)
        if not holds and not (rule.deny and holds is None):
            return None
    return frozenset(needed)
